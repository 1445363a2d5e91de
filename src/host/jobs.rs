//! Creating, editing, starting, stopping and deleting jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler_sdk::{
    Edit, EditKind, Job, JobId, JobState, NextFire, RequestId, Schedule, StoreErrorKind, StoredJob,
};

use super::after::After;
use super::error::JOB_NOT_FOUND;
use super::forecast;
use super::{Draft, Examined, FieldError, Host, HostError, JobView, Mode};
use crate::engine::plan;

/// How often a change is worked out again because somebody else changed the job in between.
const TRIES: usize = 20;
/// How long a fire that has come is left to the dispatcher, looking again after each step, before an edit overtakes it.
const A_MOMENT: TimeDelta = TimeDelta::milliseconds(500);
const STEP: Duration = Duration::from_millis(50);

impl Host {
    /// Creates the job that `draft` describes, under an id that nobody has.
    ///
    /// Repeating it with the same id and time of creation is the same job.
    pub async fn create_job(
        &self,
        draft: Draft,
        id: JobId,
        created_at: DateTime<Utc>,
    ) -> Result<Arc<JobView>, HostError> {
        let job = draft
            .create(id, created_at, &self.inner.plugins)
            .map_err(HostError::Invalid)?;
        self.fetcher_is_ready(&job)?;
        let next = self.next_fire(&job, &JobState::default())?;
        if !job.active {
            // It is to be started one day.
            let mut started = job.clone();
            started.active = true;
            self.next_fire(&started, &JobState::default())?;
        }
        let lock = self.link(&job).await?;
        let stored = self
            .in_time(self.inner.store.create(job, next.clone()))
            .await;
        self.unlock_links(lock).await;
        let stored = stored?;
        self.armed(&next);
        self.stop_if_orphaned(&stored.job).await;
        Ok(self.view(stored))
    }

    /// Changes a job as `draft` says; with `revision`, only that revision of it.
    pub async fn edit_job(
        &self,
        id: &JobId,
        draft: Draft,
        mode: Mode,
        revision: Option<&str>,
    ) -> Result<Arc<JobView>, HostError> {
        self.change(id, revision, |old| {
            let new = draft
                .clone()
                .apply(&old.job, mode, &self.inner.plugins)
                .map_err(HostError::Invalid)?;
            if (&new.fetcher, new.interval) != (&old.job.fetcher, old.job.interval) {
                self.fetcher_is_ready(&new)?;
            }
            Ok((new != old.job).then_some((new, EditKind::Updated)))
        })
        .await
    }

    /// Refuses a job whose fetcher nobody can hold it against yet.
    fn fetcher_is_ready(&self, job: &Job) -> Result<(), HostError> {
        let entry = self.inner.plugins.fetcher(&job.fetcher.name);
        match entry.and_then(|entry| entry.unready()) {
            Some(why) => Err(HostError::Unready(format!(
                "fetcher {:?} cannot say yet what it offers: {why}",
                job.fetcher.name
            ))),
            None => Ok(()),
        }
    }

    /// Starts or stops a job; a job that already is as asked stays as it is.
    pub async fn set_active(&self, id: &JobId, active: bool) -> Result<Arc<JobView>, HostError> {
        self.change(id, None, |old| {
            if old.job.active == active {
                return Ok(None);
            }
            if let Some(problem) = self
                .inner
                .plugins
                .examine(&old.job)
                .problem
                .filter(|_| active)
            {
                return Err(HostError::Conflict(format!(
                    "the job cannot start: {problem}"
                )));
            }
            let mut new = old.job.clone();
            new.active = active;
            Ok(Some((
                new,
                if active {
                    EditKind::Activated
                } else {
                    EditKind::Deactivated
                },
            )))
        })
        .await
        .map_err(|error| match error {
            // Nothing in the request is wrong.
            HostError::Invalid(_) => HostError::Conflict(format!("the job cannot start: {error}")),
            error => error,
        })
    }

    /// Deletes a job and ends its runs; with `revision`, only that revision of it.
    pub async fn delete_job(&self, id: &JobId, revision: Option<&str>) -> Result<(), HostError> {
        if let Some(follower) = self.followers(id).await?.first() {
            let why = format!(
                "job {follower} follows this one; delete it or give it another schedule first"
            );
            return Err(HostError::Conflict(why));
        }
        let stored = self.stored(id).await?;
        self.delete(&stored, revision).await?;
        self.unlink_old(&stored.job, None).await;
        self.stop_orphans(id).await;
        Ok(())
    }

