//! The fires of all jobs that are to come.

use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{JobId, JobQuery, Occurrence, Schedule, StoredJob};

use super::forecast::next_running;
use super::{Examined, Host, HostError};
use crate::engine::plan;

/// How many jobs are read at a time.
const PAGE: usize = 1_000;
/// The most fires of one job.
const MOST_OF_ONE: u64 = 500;

/// One fire to come.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Upcoming {
    /// Whose.
    pub job: JobId,
    /// The job's name.
    pub job_name: String,
    /// The job's schedule in words.
    pub description: String,
    /// The fire.
    pub fire: Occurrence,
}

/// By time, then by job.
impl Ord for Upcoming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.fire.at, &self.job).cmp(&(other.fire.at, &other.job))
    }
}

impl PartialOrd for Upcoming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Upcoming {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Upcoming {}

impl Host {
    /// The fires of one job, or of all, that will run before `until`: the first `limit` of them, in order.
    pub async fn upcoming(
        &self,
        job: Option<&JobId>,
        until: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Upcoming>, HostError> {
        let mut first = BinaryHeap::new();
        if let Some(id) = job {
            self.collect(&self.stored(id).await?, until, limit, &mut first);
            return Ok(first.into_sorted_vec());
        }
        let mut query = JobQuery {
            active: Some(true),
            limit: PAGE,
            ..JobQuery::default()
        };
        loop {
            let page = self.jobs(&query).await?;
            for stored in &page.jobs {
                self.collect(stored, until, limit, &mut first);
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(first.into_sorted_vec());
            }
        }
    }

    /// Adds a job's fires to the first `limit` of all.
    fn collect(
        &self,
        stored: &StoredJob,
        until: DateTime<Utc>,
        limit: usize,
        first: &mut BinaryHeap<Upcoming>,
    ) {
        let Examined { schedule, .. } = self.inner.plugins.examine(&stored.job);
        let Some(schedule) = schedule.filter(|_| stored.job.active) else {
            return;
        };
        let mut instant = stored
            .state
            .last_fire
            .map_or(self.now(), |last| last.max(self.now()));
        let mut fires = stored.state.fires;
        let most = fires + MOST_OF_ONE;
        while fires < most {
            let Ok(fire) = next_running(&schedule, instant) else {
                return;
            };
            let is_late =
                first.len() == limit && first.peek().is_some_and(|last| last.fire.at <= fire.at);
            if fire.at >= until || is_late || plan::has_had_all(&stored.job, fires) {
                return;
            }
            instant = fire.at;
            fires += 1;
            first.push(Upcoming {
                job: stored.job.id.clone(),
                job_name: stored.job.name.clone(),
                description: schedule.describe(),
                fire,
            });
            if first.len() > limit {
                first.pop();
            }
        }
    }
}
