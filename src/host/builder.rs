//! Puts a host together: plugins in by name, names checked, then started.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, RwLock, atomic::AtomicU64};

use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler_sdk::schedule::zones::canonical;
use stock_scheduler_sdk::{
    Calendars, Clock, ConfigError, Event, Fetcher, FetcherFactory, Listener, ListenerFactory,
    MemoryStore, Registry, ScheduleFactory, Store, StoreFactory, SystemClock,
};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::after::{self, AfterFactory};
use super::plugins::{FetcherSource, ListenerEntry, ListenerKind, ScheduleEntry, unknown};
use super::registering::Origin;
use super::timed::Timed;
use super::{Cache, Host, Inner, Plugins};
use crate::engine::{Engine, StoreTime};
use crate::events::{EventBus, Hears};
use crate::metrics;

/// Why a host could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two plugins of one role have the same name.
    #[error("a {role} named {name:?} is registered twice")]
    Duplicate {
        /// `fetcher`, `schedule`, `store` or `listener`.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// The configuration names a plugin that is not registered.
    #[error("{0}")]
    Unknown(String),
    /// A plugin cannot be built from its section of the configuration.
    #[error("plugins.{role}.{name}{}: {error}", .error.pointer.replace('/', "."))]
    Config {
        /// `fetcher`, `store` or `listener`.
        role: &'static str,
        /// The name.
        name: String,
        /// What is wrong.
        error: ConfigError,
    },
    /// The system gives no threads to fetch on.
    #[error("cannot start a thread to fetch on: {0}")]
    Threads(#[from] io::Error),
}

/// How many steps of backfills a listener may be behind before it misses some: the next step says all.
const PROGRESS: usize = 256;

/// Collects plugins and settings; [`start`](Self::start) checks them and makes the host run.
pub struct HostBuilder {
    /// Where the plugins come from that are registered next.
    origin: String,
    fetchers: BTreeMap<String, (FetcherSource, String)>,
    schedules: BTreeMap<String, Arc<ScheduleEntry>>,
    stores: BTreeMap<String, (Arc<dyn StoreFactory>, String)>,
    listener_kinds: BTreeMap<String, Arc<ListenerKind>>,
    listeners: BTreeMap<String, Arc<ListenerEntry>>,
    sections: BTreeMap<(&'static str, String), Value>,
    hearers: Vec<Hears>,
    duplicate: Option<BuildError>,
    store: Option<Arc<dyn Store>>,
    store_url: Option<String>,
    store_origin: String,
    zone: Tz,
    calendars: Calendars,
    clock: Arc<dyn Clock>,
    fires: bool,
    fetch_threads: bool,
    private_webhooks: bool,
    is_lenient: bool,
}

impl HostBuilder {
    pub(super) fn new() -> Self {
        Self {
            origin: "this program".into(),
            fetchers: BTreeMap::new(),
            schedules: BTreeMap::new(),
            stores: BTreeMap::new(),
            listener_kinds: BTreeMap::new(),
            listeners: BTreeMap::new(),
            sections: BTreeMap::new(),
            hearers: Vec::new(),
            duplicate: None,
            store: None,
            store_url: None,
            store_origin: "this program".into(),
            zone: Tz::UTC,
            calendars: Calendars::default(),
            clock: Arc::new(SystemClock),
            fires: true,
            fetch_threads: false,
            private_webhooks: false,
            is_lenient: false,
        }
    }

    /// Says where the plugins come from that are registered from here on, as the list of plugins shows it.
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = origin.to_owned();
        self
    }

    /// Registers a fetcher that is built from its section of the configuration. A section of another name with
    /// `kind = "NAME"` makes one more of its kind.
    pub fn fetcher(mut self, name: &str, factory: impl FetcherFactory) -> Self {
        Registry::fetcher(&mut self, name, Arc::new(factory));
        self
    }

    /// Registers all plugins of a crate, by the function that it has for it.
    pub fn plugins(mut self, register: impl FnOnce(&mut dyn Registry)) -> Self {
        register(&mut self);
        self
    }

    /// Registers a fetcher made in code.
    pub fn fetcher_instance(mut self, name: &str, fetcher: impl Fetcher) -> Self {
        self.add_fetcher(name, FetcherSource::Instance(Arc::new(fetcher)));
        self
    }

    /// Registers a kind of schedule.
    pub fn schedule(mut self, kind: &str, factory: impl ScheduleFactory) -> Self {
        Registry::schedule(&mut self, kind, Arc::new(factory));
        self
    }

    /// Registers a kind of listener. Each section `plugins.listener.NAME` of the configuration with this name, or with
    /// `kind` of this name, makes one of it.
    pub fn listener(mut self, kind: &str, factory: impl ListenerFactory) -> Self {
        Registry::listener(&mut self, kind, Arc::new(factory));
        self
    }

    /// Registers a listener made in code. It hears every event at least once from its first start on, whatever is
    /// restarted in between, under this name.
    pub fn listener_instance(mut self, name: &str, listener: impl Listener) -> Self {
        let entry = ListenerEntry::new(name, name, Arc::new(listener), self.origin.clone());
        match self.listeners.entry(name.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(Arc::new(entry))),
            Entry::Occupied(_) => self.twice("listener", name),
        }
        self
    }

    /// Registers a kind of store by the scheme of its address (`redis` for `redis://…`).
    pub fn store_factory(mut self, scheme: &str, factory: impl StoreFactory) -> Self {
        Registry::store(&mut self, scheme, Arc::new(factory));
        self
    }

    /// The plugin's own section of the configuration; `role` is `fetcher`, `store` or `listener`. Of two sections for one
    /// plugin, the later one's keys win.
    pub fn section(mut self, role: &'static str, name: &str, section: Value) -> Self {
        let place = self.sections.entry((role, name.to_owned())).or_default();
        match (place, section) {
            (Value::Object(old), Value::Object(new)) => old.extend(new),
            (place, new) => *place = new,
        }
        self
    }

    /// Keeps everything in the store at this address, whose scheme is a registered kind.
    pub fn store_url(mut self, url: impl Into<String>) -> Self {
        self.store_url = Some(url.into());
        self
    }

    /// Keeps everything in this store. Without any, it is kept in memory and lost at the end.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The zone of jobs that name none.
    pub fn zone(mut self, zone: Tz) -> Self {
        self.zone = canonical(zone);
        self
    }

    /// The calendars of exchanges that schedules may follow. Without this, none is known.
    pub fn calendars(mut self, calendars: Calendars) -> Self {
        self.calendars = calendars;
        self
    }

    /// The clock of stores that have none of their own.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Calls `hear` for each event that happens while this host runs, in order. It must be quick: the bus waits for it. What
    /// must miss nothing is a [`Listener`].
    pub fn listen(mut self, hear: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hearers.push(Box::new(hear));
        self
    }

    /// Serves and runs what is asked for by hand, but leaves fires to other instances over the same store.
    pub fn api_only(mut self) -> Self {
        self.fires = false;
        self
    }

    /// Passes over fetchers that cannot be made, and makes no listener: for looking at schedules, where the settings of others
    /// do not matter.
    pub fn leniently(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Lets the webhooks that clients make lead to any address. Without this, they lead to public ones only, so that no
    /// client reaches by way of this service what it could not reach itself.
    pub fn private_webhooks(mut self) -> Self {
        self.private_webhooks = true;
        self
    }

    /// Gives each fetcher threads of its own, so that one which keeps its thread busy holds up no other: one for each 16
    /// requests that it may have under way, as far as there are processors. Without this, fetchers run on the runtime
    /// that [`start`](Self::start) is called on.
    pub fn fetch_threads(mut self) -> Self {
        self.fetch_threads = true;
        self
    }

    /// The names of all plugins that are registered so far, each after its role.
    pub(crate) fn plugin_names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn of<'a, T>(
            role: &'static str,
            plugins: &'a BTreeMap<String, T>,
        ) -> impl Iterator<Item = (&'static str, &'a str)> {
            plugins.keys().map(move |name| (role, name.as_str()))
        }
        of("fetcher", &self.fetchers)
            .chain(of("schedule", &self.schedules))
            .chain([("schedule", after::KIND)])
            .chain(of("store", &self.stores))
            .chain(of("listener", &self.listener_kinds))
            .chain(of("listener", &self.listeners))
    }

    /// Checks everything and starts the host. It does not wait for a store that is away.
    pub async fn start(mut self) -> Result<Host, BuildError> {
        if let Some(duplicate) = self.duplicate.take() {
            return Err(duplicate);
        }
        let store = self.open_store().await?;
        let schedules = self.schedules.clone().into_iter();
        let after = ScheduleEntry::new(Arc::new(AfterFactory), Origin::new("built in"));
        let plugins = Arc::new(Plugins {
            fetchers: Default::default(),
            fetcher_kinds: Default::default(),
            schedules: schedules
                .chain([(after::KIND.to_owned(), Arc::new(after))])
                .collect(),
            listener_kinds: std::mem::take(&mut self.listener_kinds)
                .into_iter()
                .collect(),
            listeners: std::mem::take(&mut self.listeners).into_iter().collect(),
            notes: Default::default(),
            store_origin: std::mem::take(&mut self.store_origin),
            fetch_threads: self.fetch_threads,
            private_webhooks: self.private_webhooks,
            zone: self.zone,
            calendars: RwLock::new(std::mem::take(&mut self.calendars)),
            followed: Default::default(),
        });
        self.build_fetchers(&plugins)?;
        if !self.is_lenient {
            self.build_listeners(&plugins)?;
        }
        metrics::install();
        let store: Arc<dyn Store> = Arc::new(Timed::new(store));
        let time = StoreTime::new(self.clock.clone());
        let engine_stop = CancellationToken::new();
        let engine = Arc::new(Engine::new(
            store.clone(),
            plugins.clone(),
            time,
            engine_stop,
            self.fires,
        ));
        let cache = Arc::new(Cache::default());
        let stop = CancellationToken::new();
        let hearers = with_own(self.hearers, &engine, &cache);
        let forget = {
            let cache = cache.clone();
            Box::new(move || cache.forget())
        };
        let (bus, follow) = EventBus::new(store.clone(), hearers, forget, stop.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(follow);
        tasks.spawn(stop.clone().run_until_cancelled_owned(metrics::keep_up()));
        engine.start();
        let inner = Inner {
            store,
            plugins,
            engine,
            bus,
            cache,
            started_at: self.clock.now(),
            stop,
            tasks,
            latency: AtomicU64::new(0),
            last_counts: Default::default(),
            calendar_problem: Default::default(),
            retime: Notify::new(),
            backfills: Notify::new(),
            listening: Default::default(),
            plugins_version: AtomicU64::new(0),
            progress: broadcast::channel(PROGRESS).0,
        };
        let host = Host {
            inner: Arc::new(inner),
        };
        let stop = host.inner.stop.clone();
        let timetables = host.clone().keep_timetables();
        let tasks = &host.inner.tasks;
        tasks.spawn(stop.clone().run_until_cancelled_owned(timetables));
        tasks.spawn(host.clone().carry_events());
        if self.fires {
            let backfills = host.clone().work_on_backfills();
            tasks.spawn(stop.run_until_cancelled_owned(backfills));
        }
        Ok(host)
    }

    async fn open_store(&mut self) -> Result<Arc<dyn Store>, BuildError> {
        if let Some(store) = self.store.take() {
            return Ok(store);
        }
        let Some(url) = self.store_url.take() else {
            self.store_origin = "built in".into();
            return Ok(Arc::new(MemoryStore::new(self.clock.clone())));
        };
        let scheme = url
            .split_once(':')
            .map_or(url.as_str(), |(scheme, _)| scheme);
        let Some((factory, origin)) = self.stores.get(scheme) else {
            let known: Vec<_> = self.stores.keys().cloned().collect();
            return Err(BuildError::Unknown(unknown("store", scheme, &known)));
        };
        self.store_origin = origin.clone();
        let section = self
            .sections
            .get(&("store", scheme.to_owned()))
            .unwrap_or(&Value::Null);
        let config = |error| BuildError::Config {
            role: "store",
            name: scheme.to_owned(),
            error,
        };
        factory
            .open(&url, section, self.clock.clone())
            .await
            .map_err(config)
    }

    fn build_fetchers(&mut self, plugins: &Plugins) -> Result<(), BuildError> {
        let mut sections = self.sections_of("fetcher");
        for (name, (source, origin)) in std::mem::take(&mut self.fetchers) {
            let section = sections.remove(&name).unwrap_or_default();
            let added = plugins.add_fetcher(&name, source, &section, origin);
            self.unless_lenient(added)?;
        }
        for (name, section) in sections {
            let configured = plugins.configure("fetcher", &name, section);
            self.unless_lenient(configured)?;
        }
        Ok(())
    }

    fn unless_lenient(&self, made: Result<(), BuildError>) -> Result<(), BuildError> {
        if self.is_lenient { Ok(()) } else { made }
    }

    fn build_listeners(&mut self, plugins: &Plugins) -> Result<(), BuildError> {
        for (name, section) in self.sections_of("listener") {
            plugins.configure("listener", &name, section)?;
        }
        Ok(())
    }

    fn sections_of(&mut self, role: &'static str) -> BTreeMap<String, Value> {
        let all = std::mem::take(&mut self.sections).into_iter();
        let (of_role, others): (BTreeMap<_, _>, _) = all.partition(|((of, _), _)| *of == role);
        self.sections = others;
        let named = |((_, name), section)| (name, section);
        of_role.into_iter().map(named).collect()
    }

    fn add_fetcher(&mut self, name: &str, source: FetcherSource) {
        match self.fetchers.entry(name.to_owned()) {
            Entry::Vacant(place) => drop(place.insert((source, self.origin.clone()))),
            Entry::Occupied(_) => self.twice("fetcher", name),
        }
    }

    fn twice(&mut self, role: &'static str, name: &str) {
        self.duplicate.get_or_insert(BuildError::Duplicate {
            role,
            name: name.to_owned(),
        });
    }
}

