//! Plugins that come, change and go while the host runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;
use stock_scheduler_sdk::{Fetcher, FetcherFactory, Listener, ScheduleFactory};

use super::plugins::{FetcherSource, ListenerEntry, ScheduleEntry};
use super::{BuildError, Host};

/// Where a plugin comes from.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Origin {
    /// In words.
    pub words: String,
    /// The shape of its section of the configuration, where it has one: a JSON Schema. A fetcher's factory tells it itself.
    pub config_schema: Option<Value>,
}

impl Origin {
    /// A plugin that comes from where `words` say.
    pub fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            config_schema: None,
        }
    }

    /// The same, with the shape of its section.
    pub fn with_config_schema(mut self, schema: Value) -> Self {
        self.config_schema = Some(schema);
        self
    }
}

impl Host {
    /// Registers a fetcher under `name`, in the place of one of this name: runs under way go on with that one. `factory`
    /// knows its settings and the options of jobs; `origin` says in words where it comes from.
    pub fn put_fetcher(
        &self,
        name: &str,
        fetcher: Arc<dyn Fetcher>,
        factory: Option<Arc<dyn FetcherFactory>>,
        origin: Origin,
    ) -> Result<(), BuildError> {
        let source = match factory {
            Some(factory) => FetcherSource::Made(fetcher, factory),
            None => FetcherSource::Instance(fetcher),
        };
        let plugins = &self.inner.plugins;
        plugins.add_fetcher(name, source, &Value::Null, origin.words)?;
        self.plugins_changed();
        Ok(())
    }

    /// Registers a kind of schedule, in the place of one of this kind.
    pub fn put_schedule(&self, kind: &str, factory: Arc<dyn ScheduleFactory>, origin: Origin) {
        let entry = ScheduleEntry::new(factory, origin);
        self.inner.plugins.schedules.put(kind, Arc::new(entry));
        self.plugins_changed();
    }

    /// Registers a listener, in the place of one of this name: it goes on where that one stopped.
    pub fn put_listener(&self, name: &str, listener: Arc<dyn Listener>, origin: Origin) {
        let entry = ListenerEntry::new(name, name, listener, origin.words)
            .with_config_schema(origin.config_schema);
        self.inner.plugins.listeners.put(name, Arc::new(entry));
        self.plugins_changed();
    }

    /// Makes the fetcher or listener that a section of the configuration describes, in the place of one of this name.
    pub fn configure_plugin(
        &self,
        role: &'static str,
        name: &str,
        section: Value,
    ) -> Result<(), BuildError> {
        self.inner.plugins.configure(role, name, section)?;
        self.plugins_changed();
        Ok(())
    }

    /// Whether there is a fetcher, a kind of schedule or a listener of this name.
    pub fn has_plugin(&self, role: &str, name: &str) -> bool {
        let plugins = &self.inner.plugins;
        match role {
            "fetcher" => plugins.fetchers.contains(name),
            "schedule" => plugins.schedules.contains(name),
            "listener" => plugins.listeners.contains(name),
            _ => false,
        }
    }

    /// Notes what is wrong with a fetcher, a kind of schedule or a listener that it cannot know itself, for people to see where
    /// they see how it is; `None`: nothing any more.
    pub fn note_plugin(&self, role: &'static str, name: &str, problem: Option<String>) {
        let key = (role, name.to_owned());
        let mut notes = self.inner.plugins.lock_notes();
        match problem {
            Some(problem) => drop(notes.insert(key, problem)),
            None => drop(notes.remove(&key)),
        }
    }

    /// Takes a fetcher, a kind of schedule or a listener out. Jobs that name it stay, and say what they miss.
    pub fn remove_plugin(&self, role: &'static str, name: &str) {
        let plugins = &self.inner.plugins;
        self.note_plugin(role, name, None);
        match role {
            "fetcher" => plugins.fetchers.remove(name),
            "schedule" => plugins.schedules.remove(name),
            "listener" => plugins.listeners.remove(name),
            _ => return,
        }
        self.plugins_changed();
    }

    /// Counts the changes of plugins since the start.
    pub(crate) fn plugins_version(&self) -> u64 {
        self.inner.plugins_version.load(Ordering::Acquire)
    }

    fn plugins_changed(&self) {
        self.inner.plugins_version.fetch_add(1, Ordering::AcqRel);
        // What jobs look like, when they are due and who is told depend on plugins.
        self.inner.cache.forget();
        self.inner.retime.notify_one();
        self.inner.listening.change();
    }
}
