//! How the job's run before the one that ended ended, so that a listener can tell news from what goes on.
//!
//! Whoever reads the log has read of the run before. Only where it begins to read is the store asked, which keeps less runs
//! than a listener may have waited for.

use std::collections::HashMap;

use stock_scheduler_sdk::{Event, EventKind, JobId, RunQuery, RunStatus, StoreError, retention};

use super::record::DeliveryRecord;
use crate::host::Host;

/// How many runs are read at a time, each with its symbols.
const PAGE: usize = 20;
/// How many pages at most: a store may keep a few more runs than it has to.
const PAGES: usize = retention::RUNS / PAGE + 5;
/// Of how many jobs the end of the last run is remembered.
const JOBS: usize = 10_000;

/// How the last run of each job ended that was read of.
#[derive(Default)]
pub(super) struct LastEnds(HashMap<JobId, RunStatus>);

impl LastEnds {
    /// Takes note of the next event of the log; answers how the run before ended, where it is the end of one and that is
    /// known.
    pub(super) fn next(&mut self, event: &Event) -> Option<RunStatus> {
        let EventKind::JobFinished { status, .. } = event.kind else {
            return None;
        };
        if self.0.len() >= JOBS {
            self.0.clear();
        }
        self.0.insert(event.job.clone(), status)
    }
}

/// Looks up in the store how the run before ended, where the record is about the end of one and does not say it.
pub(super) async fn look_up(host: &Host, record: &mut DeliveryRecord) -> Result<(), StoreError> {
    let EventKind::JobFinished { execution_id, .. } = record.kind else {
        return Ok(());
    };
    if record.previous.is_some() {
        return Ok(());
    }
    let mut query = RunQuery {
        job: record.job.clone(),
        status: None,
        after: None,
        limit: PAGE,
    };
    let mut is_older = false;
    for _ in 0..PAGES {
        let page = host.store().runs(&query).await?;
        for run in page.runs {
            if is_older && run.status != RunStatus::Running {
                record.previous = Some(run.status);
                return Ok(());
            }
            is_older |= run.id == execution_id;
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    Ok(())
}
