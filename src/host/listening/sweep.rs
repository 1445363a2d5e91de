//! Forgets webhooks that are gone, where forgetting them failed when they were deleted, or where making them did.
//!
//! What is kept of their deliveries would go by itself in a week; their places in the log would not.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler_sdk::StoreError;

use super::follower;
use crate::host::{Host, webhooks};

/// How often it is looked for them.
const EVERY: TimeDelta = TimeDelta::hours(1);

/// Looks for what is left of webhooks that are gone.
#[derive(Default)]
pub(super) struct Sweep {
    last: Option<DateTime<Utc>>,
    /// Who had a place in the log at the last look, and was no webhook.
    suspects: HashSet<String>,
}

impl Sweep {
    /// Forgets who has a place in the log and has not been among `readers`, which are all webhooks, for an hour.
    ///
    /// Not sooner: a webhook that is being made has its place first.
    pub(super) async fn look(
        &mut self,
        host: &Host,
        readers: &HashSet<String>,
    ) -> Result<(), StoreError> {
        let now = host.now();
        if self.last.is_some_and(|last| now - last < EVERY) {
            return Ok(());
        }
        let store = host.store().as_ref();
        let mut there = follower::names(store, webhooks::READER).await?;
        there.retain(|name| !readers.contains(name));
        for gone in there.intersection(&self.suspects) {
            webhooks::forget(store, gone).await;
        }
        (self.suspects, self.last) = (there, Some(now));
        Ok(())
    }
}
