//! The registered plugins, found by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler_sdk::{
    Calendars, ConfigError, Fetcher, FetcherFactory, FetcherInfo, Health, Job, Listener,
    ListenerFactory, ListenerInfo, Schedule, ScheduleContext, ScheduleFactory,
};

use super::builder::BuildError;
use super::fields::nearest;
use super::named::Named;
use super::patient::{Patient, patiently};
use super::registering::Origin;
use super::shape;
use super::timetable::Timetable;
use crate::engine::gate::Gate;
use crate::engine::threads::Threads;
use crate::metrics::Fetches;

/// A registered fetcher, where it runs, and its gate.
pub(crate) struct FetcherEntry {
    pub(crate) name: String,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) info: FetcherInfo,
    pub(crate) threads: Threads,
    pub(crate) gate: Gate,
    pub(crate) fetches: Fetches,
    /// Where the plugin comes from, in words.
    pub(crate) origin: String,
    /// What checks a job's options; an instance made in code takes any.
    pub(crate) factory: Option<Arc<dyn FetcherFactory>>,
    /// Whether the fetcher could say what it offers when this was made.
    is_ready: bool,
}

impl FetcherEntry {
    /// `before` is the entry of this name whose place it takes.
    pub(crate) fn new(
        name: String,
        fetcher: Arc<dyn Fetcher>,
        factory: Option<Arc<dyn FetcherFactory>>,
        origin: String,
        own_threads: bool,
        before: Option<&Self>,
    ) -> std::io::Result<Self> {
        // Asked first: what it offers may be told in between.
        let is_ready = factory
            .as_ref()
            .is_none_or(|factory| factory.unready().is_none());
        let info = fetcher.info();
        let threads = if own_threads {
            Threads::start(&info.limits)?
        } else {
            Threads::here()
        };
        let gate = Gate::new(&info.limits, threads.count());
        let gate = match before {
            Some(before) => gate.after(&before.gate, &info.limits),
            None => gate,
        };
        Ok(Self {
            fetches: Fetches::of(&name),
            name,
            fetcher,
            info,
            threads,
            gate,
            origin,
            factory,
            is_ready,
        })
    }
}

/// A registered kind of schedule.
pub(crate) struct ScheduleEntry {
    pub(crate) factory: Arc<dyn ScheduleFactory>,
    /// Where the plugin comes from, in words.
    pub(crate) origin: String,
    /// The shape of its section of the configuration, where it has one.
    pub(crate) config_schema: Option<Value>,
}

impl ScheduleEntry {
    pub(crate) fn new(factory: Arc<dyn ScheduleFactory>, origin: Origin) -> Self {
        Self {
            factory,
            origin: origin.words,
            config_schema: origin.config_schema,
        }
    }

    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        if !self.factory.may_wait() {
            return self.factory.build(spec, context);
        }
        let schedule = patiently(|| self.factory.build(spec, context))?;
        Ok(Box::new(Patient(schedule)))
    }
}

impl FetcherEntry {
    /// Why it cannot be said yet what the fetcher offers.
    pub(crate) fn unready(&self) -> Option<String> {
        let factory = self.factory.as_ref().filter(|_| !self.is_ready)?;
        let told_now = || "it has only just said what it offers".to_owned();
        Some(factory.unready().unwrap_or_else(told_now))
    }

    /// Whether it only has to be waited for.
    pub(crate) fn is_starting(&self) -> bool {
        self.unready().is_some() && self.fetcher.health().problem.is_none()
    }

    /// What is wrong with a job's options: by the shape that the fetcher tells, then by what it says itself. `None` where
    /// nobody checks them.
    pub(crate) fn check_options(&self, options: &Value) -> Option<Result<(), ConfigError>> {
        let factory = self.factory.as_ref()?;
        let shape = factory.options_schema();
        let checked = shape.map_or(Ok(()), |shape| shape::check(&shape, options));
        Some(checked.and_then(|()| factory.check_options(options)))
    }
}

/// What a fetcher is made of.
pub(crate) enum FetcherSource {
    Factory(Arc<dyn FetcherFactory>),
    Instance(Arc<dyn Fetcher>),
    Made(Arc<dyn Fetcher>, Arc<dyn FetcherFactory>),
}

/// A registered kind of listener.
pub(crate) struct ListenerKind {
    pub(crate) factory: Arc<dyn ListenerFactory>,
    /// Where the plugin comes from, in words.
    pub(crate) origin: String,
}

/// A listener that hears every event.
pub(crate) struct ListenerEntry {
    pub(crate) name: String,
    /// The name of its kind.
    pub(crate) kind: String,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) info: ListenerInfo,
    /// Where the plugin comes from, in words.
    pub(crate) origin: String,
    /// The shape of its section of the configuration, where it has one.
    pub(crate) config_schema: Option<Value>,
    pub(crate) counters: Carried,
    /// Why it wants no events any more.
    pub(crate) gone: OnceLock<String>,
    /// Why it is left alone for a while, where this instance carries to it.
    pub(crate) trouble: Mutex<Option<String>>,
}

