//! What is remembered of deliveries: those that are to be tried again, and what became of the others.

use std::time::Duration;

use futures_util::future::try_join_all;
use stock_scheduler_sdk::{EventId, Record, Store, StoreError, StoreErrorKind};

use super::record::{DeliveryRecord, DeliveryStatus};

/// Deliveries that are to be tried again.
pub(in crate::host) const PENDING: &str = "outbox";
/// Deliveries that have ended.
pub(in crate::host) const ENDED: &str = "deliveries";
/// How long both are kept after their last change.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How many are deleted at a time.
const PAGE: usize = 100;

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

/// Writes how far a delivery of `listener` is.
///
/// Somebody else may have written of it since it was read. What has ended is not made pending again, and what has arrived is
/// not given up: the record is what they have written then.
pub(in crate::host) async fn keep(
    store: &dyn Store,
    listener: &str,
    record: &mut DeliveryRecord,
) -> Result<(), StoreError> {
    let key = key(listener, &record.place());
    if record.status == DeliveryStatus::Pending {
        return keep_pending(store, &key, record).await;
    }
    keep_ended(store, &key, record).await?;
    match record.revision {
        0 => Ok(()),
        _ => delete(store, PENDING, &key).await,
    }
}

async fn keep_pending(
    store: &dyn Store,
    key: &str,
    record: &mut DeliveryRecord,
) -> Result<(), StoreError> {
    while !put(store, PENDING, key, record.revision, record).await? {
        let Some(there) = store.record_get(PENDING, key).await? else {
            match get(store, ENDED, key).await? {
                Some(ended) => *record = ended,
                // Of what arrived nothing is kept where the listener keeps no log.
                None => record.end(DeliveryStatus::Delivered),
            }
            return Ok(());
        };
        record.revision = there.revision;
    }
    Ok(())
}

async fn keep_ended(
    store: &dyn Store,
    key: &str,
    record: &mut DeliveryRecord,
) -> Result<(), StoreError> {
    let mut expected = 0;
    while !put(store, ENDED, key, expected, record).await? {
        let there = store.record_get(ENDED, key).await?;
        expected = there.as_ref().map_or(0, |there| there.revision);
        let there = there.and_then(|there| read(ENDED, there));
        let arrived = there.filter(|there| there.status == DeliveryStatus::Delivered);
        if record.status != DeliveryStatus::Delivered
            && let Some(arrived) = arrived
        {
            let revision = record.revision;
            *record = arrived;
            record.revision = revision;
            return Ok(());
        }
    }
    Ok(())
}

/// Writes a document where its revision is the expected one; answers whether it was.
async fn put(
    store: &dyn Store,
    namespace: &str,
    key: &str,
    expected: u64,
    record: &DeliveryRecord,
) -> Result<bool, StoreError> {
    let value = serde_json::to_value(record).ok();
    let put = store.record_put(namespace, key, expected, value, Some(KEPT));
    match put.await {
        Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(false),
        written => written.map(|_| true),
    }
}

async fn get(
    store: &dyn Store,
    namespace: &str,
    key: &str,
) -> Result<Option<DeliveryRecord>, StoreError> {
    let there = store.record_get(namespace, key).await?;
    Ok(there.and_then(|there| read(namespace, there)))
}

fn read(namespace: &str, document: Record) -> Option<DeliveryRecord> {
    let mut record: DeliveryRecord = serde_json::from_value(document.value).ok()?;
    if namespace == PENDING {
        record.revision = document.revision;
    }
    Some(record)
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
    let page = page.await?.into_iter();
    Ok(page
        .filter_map(|(_, document)| read(namespace, document))
        .collect())
}

/// The delivery of `listener` of this event, where it is to be tried again.
pub(super) async fn pending(
    store: &dyn Store,
    listener: &str,
    event: EventId,
) -> Result<Option<DeliveryRecord>, StoreError> {
    get(store, PENDING, &key(listener, &place(event))).await
}

/// The delivery of `listener` with this id.
pub(in crate::host) async fn find(
    store: &dyn Store,
    listener: &str,
    event: EventId,
) -> Result<Option<DeliveryRecord>, StoreError> {
    let key = key(listener, &place(event));
    // In this order, so that one that ends between the two looks is found.
    let pending = get(store, PENDING, &key).await?;
    Ok(get(store, ENDED, &key).await?.or(pending))
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
