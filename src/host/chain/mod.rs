//! Jobs that follow others: arms each when a run of the job before it has ended.
//!
//! The fire time comes from the place in the log of the event that says so: whoever hears of it, however often, arms the
//! same fire, and a fire is granted once. What caused it is remembered before it is armed.

mod causes;
mod links;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{
    Advance, Claim, Claimed, Event, EventId, EventKind, Job, JobId, NextFire, RunStatus,
    StoreError, TriggeredBy,
};
use tokio::time::Instant;

use super::Host;
use super::after::After;
use super::listening::follower::Follower;

pub use causes::Cause;
pub(super) use links::has_links;

/// The name under which the ends of runs are read.
const READER: &str = "chain";
/// How long to wait before what could not be done is tried again, at first and at most.
const STEP: Duration = Duration::from_millis(50);
const AGAIN: Duration = Duration::from_secs(1);
/// So many ends of runs wait for one job at most.
const MOST_WAITING: usize = 1_000;

/// A run that has ended, for one job that follows.
struct Trigger {
    follower: JobId,
    cause: Cause,
    status: RunStatus,
    at: DateTime<Utc>,
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
        let mut rest = STEP;
        let stop = self.stopping();
        loop {
            let before = triggers.len();
            self.arm_all(&mut triggers).await?;
            // What waits for a run of minutes is looked at less and less often.
            rest = match triggers.len() < before {
                true => STEP,
                false => (rest * 2).min(AGAIN),
            };
            // Where some wait, what is read is not yet dealt with; to read it again does no harm.
            let remember_at = follower.remember_at().filter(|_| triggers.is_empty());
            let again = (!triggers.is_empty()).then(|| Instant::now() + rest);
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
                if matches!(event.kind, EventKind::JobDeleted { .. }) {
                    // Whoever deleted it does so too, but may have been killed in between.
                    self.stop_orphans(&event.job).await;
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
        let mut behind: HashMap<JobId, usize> = HashMap::new();
        while let Some(trigger) = triggers.pop_front() {
            let before = behind.get(&trigger.follower).copied().unwrap_or(0);
            if before == 0 && self.arm(&trigger).await? {
                continue;
            }
            if before == MOST_WAITING {
                tracing::warn!(job = %trigger.follower, followed = %trigger.cause.job, "a job is far behind the one that it follows; the end of a run is passed over");
                continue;
            }
            behind.insert(trigger.follower.clone(), before + 1);
            waiting.push_back(trigger);
        }
        *triggers = waiting;
        Ok(())
    }

    /// Makes a job due because of a trigger; answers false where it has to wait for the fire before.
    async fn arm(&self, trigger: &Trigger) -> Result<bool, StoreError> {
        let ids = std::slice::from_ref(&trigger.follower);
        // One that is not there may be about to be: its link is written first.
        let Some(stored) = self.store().jobs(ids).await?.pop().flatten() else {
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
}

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