/// What became of the deliveries to one listener since the start.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) delivered: AtomicU64,
    /// Tries that failed and are made again.
    pub(crate) retried: AtomicU64,
    /// Events that were given up.
    pub(crate) failed: AtomicU64,
}

impl ListenerEntry {
    pub(crate) fn new(name: &str, kind: &str, listener: Arc<dyn Listener>, origin: String) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            info: listener.info(),
            listener,
            origin,
            config_schema: None,
            counters: Carried::default(),
            gone: OnceLock::new(),
            trouble: Mutex::default(),
        }
    }

    /// What keeps it from being told anything, by itself or as carrying to it has shown.
    pub(crate) fn health(&self) -> Health {
        let mut health = self.listener.health();
        let gone = self.gone.get();
        let gone = gone.map(|why| format!("it wants no events any more: {why}"));
        health.problem = gone
            .or(health.problem)
            .or_else(|| self.lock_trouble().clone());
        health
    }

    pub(crate) fn lock_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, made from a section of this shape.
    pub(crate) fn with_config_schema(mut self, schema: Option<Value>) -> Self {
        self.config_schema = schema;
        self
    }
}

/// All registered plugins, and the zone of jobs that name none.
pub(crate) struct Plugins {
    pub(crate) fetchers: Named<FetcherEntry>,
    /// The factories of fetchers, of which sections of the configuration make more.
    pub(crate) fetcher_kinds: Named<dyn FetcherFactory>,
    pub(crate) schedules: Named<ScheduleEntry>,
    pub(crate) listener_kinds: Named<ListenerKind>,
    pub(crate) listeners: Named<ListenerEntry>,
    /// What is wrong with plugins that they cannot know themselves, by role and name.
    pub(crate) notes: Mutex<BTreeMap<(&'static str, String), String>>,
    /// Where the store's plugin comes from, in words.
    pub(crate) store_origin: String,
    /// Whether each fetcher gets threads of its own.
    pub(crate) fetch_threads: bool,
    /// Whether webhooks that clients make may lead to addresses that are not public.
    pub(crate) private_webhooks: bool,
    pub(crate) zone: Tz,
    /// The calendars of exchanges, which may be corrected at any time.
    pub(crate) calendars: RwLock<Calendars>,
    /// The codes of those that active jobs follow.
    pub(crate) followed: Mutex<BTreeSet<String>>,
}

impl Plugins {
    /// Registers a fetcher, in the place of one of this name.
    pub(crate) fn add_fetcher(
        &self,
        name: &str,
        source: FetcherSource,
        section: &Value,
        origin: String,
    ) -> Result<(), BuildError> {
        let config = |error| BuildError::Config {
            role: "fetcher",
            name: name.to_owned(),
            error,
        };
        let (fetcher, factory) = match source {
            FetcherSource::Instance(fetcher) => (fetcher, None),
            FetcherSource::Made(fetcher, factory) => (fetcher, Some(factory)),
            FetcherSource::Factory(factory) => {
                let fetcher = factory.build(section).map_err(config)?;
                self.fetcher_kinds.put(name, factory.clone());
                (fetcher, Some(factory))
            }
        };
        let own = self.fetch_threads;
        let before = self.fetchers.get(name);
        let before = before.as_deref();
        let entry = FetcherEntry::new(name.to_owned(), fetcher, factory, origin, own, before)?;
        self.fetchers.put(name, Arc::new(entry));
        Ok(())
    }

    /// Makes the fetcher or listener `name` that a section of the configuration describes, of the registered kind that it
    /// names or whose name it has.
    pub(crate) fn configure(
        &self,
        role: &'static str,
        name: &str,
        mut section: Value,
    ) -> Result<(), BuildError> {
        let named = section.as_object_mut().and_then(|keys| keys.remove("kind"));
        let kind = named.as_ref().and_then(Value::as_str).unwrap_or(name);
        let origin = format!("configuration, of kind {kind:?}");
        if role == "fetcher" {
            let Some(factory) = self.fetcher_kinds.get(kind) else {
                let known = self.fetcher_kinds.names();
                return Err(BuildError::Unknown(unknown(role, kind, &known)));
            };
            return self.add_fetcher(name, FetcherSource::Factory(factory), &section, origin);
        }
        let Some(entry) = self.listener_kinds.get(kind) else {
            let known = self.listener_kinds.names();
            return Err(BuildError::Unknown(unknown(role, kind, &known)));
        };
        let listener = entry.factory.build(&section);
        let listener = listener.map_err(|error| BuildError::Config {
            role,
            name: name.to_owned(),
            error,
        })?;
        let schema = Some(entry.factory.schema());
        let entry = ListenerEntry::new(name, kind, listener, origin).with_config_schema(schema);
        self.listeners.put(name, Arc::new(entry));
        Ok(())
    }

