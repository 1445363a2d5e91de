//! Running a job for fire times of the past: one run after the other, gone on with after a crash by whichever host is there.
//!
//! A backfill's document holds the run that is to be next before it is claimed, so that it is never run twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stock_scheduler_sdk::{
    Claim, Claimed, HostId, JobId, Next, RequestId, Run, RunId, RunStatus, Schedule, StoreError,
    StoreErrorKind, StoredJob,
};
use tokio::sync::broadcast;

use super::fields::{self, Fields};
use super::preview::midnight;
use super::{Examined, FieldError, Host, HostError};
use crate::engine::plan;

const NAMESPACE: &str = "backfill";
/// The most fire times of one backfill.
const MOST: usize = 10_000;
/// How long a host that works on one counts as living without a sign of it.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How often backfills that nobody works on are looked for, and how often one looks at its run.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// How long one that has ended can be read.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How many are read at a time.
const PAGE: usize = 100;
const TRIES: usize = 20;

/// Which fire times are wanted: dates in the job's zone, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackfillWish {
    start: NaiveDate,
    end: NaiveDate,
}

/// How far a backfill is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Backfill {
    /// Its id.
    pub id: String,
    /// Whose fires are run.
    pub job: JobId,
    /// First date, in the job's zone.
    pub start: NaiveDate,
    /// Last date.
    pub end: NaiveDate,
    /// How it is.
    pub status: BackfillStatus,
    /// How many fire times it has.
    pub total: usize,
    /// How many of their runs ended with every symbol stored, with some, and with none.
    pub succeeded: usize,
    /// Some symbols stored.
    pub partial: usize,
    /// No symbol stored.
    pub failed: usize,
    /// The run under way, or the next one, with its fire time.
    pub current: Option<(DateTime<Utc>, RunId)>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// All fire times up to this one are done.
    position: DateTime<Utc>,
    /// The instant before which fire times lie.
    until: DateTime<Utc>,
    /// Who works on it, and until when that holds without a sign.
    owner: Option<(HostId, DateTime<Utc>)>,
}

/// How a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BackfillStatus {
    /// It goes on.
    Running,
    /// All its fire times have been run.
    Finished,
    /// Somebody ended it.
    Cancelled,
    /// Its job is gone, or cannot run.
    Failed,
}

impl BackfillStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl Backfill {
    /// How many of its fire times have been run.
    pub fn done(&self) -> usize {
        self.succeeded + self.partial + self.failed
    }

    fn count(&mut self, status: RunStatus) {
        match status {
            RunStatus::Success => self.succeeded += 1,
            RunStatus::PartialSuccess => self.partial += 1,
            _ => self.failed += 1,
        }
    }
}

impl BackfillWish {
    /// Reads a request's body.
    pub fn read(body: Value) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::new(body).map_err(|error| vec![error])?;
        fields.require("start_date");
        fields.require("end_date");
        let start = fields.take("start_date", fields::date).value().flatten();
        let end = fields.take("end_date", fields::date).value().flatten();
        let errors = fields.finish();
        match (start, end) {
            _ if !errors.is_empty() => Err(errors),
            (Some(start), Some(end)) if start <= end => Ok(Self { start, end }),
            (Some(start), Some(end)) => {
                let why =
                    format!("start_date {start} is after end_date {end}; it must not be later");
                Err(vec![FieldError::value("/start_date", why)])
            }
            _ => Err(vec![FieldError::value(
                "/start_date",
                "start_date and end_date must be dates",
            )]),
        }
    }
}

impl Host {
    /// Begins to run a job for its fire times of some past dates, as its schedule has them now.
    pub async fn backfill(&self, job: &JobId, wish: BackfillWish) -> Result<Backfill, HostError> {
        let stored = self.stored(job).await?;
        let Examined {
            schedule,
            zone,
            problem,
        } = self.inner.plugins.examine(&stored.job);
        let Some(schedule) = schedule.filter(|_| problem.is_none()) else {
            let problem = problem.unwrap_or_default();
            return Err(HostError::Conflict(format!(
                "the job cannot run: {problem}"
            )));
        };
        let begin = midnight(wish.start, zone) - TimeDelta::microseconds(1);
        let until = midnight(wish.end.succ_opt().unwrap_or(wish.end), zone).min(self.now());
        let total = fire_times(&schedule, begin, until).take(MOST + 1).count();
        if !(1..=MOST).contains(&total) {
            let why = match total {
                0 => format!(
                    "the job has no fire time from {} to {} that is past",
                    wish.start, wish.end
                ),
                _ => format!("there are more than {MOST} fire times; ask for fewer days"),
            };
            return Err(HostError::Invalid(vec![FieldError::value(
                "/start_date",
                why,
            )]));
        }
        let backfill = Backfill {
            id: RequestId::random().to_string(),
            job: job.clone(),
            start: wish.start,
            end: wish.end,
            status: BackfillStatus::Running,
            total,
            succeeded: 0,
            partial: 0,
            failed: 0,
            current: None,
            created_at: self.now(),
            position: begin,
            until,
            owner: None,
        };
        self.in_time(self.put_backfill(&backfill, 0)).await?;
        self.inner.backfills.notify_one();
        Ok(backfill)
    }

