//! Plugins that are programs of their own: started, registered as they describe themselves, and started anew when their
//! section of the configuration or their files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use stock_scheduler_process::{Description, ProcessConfig, ProcessPlugin};
use stock_scheduler_sdk::{FetchRequest, Fetcher, Listener, ScheduleFactory, Symbol};
use tokio_util::task::AbortOnDropHandle;

use crate::cli::PluginSection;
use crate::host::{Host, shape};

/// How long after it could not be described a program is tried again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The programs that run now.
pub(crate) struct Processes {
    host: Host,
    running: BTreeMap<(&'static str, String), Running>,
}

/// One program, and what it was started from.
struct Running {
    section: PluginSection,
    files: Vec<(PathBuf, Option<SystemTime>)>,
    plugin: ProcessPlugin,
    _registering: AbortOnDropHandle<()>,
}

/// How a program is to be run; the error names the section.
pub(crate) fn config(section: &PluginSection) -> Result<ProcessConfig, String> {
    let named = |why: String| format!("plugins.{}.{}{why}", section.role, section.name);
    if section.role == "store" {
        return Err(named(": a store cannot be a program of its own".into()));
    }
    ProcessConfig::from_section(&section.section).map_err(|error| {
        let place = error.pointer.replace('/', ".");
        named(format!("{place}: {error}"))
    })
}

impl Processes {
    pub(crate) fn new(host: Host) -> Self {
        Self {
            host,
            running: BTreeMap::new(),
        }
    }

    /// Makes `sections` what runs: starts what is new, starts anew what has changed, ends what is gone. A section that is
    /// wrong changes nothing of what runs under its name.
    pub(crate) async fn apply(&mut self, sections: &[PluginSection]) {
        let key = |section: &PluginSection| (section.role, section.name.clone());
        let kept: Vec<_> = sections.iter().map(key).collect();
        let gone = self.running.keys().filter(|key| !kept.contains(key));
        for key in gone.cloned().collect::<Vec<_>>() {
            self.end(&key).await;
            self.host.remove_plugin(key.0, &key.1);
        }
        for section in sections {
            let key = key(section);
            if self
                .running
                .get(&key)
                .is_some_and(|running| running.is_as(section))
            {
                continue;
            }
            match config(section) {
                Ok(config) => {
                    self.end(&key).await;
                    self.start(key, section.clone(), config);
                }
                Err(why) => tracing::error!("{why}; what was in force stays"),
            }
        }
    }

    fn start(
        &mut self,
        key: (&'static str, String),
        section: PluginSection,
        config: ProcessConfig,
    ) {
        let files = files(&config);
        let plugin = match ProcessPlugin::start(&section.name, config.clone()) {
            Ok(plugin) => plugin,
            Err(error) => {
                tracing::error!(plugin = section.name, %error, "cannot start a thread for a plugin");
                return;
            }
        };
        register(&self.host, &section, &plugin, &config);
        let keep = keep_registered(self.host.clone(), section.clone(), plugin.clone(), config);
        let running = Running {
            section,
            files,
            plugin,
            _registering: AbortOnDropHandle::new(tokio::spawn(keep)),
        };
        self.running.insert(key, running);
    }

    async fn end(&mut self, key: &(&'static str, String)) {
        if let Some(running) = self.running.remove(key) {
            running.plugin.stop().await;
        }
    }

    /// Ends all programs.
    pub(crate) async fn stop(mut self) {
        let all = std::mem::take(&mut self.running).into_values();
        let ends = all.map(|running| async move { running.plugin.stop().await });
        futures_util::future::join_all(ends).await;
    }
}

impl Running {
    /// Whether it still is what `section` says, started from the files that are there now.
    fn is_as(&self, section: &PluginSection) -> bool {
        self.section == *section
            && self
                .files
                .iter()
                .all(|(path, time)| changed_at(path) == *time)
    }
}

/// Describes the program and registers what it says, now and whenever it says something else.
async fn keep_registered(
    host: Host,
    section: PluginSection,
    plugin: ProcessPlugin,
    config: ProcessConfig,
) {
    let mut wait = FIRST_WAIT;
    let mut described = plugin.described();
    // Why it failed, the plugin itself has said in the log.
    while plugin.describe().await.is_err() {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    loop {
        let description = described.borrow_and_update().clone();
        if let Some(description) = description {
            for why in mistakes(&section, &description, &config) {
                tracing::error!(plugin = section.name, "{why}");
            }
            register(&host, &section, &plugin, &config);
        }
        if described.changed().await.is_err() {
            return;
        }
    }
}

/// What does not fit between what the configuration says and what the program does.
fn mistakes(
    section: &PluginSection,
    description: &Description,
    config: &ProcessConfig,
) -> Vec<String> {
    let PluginSection { role, name, .. } = section;
    let mut mistakes = Vec::new();
    let kinds: Vec<_> = description.schedules.keys().cloned().collect();
    let has_role = match *role {
        "fetcher" => description.fetcher.is_some(),
        "listener" => description.listener.is_some(),
        _ => kinds.contains(name),
    };
    if !has_role && *role == "schedule" {
        mistakes.push(format!(
            "plugins.schedule.{name}: the program has no schedule {name:?}; it has {kinds:?}"
        ));
    } else if !has_role {
        mistakes.push(format!(
            "plugins.{role}.{name}: the program describes no {role}"
        ));
    }
    if let Some(schema) = &description.config_schema
        && let Err(error) = shape::check(schema, &config.config)
    {
        let place = error.pointer.replace('/', ".");
        mistakes.push(format!("plugins.{role}.{name}.config{place}: {error}"));
    }
    mistakes
}

fn register(host: &Host, section: &PluginSection, plugin: &ProcessPlugin, config: &ProcessConfig) {
    let name = &section.name;
    let origin = format!("process {}", config.command.join(" "));
    match section.role {
        "fetcher" => {
            let factory = Arc::new(plugin.fetcher_factory());
            let put = host.put_fetcher(name, Arc::new(plugin.fetcher()), Some(factory), &origin);
            if let Err(error) = put {
                tracing::error!(plugin = name, %error, "cannot register a plugin");
            }
        }
        "schedule" => host.put_schedule(name, Arc::new(plugin.schedule(name)), &origin),
        _ => host.put_listener(name, Arc::new(plugin.listener()), &origin),
    }
}

/// The files that the command names, each with when it was changed.
fn files(config: &ProcessConfig) -> Vec<(PathBuf, Option<SystemTime>)> {
    let directory = config.directory.as_deref().unwrap_or(Path::new("."));
    let paths = config.command.iter().map(|word| directory.join(word));
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), changed_at(&path)))
        .collect()
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}

/// A fetcher that is checked.
pub(crate) struct CheckedFetcher {
    pub(crate) fetcher: Arc<dyn Fetcher>,
    /// A question that it can answer.
    pub(crate) example: Option<FetchRequest>,
    /// A symbol that its provider does not know.
    pub(crate) unknown: Option<Symbol>,
}

/// A program that is checked.
pub(crate) struct Checked {
    section: PluginSection,
    config: ProcessConfig,
    plugin: ProcessPlugin,
    description: Arc<Description>,
}

impl Checked {
    /// Starts the program of a section. The outer error is about the section, the inner one, a sentence, about what the
    /// program did.
    pub(crate) async fn start(section: &PluginSection) -> Result<Result<Self, String>, String> {
        let config = config(section)?;
        let started = ProcessPlugin::start(&section.name, config.clone());
        let plugin = started.map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(match plugin.describe().await {
            Ok(description) => Ok(Self {
                section: section.clone(),
                config,
                plugin,
                description,
            }),
            Err(why) => {
                plugin.stop().await;
                Err(why)
            }
        })
    }

