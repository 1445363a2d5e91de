//! What was read from the store and still holds: jobs and counts, dropped as soon as an event says that they changed.
//!
//! A reader first lets the bus catch up, so that what it finds here shows every write that any instance acknowledged
//! before the question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Event, EventKind, JobCounts, JobId, StoredJob};

/// How many jobs each of the two generations holds.
const GENERATION: usize = 4_096;

/// A job as clients see it, with its bytes on the wire once somebody has asked for them.
#[derive(Debug)]
pub struct JobView {
    /// Definition and state.
    pub stored: StoredJob,
    /// The zone in which its times are shown.
    pub zone: Tz,
    /// Why it cannot fire, if so.
    pub problem: Option<String>,
    /// Its next fire that will run: fires that are to be skipped may come before it.
    pub next_run: Option<DateTime<Utc>>,
    wire: OnceLock<Bytes>,
}

impl JobView {
    pub(crate) fn new(
        stored: StoredJob,
        zone: Tz,
        problem: Option<String>,
        next_run: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            stored,
            zone,
            problem,
            next_run,
            wire: OnceLock::new(),
        }
    }

    /// The job in the form that `format` gives it the first time.
    pub(crate) fn wire(&self, format: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.wire.get_or_init(|| format(self)).clone()
    }
}

/// Jobs in two generations: when the young one is full it becomes the old one, and what nobody has asked for since is
/// forgotten.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    young: HashMap<JobId, Arc<JobView>>,
    old: HashMap<JobId, Arc<JobView>>,
    counts: Option<Arc<JobCounts>>,
    /// Grows with everything that is dropped: what was read under an older version may be out of date.
    version: u64,
}

impl Cache {
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    pub(crate) fn job(&self, id: &JobId) -> Option<Arc<JobView>> {
        let mut inner = self.lock();
        if let Some(view) = inner.young.get(id) {
            return Some(view.clone());
        }
        let view = inner.old.remove(id)?;
        inner.keep(id.clone(), view.clone());
        Some(view)
    }

    pub(crate) fn counts(&self) -> Option<Arc<JobCounts>> {
        self.lock().counts.clone()
    }

    /// Keeps a job that was read after `version` was asked for, unless something changed in between.
    pub(crate) fn keep_job(&self, version: u64, view: Arc<JobView>) {
        let mut inner = self.lock();
        if inner.version == version {
            inner.keep(view.stored.job.id.clone(), view);
        }
    }

    pub(crate) fn keep_counts(&self, version: u64, counts: Arc<JobCounts>) {
        let mut inner = self.lock();
        if inner.version == version {
            inner.counts = Some(counts);
        }
    }

    /// Drops what an event makes out of date.
    pub(crate) fn hear(&self, event: &Event) {
        if matches!(
            event.kind,
            EventKind::StockFetched { .. } | EventKind::StockFailed { .. }
        ) {
            return;
        }
        let mut inner = self.lock();
        inner.version += 1;
        inner.counts = None;
        inner.young.remove(&event.job);
        inner.old.remove(&event.job);
    }

    /// Drops everything.
    pub(crate) fn forget(&self) {
        let mut inner = self.lock();
        *inner = Inner {
            version: inner.version + 1,
            ..Inner::default()
        };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, id: JobId, view: Arc<JobView>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, view);
    }
}
