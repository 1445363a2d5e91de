//! What became of a webhook's deliveries.

use stock_scheduler_sdk::EventId;

use super::{DELIVERY_NOT_FOUND, PAGE, reader};
use crate::host::listening::{DeliveryRecord, DeliveryStatus, ledger};
use crate::host::{Host, HostError};

/// How many pages of deliveries are looked through for those of a status in one answer.
const PAGES: usize = 25;

impl Host {
    /// What became of a webhook's deliveries in the last seven days, the newest first: those after the place `after`, at
    /// most `limit`, and where to go on. There may be less than `limit` and still more to come, where few have the status.
    pub async fn deliveries(
        &self,
        id: &str,
        status: Option<DeliveryStatus>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DeliveryRecord>, Option<String>), HostError> {
        self.read_webhook(id).await?;
        if let Some(cursor) = after.filter(|after| !ledger::is_place(after)) {
            let why = format!("cursor must come from a Link header, and {cursor:?} does not");
            return Err(HostError::Conflict(why));
        }
        // In this order, so that one that ends just now is found.
        let namespaces: &[_] = match status {
            Some(DeliveryStatus::Pending) => &[ledger::PENDING],
            Some(_) => &[ledger::ENDED],
            None => &[ledger::PENDING, ledger::ENDED],
        };
        let (reader, mut found, mut next) = (reader(id), Vec::new(), None);
        for namespace in namespaces {
            let part = self.look_through(namespace, &reader, status, after, limit);
            let (part, goes_on_after) = part.await?;
            found.extend(part);
            next = next.or(goes_on_after);
        }
        // It may be found in both places: what has ended comes first.
        let is_pending = |record: &DeliveryRecord| record.status == DeliveryStatus::Pending;
        found.sort_by_key(|record| (std::cmp::Reverse(record.event), is_pending(record)));
        found.dedup_by_key(|record| record.event);
        if found.len() > limit {
            found.truncate(limit);
            next = found.last().map(DeliveryRecord::place);
        }
        Ok((found, next))
    }

    /// Up to one more than `limit` deliveries of a status, and where to go on, if less were found and not all was looked
    /// through.
    async fn look_through(
        &self,
        namespace: &str,
        reader: &str,
        status: Option<DeliveryStatus>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DeliveryRecord>, Option<String>), HostError> {
        let store = self.store().clone();
        let (mut found, mut from) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..PAGES {
            let page = ledger::page(store.as_ref(), namespace, reader, from.as_deref(), PAGE);
            let page = self.in_time(page).await?;
            let Some(last) = page.last() else {
                return Ok((found, None));
            };
            from = Some(last.place());
            let right = |record: &DeliveryRecord| status.is_none_or(|it| it == record.status);
            found.extend(page.into_iter().filter(right));
            if found.len() > limit {
                return Ok((found, None));
            }
        }
        Ok((found, from))
    }

    /// One delivery, by its id.
    pub async fn delivery(&self, id: &str, delivery: &str) -> Result<DeliveryRecord, HostError> {
        self.read_webhook(id).await?;
        let event: EventId = delivery.parse().map_err(|_| DELIVERY_NOT_FOUND)?;
        let (store, reader) = (self.store().clone(), reader(id));
        let found = ledger::find(store.as_ref(), &reader, event);
        self.in_time(found).await?.ok_or(DELIVERY_NOT_FOUND)
    }
}
