//! Puts a host together: plugins in by name, names checked, then started.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, RwLock, atomic::AtomicU64};

use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler_sdk::schedule::zones::canonical;
use stock_scheduler_sdk::{
    Calendars, Clock, ConfigError, Event, Fetcher, FetcherFactory, MemoryStore, ScheduleFactory,
    Store, StoreFactory, SystemClock,
};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::plugins::unknown;
use super::timed::Timed;
use super::{Cache, FetcherEntry, Host, Inner, Plugins};
use crate::engine::{Engine, StoreTime};
use crate::events::{EventBus, Listener};
use crate::metrics;

/// Why a host could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two plugins of one role have the same name.
    #[error("a {role} named {name:?} is registered twice")]
    Duplicate {
        /// `fetcher`, `schedule` or `store`.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// The configuration names a plugin that is not registered.
    #[error("{0}")]
    Unknown(String),
    /// A plugin cannot be built from its section of the configuration.
    #[error("{role} {name:?}: {error}")]
    Config {
        /// `fetcher` or `store`.
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

enum FetcherSource {
    Factory(Arc<dyn FetcherFactory>),
    Instance(Arc<dyn Fetcher>),
}

/// Collects plugins and settings; [`start`](Self::start) checks them and makes the host run.
pub struct HostBuilder {
    fetchers: BTreeMap<String, FetcherSource>,
    schedules: BTreeMap<String, Arc<dyn ScheduleFactory>>,
    stores: BTreeMap<String, Arc<dyn StoreFactory>>,
    sections: BTreeMap<(&'static str, String), Value>,
    listeners: Vec<Listener>,
    duplicate: Option<BuildError>,
    store: Option<Arc<dyn Store>>,
    store_url: Option<String>,
    zone: Tz,
    calendars: Calendars,
    clock: Arc<dyn Clock>,
    fires: bool,
    fetch_threads: bool,
}

impl HostBuilder {
    pub(super) fn new() -> Self {
        Self {
            fetchers: BTreeMap::new(),
            schedules: BTreeMap::new(),
            stores: BTreeMap::new(),
            sections: BTreeMap::new(),
            listeners: Vec::new(),
            duplicate: None,
            store: None,
            store_url: None,
            zone: Tz::UTC,
            calendars: Calendars::default(),
            clock: Arc::new(SystemClock),
            fires: true,
            fetch_threads: false,
        }
    }

    /// Registers a fetcher that is built from its section of the configuration.
    pub fn fetcher(mut self, name: &str, factory: impl FetcherFactory) -> Self {
        self.add_fetcher(name, FetcherSource::Factory(Arc::new(factory)));
        self
    }

    /// Registers a fetcher made in code.
    pub fn fetcher_instance(mut self, name: &str, fetcher: impl Fetcher) -> Self {
        self.add_fetcher(name, FetcherSource::Instance(Arc::new(fetcher)));
        self
    }

    /// Registers a kind of schedule.
    pub fn schedule(mut self, kind: &str, factory: impl ScheduleFactory) -> Self {
        match self.schedules.entry(kind.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(Arc::new(factory))),
            Entry::Occupied(_) => self.twice("schedule", kind),
        }
        self
    }

    /// Registers a kind of store by the scheme of its address (`redis` for `redis://…`).
    pub fn store_factory(mut self, scheme: &str, factory: impl StoreFactory) -> Self {
        match self.stores.entry(scheme.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(Arc::new(factory))),
            Entry::Occupied(_) => self.twice("store", scheme),
        }
        self
    }

    /// The plugin's own section of the configuration; `role` is `fetcher` or `store`.
    pub fn section(mut self, role: &'static str, name: &str, section: Value) -> Self {
        self.sections.insert((role, name.to_owned()), section);
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

    /// Calls `listener` for each event, in order. It must be quick: the bus waits for it.
    pub fn listen(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Serves and runs what is asked for by hand, but leaves fires to other instances over the same store.
    pub fn api_only(mut self) -> Self {
        self.fires = false;
        self
    }

    /// Gives each fetcher threads of its own, so that one which keeps its thread busy holds up no other: one for each 16
    /// requests that it may have under way, as far as there are processors. Without this, fetchers run on the runtime
    /// that [`start`](Self::start) is called on.
    pub fn fetch_threads(mut self) -> Self {
        self.fetch_threads = true;
        self
    }

    /// Checks everything and starts the host. It does not wait for a store that is away.
    pub async fn start(mut self) -> Result<Host, BuildError> {
        if let Some(duplicate) = self.duplicate.take() {
            return Err(duplicate);
        }
        let store = self.open_store().await?;
        let fetchers = self.build_fetchers()?;
        let plugins = Arc::new(Plugins {
            fetchers,
            schedules: self.schedules,
            zone: self.zone,
            calendars: RwLock::new(self.calendars),
            followed: Default::default(),
        });
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
        let listeners = with_own(self.listeners, &engine, &cache);
        let forget = {
            let cache = cache.clone();
            Box::new(move || cache.forget())
        };
        let (bus, follow) = EventBus::new(store.clone(), listeners, forget, stop.clone());
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
            progress: broadcast::channel(PROGRESS).0,
        };
        let host = Host {
            inner: Arc::new(inner),
        };
        let stop = host.inner.stop.clone();
        let timetables = host.clone().keep_timetables();
        let tasks = &host.inner.tasks;
        tasks.spawn(stop.clone().run_until_cancelled_owned(timetables));
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
            return Ok(Arc::new(MemoryStore::new(self.clock.clone())));
        };
        let scheme = url
            .split_once(':')
            .map_or(url.as_str(), |(scheme, _)| scheme);
        let Some(factory) = self.stores.get(scheme) else {
            return Err(BuildError::Unknown(unknown(
                "store",
                scheme,
                self.stores.keys(),
            )));
        };
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

    fn build_fetchers(&mut self) -> Result<BTreeMap<String, Arc<FetcherEntry>>, BuildError> {
        let mut fetchers = BTreeMap::new();
        for (name, source) in std::mem::take(&mut self.fetchers) {
            let (fetcher, factory) = match source {
                FetcherSource::Instance(fetcher) => (fetcher, None),
                FetcherSource::Factory(factory) => {
                    let section = self
                        .sections
                        .get(&("fetcher", name.clone()))
                        .unwrap_or(&Value::Null);
                    let config = |error| BuildError::Config {
                        role: "fetcher",
                        name: name.clone(),
                        error,
                    };
                    (factory.build(section).map_err(config)?, Some(factory))
                }
            };
            let entry = FetcherEntry::new(name.clone(), fetcher, factory, self.fetch_threads)?;
            fetchers.insert(name, Arc::new(entry));
        }
        Ok(fetchers)
    }

    fn add_fetcher(&mut self, name: &str, source: FetcherSource) {
        match self.fetchers.entry(name.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(source)),
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

/// The host's own listeners come first, so that what others read after an event is up to date.
fn with_own(others: Vec<Listener>, engine: &Arc<Engine>, cache: &Arc<Cache>) -> Vec<Listener> {
    let (engine, cache) = (engine.clone(), cache.clone());
    let mut listeners: Vec<Listener> = vec![
        Box::new(move |event| cache.hear(event)),
        Box::new(move |event| engine.hear(event)),
        Box::new(metrics::heard),
    ];
    listeners.extend(others);
    listeners
}
