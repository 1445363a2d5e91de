//! Plugins that are programs of their own: started, registered as they describe themselves, and started anew when their
//! section of the configuration or their files change. The old program stays in force until the new one has described itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stock_scheduler_process::{Description, ProcessConfig, ProcessPlugin, WeakProcessPlugin};
use stock_scheduler_sdk::FetcherFactory;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::PluginSection;
use crate::host::{Host, Origin, shape};

/// How long after it could not be described a program is tried again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The programs that run now.
pub(crate) struct Processes {
    host: Host,
    running: BTreeMap<Key, Running>,
    /// Every program of which something is left: also those that were replaced or are gone, which runs may still use.
    left: Vec<WeakProcessPlugin>,
    /// Sections that cannot be put in force, as they were when that was said.
    wrong: BTreeMap<Key, PluginSection>,
}

/// Role and name.
type Key = (&'static str, String);

/// One program, and what it was started from.
struct Running {
    section: PluginSection,
    config: ProcessConfig,
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
            left: Vec::new(),
            wrong: BTreeMap::new(),
        }
    }

    /// Makes `sections` what runs: starts what is new, starts anew what has changed, lets end what is gone. A section that is
    /// wrong, or whose program does not work, changes nothing of what runs under its name.
    ///
    /// A program that is replaced or gone ends when the last run that uses it has ended.
    pub(crate) fn apply(&mut self, sections: &[PluginSection]) {
        let key = |section: &PluginSection| (section.role, section.name.clone());
        let kept: Vec<_> = sections.iter().map(key).collect();
        let gone = self.running.keys().filter(|key| !kept.contains(key));
        for key in gone.cloned().collect::<Vec<_>>() {
            self.host.remove_plugin(key.0, &key.1);
            self.running.remove(&key);
        }
        self.wrong.retain(|key, _| kept.contains(key));
        for section in sections {
            let key = key(section);
            self.running
                .get_mut(&key)
                .into_iter()
                .for_each(Running::look_for_files);
            if self
                .running
                .get(&key)
                .is_some_and(|running| running.is_as(section))
            {
                continue;
            }
            if self.wrong.get(&key) == Some(section) {
                continue;
            }
            let started = self.check(&key, section).and_then(|config| {
                if self.running.contains_key(&key) {
                    let (role, name) = &key;
                    tracing::info!("plugins.{role}.{name} or a file that it names has changed; the program is started anew");
                }
                self.start(key.clone(), section.clone(), config)
            });
            match started {
                Ok(()) => drop(self.wrong.remove(&key)),
                Err(why) => {
                    tracing::error!("{why}; what was in force stays");
                    self.wrong.insert(key, section.clone());
                }
            }
        }
    }

    fn check(&self, key: &Key, section: &PluginSection) -> Result<ProcessConfig, String> {
        let (role, name) = key;
        if !self.running.contains_key(key) && self.host.has_plugin(role, name) {
            return Err(format!(
                "plugins.{role}.{name}: there is a {role} {name:?} in this program; give the other one another name"
            ));
        }
        config(section)
    }

    fn start(
        &mut self,
        key: Key,
        section: PluginSection,
        config: ProcessConfig,
    ) -> Result<(), String> {
        let mut files = files(&config);
        let before = self
            .running
            .get(&key)
            .filter(|old| old.config.command == config.command);
        for (path, _) in before.iter().flat_map(|old| &old.files) {
            // One that is away for a moment is looked at further.
            if !files.iter().any(|(known, _)| known == path) {
                files.push((path.clone(), None));
            }
        }
        let plugin = ProcessPlugin::start(&section.name, config.clone()).map_err(|error| {
            format!(
                "cannot start a thread for plugin {:?}: {error}",
                section.name
            )
        })?;
        self.left.retain(|program| !program.is_gone());
        self.left.push(plugin.downgrade());
        // What is registered under this name stays in force until this one has described itself.
        let is_replacing = self.running.remove(&key).is_some();
        if !is_replacing {
            register(&self.host, &section, &plugin, &config);
        }
        let keeper = Keeper {
            host: self.host.clone(),
            section: section.clone(),
            plugin: plugin.clone(),
            config: config.clone(),
            is_replacing,
        };
        let running = Running {
            section,
            config,
            files,
            plugin,
            _registering: AbortOnDropHandle::new(tokio::spawn(keeper.keep_registered())),
        };
        self.running.insert(key, running);
        Ok(())
    }

    /// Waits until all have described themselves, or have failed to.
    pub(crate) async fn describe(&self) {
        let all = self
            .running
            .values()
            .map(|running| running.plugin.describe());
        futures_util::future::join_all(all).await;
    }

    /// Ends all programs, those too that were replaced or are gone, and waits until nothing of them is left.
    pub(crate) async fn stop(self) {
        let ends = self
            .left
            .iter()
            .map(|program| async move { program.stop().await });
        futures_util::future::join_all(ends).await;
    }
}

