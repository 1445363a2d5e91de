//! Questions about the whole: how the service is, which jobs there are, what was stored.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{
    DataKey, DatasetPage, DatasetQuery, Fire, FireQuery, JobCounts, JobPage, JobQuery, JobStatus,
    RunPage, RunQuery,
};

use super::{DATASET_NOT_FOUND, FetcherEntry, Host, HostError};
use crate::metrics;

/// How the service is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// Whether it fires jobs.
    pub running: bool,
    /// The store's present instant, as far as it is known.
    pub now: DateTime<Utc>,
    /// When the service started.
    pub started_at: DateTime<Utc>,
    /// How many jobs there are; while the store is away, the last that was known.
    pub counts: Arc<JobCounts>,
    /// The word for the kind of store.
    pub store: &'static str,
    /// Whether it answers.
    pub store_ok: bool,
    /// How long its last answer took, in microseconds.
    pub store_latency: u64,
    /// The names of the registered fetchers.
    pub fetchers: Vec<String>,
    /// The registered kinds of schedules.
    pub schedules: Vec<String>,
    /// What somebody should see to, in sentences.
    pub warnings: Vec<String>,
}

impl Host {
    /// How the service is. Answers also while the store is away.
    pub async fn status(&self) -> Status {
        let counts = self.counts().await;
        let store_ok = counts.is_ok();
        let mut last = self
            .inner
            .last_counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Ok(counts) = counts {
            *last = counts;
        }
        Status {
            running: self.inner.engine.fires && !self.inner.engine.stop.is_cancelled(),
            now: self.now(),
            started_at: self.inner.started_at,
            counts: last.clone(),
            store: self.inner.store.kind(),
            store_ok,
            store_latency: self.inner.latency.load(Ordering::Relaxed),
            fetchers: self.inner.plugins.fetchers.names(),
            schedules: self.inner.plugins.schedules.names(),
            warnings: self.warnings(),
        }
    }

    /// What somebody should see to, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let problem = self.inner.calendar_problem.lock();
        let problem = problem.unwrap_or_else(PoisonError::into_inner).clone();
        let wrong = problem.map(|why| format!("calendar files are wrong and not in force: {why}"));
        let followed = self.followed_calendars();
        let ending = followed.iter().filter_map(|calendar| calendar.warning());
        let plugins = self.plugin_problems();
        wrong.into_iter().chain(ending).chain(plugins).collect()
    }

    async fn counts(&self) -> Result<Arc<JobCounts>, HostError> {
        self.inner.bus.catch_up().await?;
        if let Some(counts) = self.inner.cache.counts() {
            return Ok(counts);
        }
        self.ready().await?;
        let version = self.inner.cache.version();
        let counts = Arc::new(self.in_time(self.inner.store.counts()).await?);
        for status in JobStatus::ALL {
            metrics::jobs(
                status.as_str(),
                counts.by_status.get(&status).copied().unwrap_or(0),
            );
        }
        self.inner.cache.keep_counts(version, counts.clone());
        Ok(counts)
    }

    /// One page of jobs.
    pub async fn jobs(&self, query: &JobQuery) -> Result<JobPage, HostError> {
        Ok(self.in_time(self.inner.store.list(query)).await?)
    }

    /// One page of a job's runs, newest first.
    pub async fn runs(&self, query: &RunQuery) -> Result<RunPage, HostError> {
        self.job(&query.job).await?;
        Ok(self.in_time(self.inner.store.runs(query)).await?)
    }

    /// A job's decided fires, newest first.
    pub async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, HostError> {
        self.job(&query.job).await?;
        Ok(self.in_time(self.inner.store.fires(query)).await?)
    }

    /// One page of the stored windows.
    pub async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, HostError> {
        Ok(self.in_time(self.inner.store.datasets(query)).await?)
    }

    /// The stored records of a window, as a JSON array.
    pub async fn dataset(&self, key: &DataKey) -> Result<String, HostError> {
        self.in_time(self.inner.store.dataset(key))
            .await?
            .ok_or(DATASET_NOT_FOUND)
    }

    /// The stored records of the newest window of a symbol.
    pub async fn latest_dataset(
        &self,
        prefix: &str,
        symbol: &str,
    ) -> Result<(DataKey, String), HostError> {
        let key = self
            .in_time(self.inner.store.latest(prefix, symbol))
            .await?
            .ok_or(DATASET_NOT_FOUND)?;
        let records = self.dataset(&key).await?;
        Ok((key, records))
    }
}

impl Host {
    /// The registered kinds of schedules, each with the JSON Schema of its fields.
    pub fn schedule_schemas(&self) -> Vec<(String, serde_json::Value)> {
        let schedules = self.inner.plugins.schedules.all().into_iter();
        schedules
            .map(|(kind, entry)| (kind, entry.factory.schema()))
            .collect()
    }

    /// The registered fetchers that tell which options jobs have for them, each with the JSON Schema of these.
    pub fn options_schemas(&self) -> Vec<(String, serde_json::Value)> {
        let fetchers = self.inner.plugins.fetchers.all().into_iter();
        fetchers
            .filter_map(|(name, entry)| Some((name, entry.factory.as_ref()?.options_schema()?)))
            .collect()
    }

    /// The intervals that any registered fetcher has, as words.
    pub fn intervals(&self) -> std::collections::BTreeSet<String> {
        let fetchers = self.inner.plugins.fetchers.all();
        let intervals = fetchers
            .iter()
            .flat_map(|(_, fetcher)| &fetcher.info.intervals);
        intervals.map(ToString::to_string).collect()
    }

    /// A registered fetcher, and what checks the options of its jobs.
    pub(crate) fn fetcher(&self, name: &str) -> Option<Arc<FetcherEntry>> {
        self.inner.plugins.fetcher(name)
    }

    /// What makes schedules of a registered kind.
    pub(crate) fn schedule_kind(
        &self,
        kind: &str,
    ) -> Option<Arc<dyn stock_scheduler_sdk::ScheduleFactory>> {
        let entry = self.inner.plugins.schedules.get(kind)?;
        Some(entry.factory.clone())
    }

    /// A registered listener.
    pub(crate) fn listener_named(
        &self,
        name: &str,
    ) -> Option<Arc<dyn stock_scheduler_sdk::Listener>> {
        let entry = self.inner.plugins.listeners.get(name)?;
        Some(entry.listener.clone())
    }

    /// The names of the registered fetchers.
    pub fn fetcher_names(&self) -> Vec<String> {
        self.inner.plugins.fetchers.names()
    }
}