    /// How far a backfill is.
    pub async fn backfill_of(&self, id: &str) -> Result<Backfill, HostError> {
        let (backfill, _) = self
            .in_time(self.get_backfill(id))
            .await?
            .ok_or(BACKFILL_NOT_FOUND)?;
        Ok(backfill)
    }

    /// Ends a backfill and its run; answers whether it was still going.
    pub async fn cancel_backfill(&self, id: &str) -> Result<bool, HostError> {
        for _ in 0..TRIES {
            let found = self.in_time(self.get_backfill(id)).await?;
            let (mut backfill, revision) = found.ok_or(BACKFILL_NOT_FOUND)?;
            if backfill.status != BackfillStatus::Running {
                return Ok(false);
            }
            backfill.status = BackfillStatus::Cancelled;
            match self.in_time(self.put_backfill(&backfill, revision)).await {
                Err(error) if error.kind() == StoreErrorKind::Conflict => continue,
                written => written?,
            };
            if let Some((_, run)) = backfill.current {
                match self.cancel(run).await {
                    // It had not begun.
                    Ok(_) | Err(HostError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(true);
        }
        Err(HostError::Conflict(format!(
            "backfill {id} keeps changing; try again"
        )))
    }

    /// Works on backfills that nobody works on, until the service stops.
    pub(super) async fn work_on_backfills(self) {
        let mut mine: HashSet<String> = HashSet::new();
        let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
        loop {
            while let Ok(id) = ended.try_recv() {
                mine.remove(&id);
            }
            for backfill in self.going_backfills().await.unwrap_or_default() {
                let is_free = backfill.owner.is_none_or(|(host, until)| {
                    host == self.inner.engine.host || until < self.now()
                });
                if is_free && mine.insert(backfill.id.clone()) {
                    let (host, done, id) = (self.clone(), done.clone(), backfill.id);
                    self.inner.tasks.spawn(async move {
                        let work = host.work_on(&id);
                        if let Some(Err(error)) = host.stopping().run_until_cancelled(work).await {
                            tracing::warn!(backfill = id, %error, "the backfill is left for later");
                        }
                        let _ = done.send(id);
                    });
                }
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.inner.backfills.notified()).await;
        }
    }

    /// All backfills that go on; their jobs' fires wait for their runs, rather than be skipped.
    async fn going_backfills(&self) -> Result<Vec<Backfill>, StoreError> {
        let store = &self.inner.store;
        let (mut going, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store
                .record_scan(NAMESPACE, "", after.as_deref(), PAGE)
                .await?;
            after = page
                .last()
                .map(|(key, _)| key.clone())
                .filter(|_| page.len() == PAGE);
            let read = page
                .into_iter()
                .filter_map(|(_, record)| serde_json::from_value(record.value).ok());
            going.extend(read.filter(|one: &Backfill| one.status == BackfillStatus::Running));
            if after.is_none() {
                break;
            }
        }
        let jobs = going.iter().map(|backfill| backfill.job.clone()).collect();
        self.inner.engine.set_backfilled(jobs);
        Ok(going)
    }

    /// Runs what is left of a backfill, one fire time after the other.
    async fn work_on(&self, id: &str) -> Result<(), StoreError> {
        while let Some((mut backfill, revision)) = self.get_backfill(id).await? {
            let owner = backfill.owner.filter(|(_, until)| *until >= self.now());
            let is_mine = owner.is_none_or(|(host, _)| host == self.inner.engine.host);
            if backfill.status != BackfillStatus::Running || !is_mine {
                return Ok(());
            }
            let job = self
                .inner
                .store
                .jobs(std::slice::from_ref(&backfill.job))
                .await?
                .pop()
                .flatten();
            let before = backfill.clone();
            self.take_a_step(&mut backfill, job).await?;
            let holds = owner.is_some_and(|(_, until)| until > self.now() + LEASE / 2);
            if backfill == before && holds {
                continue;
            }
            backfill.owner = Some((self.inner.engine.host, self.now() + LEASE));
            match self.put_backfill(&backfill, revision).await {
                // Cancelled in between, or somebody else's by now.
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                written => drop(written?),
            }
        }
        Ok(())
    }

    /// Chooses the next fire time, or carries the chosen one a little further.
    async fn take_a_step(
        &self,
        backfill: &mut Backfill,
        job: Option<StoredJob>,
    ) -> Result<(), StoreError> {
        let examined = job
            .as_ref()
            .map(|stored| self.inner.plugins.examine(&stored.job));
        let schedule = examined.and_then(|examined| Some((examined.schedule?, examined.zone)));
        let (Some(stored), Some((schedule, zone))) = (job, schedule) else {
            backfill.status = BackfillStatus::Failed;
            return Ok(());
        };
        let Some((fire_time, run)) = backfill.current else {
            match fire_times(&schedule, backfill.position, backfill.until).next() {
                Some(fire_time) => backfill.current = Some((fire_time, RunId::random())),
                None => backfill.status = BackfillStatus::Finished,
            }
            return Ok(());
        };
        match self.inner.store.run(run).await? {
            Some(run) if run.status != RunStatus::Running => {
                backfill.count(run.status);
                backfill.position = fire_time;
                backfill.current = None;
                return Ok(());
            }
            Some(_) => {}
            None => self.begin_past_run(&stored, zone, fire_time, run).await?,
        }
        tokio::time::sleep(WATCH_EVERY).await;
        Ok(())
    }

    /// Claims the run of a past fire time, unless the job has something else to do now.
    async fn begin_past_run(
        &self,
        stored: &StoredJob,
        zone: chrono_tz::Tz,
        fire_time: DateTime<Utc>,
        id: RunId,
    ) -> Result<(), StoreError> {
        let is_due = stored.state.next.at().is_some_and(|at| at <= self.now());
        let engine = &self.inner.engine;
        let Some(slot) = engine.running.enter(id).filter(|_| !is_due) else {
            return Ok(());
        };
        let run = plan::past_run(&stored.job, zone, fire_time, id);
        let claim = Claim {
            job: stored.job.id.clone(),
            revision: stored.job.revision,
            advance: None,
            run: Some(run.clone()),
        };
        let answers = self.inner.store.claim(engine.host, vec![claim]).await;
        if let Some(Claimed::Granted(grant)) = answers.inspect_err(|_| engine.doubt())?.pop() {
            let run = Run::begun(run, engine.host, &grant);
            engine.start_run(slot, grant, run);
        }
        Ok(())
    }

    async fn get_backfill(&self, id: &str) -> Result<Option<(Backfill, u64)>, StoreError> {
        let record = self.inner.store.record_get(NAMESPACE, id).await?;
        Ok(record
            .and_then(|record| Some((serde_json::from_value(record.value).ok()?, record.revision))))
    }

    /// Every step of the backfills that this host works on, or was asked for, from now on. One that comes too late for
    /// some hears of the next.
    pub fn backfill_progress(&self) -> broadcast::Receiver<Arc<Backfill>> {
        self.inner.progress.subscribe()
    }

    async fn put_backfill(&self, backfill: &Backfill, expected: u64) -> Result<u64, StoreError> {
        let value = serde_json::to_value(backfill).ok();
        let ttl = (backfill.status != BackfillStatus::Running).then_some(KEPT);
        let written = self
            .inner
            .store
            .record_put(NAMESPACE, &backfill.id, expected, value, ttl)
            .await?;
        // Nobody may be listening.
        let _ = self.inner.progress.send(Arc::new(backfill.clone()));
        Ok(written)
    }
}

const BACKFILL_NOT_FOUND: HostError = HostError::NotFound("Backfill not found");

/// The fire times after `from` and before `until` that are not to be skipped.
fn fire_times(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> + '_ {
    let mut instant = from;
    let fires = std::iter::from_fn(move || match schedule.next_after(instant) {
        Next::At(fire) if fire.at > instant && fire.at < until => {
            instant = fire.at;
            Some(fire)
        }
        _ => None,
    });
    fires.filter(|fire| fire.skip.is_none()).map(|fire| fire.at)
}
