//! `stock-scheduler plugin`: for those who write plugins.

mod build;
mod check;
mod new;

use clap::{ArgMatches, Command};

use crate::host::HostBuilder;

pub(super) fn command() -> Command {
    Command::new("plugin")
        .about("Begin, check and build in plugins")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(new::command())
        .subcommand(check::command())
        .subcommand(build::command())
}

pub(super) async fn run(
    matches: &ArgMatches,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    match matches.subcommand() {
        Some(("new", matches)) => new::run(matches, extend),
        Some(("check", matches)) => check::run(matches, extend).await,
        Some(("build", matches)) => build::run(matches),
        _ => Ok(()),
    }
}
