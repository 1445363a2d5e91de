//! Running a job for fire times of the past: one run after the other, gone on with after a crash by whichever host is there.
//!
//! A backfill's document holds the run that is to be next before it is claimed, so that it is never run twice.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stock_scheduler_sdk::{
    HostId, Job, JobId, RequestId, RunId, RunStatus, Schedule, StoreError, StoreErrorKind,
};
use tokio::sync::broadcast;

use super::fields::{self, Fields};
use super::forecast::{Ends, midnight, next_running};
use super::{Examined, FieldError, Host, HostError};

pub(super) const NAMESPACE: &str = "backfill";
/// The most fire times of one backfill.
const MOST: usize = 10_000;
/// How long one that has ended can be read.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
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
    /// The job's schedule when it was asked for: edits since do not count.
    pub(super) schedule: Value,
    /// All fire times up to this one are done.
    pub(super) position: DateTime<Utc>,
    /// The instant before which fire times lie.
    pub(super) until: DateTime<Utc>,
    /// Who works on it, and until when that holds without a sign.
    pub(super) owner: Option<(HostId, DateTime<Utc>)>,
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

    pub(super) fn count(&mut self, status: RunStatus) {
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
        let Examined { zone, problem, .. } = self.inner.plugins.examine(&stored.job);
        if let Some(problem) = problem {
            return Err(HostError::Conflict(format!(
                "the job cannot run: {problem}"
            )));
        }
        let schedule = self.plain_schedule(&stored.job, &stored.job.schedule)?;
        let begin = midnight(wish.start, zone) - TimeDelta::microseconds(1);
        let until = midnight(wish.end.succ_opt().unwrap_or(wish.end), zone).min(self.now());
        let total = fire_times(schedule.as_ref(), begin, until)
            .take(MOST + 1)
            .count();
        if !(1..=MOST).contains(&total) {
            let why = match total {
                0 => no_fire_time(wish, next_running(schedule.as_ref(), begin).err()),
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
            schedule: stored.job.schedule.clone(),
            position: begin,
            until,
            owner: None,
        };
        self.in_time(self.put_backfill(&backfill, 0)).await?;
        self.inner.backfills.notify_one();
        Ok(backfill)
    }

    /// The schedule `spec` of a job, without the policies that are about the future.
    pub(super) fn plain_schedule(
        &self,
        job: &Job,
        spec: &Value,
    ) -> Result<Box<dyn Schedule>, HostError> {
        let zone = job.timezone.unwrap_or(self.zone());
        let schedule = self.inner.plugins.schedule(spec, zone);
        schedule.map_err(|error| HostError::Conflict(format!("the job cannot run: {error}")))
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

    pub(super) async fn get_backfill(
        &self,
        id: &str,
    ) -> Result<Option<(Backfill, u64)>, StoreError> {
        let record = self.inner.store.record_get(NAMESPACE, id).await?;
        Ok(record
            .and_then(|record| Some((serde_json::from_value(record.value).ok()?, record.revision))))
    }

    /// Every step of the backfills that this host works on, or was asked for, from now on. One that comes too late for
    /// some hears of the next.
    pub fn backfill_progress(&self) -> broadcast::Receiver<Arc<Backfill>> {
        self.inner.progress.subscribe()
    }

    pub(super) async fn put_backfill(
        &self,
        backfill: &Backfill,
        expected: u64,
    ) -> Result<u64, StoreError> {
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

fn no_fire_time(wish: BackfillWish, ends: Option<Ends>) -> String {
    let why = ends.map_or(String::new(), |ends| format!(": {}", ends.reason));
    let BackfillWish { start, end } = wish;
    format!("the job has no fire time from {start} to {end} that is past{why}")
}

/// The fire times after `from` and before `until` that are not to be skipped.
pub(super) fn fire_times(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> + '_ {
    let mut instant = from;
    std::iter::from_fn(move || {
        let fire = next_running(schedule, instant).ok()?;
        instant = fire.at;
        (fire.at < until).then_some(fire.at)
    })
}
