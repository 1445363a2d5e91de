//! Carries events to one listener: each at least once, in the order of the log as far as the listener gets on, again and
//! again for a day where it does not.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use stock_scheduler_sdk::{
    Delivery, DeliveryError, DeliveryErrorKind, Event, EventId, EventKind, Job, JobId, RunQuery,
    RunStatus, StoreError,
};
use tokio::time::Instant;

use super::backoff::wait_after;
use super::follower::Follower;
use super::ledger::{self, DeliveryRecord, DeliveryStatus, Try};
use crate::host::{Host, ListenerEntry};
use crate::metrics;

/// So many deliveries may wait for another try; while there are more, the log is not read on.
const MOST_PENDING: usize = 10_000;
/// After so many tries that failed one after the other, a listener is left alone for a while; new events wait too.
const FAILURES: u32 = 3;
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);
/// How many jobs are remembered for their events.
const JOBS: usize = 1_000;
/// How many of a job's last runs are looked through for the one before.
const RUNS: usize = 20;

/// Which events a listener is told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Only those of this job.
    pub(super) job: Option<JobId>,
    /// Only those of these names; empty: all.
    pub(super) events: Vec<String>,
}

impl Wanted {
    fn has(&self, event: &Event) -> bool {
        let names = &self.events;
        self.job.as_ref().is_none_or(|job| *job == event.job)
            && (names.is_empty() || names.iter().any(|name| name == event.kind.name()))
    }
}

/// The deliveries to one listener.
pub(super) struct Carrier {
    host: Host,
    /// Under which name its place in the log and its deliveries are kept.
    key: String,
    entry: Arc<ListenerEntry>,
    wanted: Wanted,
    /// Whether what arrived is remembered too, and not only what did not.
    keeps_log: bool,
    follower: Follower,
    /// What is to be tried again, by time.
    pending: BTreeMap<(DateTime<Utc>, EventId), DeliveryRecord>,
    /// How many tries failed one after the other.
    failures: u32,
    /// How often it was found not to get on, one time after the other, and until when it is left alone since.
    rests: u32,
    rests_until: Option<DateTime<Utc>>,
    jobs: HashMap<JobId, Option<Arc<Job>>>,
}

/// How carrying ended.
pub(super) enum Ended {
    /// The listener wants no more; why.
    Gone(String),
    /// The service stops.
    Stopped,
}

impl Carrier {
    pub(super) async fn open(
        host: Host,
        key: String,
        entry: Arc<ListenerEntry>,
        wanted: Wanted,
        keeps_log: bool,
    ) -> Result<Self, StoreError> {
        let follower = Follower::open(&host, &key).await?;
        let mut carrier = Self {
            host,
            key,
            entry,
            wanted,
            keeps_log,
            follower,
            pending: BTreeMap::new(),
            failures: 0,
            rests: 0,
            rests_until: None,
            jobs: HashMap::new(),
        };
        carrier.read_pending().await?;
        Ok(carrier)
    }

