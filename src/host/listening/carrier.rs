//! Carries events to one listener: each at least once, in the order of the log as far as the listener gets on, again and
//! again for a day where it does not.
//!
//! What became of an event is written before the place in the log moves past it, so whoever goes on after a crash tries
//! again what was under way and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{
    DeliveryErrorKind, Event, EventId, EventKind, Job, JobId, RunStatus, StoreError, StoreErrorKind,
};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::address::{Address, Tried};
use super::backoff::is_no_news;
use super::follower::Follower;
use super::outbox::Outbox;
use super::previous::LastEnds;
use super::record::DeliveryRecord;
use super::rest::Rest;
use crate::host::Host;

/// So many deliveries may wait for another try; while there are more, the log is not read on.
const MOST_PENDING: usize = 10_000;
/// How long the place in the log may stay behind while nothing passes that the listener wants.
const LAZY: Duration = Duration::from_secs(30);
/// How many jobs are remembered for their events.
const JOBS: usize = 1_000;

/// The deliveries to one listener.
pub(super) struct Carrier {
    to: Arc<Address>,
    follower: Follower,
    /// What was read from the log and is not begun.
    waiting: VecDeque<DeliveryRecord>,
    /// What is under way: tasks, so that they go on while this one waits. One that has its turn at something which all share,
    /// and does not go on, would keep all others from it.
    tries: JoinSet<Result<Tried, StoreError>>,
    /// Of what waits or is under way, that of which nothing is written yet: the place in the log stays before it.
    unwritten: BTreeSet<EventId>,
    /// What is to be tried again.
    outbox: Outbox,
    /// What had been dealt with already where the log is read again.
    known: HashSet<EventId>,
    last_ends: LastEnds,
    rest: Rest,
    /// Whether the place in the log is to be remembered soon.
    has_moved: bool,
    jobs: HashMap<JobId, Option<Arc<Job>>>,
}

/// How carrying ended.
pub(super) enum Ended {
    /// The listener wants no more; why.
    Gone(String),
    /// It was to end.
    Stopped,
}

impl Carrier {
    /// Begins where the last one stopped that carried to this listener.
    pub(super) async fn open(to: Arc<Address>) -> Result<Self, StoreError> {
        let follower = Follower::open(&to.host, &to.key).await?;
        let (mut outbox, known) = Outbox::open(to.clone(), follower.place()).await?;
        let given_up = outbox.give_up_unwanted().await?;
        given_up.iter().for_each(|record| to.count(record));
        Ok(Self {
            to,
            follower,
            waiting: VecDeque::new(),
            tries: JoinSet::new(),
            unwritten: BTreeSet::new(),
            outbox,
            known,
            last_ends: LastEnds::default(),
            rest: Rest::default(),
            has_moved: false,
            jobs: HashMap::new(),
        })
    }

    /// Carries until the listener is gone or it is to end; fails when the store is away. Dropping it loses nothing.
    pub(super) async fn run(mut self) -> Result<Ended, StoreError> {
        let stop = self.to.stop.clone();
        let mut ended = None;
        loop {
            if stop.is_cancelled() {
                ended.get_or_insert(Ended::Stopped);
            }
            match ended {
                None => self.begin().await?,
                // What is under way may still arrive.
                Some(ended) if self.tries.is_empty() => {
                    self.remember().await?;
                    return Ok(ended);
                }
                Some(_) => {}
            }
            let goes_on = ended.is_none();
            let has_room = self.waiting.is_empty() && self.outbox.len() < MOST_PENDING;
            let (begin_at, remember_at) = (self.begin_at(), self.remember_at());
            tokio::select! {
                Some(tried) = self.tries.join_next() => {
                    let tried = tried.map_err(broken_off)??;
                    if let Some(why) = self.settle(tried).await? {
                        ended = Some(Ended::Gone(why));
                    }
                }
                events = self.follower.next(), if goes_on && has_room => self.take(events?),
                () = until(&self.to.host, begin_at), if goes_on => {}
                () = sleep_until(remember_at) => self.remember().await?,
                () = stop.cancelled(), if goes_on => {}
            }
        }
    }

    /// Lets events wait that were read from the log, where they are wanted, not dealt with already and still news.
    fn take(&mut self, events: Vec<Event>) {
        let now = self.to.host.now();
        for event in events {
            if is_about_the_definition(&event.kind) {
                self.jobs.remove(&event.job);
            }
            let previous = self.previous(&event);
            let is_wanted = self.to.wanted.has(&event.job, &event.kind);
            if is_wanted && !self.known.remove(&event.id) && !is_no_news(event.id, now) {
                self.unwritten.insert(event.id);
                let record = DeliveryRecord::new(event).after(previous);
                self.waiting.push_back(record);
            }
        }
        self.follower.hold(self.unwritten.first().copied());
    }

