//! Jobs that follow others: arms each when a run of the job before it has ended.
//!
//! The fire time comes from the place in the log of the event that says so: whoever hears of it, however often, arms the
//! same fire, and a fire is granted once. What caused it is remembered before it is armed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stock_scheduler_sdk::{
    Advance, Claim, Claimed, Event, EventId, EventKind, Fire, Job, JobId, NextFire, Run, RunId,
    RunStatus, Store, StoreError, StoreErrorKind, StoredJob, TriggeredBy,
};
use tokio::time::Instant;

use super::after::After;
use super::listening::follower::{self, Follower};
use super::listening::ledger;
use super::{FieldError, Host, HostError, JobView};

/// Which job follows which: `{job}:{follower}`.
const LINKS: &str = "chain";
/// What caused a fire: `{job}:{microseconds}`.
const CAUSES: &str = "chain_cause";
/// The name under which the ends of runs are read.
const READER: &str = "chain";
/// Held while a job begins to follow another, so that two at a time make no circle.
const LOCK: &str = "chain_lock";
const LOCK_LASTS: Duration = Duration::from_secs(10);
/// How long causes can be read.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);
/// The most jobs in a row.
const LONGEST: usize = 100;
const PAGE: usize = 500;
/// How long to wait before what could not be done is tried again.
const STEP: Duration = Duration::from_millis(50);
const AGAIN: Duration = Duration::from_secs(1);

/// What caused a fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// The job that was followed.
    pub job: JobId,
    /// Its run that had ended.
    pub execution: RunId,
}

/// A run that has ended, for one job that follows.
struct Trigger {
    follower: JobId,
    cause: Cause,
    status: RunStatus,
    at: DateTime<Utc>,
}

/// Whether any job follows another.
pub(super) async fn has_links(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(!store.record_scan(LINKS, "", None, 1).await?.is_empty())
}

/// The fire time that an event stands for: no two events have the same, and later ones have later ones.
fn fire_time(event: EventId) -> Option<DateTime<Utc>> {
    let milliseconds = i64::try_from(event.ms).ok()?;
    let micros = milliseconds.checked_mul(1_000)?;
    DateTime::from_timestamp_micros(micros.checked_add(i64::try_from(event.seq).ok()?)?)
}