    /// What it says it is.
    pub(crate) fn summary(&self) -> String {
        let Description {
            name,
            version,
            protocol,
            ..
        } = self.description.as_ref();
        let mut roles = Vec::new();
        roles.extend(
            self.description
                .fetcher
                .as_ref()
                .map(|_| "a fetcher".to_owned()),
        );
        let kinds = self.description.schedules.keys();
        roles.extend(kinds.map(|kind| format!("a schedule {kind:?}")));
        roles.extend(
            self.description
                .listener
                .as_ref()
                .map(|_| "a listener".to_owned()),
        );
        let roles = roles.join(", ");
        format!("it describes itself: {name} {version}, protocol {protocol}, with {roles}")
    }

    /// What does not fit between its configuration and what it says.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let is_of_file = self.section.name != "checked";
        let mistakes = mistakes(&self.section, &self.description, &self.config).into_iter();
        mistakes
            .filter(|why| is_of_file || why.contains(".config"))
            .collect()
    }

    /// Its fetcher, and what it can be asked.
    pub(crate) fn fetcher(&self) -> Option<CheckedFetcher> {
        let described = self.description.fetcher.as_ref()?;
        let example = described.example.clone().map(|example| {
            FetchRequest::daily(example.symbol, example.start, example.end)
                .with_interval(example.interval)
                .with_options(example.options)
        });
        Some(CheckedFetcher {
            fetcher: Arc::new(self.plugin.fetcher()),
            example,
            unknown: described.unknown_symbol.clone(),
        })
    }

    /// Its schedules, each with one of its kind.
    pub(crate) fn schedules(&self) -> Vec<(String, impl ScheduleFactory + use<>, Option<Value>)> {
        let all = self.description.schedules.iter();
        all.map(|(kind, described)| {
            (
                kind.clone(),
                self.plugin.schedule(kind),
                described.example.clone(),
            )
        })
        .collect()
    }

    /// Its listener.
    pub(crate) fn listener(&self) -> Option<Arc<dyn Listener>> {
        self.description.listener.as_ref()?;
        Some(Arc::new(self.plugin.listener()))
    }

    /// Ends it; an error says that it had to be killed.
    pub(crate) async fn stop(self) -> Result<(), String> {
        let begun = tokio::time::Instant::now();
        self.plugin.stop().await;
        let patience = self.config.stop_timeout;
        match begun.elapsed() < patience {
            true => Ok(()),
            false => Err(format!(
                "it does not end within {patience:?} when its input ends: it had to be killed"
            )),
        }
    }
}