    /// How the run before ended, where a listener is told so and it is known from the log.
    fn previous(&mut self, event: &Event) -> Option<RunStatus> {
        match self.to.keeps_log() {
            true => None,
            false => self.last_ends.next(event),
        }
    }

    /// Begins as many tries as there may be now.
    async fn begin(&mut self) -> Result<(), StoreError> {
        let now = self.to.host.now();
        if let Some(until) = self.rest.until(now) {
            return self.put_off(until).await;
        }
        while self.tries.len() < self.at_once() {
            match self.next_due(now).await? {
                Some(record) => self.begin_try(record).await,
                None => break,
            }
        }
        Ok(())
    }

    fn at_once(&self) -> usize {
        self.rest.at_once(self.to.entry.info.concurrency)
    }

    /// When more can be begun, as far as that is known.
    fn begin_at(&self) -> Option<DateTime<Utc>> {
        let at = self.outbox.next_at();
        let at = at.filter(|_| self.tries.len() < self.at_once())?;
        Some(at.max(self.rest.until(self.to.host.now()).unwrap_or(at)))
    }

    /// What is to be tried next: what was tried before, then what is new.
    async fn next_due(&mut self, now: DateTime<Utc>) -> Result<Option<DeliveryRecord>, StoreError> {
        if let Some(record) = self.outbox.take_due(now).await? {
            return Ok(Some(record));
        }
        Ok(self.waiting.pop_front())
    }

    async fn begin_try(&mut self, record: DeliveryRecord) {
        // Who keeps a log of its own, as webhooks do, is told what happened and no more.
        let job = match self.to.keeps_log() {
            true => None,
            false => self.job(&record.job).await,
        };
        let carry = self.to.clone().carry(record, job);
        self.tries.spawn(carry);
    }

    /// Writes down what waits while the listener is left alone: the log may be trimmed by then.
    async fn put_off(&mut self, until: DateTime<Utc>) -> Result<(), StoreError> {
        for record in &mut self.waiting {
            record.next_at = Some(until);
            self.to.complete(record).await?;
        }
        let mut records = Vec::from(std::mem::take(&mut self.waiting));
        self.outbox.put(&mut records).await?;
        for record in records {
            self.is_written(record.event);
        }
        Ok(())
    }

    /// Goes on after a try; answers why the listener is gone, if it is.
    async fn settle(&mut self, tried: Tried) -> Result<Option<String>, StoreError> {
        let Tried { record, outcome } = tried;
        self.is_written(record.event);
        self.to.count(&record);
        self.outbox.add(&record);
        let now = self.to.host.now();
        let Err(error) = outcome else {
            if self.rest.succeeded() {
                *self.to.entry.lock_trouble() = None;
                self.outbox.hurry(now);
            }
            return Ok(None);
        };
        match error.kind() {
            DeliveryErrorKind::Gone => return Ok(Some(error.to_string())),
            // It says nothing about other events.
            DeliveryErrorKind::Refused => return Ok(None),
            DeliveryErrorKind::RateLimited { retry_after } if retry_after.is_some() => {
                record.next_at.into_iter().for_each(|at| self.rest.ask(at));
            }
            _ => {}
        }
        if self.rest.failed(now) {
            let why = format!("it does not take events, and is tried again: {error}");
            *self.to.entry.lock_trouble() = Some(why);
            let given_up = self.outbox.give_up_old(now).await?;
            given_up.iter().for_each(|record| self.to.count(record));
        }
        Ok(None)
    }

    fn is_written(&mut self, event: EventId) {
        self.has_moved |= self.unwritten.remove(&event);
        self.follower.hold(self.unwritten.first().copied());
    }

    fn remember_at(&self) -> Option<Instant> {
        let at = self.follower.remember_at()?;
        Some(if self.has_moved { at } else { at + LAZY })
    }

    async fn remember(&mut self) -> Result<(), StoreError> {
        self.has_moved = false;
        self.follower.remember().await
    }

    /// The job as it is; read once until an event says that it changed.
    async fn job(&mut self, id: &JobId) -> Option<Arc<Job>> {
        if let Some(known) = self.jobs.get(id) {
            return known.clone();
        }
        let read = self.to.host.store().jobs(std::slice::from_ref(id)).await;
        let job = read.ok()?.pop().flatten();
        let job = job.map(|stored| Arc::new(stored.job));
        if self.jobs.len() >= JOBS {
            self.jobs.clear();
        }
        self.jobs.insert(id.clone(), job.clone());
        job
    }
}

/// A try that was not written down; it is made again.
fn broken_off(error: JoinError) -> StoreError {
    let message = format!("a delivery was broken off: {error}");
    StoreError::new(StoreErrorKind::Unavailable, message)
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
