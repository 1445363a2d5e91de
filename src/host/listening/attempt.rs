//! One try to deliver one event to one listener.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use stock_scheduler_sdk::{
    Delivery, DeliveryError, DeliveryErrorKind, EventKind, Job, RunQuery, RunStatus,
};
use tokio::time::Instant;

use super::ledger::{DeliveryRecord, Try};
use crate::host::{Host, ListenerEntry};

/// How many of a job's last runs are looked through for the one before.
const RUNS: usize = 20;
/// How many characters are remembered of why a try failed.
const LONGEST: usize = 1_000;

/// Tries to deliver once, and notes in the record what came of it.
pub(in crate::host) async fn attempt(
    host: &Host,
    entry: &ListenerEntry,
    record: &mut DeliveryRecord,
    job: Option<Arc<Job>>,
    previous: Option<RunStatus>,
) -> Result<(), DeliveryError> {
    let mut delivery = Delivery::new(record.told())
        .with_id(&record.id)
        .with_attempt(record.attempts + 1);
    delivery.job = job;
    delivery.previous = previous;
    let (at, begun) = (host.now(), Instant::now());
    let delivered = AssertUnwindSafe(async { entry.listener.deliver(&delivery).await });
    let delivered = tokio::time::timeout(entry.info.timeout, delivered.catch_unwind());
    let outcome = match delivered.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(failed("the listener panicked")),
        Err(_) => Err(failed(format!("no answer within {:?}", entry.info.timeout))),
    };
    let error = outcome.as_ref().err();
    record.tried(Try {
        at,
        seconds: begun.elapsed().as_secs_f64(),
        status: error.and_then(DeliveryError::status),
        error: error.map(|error| error.to_string().chars().take(LONGEST).collect()),
    });
    outcome
}

fn failed(message: impl Into<String>) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Unavailable, message)
}

/// How the job's run before the one that ended ended.
pub(super) async fn previous(host: &Host, record: &DeliveryRecord) -> Option<RunStatus> {
    let EventKind::JobFinished { execution_id, .. } = &record.kind else {
        return None;
    };
    let query = RunQuery {
        job: record.job.clone(),
        status: None,
        after: None,
        limit: RUNS,
    };
    let page = host.store().runs(&query).await.ok()?;
    let runs = page.runs.iter().skip_while(|run| run.id != *execution_id);
    let mut older = runs.skip(1);
    older
        .find(|run| run.status != RunStatus::Running)
        .map(|run| run.status)
}