    async fn read_pending(&mut self) -> Result<(), StoreError> {
        let store = self.host.store().clone();
        let mut after = None;
        loop {
            let page = ledger::page(
                store.as_ref(),
                ledger::PENDING,
                &self.key,
                after.as_deref(),
                500,
            )
            .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.place());
            for record in page {
                self.wait_for(record);
            }
        }
    }

    /// Carries until the listener is gone or the service stops; fails when the store is away. Dropping it loses nothing.
    pub(super) async fn run(mut self) -> Result<Ended, StoreError> {
        let stop = self.host.stopping();
        loop {
            let retry_at = self.pending.first_key_value().map(|((at, _), _)| *at);
            let retry_at = retry_at.map(|at| at.max(self.rests_until.unwrap_or(at)));
            let remember_at = self.follower.remember_at();
            let has_room = self.pending.len() < MOST_PENDING;
            tokio::select! {
                events = self.follower.next(), if has_room => {
                    let events = events?;
                    if let Some(why) = self.carry(events).await? {
                        return Ok(Ended::Gone(why));
                    }
                }
                () = until(&self.host, retry_at) => {
                    if let Some(why) = self.try_again().await? {
                        return Ok(Ended::Gone(why));
                    }
                }
                () = sleep_until(remember_at) => self.follower.remember().await?,
                () = stop.cancelled() => {
                    self.follower.remember().await?;
                    return Ok(Ended::Stopped);
                }
            }
        }
    }

    /// Tries new events for the first time; answers why the listener is gone, if it is.
    async fn carry(&mut self, events: Vec<Event>) -> Result<Option<String>, StoreError> {
        let mut records = Vec::new();
        for event in events {
            if is_about_the_definition(&event.kind) {
                self.jobs.remove(&event.job);
            }
            if self.wanted.has(&event) {
                records.push(DeliveryRecord::new(event));
            }
        }
        let gone = self.try_all(records, true).await?;
        if self
            .follower
            .remember_at()
            .is_some_and(|at| at <= Instant::now())
        {
            self.follower.remember().await?;
        }
        Ok(gone)
    }

    /// Tries what is due again.
    async fn try_again(&mut self) -> Result<Option<String>, StoreError> {
        let mut due = Vec::new();
        let now = self.host.now();
        while let Some(first) = self
            .pending
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            due.push(first.remove());
            if due.len() >= self.entry.info.concurrency.max(1) {
                break;
            }
        }
        due.sort_by_key(|record| record.event);
        // Whether it gets on again is found out with these.
        (self.failures, self.rests_until) = (0, None);
        self.try_all(due, false).await
    }

    async fn try_all(
        &mut self,
        records: Vec<DeliveryRecord>,
        is_new: bool,
    ) -> Result<Option<String>, StoreError> {
        let mut jobs = Vec::new();
        for record in &records {
            jobs.push(self.job(&record.job).await);
        }
        let (host, entry) = (self.host.clone(), self.entry.clone());
        // Who keeps a log of its own, as webhooks do, is told what happened and no more.
        let tells_previous = !self.keeps_log;
        let concurrency = entry.info.concurrency.max(1);
        let mut waiting = records.into_iter().zip(jobs);
        let mut tries = FuturesUnordered::new();
        let mut gone = None;
        loop {
            while tries.len() < concurrency
                && gone.is_none()
                && self.gets_on()
                && let Some((record, job)) = waiting.next()
            {
                let (host, entry) = (host.clone(), entry.clone());
                tries.push(async move {
                    let previous = match tells_previous {
                        true => previous(&host, &record).await,
                        false => None,
                    };
                    attempt(&host, &entry, record, job, previous).await
                });
            }
            let Some((record, outcome)) = tries.next().await else {
                break;
            };
            if let Some(why) = self.settle(record, outcome, is_new).await? {
                gone = Some(why);
            }
        }
        if self.failures >= FAILURES && self.rests_until.is_none() {
            self.rests += 1;
            let rest = FIRST_REST * 2u32.saturating_pow(self.rests - 1);
            self.rests_until = Some(self.host.now() + rest.min(LONGEST_REST));
        }
        // These wait with those that failed, and count no try.
        for (mut record, _) in waiting {
            record.next_at = Some(self.rests_until.unwrap_or_else(|| self.host.now()));
            ledger::keep(self.host.store().as_ref(), &self.key, &record, is_new).await?;
            self.wait_for(record);
        }
        Ok(gone)
    }

    /// Whether it is worth to try.
    fn gets_on(&self) -> bool {
        self.failures < FAILURES && self.rests_until.is_none_or(|end| end <= self.host.now())
    }

    /// Remembers what became of a try; answers why the listener is gone, if it is.
    async fn settle(
        &mut self,
        mut record: DeliveryRecord,
        outcome: Result<(), DeliveryError>,
        is_new: bool,
    ) -> Result<Option<String>, StoreError> {
        let counters = &self.entry.counters;
        let mut gone = None;
        match outcome {
            Ok(()) => {
                (self.failures, self.rests, self.rests_until) = (0, 0, None);
                record.status = DeliveryStatus::Delivered;
                counters.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => match self.wait(&error, record.attempts) {
                Some(wait) => {
                    self.failures += 1;
                    record.next_at = Some(self.host.now() + wait);
                    counters.retried.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    record.status = DeliveryStatus::Failed;
                    counters.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(listener = self.entry.name, event = %record.event, %error, "an event is given up");
                    if error.kind() == DeliveryErrorKind::Gone {
                        gone = Some(error.to_string());
                    }
                }
            },
        }
        metrics::delivery(&self.entry.kind, record.status.as_str());
        let is_over = record.status != DeliveryStatus::Pending;
        if is_over {
            record.next_at = None;
        }
        let store = self.host.store();
        if record.status == DeliveryStatus::Delivered && !self.keeps_log {
            if !is_new {
                let key = ledger::key(&self.key, &record.place());
                ledger::delete(store.as_ref(), ledger::PENDING, &key).await?;
            }
        } else {
            ledger::keep(store.as_ref(), &self.key, &record, is_new).await?;
        }
        if !is_over {
            self.wait_for(record);
        }
        Ok(gone)
    }

    /// How long until a failed delivery is tried again; `None`: it is given up.
    fn wait(&self, error: &DeliveryError, attempts: u32) -> Option<Duration> {
        let wait = wait_after(attempts, draw());
        match error.kind() {
            DeliveryErrorKind::Refused | DeliveryErrorKind::Gone => None,
            DeliveryErrorKind::RateLimited { retry_after } => {
                wait.map(|wait| wait.max(retry_after.unwrap_or_default()))
            }
            _ => wait,
        }
    }

    fn wait_for(&mut self, record: DeliveryRecord) {
        let at = record.next_at.unwrap_or_default();
        self.pending.insert((at, record.event), record);
    }

    /// The job as it is; read once until an event says that it changed.
    async fn job(&mut self, id: &JobId) -> Option<Arc<Job>> {
        if let Some(known) = self.jobs.get(id) {
            return known.clone();
        }
        let read = self.host.store().jobs(std::slice::from_ref(id)).await;
        let job = read
            .ok()?
            .pop()
            .flatten()
            .map(|stored| Arc::new(stored.job));
        if self.jobs.len() >= JOBS {
            self.jobs.clear();
        }
        self.jobs.insert(id.clone(), job.clone());
        job
    }
}

