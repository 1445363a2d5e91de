//! stock-scheduler with everything the standard binary has, and one fetcher more: jobs ask for it with
//! `"fetcher": "{{name}}"`.

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.plugins({{name}}::register))
}
