//! Numbers that are worked out when somebody asks for the metrics: about each job, and about this process.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{JobId, JobQuery, RunId, RunQuery, RunStatus, StoredJob};

use crate::host::{Host, HostError};

const LAST_SUCCESS: &str = "stock_scheduler_job_last_success_timestamp_seconds";
const NEXT_RUN: &str = "stock_scheduler_job_next_run_timestamp_seconds";
/// How many jobs are read at a time.
const PAGE: usize = 1_000;

/// A job's latest run, and when it last stored something.
type Earlier = HashMap<JobId, (RunId, Option<DateTime<Utc>>)>;

/// When each job last stored something, as far as its latest run does not say: by that run.
#[derive(Default)]
pub(super) struct JobGauges {
    earlier: Mutex<Earlier>,
}

impl JobGauges {
    /// When each job last succeeded, in part at least, and when it is due next.
    pub(super) async fn render(&self, host: &Host) -> Result<String, HostError> {
        let (mut succeeded, mut due) = (heading(LAST_SUCCESS), heading(NEXT_RUN));
        let mut earlier = Earlier::new();
        let mut query = JobQuery {
            limit: PAGE,
            ..JobQuery::default()
        };
        loop {
            let page = host.jobs(&query).await?;
            for job in &page.jobs {
                if let Some(at) = self.last_success(host, job, &mut earlier).await? {
                    sample(&mut succeeded, LAST_SUCCESS, &job.job.id, at);
                }
                if let Some(at) = job.state.next.at().filter(|_| job.job.active) {
                    sample(&mut due, NEXT_RUN, &job.job.id, at);
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        *self.earlier.lock().unwrap_or_else(PoisonError::into_inner) = earlier;
        Ok(succeeded + &due)
    }

    async fn last_success(
        &self,
        host: &Host,
        job: &StoredJob,
        earlier: &mut Earlier,
    ) -> Result<Option<DateTime<Utc>>, HostError> {
        let Some(last) = &job.state.last_execution else {
            return Ok(None);
        };
        if succeeded(last.status) {
            return Ok(last.end_time);
        }
        let known = self
            .earlier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&job.job.id)
            .filter(|(run, _)| *run == last.execution_id)
            .map(|(_, at)| *at);
        let at = match known {
            Some(at) => at,
            None => from_history(host, &job.job.id).await?,
        };
        earlier.insert(job.job.id.clone(), (last.execution_id, at));
        Ok(at)
    }
}

fn succeeded(status: RunStatus) -> bool {
    matches!(status, RunStatus::Success | RunStatus::PartialSuccess)
}

/// The end of the latest run that stored something.
async fn from_history(host: &Host, job: &JobId) -> Result<Option<DateTime<Utc>>, HostError> {
    let mut ends = Vec::new();
    for status in [RunStatus::Success, RunStatus::PartialSuccess] {
        let query = RunQuery {
            job: job.clone(),
            status: Some(status),
            after: None,
            limit: 1,
        };
        match host.runs(&query).await {
            Ok(page) => ends.extend(page.runs.first().and_then(|run| run.ended_at)),
            // Deleted meanwhile.
            Err(HostError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(ends.into_iter().max())
}

fn heading(name: &str) -> String {
    format!("# TYPE {name} gauge\n")
}

fn sample(text: &mut String, name: &str, job: &JobId, at: DateTime<Utc>) {
    let seconds = at.timestamp_micros() as f64 / 1e6;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}{{job_id=\"{job}\"}} {seconds}");
}
