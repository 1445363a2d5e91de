//! What plugins there are, for people and pages.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::Value;
use stock_scheduler_sdk::Health;

use super::Host;
use super::plugins::{FetcherEntry, ListenerEntry, Plugins, ScheduleEntry};

/// A registered plugin.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PluginView {
    /// `fetcher`, `schedule`, `store` or `listener`.
    pub role: &'static str,
    /// Its name; a schedule's kind.
    pub name: String,
    /// Its version; empty where it does not say.
    pub version: String,
    /// Where it comes from, in words.
    pub origin: String,
    /// What keeps it from working.
    pub problem: Option<String>,
    /// What was counted since the start.
    pub counters: BTreeMap<String, u64>,
    /// The shape of its section of the configuration.
    pub config_schema: Option<Value>,
    /// The shape of what a job may say to it.
    pub job_schema: Option<Value>,
}

impl PluginView {
    fn new(role: &'static str, name: &str, version: &str, origin: &str, health: Health) -> Self {
        let counters = health.counters.into_iter();
        Self {
            role,
            name: name.to_owned(),
            version: version.to_owned(),
            origin: origin.to_owned(),
            problem: health.problem,
            counters: counters
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            config_schema: None,
            job_schema: None,
        }
    }
}

impl Host {
    /// Every registered plugin, by role and name.
    pub async fn plugins(&self) -> Vec<PluginView> {
        let plugins = &self.inner.plugins;
        let fetchers = plugins.fetchers.all().into_iter();
        let schedules = plugins.schedules.all().into_iter();
        let listeners = plugins.listeners.all().into_iter();
        let fetchers = fetchers.map(|(_, entry)| fetcher(plugins, &entry));
        let mut views: Vec<_> = fetchers.collect();
        views.extend(schedules.map(|(kind, entry)| schedule(plugins, &kind, &entry)));
        views.push(self.store_view().await);
        views.extend(listeners.map(|(_, entry)| self.listener(&entry)));
        let is_made = |kind: &str| {
            views
                .iter()
                .any(|view| view.role == "listener" && view.name == kind)
        };
        let kinds = plugins.listener_kinds.all().into_iter();
        let kinds: Vec<_> = kinds
            .filter(|(kind, _)| !is_made(kind))
            .map(|(kind, entry)| {
                let origin = format!(
                    "{}; for `plugins.listener` sections of this kind",
                    entry.origin
                );
                let mut view = PluginView::new("listener", &kind, "", &origin, Health::up());
                view.config_schema = Some(entry.factory.schema());
                view
            })
            .collect();
        views.extend(kinds);
        views
    }

    /// What keeps plugins from working, in sentences.
    pub(super) fn plugin_problems(&self) -> Vec<String> {
        let plugins = &self.inner.plugins;
        let fetchers = plugins.fetchers.all().into_iter();
        let fetchers = fetchers.map(|(name, entry)| ("fetcher", name, entry.fetcher.health()));
        let schedules = plugins.schedules.all().into_iter();
        let schedules = schedules.map(|(name, entry)| ("schedule", name, entry.factory.health()));
        let listeners = plugins.listeners.all().into_iter();
        let listeners = listeners.map(|(name, entry)| ("listener", name, entry.health()));
        fetchers
            .chain(schedules)
            .chain(listeners)
            .filter_map(|(role, name, health)| {
                let health = plugins.noted(role, &name, health);
                Some(format!("{role} {name:?}: {}", health.problem?))
            })
            .collect()
    }

    async fn store_view(&self) -> PluginView {
        let store = self.store();
        let version = env!("CARGO_PKG_VERSION");
        let health = match self.ready().await {
            Ok(()) => Health::up(),
            Err(error) => Health::down(error.to_string()),
        };
        let origin = &self.inner.plugins.store_origin;
        let version = if origin == "built in" { version } else { "" };
        PluginView::new("store", store.kind(), version, origin, health)
    }

    fn listener(&self, entry: &ListenerEntry) -> PluginView {
        let plugins = &self.inner.plugins;
        let health = plugins.noted("listener", &entry.name, entry.health());
        let mut view = PluginView::new(
            "listener",
            &entry.name,
            &entry.info.version,
            &entry.origin,
            health,
        );
        let counters = &entry.counters;
        for (name, count) in [
            ("delivered", &counters.delivered),
            ("retried", &counters.retried),
            ("failed", &counters.failed),
        ] {
            view.counters
                .insert(name.into(), count.load(Ordering::Relaxed));
        }
        view.config_schema = entry.config_schema.clone();
        view
    }
}

fn fetcher(plugins: &Plugins, entry: &FetcherEntry) -> PluginView {
    let health = plugins.noted("fetcher", &entry.name, entry.fetcher.health());
    let mut view = PluginView::new(
        "fetcher",
        &entry.name,
        &entry.info.version,
        &entry.origin,
        health,
    );
    view.counters.extend(entry.fetches.counted());
    if let Some(factory) = &entry.factory {
        view.config_schema = Some(factory.schema());
        view.job_schema = factory.options_schema();
    }
    view
}

fn schedule(plugins: &Plugins, kind: &str, entry: &ScheduleEntry) -> PluginView {
    let factory = &entry.factory;
    let health = plugins.noted("schedule", kind, factory.health());
    let mut view = PluginView::new("schedule", kind, &factory.version(), &entry.origin, health);
    view.config_schema = entry.config_schema.clone();
    view.job_schema = Some(factory.schema());
    view
}