    async fn delete(&self, stored: &StoredJob, revision: Option<&str>) -> Result<(), HostError> {
        let (id, request) = (&stored.job.id, RequestId::random());
        let Some(revision) = revision else {
            return Ok(self
                .in_time(self.inner.store.delete(id, None, request))
                .await?);
        };
        self.matches(stored, revision)?;
        match self
            .in_time(
                self.inner
                    .store
                    .delete(id, Some(stored.job.revision), request),
            )
            .await
        {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                let current = self.stored(id).await?.job.revision;
                Err(HostError::Stale {
                    expected: revision.to_owned(),
                    current,
                })
            }
            outcome => Ok(outcome?),
        }
    }

    /// A job as it is after everything that was acknowledged before this question.
    pub async fn job(&self, id: &JobId) -> Result<Arc<JobView>, HostError> {
        self.inner.bus.catch_up().await?;
        if let Some(view) = self.inner.cache.job(id) {
            return Ok(view);
        }
        let version = self.inner.cache.version();
        let view = self.view(self.stored(id).await?);
        self.inner.cache.keep_job(version, view.clone());
        Ok(view)
    }

    /// A stored job as clients see it.
    pub fn view(&self, stored: StoredJob) -> Arc<JobView> {
        let Examined {
            zone,
            problem,
            schedule,
        } = self.inner.plugins.examine(&stored.job);
        let next = stored.state.next.at().filter(|_| stored.job.active);
        let Some(schedule) = schedule.filter(|schedule| is_asked(schedule, &stored)) else {
            return Arc::new(JobView::new(stored, zone, problem, next));
        };
        let now = self.now();
        let from = next.map_or(now, |next| next - TimeDelta::microseconds(1));
        let asked = catch_unwind(AssertUnwindSafe(|| forecast::next_running(&schedule, from)));
        let (next, why) = match asked {
            Ok(Ok(fire)) => (next.map(|_| fire.at), None),
            // One that follows another job says by its schedule why nobody knows yet.
            Ok(Err(_)) if After::of(&stored.job).is_some() => (None, None),
            Ok(Err(ends)) => (None, ends.at.map(|_| ends.reason)),
            Err(_) => (next, Some("its schedule panicked".into())),
        };
        Arc::new(JobView::new(stored, zone, problem.or(why), next))
    }

    pub(super) async fn stored(&self, id: &JobId) -> Result<StoredJob, HostError> {
        let mut jobs = self
            .in_time(self.inner.store.jobs(std::slice::from_ref(id)))
            .await?;
        jobs.pop().flatten().ok_or(JOB_NOT_FOUND)
    }

    /// Reads a job, works out its new definition and writes it, again if somebody was faster.
    pub(super) async fn change(
        &self,
        id: &JobId,
        revision: Option<&str>,
        work_out: impl Fn(&StoredJob) -> Result<Option<(Job, EditKind)>, HostError>,
    ) -> Result<Arc<JobView>, HostError> {
        for _ in 0..TRIES {
            let old = self.stored(id).await?;
            if let Some(revision) = revision {
                self.matches(&old, revision)?;
            }
            let Some((mut job, kind)) = work_out(&old)? else {
                return Ok(self.view(old));
            };
            let next = self.next_if_changed(&old, &job)?;
            if next.is_some() && self.settle(&old).await? {
                continue;
            }
            let kind = match kind {
                EditKind::Updated
                    if job.active != old.job.active && only_activity(&old.job, &job) =>
                {
                    if job.active {
                        EditKind::Activated
                    } else {
                        EditKind::Deactivated
                    }
                }
                kind => kind,
            };
            if next.is_some() {
                job.armed_at = Some(self.now());
            }
            let edit = Edit {
                request: RequestId::random(),
                expected: old.job.revision,
                job,
                next: next.clone(),
                kind,
            };
            let lock = match next {
                // Whoever stops needs nobody to follow.
                Some(_) if edit.job.active => self.link(&edit.job).await?,
                _ => None,
            };
            let written = self.in_time(self.inner.store.edit(edit)).await;
            self.unlock_links(lock).await;
            match written {
                Err(error) if error.kind() == StoreErrorKind::Conflict => continue,
                outcome => {
                    let stored = outcome?;
                    self.unlink_old(&old.job, Some(&stored.job)).await;
                    next.iter().for_each(|next| self.armed(next));
                    Box::pin(self.stop_if_orphaned(&stored.job)).await;
                    return Ok(self.view(stored));
                }
            }
        }
        Err(HostError::Conflict(format!(
            "job {id} keeps changing; try again"
        )))
    }

    /// Sees to it that fires which have come are decided before their job is due otherwise: one that has just come is left
    /// to the dispatcher for a moment, those that wait longer are recorded as missed. Answers whether there were any.
    async fn settle(&self, stored: &StoredJob) -> Result<bool, HostError> {
        let Some(claim) = self.worked_out(stored, plan::given_up) else {
            return Ok(false);
        };
        let engine = &self.inner.engine;
        let due = stored.state.next.at().unwrap_or_default();
        if engine.fires && self.now() - due < A_MOMENT {
            engine.nudge();
            tokio::time::sleep(STEP).await;
        } else {
            self.in_time(self.inner.store.claim(engine.host, vec![claim]))
                .await?;
        }
        Ok(true)
    }

    /// An `If-Match` header against a job's revision: `*`, or a list of ETags.
    fn matches(&self, stored: &StoredJob, expected: &str) -> Result<(), HostError> {
        let current = stored.job.revision;
        let tag = format!("\"{current}\"");
        if expected
            .split(',')
            .map(str::trim)
            .any(|one| one == "*" || one == tag)
        {
            return Ok(());
        }
        Err(HostError::Stale {
            expected: expected.to_owned(),
            current,
        })
    }

    /// The next fire of a changed job, where the change concerns it. An edit never fires in the past.
    fn next_if_changed(&self, old: &StoredJob, new: &Job) -> Result<Option<NextFire>, HostError> {
        if when(&old.job) == when(new) {
            Ok(None)
        } else {
            self.next_fire(new, &old.state).map(Some)
        }
    }

    /// When a job fires next; an error where it should fire but never would.
    fn next_fire(&self, job: &Job, state: &JobState) -> Result<NextFire, HostError> {
        if !job.active {
            return Ok(NextFire::Never);
        }
        let invalid = |field: &str, why: String| {
            let error = FieldError::value(format!("/{field}"), format!("{field} {why}"));
            Err(HostError::Invalid(vec![error]))
        };
        let (now, fires) = (self.now(), state.fires);
        if plan::has_had_all(job, fires) {
            return invalid(
                "max_fires",
                format!("must be more than {fires}, the fires so far"),
            );
        }
        let schedule = self.timetable(job)?.after(state.last_fire);
        match plan::next_fire(&schedule, now, now) {
            NextFire::Never => match job.active_until {
                Some(end) => invalid(
                    "active_until",
                    format!("{end} leaves no fire: {}", schedule.describe()),
                ),
                None => invalid(
                    "schedule",
                    format!("never fires again: {}", schedule.describe()),
                ),
            },
            next => match forecast::never_runs(&schedule, now) {
                Some(why) => invalid("schedule", format!("never runs: {why}")),
                None => Ok(next),
            },
        }
    }

    /// Wakes the dispatcher if `next` is soon.
    fn armed(&self, next: &NextFire) {
        if next
            .look_at()
            .is_some_and(|at| at - self.now() < crate::engine::NUDGE_WITHIN)
        {
            self.inner.engine.nudge();
        }
    }
}

/// Whether a schedule has more to say than the store knows: that it cannot say when it fires, or which of its fires run.
fn is_asked(schedule: &impl Schedule, stored: &StoredJob) -> bool {
    match stored.state.next {
        NextFire::At(_) => schedule.exchange().is_some(),
        NextFire::Unknown { .. } => true,
        NextFire::Never => false,
    }
}

/// Everything of a job that decides when it fires.
fn when(job: &Job) -> impl PartialEq + '_ {
    (
        (&job.schedule, job.timezone, job.active, &job.problem),
        (
            job.jitter,
            job.paused_until,
            job.active_until,
            job.max_fires,
        ),
    )
}

fn only_activity(old: &Job, new: &Job) -> bool {
    let mut same = new.clone();
    same.active = old.active;
    same == *old
}
