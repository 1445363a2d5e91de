//! What the service knows without asking the file: how many jobs and runs there are, where the log ends, who lives.
//!
//! Only one service may write the file, so the sums are read once when it is opened and kept up with each commit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use stock_scheduler_sdk::{Event, EventId, HostId, JobStatus};
use tokio::sync::watch;

use crate::fault::Outcome;
use crate::text::{Text, Word};
use crate::{events, pending};

/// How many events are kept in memory.
const RECENT: usize = 4_096;

/// The sums. The writer works on its own copy, which becomes everybody's when the file has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    jobs: BTreeMap<JobStatus, u64>,
    /// Runs that go, by the host that holds them.
    going: BTreeMap<HostId, u64>,
    /// The newest event of all.
    pub(crate) last_event: EventId,
    /// The newest event that is no longer kept.
    pub(crate) forgotten_event: EventId,
    /// The newest row of `pending_results`, and the newest that became rows of other tables.
    pub(crate) appended: i64,
    pub(crate) settled: i64,
    /// How many bytes the rows between these have.
    pub(crate) pending: u64,
    /// How many events were logged since the log was trimmed.
    pub(crate) logged: usize,
}

impl Ledger {
    /// Adds up what the file holds.
    pub(crate) fn read(file: &Connection) -> Outcome<Self> {
        let mut ledger = Self::default();
        let mut by_status = file.prepare(
            "SELECT status, count(*) FROM jobs INDEXED BY jobs_by_status GROUP BY status",
        )?;
        let mut rows = by_status.query([])?;
        while let Some(row) = rows.next()? {
            let count: i64 = row.get(1)?;
            ledger
                .jobs
                .insert(row.get::<_, Word<_>>(0)?.0, count.cast_unsigned());
        }
        let mut by_host =
            file.prepare("SELECT host, count(*) FROM runs WHERE status = 'running' GROUP BY host")?;
        let mut rows = by_host.query([])?;
        while let Some(row) = rows.next()? {
            let count: i64 = row.get(1)?;
            ledger
                .going
                .insert(row.get::<_, Text<_>>(0)?.0, count.cast_unsigned());
        }
        (ledger.appended, ledger.settled, ledger.pending) =
            file.query_row(pending::WEIGHT, [], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get::<_, i64>(2)?.cast_unsigned(),
                ))
            })?;
        let forgotten = "SELECT ms, seq FROM forgotten_events";
        ledger.forgotten_event = file.query_row(forgotten, [], events::id)?;
        let last = "SELECT ms, seq FROM events ORDER BY ms DESC, seq DESC LIMIT 1";
        let logged = file.query_row(last, [], events::id).optional()?;
        let pending = file
            .query_row(pending::LAST_EVENT, [], events::id)
            .optional()?;
        ledger.last_event = logged.max(pending).unwrap_or(ledger.forgotten_event);
        Ok(ledger)
    }

    pub(crate) fn add_job(&mut self, status: JobStatus) {
        *self.jobs.entry(status).or_default() += 1;
    }

    pub(crate) fn remove_job(&mut self, status: JobStatus) {
        subtract(&mut self.jobs, status);
    }

    pub(crate) fn add_run(&mut self, host: HostId) {
        *self.going.entry(host).or_default() += 1;
    }

    pub(crate) fn remove_run(&mut self, host: HostId) {
        subtract(&mut self.going, host);
    }

    pub(crate) fn jobs(&self) -> &BTreeMap<JobStatus, u64> {
        &self.jobs
    }

    pub(crate) fn runs(&self) -> u64 {
        self.going.values().sum()
    }
}

fn subtract<K: Ord>(sums: &mut BTreeMap<K, u64>, key: K) {
    if let Some(sum) = sums.get_mut(&key) {
        *sum = sum.saturating_sub(1);
        if *sum == 0 {
            sums.remove(&key);
        }
    }
}

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    ledger: Mutex<Ledger>,
    /// Until when each host counts as living. Never written: whoever opens the file finds all hosts dead.
    leases: Mutex<HashMap<HostId, DateTime<Utc>>>,
    recent: Mutex<Recent>,
    last_event: watch::Sender<EventId>,
}

/// The newest events, so that who listens need not ask the file.
#[derive(Debug)]
struct Recent {
    /// All events after this one are here.
    after: EventId,
    events: VecDeque<Event>,
}

impl Shared {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            recent: Mutex::new(Recent {
                after: ledger.last_event,
                events: VecDeque::new(),
            }),
            last_event: watch::Sender::new(ledger.last_event),
            ledger: Mutex::new(ledger),
            leases: Mutex::default(),
        }
    }

    /// Makes known what was committed, and wakes who waits for events.
    pub(crate) fn publish(&self, ledger: &Ledger, told: &mut Vec<Event>) {
        *lock(&self.ledger) = ledger.clone();
        lock(&self.recent).add(told);
        self.last_event.send_if_modified(|last| {
            let is_news = *last != ledger.last_event;
            *last = ledger.last_event;
            is_news
        });
    }

    /// Up to `limit` events after `after`; `None` where only the file has them.
    pub(crate) fn recent(&self, after: EventId, limit: usize) -> Option<Vec<Event>> {
        let recent = lock(&self.recent);
        if after < recent.after {
            return None;
        }
        let first = recent.events.partition_point(|event| event.id <= after);
        Some(recent.events.range(first..).take(limit).cloned().collect())
    }

    pub(crate) fn ledger(&self) -> Ledger {
        lock(&self.ledger).clone()
    }

    /// The newest row of `pending_results`.
    pub(crate) fn appended(&self) -> i64 {
        lock(&self.ledger).appended
    }

    /// Whether this row of `pending_results` became rows of other tables.
    pub(crate) fn is_settled(&self, seq: i64) -> bool {
        lock(&self.ledger).settled >= seq
    }

    pub(crate) fn forgotten_event(&self) -> EventId {
        lock(&self.ledger).forgotten_event
    }

    /// Follows where the log ends.
    pub(crate) fn watch_events(&self) -> watch::Receiver<EventId> {
        self.last_event.subscribe()
    }

    pub(crate) fn renew(&self, host: HostId, until: DateTime<Utc>, now: DateTime<Utc>) {
        let mut leases = lock(&self.leases);
        leases.retain(|_, until| *until > now);
        leases.insert(host, until);
    }

    pub(crate) fn retire(&self, host: HostId) {
        lock(&self.leases).remove(&host);
    }

    pub(crate) fn lives(&self, host: HostId, now: DateTime<Utc>) -> bool {
        lock(&self.leases)
            .get(&host)
            .is_some_and(|until| *until > now)
    }

    /// The hosts that hold runs and no longer live.
    pub(crate) fn dead_hosts(&self, now: DateTime<Utc>) -> Vec<HostId> {
        let ledger = lock(&self.ledger);
        let hosts = ledger.going.keys().copied();
        hosts.filter(|host| !self.lives(*host, now)).collect()
    }
}

impl Recent {
    fn add(&mut self, told: &mut Vec<Event>) {
        self.events.extend(told.drain(..));
        while self.events.len() > RECENT {
            self.after = self.events.pop_front().map_or(self.after, |event| event.id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
