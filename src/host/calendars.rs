//! The calendars in force, and what a change of them means for jobs that follow them.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use chrono::NaiveDate;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Calendars, Claim, Due, JobQuery, StoreError, StoredJob};

use super::{Examined, Host};
use crate::engine::plan;

/// How long before a calendar ends people are warned.
const WARNED: i64 = 60;
/// How many jobs are looked at in one step.
const PAGE: usize = 200;
/// How long to wait between steps where nothing is known to have changed.
const PACE: Duration = Duration::from_secs(2);
/// How often all jobs are looked at, and how soon again after the store was away.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
const AGAIN: Duration = Duration::from_secs(5);

/// A calendar that jobs follow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowedCalendar {
    /// Its code.
    pub code: String,
    /// The last date about which it knows.
    pub last: NaiveDate,
    /// How many days away that is; negative where it is past.
    pub days_left: i64,
}

impl FollowedCalendar {
    /// What to do about it, where it ends soon.
    pub fn warning(&self) -> Option<String> {
        let Self { code, last, .. } = self;
        (self.days_left <= WARNED).then(|| {
            format!(
                "the calendar of {code} ends on {last}; jobs that follow it do not fire after that: add its next year with a calendar file"
            )
        })
    }
}

impl Host {
    /// Puts `calendars` in force. Jobs that follow them fire by them from now on.
    pub fn set_calendars(&self, calendars: Calendars) {
        *self
            .inner
            .plugins
            .calendars
            .write()
            .unwrap_or_else(PoisonError::into_inner) = calendars;
        self.inner.cache.forget();
        self.inner.retime.notify_one();
    }

    /// Notes why changed calendars are not in force, for people to be warned.
    pub fn set_calendar_problem(&self, problem: Option<String>) {
        *self
            .inner
            .calendar_problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// The calendars that active jobs follow, as far as they have been looked at.
    pub fn followed_calendars(&self) -> Vec<FollowedCalendar> {
        let calendars = self.inner.plugins.calendars();
        let now = self.now();
        let followed = self.inner.plugins.followed();
        let known = followed.iter().filter_map(|code| calendars.get(code));
        known
            .filter_map(|calendar| {
                let (_, last) = calendar.covered();
                let today = wall_clock::date(now, calendar.zone())?;
                Some(FollowedCalendar {
                    code: calendar.code().to_owned(),
                    last,
                    days_left: (last - today).num_days(),
                })
            })
            .collect()
    }

    /// Keeps the next fires of all jobs right, also where calendars or the rules of zones have changed since they were
    /// worked out: slowly at first and every few hours, at once when calendars are replaced.
    pub(super) async fn keep_timetables(self) {
        let mut pace = PACE;
        loop {
            let rest = match self.look_at_all(pace).await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::debug!(%error, "could not look at all schedules; trying again later");
                    AGAIN
                }
            };
            let told = tokio::time::timeout(rest, self.inner.retime.notified()).await;
            pace = match told {
                Ok(()) => Duration::ZERO,
                // What was interrupted goes on as it was.
                Err(_) if rest == AGAIN => pace,
                Err(_) => PACE,
            };
        }
    }

    async fn look_at_all(&self, mut pace: Duration) -> Result<(), StoreError> {
        let mut followed = BTreeSet::new();
        let mut query = JobQuery {
            active: Some(true),
            limit: PAGE,
            ..JobQuery::default()
        };
        loop {
            let page = self.inner.store.list(&query).await?;
            let jobs = page.jobs.iter();
            let claims: Vec<Claim> = jobs
                .filter_map(|stored| self.retimed(stored, &mut followed))
                .collect();
            if !claims.is_empty() && self.inner.engine.fires {
                self.inner
                    .store
                    .claim(self.inner.engine.host, claims)
                    .await?;
                self.inner.engine.nudge();
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
            let told = tokio::time::timeout(pace, self.inner.retime.notified()).await;
            if told.is_ok() {
                // From the beginning, and at once.
                (pace, query.after) = (Duration::ZERO, None);
                followed.clear();
            }
        }
        self.inner.plugins.set_followed(followed);
        Ok(())
    }

    /// The claim that moves a job's next fire to where its schedule has it now.
    fn retimed(&self, stored: &StoredJob, followed: &mut BTreeSet<String>) -> Option<Claim> {
        self.worked_out(stored, |situation| {
            let exchange = situation.schedule.exchange();
            followed.extend(exchange.map(|calendar| calendar.code().to_owned()));
            plan::retimed(&stored.job, situation)
        })
    }

    /// What `work_out` makes of a job as it is.
    pub(super) fn worked_out(
        &self,
        stored: &StoredJob,
        work_out: impl FnOnce(&plan::Situation<'_>) -> Option<Claim>,
    ) -> Option<Claim> {
        let Examined { schedule, zone, .. } = self.inner.plugins.examine(&stored.job);
        let schedule = schedule?;
        let due = Due {
            job: stored.job.id.clone(),
            revision: stored.job.revision,
            next: stored.state.next.clone(),
            last_fire: stored.state.last_fire,
        };
        let situation = plan::Situation {
            due: &due,
            state: &stored.state,
            schedule: &schedule,
            fetcher_known: true,
            is_backfilled: false,
            zone,
            now: self.now(),
        };
        // One that panics is the dispatcher's to deal with.
        catch_unwind(AssertUnwindSafe(|| work_out(&situation))).ok()?
    }
}
