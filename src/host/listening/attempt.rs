//! One try to deliver one event to one listener.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use stock_scheduler_sdk::{Delivery, DeliveryError, DeliveryErrorKind, Job};
use tokio::time::Instant;

use super::record::{DeliveryRecord, Try};
use crate::host::{Host, ListenerEntry};

/// How many characters are remembered of why a try failed.
const LONGEST: usize = 1_000;

/// Tries to deliver once, and notes in the record what came of it.
pub(in crate::host) async fn attempt(
    host: &Host,
    entry: &ListenerEntry,
    record: &mut DeliveryRecord,
    job: Option<Arc<Job>>,
) -> Result<(), DeliveryError> {
    let mut delivery = Delivery::new(record.told())
        .with_id(&record.id)
        .with_attempt(record.attempts + 1);
    delivery.job = job;
    delivery.previous = record.previous;
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
