//! stock-scheduler with everything the standard binary has, and the {{role}} `{{name}}`.

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.plugins({{name}}::register))
}
