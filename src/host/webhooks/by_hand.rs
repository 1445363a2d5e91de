//! Telling a webhook something for somebody who waits for what comes of it.

use std::time::Duration;

use stock_scheduler_sdk::{DeliveryError, DeliveryErrorKind, Event, EventId, EventKind, RequestId};

use super::{DELIVERY_NOT_FOUND, WEBHOOK_NOT_FOUND, Webhook, invalid};
use crate::host::listening::{self, DeliveryRecord, DeliveryStatus, Try, ledger};
use crate::host::{Host, HostError, ListenerEntry};

/// How long somebody who tries a webhook waits for its answer.
const BY_HAND: Duration = Duration::from_secs(5);

impl Host {
    /// Sends a webhook a made-up event now, and tells what came of it.
    pub async fn test_webhook(&self, id: &str) -> Result<Try, HostError> {
        let webhook = self.webhook(id).await?;
        let entry = self.tried_by_hand(&webhook)?;
        let now = self.now();
        let event = Event {
            id: EventId::default().next(now),
            at: now,
            job: "test".parse().map_err(|_| WEBHOOK_NOT_FOUND)?,
            kind: EventKind::Test {
                message: "this is a test of a webhook".into(),
            },
        };
        let mut record = DeliveryRecord::new(event);
        record.id = format!("test-{}", RequestId::random());
        // What came of it is in the record.
        let _ = self.try_by_hand(&webhook, &entry, &mut record).await;
        record.tries.last().cloned().ok_or(DELIVERY_NOT_FOUND)
    }

    /// Sends an event again now, under the id that it had, and tells what came of it.
    pub async fn resend(&self, id: &str, delivery: &str) -> Result<DeliveryRecord, HostError> {
        let webhook = self.webhook(id).await?;
        let mut record = self.delivery(id, delivery).await?;
        let entry = self.tried_by_hand(&webhook)?;
        let before = record.status;
        match self.try_by_hand(&webhook, &entry, &mut record).await {
            Ok(()) => record.end(DeliveryStatus::Delivered),
            // It is tried again, unless that has ended it meanwhile.
            Err(_) if before == DeliveryStatus::Pending => {
                let now = self.delivery(id, delivery).await?;
                (record.status, record.next_at) = (now.status, now.next_at);
                return Ok(record);
            }
            // What has arrived once has arrived.
            Err(_) => record.end(before),
        }
        let (store, reader) = (self.store().clone(), webhook.reader());
        let keep = ledger::keep(store.as_ref(), &reader, &mut record);
        self.in_time(keep).await?;
        Ok(record)
    }

    /// Tries a delivery for somebody who waits; a receiver that wants no more events is told no more.
    async fn try_by_hand(
        &self,
        webhook: &Webhook,
        entry: &ListenerEntry,
        record: &mut DeliveryRecord,
    ) -> Result<(), DeliveryError> {
        let tried = listening::attempt(self, entry, record, None).await;
        if let Err(error) = &tried
            && error.kind() == DeliveryErrorKind::Gone
            && let Err(store) = self.disable_webhook(webhook, &error.to_string()).await
        {
            tracing::warn!(webhook = webhook.id, error = %store, "cannot note that a webhook is gone");
        }
        tried
    }

    /// The listener that a webhook is, for somebody who waits for what comes of it.
    fn tried_by_hand(&self, webhook: &Webhook) -> Result<ListenerEntry, HostError> {
        let mut entry = self.webhook_listener(webhook).map_err(invalid)?;
        entry.info.timeout = entry.info.timeout.min(BY_HAND);
        Ok(entry)
    }
}
