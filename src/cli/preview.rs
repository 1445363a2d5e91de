//! `stock-scheduler preview`: what a schedule will do, without a running service.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Settings, plugins, settings, start};
use crate::host::{HostBuilder, HostError, Preview, PreviewWish};

pub(super) fn command() -> Command {
    Command::new("preview")
        .about("Print the next fires of a schedule: of a job's JSON, a schedule's, a cron expression or HH:MM")
        .arg(Arg::new("schedule").value_name("SCHEDULE").required(true).help(
            "Such as '{\"kind\":\"session\",\"exchange\":\"XNYS\",\"at\":\"close\"}', '0 17 * * MON-FRI' or 17:00",
        ))
        .arg(Arg::new("n").long("n").short('n').value_name("COUNT").default_value("5").help("How many fires"))
        .arg(Arg::new("from").long("from").value_name("INSTANT").help("Fires after this instant, such as 2026-03-01T00:00:00+00:00 [default: now]"))
        .args(settings::args())
}

pub(super) async fn run(
    matches: &ArgMatches,
    extend: impl FnOnce(HostBuilder) -> HostBuilder,
) -> Result<(), String> {
    let mut settings = Settings::read(matches)?;
    settings.store = "memory:".into();
    settings.api_only = true;
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let mut body = body(text("schedule").unwrap_or_default())?;
    let count: u32 = text("n")
        .unwrap_or_default()
        .parse()
        .map_err(|e| format!("--n: {e}"))?;
    body["n"] = count.into();
    if let Some(from) = text("from") {
        body["from"] = from.into();
    }
    let host = start(&settings, |builder| extend(builder).leniently()).await?;
    let programs = plugins::schedules(&settings, &host).await;
    let wish = PreviewWish::read(body).map_err(HostError::Invalid);
    let preview = wish.and_then(|wish| host.preview(wish));
    programs.stop().await;
    host.stop().await;
    let preview = preview.map_err(|error| error.to_string())?;
    say!("{}", table(&preview));
    Ok(())
}

/// The body of a job, whatever of it is given.
fn body(text: &str) -> Result<Value, String> {
    let is_time = text.len() == 5 && text.as_bytes()[2] == b':';
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) if object.contains_key("kind") => Ok(json!({"schedule": object})),
        Ok(Value::Object(object)) => Ok(object.into()),
        _ if text.trim_start().starts_with('{') => Err(format!("{text:?} is not JSON")),
        _ if is_time => Ok(json!({"schedule_time": text})),
        _ => Ok(json!({"schedule": {"kind": "cron", "expression": text}})),
    }
}

/// The preview for people.
fn table(preview: &Preview) -> String {
    let mut lines = vec![preview.description.clone()];
    for fire in &preview.fires {
        let local = fire
            .at
            .with_timezone(&preview.zone)
            .format("%a %Y-%m-%d %H:%M:%S %Z");
        let mut line = format!("  {local}   {}", fire.at.format("%Y-%m-%d %H:%M:%SZ"));
        if let Some(zone) = preview.exchange_zone.filter(|zone| *zone != preview.zone) {
            line += &format!("   {}", fire.at.with_timezone(&zone).format("%H:%M %Z"));
        }
        if let Some(why) = &fire.skip {
            line += &format!("   skipped: {why}");
        }
        for note in &fire.notes {
            line += &format!("   {note}");
        }
        lines.push(line);
    }
    if let Some(ends) = &preview.ends {
        lines.push(format!("  no more: {}", ends.reason));
    }
    lines.join("\n")
}