impl Host {
    /// Arms the jobs that follow others until the service stops, from where any instance stopped.
    pub(super) async fn chain(self) {
        loop {
            match self.follow_ends().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(%error, "chained jobs wait");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn follow_ends(&self) -> Result<(), StoreError> {
        let mut follower = Follower::open(self, READER).await?;
        let mut links = self.links().await?;
        let mut triggers = VecDeque::new();
        let stop = self.stopping();
        loop {
            self.arm_all(&mut triggers).await?;
            // Where some wait, what is read is not yet dealt with; to read it again does no harm.
            let remember_at = follower.remember_at().filter(|_| triggers.is_empty());
            let again = (!triggers.is_empty()).then(|| Instant::now() + STEP);
            let events = tokio::select! {
                events = follower.next() => events?,
                () = sleep_until(remember_at) => {
                    follower.remember().await?;
                    continue;
                }
                () = sleep_until(again) => continue,
                () = stop.cancelled() => return Ok(()),
            };
            // Who began to follow before a run ended is to hear of it: the link is written before the job.
            if events.iter().any(|event| may_link(&event.kind)) {
                links = self.links().await?;
            }
            for event in events.iter().filter(|event| links.contains_key(&event.job)) {
                self.add_triggers(event, &links, &mut triggers).await?;
            }
        }
    }

    /// Each job that is followed, with those that follow it.
    async fn links(&self) -> Result<HashMap<JobId, Vec<JobId>>, StoreError> {
        let mut links: HashMap<JobId, Vec<JobId>> = HashMap::new();
        let mut after = None::<String>;
        loop {
            let page = self
                .store()
                .record_scan(LINKS, "", after.as_deref(), PAGE)
                .await?;
            let Some((last, _)) = page.last() else {
                return Ok(links);
            };
            after = Some(last.clone());
            for (key, _) in &page {
                if let Some((job, follower)) = key.split_once(':')
                    && let (Ok(job), Ok(follower)) = (job.parse(), follower.parse())
                {
                    links.entry(job).or_default().push(follower);
                }
            }
        }
    }

    /// The fires that an event causes, if it is the end of a run.
    async fn add_triggers(
        &self,
        event: &Event,
        links: &HashMap<JobId, Vec<JobId>>,
        triggers: &mut VecDeque<Trigger>,
    ) -> Result<(), StoreError> {
        let (
            EventKind::JobFinished {
                execution_id,
                status,
                ..
            },
            Some(at),
        ) = (&event.kind, fire_time(event.id))
        else {
            return Ok(());
        };
        let run = self.store().run(*execution_id).await?;
        if run.is_some_and(|run| run.triggered_by == TriggeredBy::Backfill) {
            // Hundreds of runs of the past are no news.
            return Ok(());
        }
        for follower in links.get(&event.job).into_iter().flatten() {
            triggers.push_back(Trigger {
                follower: follower.clone(),
                cause: Cause {
                    job: event.job.clone(),
                    execution: *execution_id,
                },
                status: *status,
                at,
            });
        }
        Ok(())
    }

    /// Arms what was caused, in order for each job, and leaves what has to wait for the fire before it.
    async fn arm_all(&self, triggers: &mut VecDeque<Trigger>) -> Result<(), StoreError> {
        let mut waiting = VecDeque::<Trigger>::new();
        while let Some(trigger) = triggers.pop_front() {
            let is_behind = waiting
                .iter()
                .any(|other| other.follower == trigger.follower);
            if is_behind || !self.arm(&trigger).await? {
                waiting.push_back(trigger);
            }
        }
        *triggers = waiting;
        Ok(())
    }

    /// Makes a job due because of a trigger; answers false where it has to wait for the fire before.
    async fn arm(&self, trigger: &Trigger) -> Result<bool, StoreError> {
        let ids = std::slice::from_ref(&trigger.follower);
        let Some(stored) = self.store().jobs(ids).await?.pop().flatten() else {
            self.unlink(&trigger.cause.job, &trigger.follower).await?;
            return Ok(true);
        };
        let is_past = stored
            .state
            .last_fire
            .is_some_and(|last| last >= trigger.at);
        if is_past || !follows(&stored.job, trigger) {
            return Ok(true);
        }
        if let Some(at) = stored.state.next.at() {
            return Ok(at == trigger.at);
        }
        self.remember_cause(trigger).await?;
        let claim = Claim {
            job: stored.job.id,
            revision: stored.job.revision,
            advance: Some(Advance {
                from: stored.state.next,
                to: NextFire::At(trigger.at),
                passed: Vec::new(),
            }),
            run: None,
        };
        let armed = self
            .store()
            .claim(self.inner.engine.host, vec![claim])
            .await?;
        self.inner.engine.nudge();
        // Refused, somebody else has armed, edited or deleted it: it is looked at again.
        Ok(matches!(armed.first(), Some(Claimed::Advanced)))
    }

    async fn remember_cause(&self, trigger: &Trigger) -> Result<(), StoreError> {
        let key = cause_key(&trigger.follower, trigger.at);
        let value = serde_json::to_value(&trigger.cause).ok();
        let put = self.store().record_put(CAUSES, &key, 0, value, Some(KEPT));
        match put.await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(()),
            written => written.map(drop),
        }
    }

    /// What caused each of these runs, where its job followed another.
    pub async fn causes_of_runs(
        &self,
        runs: impl IntoIterator<Item = &Run>,
    ) -> Result<Vec<Option<Cause>>, HostError> {
        let causes = runs.into_iter().map(|run| {
            let is_caused = run.triggered_by == TriggeredBy::Chain;
            self.cause(&run.job, run.fire_time.filter(|_| is_caused))
        });
        try_join_all(causes).await
    }

    /// What caused each of these fires of a job, where it follows another.
    pub async fn causes_of_fires(
        &self,
        job: &JobView,
        fires: &[Fire],
    ) -> Result<Vec<Option<Cause>>, HostError> {
        let job = &job.stored.job;
        let follows = After::of(job).is_some();
        let at = |fire: &Fire| Some(fire.fire_time).filter(|_| follows);
        try_join_all(fires.iter().map(|fire| self.cause(&job.id, at(fire)))).await
    }

    async fn cause(
        &self,
        job: &JobId,
        at: Option<DateTime<Utc>>,
    ) -> Result<Option<Cause>, HostError> {
        let Some(at) = at else { return Ok(None) };
        let key = cause_key(job, at);
        let record = self.in_time(self.store().record_get(CAUSES, &key)).await?;
        Ok(record.and_then(|record| serde_json::from_value(record.value).ok()))
    }

    /// Sees to it that a job may follow the one that its schedule names, and that it will hear of that one's runs. Whoever
    /// writes the job holds what this answers until it is written.
    pub(super) async fn link(&self, job: &Job) -> Result<Option<Lock>, HostError> {
        let Some(after) = After::of(job) else {
            return Ok(None);
        };
        let lock = self.in_time(self.lock_links()).await?;
        let linked = async {
            self.check_chain(job, &after).await?;
            Ok(self.in_time(self.write_link(job, &after)).await?)
        };
        match linked.await {
            Ok(()) => Ok(Some(lock)),
            Err(error) => {
                self.unlock_links(Some(lock)).await;
                Err(error)
            }
        }
    }

    /// Lets the ends of the runs of the job before be heard from now on.
    async fn write_link(&self, job: &Job, after: &After) -> Result<(), StoreError> {
        follower::begin(self, READER).await?;
        let key = format!("{}:{}", after.job, job.id);
        let put = self
            .store()
            .record_put(LINKS, &key, 0, Some(json!({})), None);
        match put.await {
            Err(error) if error.kind() != StoreErrorKind::Conflict => return Err(error),
            _ => {}
        }
        self.tell_changed().await
    }

    /// Refuses a job that follows nobody, itself, or one that follows it.
    async fn check_chain(&self, job: &Job, after: &After) -> Result<(), HostError> {
        let invalid = |why: String| {
            let error = FieldError::value("/schedule/job", format!("schedule: {why}"));
            Err(HostError::Invalid(vec![error]))
        };
        let mut path = vec![job.id.to_string()];
        let mut next = after.job.clone();
        while path.len() <= LONGEST {
            path.push(next.to_string());
            if next == job.id {
                return invalid(format!(
                    "jobs would follow each other in a circle: {}",
                    path.join(" after ")
                ));
            }
            match self.stored(&next).await {
                Ok(stored) => match After::of(&stored.job) {
                    Some(before) => next = before.job,
                    None => return Ok(()),
                },
                Err(HostError::NotFound(_)) if path.len() == 2 => {
                    return invalid(format!("job is {next}, and there is no such job"));
                }
                Err(HostError::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        invalid(format!(
            "more than {LONGEST} jobs would follow each other in a row"
        ))
    }

    /// The jobs that follow `job`.
    pub(super) async fn followers(&self, job: &JobId) -> Result<Vec<JobId>, HostError> {
        let prefix = format!("{job}:");
        let page = self.store().record_scan(LINKS, &prefix, None, PAGE);
        let page = self.in_time(page).await?;
        let ids: Vec<JobId> = page
            .iter()
            .filter_map(|(key, _)| key.split_once(':')?.1.parse().ok())
            .collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        let jobs = self.in_time(self.store().jobs(&ids)).await?;
        let follows =
            |stored: &StoredJob| After::of(&stored.job).is_some_and(|after| after.job == *job);
        let jobs = jobs.into_iter().flatten().filter(follows);
        Ok(jobs.map(|stored| stored.job.id).collect())
    }

    async fn unlink(&self, job: &JobId, follower: &JobId) -> Result<(), StoreError> {
        let key = format!("{job}:{follower}");
        ledger::delete(self.store().as_ref(), LINKS, &key).await
    }

    async fn lock_links(&self) -> Result<Lock, StoreError> {
        loop {
            let value = json!({"holder": uuid::Uuid::new_v4().to_string()});
            let put = self
                .store()
                .record_put(LOCK, LOCK, 0, Some(value), Some(LOCK_LASTS));
            match put.await {
                Ok(revision) => return Ok(Lock(revision)),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    tokio::time::sleep(STEP).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn unlock_links(&self, lock: Option<Lock>) {
        if let Some(Lock(revision)) = lock {
            // Failing is no harm: it ends by itself.
            let _ = self
                .store()
                .record_put(LOCK, LOCK, revision, None, None)
                .await;
        }
    }
}

/// The right to let a job follow another.
pub(super) struct Lock(u64);

/// Whether `job`, as it is now, is due because of a trigger: runs that ended before it was edited or started are past.
fn follows(job: &Job, trigger: &Trigger) -> bool {
    let armed = job.armed_at.unwrap_or(job.created_at);
    let after = After::of(job);
    job.active
        && job.problem.is_none()
        && trigger.at > armed
        && job.paused_until.is_none_or(|end| end <= trigger.at)
        && job.active_until.is_none_or(|end| trigger.at <= end)
        && after
            .is_some_and(|after| after.job == trigger.cause.job && after.on.counts(trigger.status))
}

fn cause_key(job: &JobId, at: DateTime<Utc>) -> String {
    format!("{job}:{:020}", at.timestamp_micros())
}

fn may_link(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::JobCreated { .. }
            | EventKind::JobUpdated { .. }
            | EventKind::JobActivated { .. }
    )
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