/// Tries to deliver once.
pub(in crate::host) async fn attempt(
    host: &Host,
    entry: &ListenerEntry,
    mut record: DeliveryRecord,
    job: Option<Arc<Job>>,
    previous: Option<RunStatus>,
) -> (DeliveryRecord, Result<(), DeliveryError>) {
    let mut delivery = Delivery::new(record.told())
        .with_id(&record.id)
        .with_attempt(record.attempts + 1);
    delivery.job = job;
    delivery.previous = previous;
    let (at, begun) = (host.now(), Instant::now());
    let delivered = AssertUnwindSafe(entry.listener.deliver(&delivery)).catch_unwind();
    let outcome = match tokio::time::timeout(entry.info.timeout, delivered).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(failed("the listener panicked")),
        Err(_) => Err(failed(format!("no answer within {:?}", entry.info.timeout))),
    };
    let error = outcome.as_ref().err();
    record.tried(Try {
        at,
        seconds: begun.elapsed().as_secs_f64(),
        status: error.and_then(DeliveryError::status),
        error: error.map(ToString::to_string),
    });
    (record, outcome)
}

fn failed(message: impl Into<String>) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Unavailable, message)
}

/// How the job's run before the one that ended ended.
async fn previous(host: &Host, record: &DeliveryRecord) -> Option<RunStatus> {
    let EventKind::JobFinished { execution_id, .. } = &record.kind else {
        return None;
    };
    let query = RunQuery {
        job: record.job.clone(),
        status: None,
        after: None,
        limit: RUNS,
    };
    let page = host.store().runs(&query).await.ok()?;
    let mut older = page
        .runs
        .iter()
        .skip_while(|run| run.id != *execution_id)
        .skip(1);
    older
        .find(|run| run.status != RunStatus::Running)
        .map(|run| run.status)
}

fn is_about_the_definition(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::JobCreated { .. }
            | EventKind::JobUpdated { .. }
            | EventKind::JobDeleted { .. }
            | EventKind::JobActivated { .. }
            | EventKind::JobDeactivated { .. }
    )
}

/// Waits until the store's clock shows `at`; for ever without one. It looks at least once a second.
async fn until(host: &Host, at: Option<DateTime<Utc>>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    while let Ok(left) = (at - host.now()).to_std()
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A number from 0 up to 1.
fn draw() -> f64 {
    let (bits, _) = uuid::Uuid::new_v4().as_u64_pair();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
