//! The standard service.

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder)
}
