//! `stock-scheduler plugin check`: whether a plugin keeps its promises, in sentences.

mod asked;
mod report;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;
use stock_scheduler_sdk::conformance::{fetcher, schedule};
use stock_scheduler_sdk::{
    Delivery, Event, EventId, EventKind, FetchRequest, Fetcher, Listener, ScheduleContext,
    ScheduleFactory, Symbol,
};

use asked::Asked;
use report::Report;

use crate::cli::PluginSection;
use crate::cli::{Settings, settings, start};
use crate::defaults::checked::{Checked, CheckedFetcher};
use crate::host::{HostBuilder, shape};

pub(super) fn command() -> Command {
    let open = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("check")
        .about("Say whether a plugin keeps its promises")
        .arg(
            Arg::new("plugin")
                .value_name("COMMAND|NAME")
                .required(true)
                .num_args(1..)
                .action(ArgAction::Append)
                .help("A program such as \"python3 mine.py\", a plugin of the configuration, or a fetcher, a kind of schedule or a listener of this program"),
        )
        .arg(open("symbol", "SYMBOL", "A symbol that a fetcher has bars of [default: its own example]"))
        .arg(open("start", "DATE", "The first date to ask for"))
        .arg(open("end", "DATE", "The first date not to ask for"))
        .arg(open("interval", "INTERVAL", "The length of a bar"))
        .arg(open("options", "JSON", "A job's options for the fetcher"))
        .arg(open("unknown", "SYMBOL", "A symbol that the provider does not know"))
        .arg(open("spec", "JSON", "A schedule of the plugin's kind [default: its own example]"))
        .arg(open("with-config", "JSON", "What a program is given as its configuration"))
        .args(settings::args())
}

pub(super) async fn run(
    matches: &ArgMatches,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    let settings = Settings::read(matches)?;
    let asked = Asked::read(matches)?;
    let words: Vec<_> = matches
        .get_many::<String>("plugin")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let mut report = Report::default();
    crate::cli::log(&settings);
    let programs = of_configuration(&settings, &words, &asked);
    if !programs.is_empty() {
        for section in &programs {
            check_program(section, &asked, &mut report).await?;
        }
    } else if let Some(words) = command_line(&words)? {
        check_program(&of_command(&words, &asked), &asked, &mut report).await?;
        report.note(ENVIRONMENT);
    } else {
        check_one_of(settings, extend, &words[0], &asked, &mut report).await?;
    }
    report.end()
}

/// The programs of the configuration that have this name; one that has several roles is one program.
fn of_configuration(settings: &Settings, words: &[String], asked: &Asked) -> Vec<PluginSection> {
    let [word] = words else { return Vec::new() };
    let named = settings.plugins.iter();
    let named = named.filter(|one| one.name == *word && one.is_process());
    let mut found: Vec<PluginSection> = Vec::new();
    for one in named {
        let mut one = one.clone();
        if let Some(config) = &asked.config {
            one.section["config"] = config.clone();
        }
        if !found.iter().any(|known| known.section == one.section) {
            found.push(one);
        }
    }
    found
}

/// The words of a command; `None` where the name of a plugin of this program is meant.
fn command_line(words: &[String]) -> Result<Option<Vec<String>>, String> {
    let [word] = words else {
        return Ok(Some(words.to_vec()));
    };
    if !word.contains([' ', '/', '.']) {
        return Ok(None);
    }
    let split = shlex::split(word);
    let words =
        split.ok_or_else(|| format!("cannot read the command {word:?}: a quote has no end"))?;
    Ok(Some(words))
}

/// The section of a command that somebody tries in his shell: it sees what the shell has, and is called as its file is.
fn of_command(words: &[String], asked: &Asked) -> PluginSection {
    let environment: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
    let mut section = serde_json::json!({"command": words, "environment": environment});
    if let Some(config) = &asked.config {
        section["config"] = config.clone();
    }
    PluginSection {
        role: "fetcher",
        name: words
            .last()
            .and_then(|word| Path::new(word).file_stem()?.to_str())
            .unwrap_or("plugin")
            .into(),
        section,
    }
}

/// What to say beside a command's outcome: the service gives a program less than a shell does.
const ENVIRONMENT: &str = "it saw all variables of this shell; in the configuration, `environment` lists those that it sees";

async fn check_program(
    section: &PluginSection,
    asked: &Asked,
    report: &mut Report,
) -> Result<(), String> {
    let checked = match Checked::start(section).await? {
        Ok(checked) => checked,
        Err(why) => {
            report.broken(&why);
            return Ok(());
        }
    };
    report.kept(&checked.summary());
    for why in checked.mistakes() {
        report.broken(&why);
    }
    if let Err(why) = fits(&checked, asked) {
        let _ = checked.stop().await;
        return Err(why);
    }
    if let Some(subject) = checked.fetcher() {
        let CheckedFetcher {
            fetcher,
            example,
            unknown,
        } = subject;
        check_fetcher(fetcher.as_ref(), example, unknown, asked, report).await;
    }
    for (kind, factory, example) in checked.schedules() {
        check_schedule(&kind, factory, example, asked, report).await;
    }
    if let Some(listener) = checked.listener() {
        check_listener(listener.as_ref(), report).await;
    }
    match checked.stop().await {
        Ok(()) => report.kept("it ends when its input ends"),
        Err(why) => report.broken(&why),
    }
    Ok(())
}