impl Running {
    /// Finds the files of a program that was started before there were any.
    fn look_for_files(&mut self) {
        if self.files.is_empty() {
            self.files = files(&self.config);
        }
    }

    /// Whether it still is what `section` says, started from the files that are there now.
    fn is_as(&self, section: &PluginSection) -> bool {
        self.section == *section
            && self
                .files
                .iter()
                .all(|(path, time)| changed_at(path) == *time)
    }
}

/// Registers a program as it describes itself, now and whenever it says something else.
struct Keeper {
    host: Host,
    section: PluginSection,
    plugin: ProcessPlugin,
    config: ProcessConfig,
    /// Whether another program is in force under this name until this one has described itself.
    is_replacing: bool,
}

impl Keeper {
    async fn keep_registered(self) {
        let mut described = self.plugin.described();
        self.describe().await;
        let mut registered = None;
        loop {
            let description = described.borrow_and_update().clone();
            // A program that was started again says what it said before, and to be registered is felt by all jobs.
            if let Some(description) = description
                && registered.as_ref() != Some(&description)
            {
                self.register(&description);
                registered = Some(description);
            }
            if described.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the program has described itself. Why it fails to, it says in the log itself.
    async fn describe(&self) {
        let mut wait = FIRST_WAIT;
        while let Err(why) = self.plugin.describe().await {
            if self.is_replacing {
                self.note(Some(format!(
                    "it has changed, and what it is now does not work: {why}; what was in force stays"
                )));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn register(&self, description: &Description) {
        let mistakes = mistakes(&self.section, description, &self.config);
        for why in &mistakes {
            tracing::error!(plugin = self.section.name, "{why}");
        }
        register(&self.host, &self.section, &self.plugin, &self.config);
        self.note((!mistakes.is_empty()).then(|| mistakes.join("; ")));
    }

    fn note(&self, problem: Option<String>) {
        let PluginSection { role, name, .. } = &self.section;
        self.host.note_plugin(role, name, problem);
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
    let has_role = match *role {
        "fetcher" => description.fetcher.is_some(),
        "listener" => description.listener.is_some(),
        _ => description.schedules.contains_key(name),
    };
    if !has_role && *role == "schedule" {
        mistakes.push(format!(
            "plugins.schedule.{name}: the program has no schedule {name:?}; it has {}",
            description.kinds()
        ));
    } else if !has_role {
        mistakes.push(format!(
            "plugins.{role}.{name}: the program describes no {role}"
        ));
    }
    let wrong = wrong_config(description, config);
    mistakes.extend(wrong.map(|why| format!("plugins.{role}.{name}.config{why}")));
    mistakes
}

/// What is wrong with the configuration that the program is given, by the shape that it tells.
pub(super) fn wrong_config(description: &Description, config: &ProcessConfig) -> Option<String> {
    let checked = shape::check_secretly(description.config_schema.as_ref()?, &config.config);
    let error = checked.err()?;
    Some(format!("{}: {error}", error.pointer.replace('/', ".")))
}

fn register(host: &Host, section: &PluginSection, plugin: &ProcessPlugin, config: &ProcessConfig) {
    let name = &section.name;
    let origin = Origin::new(format!("process {}", shown(config)))
        .with_config_schema(plugin.fetcher_factory().schema());
    match section.role {
        "fetcher" => {
            let factory = Arc::new(plugin.fetcher_factory());
            let put = host.put_fetcher(name, Arc::new(plugin.fetcher()), Some(factory), origin);
            if let Err(error) = put {
                tracing::error!(plugin = name, %error, "cannot register a plugin");
            }
        }
        "schedule" => host.put_schedule(name, Arc::new(plugin.schedule(name)), origin),
        _ => host.put_listener(name, Arc::new(plugin.listener()), origin),
    }
}

/// A command as it may be shown: its program, and the files that it is given. Its other words may be secrets.
fn shown(config: &ProcessConfig) -> String {
    let is_file = |word: &&String| file(word, config.directory.as_deref()).is_some();
    let (program, rest) = config.command.split_at(config.command.len().min(1));
    let words: Vec<_> = program.iter().chain(rest.iter().filter(is_file)).collect();
    words.into_iter().cloned().collect::<Vec<_>>().join(" ")
}

/// The file that a word of a command names, where there is one, for a program that runs in `directory`.
pub(crate) fn file(word: &str, directory: Option<&Path>) -> Option<PathBuf> {
    let path = directory.unwrap_or(Path::new(".")).join(word);
    path.is_file().then_some(path)
}

/// The files that the command names, each with when it was changed.
fn files(config: &ProcessConfig) -> Vec<(PathBuf, Option<SystemTime>)> {
    let directory = config.directory.as_deref();
    let paths = config
        .command
        .iter()
        .filter_map(|word| file(word, directory));
    paths
        .map(|path| (path.clone(), changed_at(&path)))
        .collect()
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}
