//! What is remembered of deliveries: those that are to be tried again, and what became of the others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use stock_scheduler_sdk::{
    Event, EventId, EventKind, JobId, RunStatus, Store, StoreError, StoreErrorKind,
};

/// Deliveries that are to be tried again.
pub(in crate::host) const PENDING: &str = "outbox";
/// Deliveries that have ended.
pub(in crate::host) const ENDED: &str = "deliveries";
/// How long both are kept after their last change.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How many are deleted at a time.
const PAGE: usize = 100;
/// At most so many tries are remembered one by one, the last ones.
const TRIES: usize = 20;

/// One event for one listener, and how far it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeliveryRecord {
    /// The constant id that the listener sees.
    pub id: String,
    /// The event's place in the log.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The job it is about.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
    /// How the job's run before ended, where this is the end of one and that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::host) previous: Option<RunStatus>,
    /// How far it got.
    pub status: DeliveryStatus,
    /// When it is tried next, while it is pending.
    pub next_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: u32,
    /// The last tries, oldest first.
    pub tries: Vec<Try>,
}

/// How far a delivery got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// It is tried again.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Try {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub seconds: f64,
    /// What the other side answered, where it did, such as an HTTP status.
    pub status: Option<u16>,
    /// Why it failed; `None`: it did not.
    pub error: Option<String>,
}

impl DeliveryRecord {
    pub(in crate::host) fn new(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.id,
            at: event.at,
            job: event.job,
            kind: event.kind,
            previous: None,
            status: DeliveryStatus::Pending,
            next_at: None,
            attempts: 0,
            tries: Vec::new(),
        }
    }

    pub(in crate::host) fn told(&self) -> Event {
        Event {
            id: self.event,
            at: self.at,
            job: self.job.clone(),
            kind: self.kind.clone(),
        }
    }

    pub(in crate::host) fn tried(&mut self, one: Try) {
        self.attempts += 1;
        self.tries.push(one);
        let surplus = self.tries.len().saturating_sub(TRIES);
        self.tries.drain(..surplus);
    }

    /// The same about the end of a run, after one that ended so.
    pub(super) fn after(mut self, previous: Option<RunStatus>) -> Self {
        self.previous = previous;
        self
    }

    /// Notes that it is not tried again.
    pub(in crate::host) fn end(&mut self, status: DeliveryStatus) {
        self.status = status;
        self.next_at = None;
    }

    /// Where it is kept among those of its listener: the newest first.
    pub(in crate::host) fn place(&self) -> String {
        place(self.event)
    }
}

/// Later events sort before earlier ones.
pub(in crate::host) fn place(event: EventId) -> String {
    format!(
        "{:016x}{:08x}",
        u64::MAX - event.ms,
        u32::MAX - u32::try_from(event.seq).unwrap_or(u32::MAX)
    )
}

/// Whether `text` may be the [`place`] of an event.
pub(in crate::host) fn is_place(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(in crate::host) fn key(listener: &str, place: &str) -> String {
    format!("{listener}:{place}")
}

/// Writes how far a delivery of `listener` is; `is_new` says that nothing was written of it before.
pub(in crate::host) async fn keep(
    store: &dyn Store,
    listener: &str,
    record: &DeliveryRecord,
    is_new: bool,
) -> Result<(), StoreError> {
    let key = key(listener, &record.place());
    if record.status == DeliveryStatus::Pending {
        return put(store, PENDING, &key, record).await;
    }
    put(store, ENDED, &key, record).await?;
    if is_new {
        return Ok(());
    }
    delete(store, PENDING, &key).await
}

/// Writes a document, whatever was there.
async fn put(
    store: &dyn Store,
    namespace: &str,
    key: &str,
    record: &DeliveryRecord,
) -> Result<(), StoreError> {
    let value = serde_json::to_value(record).unwrap_or_default();
    let mut expected = 0;
    loop {
        let put = store.record_put(namespace, key, expected, Some(value.clone()), Some(KEPT));
        match put.await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                let there = store.record_get(namespace, key).await?;
                expected = there.map_or(0, |there| there.revision);
            }
            written => return written.map(drop),
        }
    }
}

/// Deletes a document, if it is there.
pub(in crate::host) async fn delete(
    store: &dyn Store,
    namespace: &str,
    key: &str,
) -> Result<(), StoreError> {
    while let Some(there) = store.record_get(namespace, key).await? {
        match store
            .record_put(namespace, key, there.revision, None, None)
            .await
        {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {}
            written => return written.map(drop),
        }
    }
    Ok(())
}

/// Up to `limit` deliveries of `listener` in `namespace`, the newest first, after the one at `after`.
pub(in crate::host) async fn page(
    store: &dyn Store,
    namespace: &str,
    listener: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let prefix = format!("{listener}:");
    let after = after.map(|place| key(listener, place));
    let page = store.record_scan(namespace, &prefix, after.as_deref(), limit);
    let read = |(_, record): (String, stock_scheduler_sdk::Record)| {
        serde_json::from_value::<DeliveryRecord>(record.value).ok()
    };
    Ok(page.await?.into_iter().filter_map(read).collect())
}

/// The delivery of `listener` of this event, where it is to be tried again.
pub(super) async fn pending(
    store: &dyn Store,
    listener: &str,
    event: EventId,
) -> Result<Option<DeliveryRecord>, StoreError> {
    let record = store
        .record_get(PENDING, &key(listener, &place(event)))
        .await?;
    Ok(record.and_then(|record| serde_json::from_value(record.value).ok()))
}

/// The delivery of `listener` with this id.
pub(in crate::host) async fn find(
    store: &dyn Store,
    listener: &str,
    event: EventId,
) -> Result<Option<DeliveryRecord>, StoreError> {
    let key = key(listener, &place(event));
    for namespace in [ENDED, PENDING] {
        if let Some(record) = store.record_get(namespace, &key).await? {
            return Ok(serde_json::from_value(record.value).ok());
        }
    }
    Ok(None)
}

/// Forgets everything of a listener that is gone.
pub(in crate::host) async fn forget(store: &dyn Store, listener: &str) -> Result<(), StoreError> {
    let prefix = format!("{listener}:");
    for namespace in [PENDING, ENDED] {
        loop {
            let page = store.record_scan(namespace, &prefix, None, PAGE).await?;
            if page.is_empty() {
                break;
            }
            try_join_all(page.iter().map(|(key, _)| delete(store, namespace, key))).await?;
        }
    }
    Ok(())
}

/// An event's id as its text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use stock_scheduler_sdk::EventId;

    pub(super) fn serialize<S: Serializer>(id: &EventId, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<EventId, D::Error> {
        String::deserialize(source)?
            .parse()
            .map_err(D::Error::custom)
    }
}