/// Refuses what the command line asks that is not for this program.
fn fits(checked: &Checked, asked: &Asked) -> Result<(), String> {
    if let (Some(schema), Some(options)) = (checked.options_schema(), &asked.options) {
        shape::check(&schema, options).map_err(|error| format!("--options: {error}"))?;
    }
    match asked.spec.is_some() && checked.schedules().is_empty() {
        true => Err("--spec is for schedules, and the program has none".into()),
        false => Ok(()),
    }
}

async fn check_fetcher(
    subject: &dyn Fetcher,
    example: Option<FetchRequest>,
    unknown: Option<Symbol>,
    asked: &Asked,
    report: &mut Report,
) {
    match asked.cases(example, unknown) {
        Ok(cases) => {
            if cases.unknown.is_none() {
                report.note("whether an unknown symbol is said to be unknown is not asked; give --unknown SYMBOL");
            }
            report.outcome("the fetcher", fetcher::check(subject, cases).await);
        }
        Err(why) => report.unasked(&why),
    }
}

async fn check_schedule(
    kind: &str,
    factory: Arc<dyn ScheduleFactory>,
    example: Option<Value>,
    asked: &Asked,
    report: &mut Report,
) {
    let Some(spec) = asked.spec.clone().or(example) else {
        report.unasked(&format!(
            "schedule {kind:?} describes no `example` to ask it; give --spec JSON"
        ));
        return;
    };
    let now = crate::cli::now();
    let span = TimeDelta::days(800);
    let is_own = asked.spec.is_none();
    let asked = tokio::task::spawn_blocking(move || {
        let context = ScheduleContext::new(chrono_tz::America::New_York);
        let built = factory
            .build(&spec, &context)
            .map_err(|error| format!("{spec} is refused: {error}"))?;
        Ok::<_, String>(schedule::check(built.as_ref(), now - span, now + span))
    });
    match asked.await {
        Ok(Ok(outcome)) => report.outcome(&format!("schedule {kind:?}"), outcome),
        Ok(Err(why)) if is_own => report.broken(&format!("schedule {kind:?}: its example {why}")),
        Ok(Err(why)) => report.unasked(&format!("schedule {kind:?}: {why}")),
        Err(error) => report.broken(&format!("schedule {kind:?} panicked: {error}")),
    }
}

async fn check_listener(listener: &dyn Listener, report: &mut Report) {
    let wants = listener.info().events;
    if let Some(name) = wants
        .iter()
        .find(|name| !EventKind::NAMES.contains(&name.as_str()))
    {
        let known = EventKind::NAMES.join(", ");
        report.broken(&format!(
            "the listener wants events {name:?}; there are {known}"
        ));
    }
    let at: DateTime<Utc> = crate::cli::now();
    let event = Event {
        id: EventId::START.next(at),
        at,
        job: stock_scheduler_sdk::JobId::random(),
        kind: EventKind::Test {
            message: "this is a check".into(),
        },
    };
    let first = Delivery::new(event);
    let again = first.clone().with_attempt(2);
    for (delivery, what) in [
        (first, "an event is taken"),
        (again, "an event that comes twice is taken"),
    ] {
        match listener.deliver(&delivery).await {
            Ok(()) => report.kept(&format!("the listener: {what}")),
            Err(error) => report.broken(&format!("the listener: {what}: {error}")),
        }
    }
}

/// Checks a fetcher, a kind of schedule or a listener that is registered in this program.
async fn check_one_of(
    mut settings: Settings,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
    name: &str,
    asked: &Asked,
    report: &mut Report,
) -> Result<(), String> {
    settings.store = "memory:".into();
    settings.api_only = true;
    if asked.config.is_some() {
        return Err("--with-config is for programs; what is in this program has its section of the configuration".into());
    }
    let only_schedules = asked.spec.is_some();
    let extend = |builder| match only_schedules {
        true => extend(builder).leniently(),
        false => extend(builder),
    };
    let host = start(&settings, extend).await?;
    let found = (
        host.fetcher(name),
        host.schedule_kind(name),
        host.listener_named(name),
    );
    let known = host.fetcher_names();
    host.stop().await;
    match found {
        (Some(fetcher), ..) => {
            let options = asked.options.clone().unwrap_or_default();
            if let Some(Err(error)) = fetcher.check_options(&options) {
                return Err(format!("--options: {error}"));
            }
            asked.cases(None, None).map_err(|_| {
                "what to ask a fetcher of this program is given by --symbol, --start and --end, and --unknown".to_owned()
            })?;
            check_fetcher(fetcher.fetcher.as_ref(), None, None, asked, report).await;
        }
        (None, Some(factory), _) => check_schedule(name, factory, None, asked, report).await,
        (None, None, Some(listener)) => check_listener(listener.as_ref(), report).await,
        (None, None, None) => {
            let names = known.join(", ");
            return Err(format!(
                "no program of the configuration, no fetcher, no kind of schedule and no listener with a section is named {name:?}; fetchers are {names}. A program is given as a command: \"python3 {name}.py\"; a store is held against conformance::store in a test of its own"
            ));
        }
    }
    Ok(())
}
