//! The command line: reads the configuration, registers the standard plugins and runs.

/// Prints a line. Whoever reads may have gone, which is no reason to fail.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*)));
    }};
}

mod backfill;
mod calendars;
mod demo;
mod plugin;
mod plugins;
mod preview;
mod sections;
mod settings;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::api::{Server, document};
use crate::defaults;
use crate::host::{Host, HostBuilder};
use calendars::CalendarFiles;

pub use sections::PluginSection;
pub use settings::Settings;

/// The whole program: the standard plugins and those that `extend` adds, by command line and configuration.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     stock_scheduler::cli::run(|builder| builder)
/// }
/// ```
pub fn run(extend: impl FnOnce(HostBuilder) -> HostBuilder) -> ExitCode {
    let matches = command().get_matches();
    let outcome = match matches.subcommand() {
        Some(("serve", matches)) => {
            Settings::read(matches).and_then(|settings| block_on(serve(settings, extend)))
        }
        Some(("config", matches)) => config(matches, extend),
        Some(("backfill", matches)) => block_on(backfill::run(matches)),
        Some(("plugin", matches)) => block_on(plugin::run(matches, extend)),
        Some(("preview", matches)) => block_on(preview::run(matches, extend)),
        Some(("openapi", _)) => block_on(openapi(extend)),
        _ => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stock-scheduler: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let settings = |command: Command| command.args(settings::args());
    Command::new("stock-scheduler")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Fetches market data on a schedule, stores it where you read it, and tells you what happened")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings(Command::new("serve").about("Run the service until it is stopped")))
        .subcommand(
            Command::new("config")
                .about("Look at the configuration")
                .subcommand_required(true)
                .subcommand(settings(
                    Command::new("show").about("Print each setting with where it came from, secrets masked"),
                ))
                .subcommand(settings(Command::new("check").about("Say whether the configuration is right"))),
        )
        .subcommand(plugin::command())
        .subcommand(preview::command())
        .subcommand(backfill::command())
        .subcommand(Command::new("openapi").about("Print the OpenAPI document"))
}

fn block_on(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    // Fetchers have threads of their own and the store often shares the machine: more threads than half of the processors
    // would mostly wake each other.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.div_ceil(2))
        .enable_all()
        .build();
    runtime
        .map_err(|error| format!("cannot start: {error}"))?
        .block_on(work)
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn config(
    matches: &ArgMatches,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    let Some((command, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let settings = Settings::read(matches)?;
    if command == "check" {
        block_on(check(settings, extend))?;
        println!("the configuration is right");
        return Ok(());
    }
    for (name, (value, from)) in &settings.origin {
        println!("{name:<30} {value:<50} {from}");
    }
    let file = settings.file.as_deref().unwrap_or(std::path::Path::new(""));
    for (name, value) in settings.plugins.iter().map(PluginSection::shown) {
        println!("{name:<30} {value:<50} file {}", file.display());
    }
    Ok(())
}

/// Makes everything that the service would, but for its store, and lets it go again.
async fn check(
    mut settings: Settings,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    plugins::check(&settings)?;
    settings.store = "memory:".into();
    settings.api_only = true;
    start(&settings, extend).await?.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
async fn openapi(extend: impl FnOnce(HostBuilder) -> HostBuilder) -> Result<(), String> {
    let matches = command()
        .try_get_matches_from(["stock-scheduler", "serve"])
        .map_err(|e| e.to_string())?;
    let Some((_, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let mut settings = Settings::read(matches)?;
    settings.store = "memory:".into();
    let host = start(&settings, extend).await?;
    println!(
        "{}",
        serde_json::to_string_pretty(&document(&host)).map_err(|e| e.to_string())?
    );
    host.stop().await;
    Ok(())
}

async fn start(
    settings: &Settings,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<Host, String> {
    let builder = plugins::configure(defaults::register(Host::builder(), settings), settings)
        .zone(settings.timezone)
        .calendars(CalendarFiles::at(settings.calendars.as_deref()).calendars()?)
        .store_url(&settings.store);
    let builder = if settings.api_only {
        builder.api_only()
    } else {
        builder
    };
    extend(builder)
        .start()
        .await
        .map_err(|error| error.to_string())
}

async fn serve(
    settings: Settings,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    log(&settings);
    plugins::check(&settings)?;
    // Asked for before anything starts, so that a signal during the start is not lost.
    let stop = stop_signal()?;
    let extend = |builder| extend(builder).fetch_threads();
    let host = start(&settings, extend).await?;
    let bound = Server::bind(host.clone(), settings.listen, settings.cors_origins.clone());
    let server = match bound {
        Ok(server) => server,
        Err(error) => {
            host.stop().await;
            return Err(format!("cannot listen on {}: {error}", settings.listen));
        }
    };
    let files = CalendarFiles::at(settings.calendars.as_deref());
    tokio::spawn(
        host.stopping()
            .run_until_cancelled_owned(files.watch(host.clone())),
    );
    let keep = plugins::keep(settings.clone(), host.clone(), host.stopping());
    let keep = tokio::spawn(keep);
    let server = if settings.job_metrics {
        server
    } else {
        server.without_job_metrics()
    };
    let address = server.address();
    eprintln!(
        "stock-scheduler {} listens on http://{address}",
        env!("CARGO_PKG_VERSION")
    );
    eprintln!("  Swagger UI  http://{address}/docs");
    eprintln!("  store       {}", settings::masked(&settings.store));
    eprintln!("  time zone   {}", host.zone());
    if !address.ip().is_loopback() {
        eprintln!(
            "  WARNING     anybody who reaches {address} can read and change everything: there is no authentication"
        );
    }
    if settings.demo {
        demo::populate(&host)
            .await
            .map_err(|error| error.to_string())?;
        eprintln!("  demo        made-up prices");
    }
    server
        .run(stop)
        .await
        .map_err(|error| format!("cannot serve: {error}"))?;
    let programs = keep
        .await
        .map_err(|error| format!("cannot end plugins: {error}"))?;
    programs.stop().await;
    eprintln!("stock-scheduler has stopped");
    Ok(())
}

/// Ends with SIGTERM or ctrl-c.
fn stop_signal() -> Result<impl Future<Output = ()> + Send, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen to signals: {error}"));
    let (mut term, mut int) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        eprintln!("stopping: runs under way finish or are left for the next start");
    })
}

fn log(settings: &Settings) {
    // What the libraries below us say of their own work is rarely of use.
    let levels = Targets::new()
        .with_default(settings.log_level)
        .with_target("poem", LevelFilter::WARN);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let layer = if settings.log_json {
        layer.json().boxed()
    } else {
        layer.with_target(false).boxed()
    };
    // A custom binary may have set up its own; then that one stays.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(levels)
        .try_init();
}

/// The machine's present instant, where no store says.
fn now() -> chrono::DateTime<chrono::Utc> {
    stock_scheduler_sdk::Clock::now(&stock_scheduler_sdk::SystemClock)
}
