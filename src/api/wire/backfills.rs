//! Backfills on the wire.

use chrono_tz::Tz;
use poem_openapi::Object;
use serde::Serialize;

use super::time;
use crate::host::Backfill;

/// Which past fire times to run.
#[derive(Debug, Object)]
#[oai(rename = "BackfillInput")]
pub(crate) struct BackfillInput {
    /// First date of fire times, in the job's zone, included.
    start_date: String,
    /// Last date of fire times, included.
    end_date: String,
}

/// How far a backfill is.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Backfill")]
pub(crate) struct BackfillBody {
    /// Its id.
    backfill_id: String,
    /// Whose fires are run.
    job_id: String,
    /// `running`, `finished`, `cancelled`, or `failed` where its job is gone.
    status: String,
    /// First date of fire times.
    start_date: String,
    /// Last date of fire times.
    end_date: String,
    /// How many fire times it has.
    total: usize,
    /// How many of them have been run.
    done: usize,
    /// Runs that stored every symbol.
    succeeded: usize,
    /// Runs that stored some symbols.
    partial: usize,
    /// Runs that stored none.
    failed: usize,
    /// The fire time that is run now, in UTC.
    scheduled_for: Option<String>,
    /// Its run.
    execution_id: Option<String>,
    /// When it was asked for, in UTC.
    created_at: String,
}

impl From<&Backfill> for BackfillBody {
    fn from(backfill: &Backfill) -> Self {
        Self {
            backfill_id: backfill.id.clone(),
            job_id: backfill.job.to_string(),
            status: backfill.status.as_str().into(),
            start_date: backfill.start.to_string(),
            end_date: backfill.end.to_string(),
            total: backfill.total,
            done: backfill.done(),
            succeeded: backfill.succeeded,
            partial: backfill.partial,
            failed: backfill.failed,
            scheduled_for: backfill.current.map(|(at, _)| time(at, Tz::UTC)),
            execution_id: backfill.current.map(|(_, run)| run.to_string()),
            created_at: time(backfill.created_at, Tz::UTC),
        }
    }
}