impl Registry for HostBuilder {
    fn fetcher(&mut self, name: &str, factory: Arc<dyn FetcherFactory>) {
        self.add_fetcher(name, FetcherSource::Factory(factory));
    }

    fn schedule(&mut self, kind: &str, factory: Arc<dyn ScheduleFactory>) {
        let origin = Origin::new(self.origin.clone());
        let entry = Arc::new(ScheduleEntry::new(factory, origin));
        if kind == after::KIND || self.schedules.insert(kind.to_owned(), entry).is_some() {
            self.twice("schedule", kind);
        }
    }

    fn store(&mut self, scheme: &str, factory: Arc<dyn StoreFactory>) {
        let entry = (factory, self.origin.clone());
        if self.stores.insert(scheme.to_owned(), entry).is_some() {
            self.twice("store", scheme);
        }
    }

    fn listener(&mut self, kind: &str, factory: Arc<dyn ListenerFactory>) {
        let origin = self.origin.clone();
        let entry = Arc::new(ListenerKind { factory, origin });
        if self.listener_kinds.insert(kind.to_owned(), entry).is_some() {
            self.twice("listener", kind);
        }
    }
}

/// The host's own come first, so that what others read after an event is up to date.
fn with_own(others: Vec<Hears>, engine: &Arc<Engine>, cache: &Arc<Cache>) -> Vec<Hears> {
    let (engine, cache) = (engine.clone(), cache.clone());
    let mut hearers: Vec<Hears> = vec![
        Box::new(move |event| cache.hear(event)),
        Box::new(move |event| engine.hear(event)),
        Box::new(metrics::heard),
    ];
    hearers.extend(others);
    hearers
}