    /// How a plugin is, by itself or by what was noted of it.
    pub(crate) fn noted(&self, role: &'static str, name: &str, mut health: Health) -> Health {
        let note = self.lock_notes().get(&(role, name.to_owned())).cloned();
        let both: Vec<_> = note.into_iter().chain(health.problem.take()).collect();
        health.problem = (!both.is_empty()).then(|| both.join("; "));
        health
    }

    pub(crate) fn lock_notes(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fetcher(&self, name: &str) -> Option<Arc<FetcherEntry>> {
        self.fetchers.get(name)
    }

    /// The schedule that `spec` describes, for a job whose own zone is `zone`.
    ///
    /// Pointers in the error are relative to `spec`.
    pub(crate) fn schedule(
        &self,
        spec: &Value,
        zone: Tz,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let Some(object) = spec.as_object() else {
            return Err(ConfigError::at(
                "",
                format!("a schedule is an object with a kind, not {spec}"),
            ));
        };
        let Some(kind) = object.get("kind").and_then(Value::as_str) else {
            let names = listed(&self.schedules.names());
            return Err(ConfigError::at(
                "/kind",
                format!("a schedule needs a kind; registered are {names}"),
            ));
        };
        let Some(entry) = self.schedules.get(kind) else {
            return Err(ConfigError::at(
                "/kind",
                unknown("schedule", kind, &self.schedules.names()),
            ));
        };
        let mut rest = object.clone();
        rest.remove("kind");
        let context = ScheduleContext::new(zone).with_calendars(self.calendars());
        entry.build(&Value::Object(rest), &context)
    }

    /// Whether whoever asks for a fire of the job may have to wait.
    pub(crate) fn may_wait(&self, job: &Job) -> bool {
        let kind = job.schedule.get("kind").and_then(Value::as_str);
        let entry = kind.and_then(|kind| self.schedules.get(kind));
        entry.is_some_and(|entry| entry.factory.may_wait())
    }

    /// Refuses a schedule that has not the shape that its kind tells, where the host is to see to it.
    pub(crate) fn check_shape(&self, spec: &Value) -> Result<(), ConfigError> {
        let kind = spec.get("kind").and_then(Value::as_str);
        let entry = kind.and_then(|kind| self.schedules.get(kind));
        match entry.filter(|entry| entry.factory.is_held_against_schema()) {
            Some(entry) => shape::check(&entry.factory.schema(), spec),
            None => Ok(()),
        }
    }

    /// The schedule by which a job fires.
    pub(crate) fn timetable(&self, job: &Job) -> Result<Timetable, ConfigError> {
        let own = job.timezone.unwrap_or(self.zone);
        let schedule = self.schedule(&job.schedule, own)?;
        Ok(Timetable::new(job, schedule))
    }

    /// The calendars of exchanges, as they are now.
    pub(crate) fn calendars(&self) -> Calendars {
        self.calendars
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn followed(&self) -> BTreeSet<String> {
        self.lock_followed().clone()
    }

    pub(crate) fn set_followed(&self, codes: BTreeSet<String>) {
        *self.lock_followed() = codes;
    }

    fn lock_followed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the plugins make of a stored job.
    pub(crate) fn examine(&self, job: &Job) -> Examined {
        let own = job.timezone.unwrap_or(self.zone);
        let built = self.timetable(job);
        let fetcher = &job.fetcher.name;
        let problem = match &built {
            _ if job.problem.is_some() => job.problem.clone(),
            _ if !self.fetchers.contains(fetcher) => {
                Some(unknown("fetcher", fetcher, &self.fetchers.names()))
            }
            built => built.as_ref().err().map(ToString::to_string),
        };
        let schedule = built.ok();
        if let Some(calendar) = schedule
            .as_ref()
            .and_then(Schedule::exchange)
            .filter(|_| job.active)
        {
            let mut followed = self.lock_followed();
            if !followed.contains(calendar.code()) {
                followed.insert(calendar.code().to_owned());
            }
        }
        let named = schedule.as_ref().and_then(|schedule| schedule.zone());
        Examined {
            zone: named.unwrap_or(own),
            problem,
            schedule,
        }
    }
}

/// What the plugins make of a stored job.
pub(crate) struct Examined {
    /// Its schedule, where it can be built.
    pub(crate) schedule: Option<Timetable>,
    /// The zone in which its dates and times are meant.
    pub(crate) zone: Tz,
    /// Why it cannot fire, if so.
    pub(crate) problem: Option<String>,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins")
            .field("fetchers", &self.fetchers.names())
            .field("schedules", &self.schedules.names())
            .finish_non_exhaustive()
    }
}

/// `no fetcher named "yfinanse"; did you mean "yfinance"? Registered are "stooq", "yfinance"`
pub(crate) fn unknown(role: &str, name: &str, known: &[String]) -> String {
    let near = nearest(name, known.iter().map(String::as_str));
    let listed = listed(known);
    match near {
        Some(near) => {
            format!("no {role} named {name:?}; did you mean {near:?}? Registered are {listed}")
        }
        None => format!("no {role} named {name:?}; registered are {listed}"),
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}
