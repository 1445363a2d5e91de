//! What caused the fires of jobs that follow others: remembered before a fire is armed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use stock_scheduler_sdk::{Fire, JobId, Run, RunId, StoreError, StoreErrorKind, TriggeredBy};

use super::{After, Trigger};
use crate::host::{Host, HostError, JobView};

/// The namespace of causes: `{job}:{microseconds}`.
const CAUSES: &str = "chain_cause";
/// How long causes can be read.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// What caused a fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// The job that was followed.
    pub job: JobId,
    /// Its run that had ended.
    pub execution: RunId,
}

impl Host {
    pub(super) async fn remember_cause(&self, trigger: &Trigger) -> Result<(), StoreError> {
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
}

fn cause_key(job: &JobId, at: DateTime<Utc>) -> String {
    format!("{job}:{:020}", at.timestamp_micros())
}
