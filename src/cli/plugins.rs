//! The plugins of the configuration: put in force at the start, and again when the file or a plugin's own files change.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::sections::PluginSection;
use super::settings::{self, Settings};
use crate::defaults::process::{self, Processes};
use crate::host::{Host, HostBuilder};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Refuses sections of programs that are wrong, before anything starts.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let idle = |one: &&PluginSection| one.role == "schedule" && !one.is_process();
    if let Some(one) = settings.plugins.iter().find(idle) {
        return Err(format!(
            "plugins.schedule.{}: schedules of this program have no settings; those of a program of its own need `command`",
            one.name
        ));
    }
    let programs = settings.plugins.iter().filter(|one| one.is_process());
    programs
        .into_iter()
        .try_for_each(|one| process::config(one).map(drop))
}

/// Hands the sections of plugins that are in this program to the builder.
pub(super) fn configure(builder: HostBuilder, settings: &Settings) -> HostBuilder {
    let built_in = settings.plugins.iter().filter(|one| !one.is_process());
    built_in.fold(builder, |builder, one| {
        builder.section(one.role, &one.name, one.section.clone())
    })
}

/// Runs the programs of the configuration, as the file says from time to time, until `stop`; they still run then, for what is
/// under way.
pub(super) async fn keep(settings: Settings, host: Host, stop: CancellationToken) -> Processes {
    let mut processes = Processes::new(host.clone());
    let mut sections = settings.plugins;
    processes.apply(&programs(&sections));
    let mut wrong = None;
    while let Some(()) = stop
        .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
        .await
    {
        if let Some(file) = settings.file.clone() {
            match read(file).await {
                Ok(new) => {
                    wrong = None;
                    // A name may pass from a program to what is in this one, and back.
                    take_out(&host, &sections, &new);
                    processes.apply(&programs(&new));
                    put_in_force(&host, &sections, &new);
                    sections = new;
                }
                Err(why) if wrong.as_ref() != Some(&why) => {
                    tracing::error!("{why}; what was in force stays");
                    wrong = Some(why);
                }
                Err(_) => {}
            }
        }
        processes.apply(&programs(&sections));
    }
    processes
}

/// Starts the programs that tell schedules, and waits until they have said what they are: for those that look at schedules
/// and go again.
pub(super) async fn schedules(settings: &Settings, host: &Host) -> Processes {
    let mut processes = Processes::new(host.clone());
    let mut sections = programs(&settings.plugins);
    sections.retain(|one| one.role == "schedule");
    processes.apply(&sections);
    processes.describe().await;
    processes
}

async fn read(file: PathBuf) -> Result<Vec<PluginSection>, String> {
    let read = tokio::task::spawn_blocking(move || settings::plugins_of(&file)).await;
    read.unwrap_or_else(|error| Err(error.to_string()))
}

fn programs(sections: &[PluginSection]) -> Vec<PluginSection> {
    let programs = sections.iter().filter(|one| one.is_process());
    programs.cloned().collect()
}

/// Whether a section is about something in this program that can be put in force and taken out while it runs: listeners, and
/// further fetchers.
fn is_live(one: &PluginSection) -> bool {
    let is_further = one.role == "fetcher" && one.section.get("kind").is_some();
    !one.is_process() && (one.role == "listener" || is_further)
}

/// Takes out what the file names no more, or makes a program of its own now, unless what it says of that is wrong.
fn take_out(host: &Host, old: &[PluginSection], new: &[PluginSection]) {
    for gone in old.iter().filter(|one| is_live(one)) {
        let now = new
            .iter()
            .find(|one| (one.role, &one.name) == (gone.role, &gone.name));
        if now.is_none_or(|now| now.is_process() && process::config(now).is_ok()) {
            host.remove_plugin(gone.role, &gone.name);
        }
    }
}

/// Makes anew what has changed of the listeners and of further fetchers; the rest takes effect at the next start.
fn put_in_force(host: &Host, old: &[PluginSection], new: &[PluginSection]) {
    let built_in = |one: &&PluginSection| !one.is_process();
    for changed in new.iter().filter(built_in).filter(|one| !old.contains(one)) {
        let (role, name) = (changed.role, &changed.name);
        if !is_live(changed) {
            tracing::warn!("plugins.{role}.{name} has changed; it takes effect at the next start");
            continue;
        }
        match host.configure_plugin(role, name, changed.section.clone()) {
            Ok(()) => tracing::info!("plugins.{role}.{name} has changed and is in force"),
            Err(error) => {
                tracing::error!("plugins.{role}.{name}: {error}; what was in force stays")
            }
        }
    }
}
