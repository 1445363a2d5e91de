//! To whom events are carried, and what is done with one of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stock_scheduler_sdk::{DeliveryError, DeliveryErrorKind, EventKind, Job, JobId, StoreError};
use tokio_util::sync::CancellationToken;

use super::attempt::attempt;
use super::backoff::{draw, later, wait_after};
use super::ledger;
use super::previous;
use super::record::{DeliveryRecord, DeliveryStatus};
use crate::host::{Host, ListenerEntry, Webhook};
use crate::metrics;

/// Which events a listener is told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Only those of this job.
    pub(super) job: Option<JobId>,
    /// Only those of these names; empty: all.
    pub(super) events: Vec<String>,
}

impl Wanted {
    pub(super) fn has(&self, of: &JobId, kind: &EventKind) -> bool {
        let names = &self.events;
        self.job.as_ref().is_none_or(|job| job == of)
            && (names.is_empty() || names.iter().any(|name| name == kind.name()))
    }
}

/// To whom events are carried.
pub(super) struct Address {
    pub(super) host: Host,
    /// Under which name its place in the log and its deliveries are kept.
    pub(super) key: String,
    pub(super) entry: Arc<ListenerEntry>,
    pub(super) wanted: Wanted,
    /// The webhook that it is, if it is one.
    pub(super) webhook: Option<Webhook>,
    /// Ends the carrying.
    pub(super) stop: CancellationToken,
}

/// A try whose outcome is written.
pub(super) struct Tried {
    pub(super) record: DeliveryRecord,
    pub(super) outcome: Result<(), DeliveryError>,
}

impl Address {
    /// Whether what arrived is remembered too, and not only what did not.
    pub(super) fn keeps_log(&self) -> bool {
        self.webhook.is_some()
    }

    /// Tries to deliver once, and writes down what came of it.
    pub(super) async fn carry(
        self: Arc<Self>,
        mut record: DeliveryRecord,
        job: Option<Arc<Job>>,
    ) -> Result<Tried, StoreError> {
        self.complete(&mut record).await?;
        let outcome = attempt(&self.host, &self.entry, &mut record, job).await;
        self.decide(&mut record, &outcome);
        self.write(&mut record).await?;
        Ok(Tried { record, outcome })
    }

    /// Adds what the event does not tell. Who keeps a log of its own, as webhooks do, is told what happened and no more.
    pub(super) async fn complete(&self, record: &mut DeliveryRecord) -> Result<(), StoreError> {
        match self.keeps_log() {
            true => Ok(()),
            false => previous::look_up(&self.host, record).await,
        }
    }

    /// Whether the delivery has ended with this try, or when it is tried again.
    fn decide(&self, record: &mut DeliveryRecord, outcome: &Result<(), DeliveryError>) {
        let Err(error) = outcome else {
            return record.end(DeliveryStatus::Delivered);
        };
        let now = self.host.now();
        let wait = match error.kind() {
            DeliveryErrorKind::Refused => None,
            // It may want events again some day, and then this one first.
            DeliveryErrorKind::Gone => Some(Duration::ZERO),
            DeliveryErrorKind::RateLimited { retry_after } => {
                wait_after(record.attempts, retry_after)
            }
            _ => wait_after(record.attempts, None),
        };
        match wait {
            Some(wait) => record.next_at = Some(later(now, wait, draw())),
            None => {
                record.end(DeliveryStatus::Failed);
                tracing::warn!(listener = self.entry.name, event = %record.event, %error, "an event is given up");
            }
        }
    }

    async fn write(&self, record: &mut DeliveryRecord) -> Result<(), StoreError> {
        let store = self.host.store().as_ref();
        let _turn = self.host.inner.listening.writes().await;
        if self.keeps_log() || record.status != DeliveryStatus::Delivered {
            return ledger::keep(store, &self.key, record).await;
        }
        if record.revision == 0 {
            return Ok(());
        }
        let key = ledger::key(&self.key, &record.place());
        ledger::delete(store, ledger::PENDING, &key).await
    }

    /// Counts what a delivery has come to.
    pub(super) fn count(&self, record: &DeliveryRecord) {
        let counters = &self.entry.counters;
        let counter = match record.status {
            DeliveryStatus::Delivered => &counters.delivered,
            DeliveryStatus::Pending => &counters.retried,
            DeliveryStatus::Failed => &counters.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        metrics::delivery(&self.entry.kind, record.status.as_str());
    }
}
