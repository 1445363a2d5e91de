//! What one listener is to be told again: the records are in the store, and here is only when which is due.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use stock_scheduler_sdk::{EventId, StoreError};

use super::address::Address;
use super::backoff::is_too_old;
use super::ledger;
use super::record::{DeliveryRecord, DeliveryStatus};

/// How many deliveries are read at a time.
const PAGE: usize = 500;

/// A listener's deliveries that are to be tried again.
pub(super) struct Outbox {
    to: Arc<Address>,
    /// By time.
    due: BTreeSet<(DateTime<Utc>, EventId)>,
    /// Those that the listener wants no more.
    unwanted: Vec<DeliveryRecord>,
}

impl Outbox {
    /// Reads what is to be tried again, and which events after the place `from` in the log are dealt with already.
    pub(super) async fn open(
        to: Arc<Address>,
        from: EventId,
    ) -> Result<(Self, HashSet<EventId>), StoreError> {
        let (mut due, mut unwanted) = (BTreeSet::new(), Vec::new());
        let mut known = HashSet::new();
        let mut know = |record: &DeliveryRecord| {
            known.extend(Some(record.event).filter(|event| *event > from));
        };
        read(&to, ledger::PENDING, EventId::START, |record| {
            know(&record);
            match to.wanted.has(&record.job, &record.kind) {
                true => drop(due.insert((record.next_at.unwrap_or_default(), record.event))),
                false => unwanted.push(record),
            }
        })
        .await?;
        read(&to, ledger::ENDED, from, |record| know(&record)).await?;
        Ok((Self { to, due, unwanted }, known))
    }

    /// Gives up what the listener wanted when it happened and wants no more.
    pub(super) async fn give_up_unwanted(&mut self) -> Result<Vec<DeliveryRecord>, StoreError> {
        let unwanted = std::mem::take(&mut self.unwanted).into_iter();
        try_join_all(unwanted.map(|record| self.give_up(record))).await
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// When the next is due.
    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the next out that is due at `now`.
    pub(super) async fn take_due(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Option<DeliveryRecord>, StoreError> {
        while let Some((_, event)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let record = self.record(event).await?;
            self.due.pop_first();
            // Where there is none, somebody has sent it again by hand.
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    /// Adds a delivery that is written already, if it is to be tried again.
    pub(super) fn add(&mut self, record: &DeliveryRecord) {
        self.due.extend(record.next_at.map(|at| (at, record.event)));
    }

    /// Writes and adds new deliveries.
    pub(super) async fn put(&mut self, records: &mut [DeliveryRecord]) -> Result<(), StoreError> {
        let store = self.to.host.store().as_ref();
        let keep = async |record: &mut DeliveryRecord| {
            let _turn = self.to.host.inner.listening.writes().await;
            ledger::keep(store, &self.to.key, record).await
        };
        try_join_all(records.iter_mut().map(keep)).await?;
        records.iter().for_each(|record| self.add(record));
        Ok(())
    }

    /// Makes everything due now, in the order in which it happened: the listener gets on again.
    pub(super) fn hurry(&mut self, now: DateTime<Utc>) {
        let all = std::mem::take(&mut self.due).into_iter();
        self.due = all.map(|(_, event)| (now, event)).collect();
    }

    /// Gives up what has waited a day for a listener that does not get on, so that an outbox does not grow for ever.
    pub(super) async fn give_up_old(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let all = self.due.iter().copied();
        let old: Vec<_> = all.filter(|(_, event)| is_too_old(*event, now)).collect();
        let mut given_up = Vec::new();
        for old in old {
            if let Some(record) = self.record(old.1).await? {
                given_up.push(self.give_up(record).await?);
            }
            self.due.remove(&old);
        }
        Ok(given_up)
    }

    /// Answers what it has become: it may have arrived by hand.
    async fn give_up(&self, mut record: DeliveryRecord) -> Result<DeliveryRecord, StoreError> {
        let _turn = self.to.host.inner.listening.writes().await;
        record.end(DeliveryStatus::Failed);
        ledger::keep(self.to.host.store().as_ref(), &self.to.key, &mut record).await?;
        Ok(record)
    }

    async fn record(&self, event: EventId) -> Result<Option<DeliveryRecord>, StoreError> {
        ledger::pending(self.to.host.store().as_ref(), &self.to.key, event).await
    }
}

/// Reads a listener's deliveries in `namespace` of the events after `from`, the newest first.
async fn read(
    to: &Address,
    namespace: &str,
    from: EventId,
    mut found: impl FnMut(DeliveryRecord),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let store = to.host.store().as_ref();
        let page = ledger::page(store, namespace, &to.key, after.as_deref(), PAGE).await?;
        let last = page.last().filter(|last| last.event > from);
        after = last.map(DeliveryRecord::place);
        page.into_iter().for_each(&mut found);
        if after.is_none() {
            return Ok(());
        }
    }
}
