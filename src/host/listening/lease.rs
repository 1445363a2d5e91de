//! The right to carry events, for one instance at a time.
//!
//! It saves work and keeps the order; where two instances should hold it, listeners hear some events twice.

use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{StoreError, StoreErrorKind};
use tokio::time::Instant;

use super::NAMESPACE;
use crate::host::Host;

const KEY: &str = "lease";
/// How long it lasts without being renewed.
const LASTS: Duration = Duration::from_secs(6);

/// This instance's lease.
pub(super) struct Lease {
    host: Host,
    /// The revision of its document and when it was last known to be ours.
    held: Option<(u64, Instant)>,
}

impl Lease {
    pub(super) fn new(host: Host) -> Self {
        Self { host, held: None }
    }

    /// Whether it is ours, as far as is known here.
    pub(super) fn holds(&self) -> bool {
        self.held
            .is_some_and(|(_, since)| since.elapsed() < LASTS * 3 / 4)
    }

    /// Whether it is known not to be ours.
    pub(super) fn is_left(&self) -> bool {
        self.held.is_none()
    }

    /// Renews it, or takes it where it is free; answers whether it is ours.
    pub(super) async fn take(&mut self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let store = self.host.store();
        let value = json!({"host": self.host.inner.engine.host});
        let expected = self.held.map_or(0, |(revision, _)| revision);
        // A repeated value would be taken for this very write: each has its own.
        let mut value = value;
        value["renewal"] = uuid::Uuid::new_v4().to_string().into();
        let put = store.record_put(NAMESPACE, KEY, expected, Some(value), Some(LASTS));
        match put.await {
            Ok(revision) => {
                self.held = Some((revision, asked));
                Ok(true)
            }
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                self.held = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn leave_if_held(&mut self) -> Result<(), StoreError> {
        let Some((revision, _)) = self.held.take() else {
            return Ok(());
        };
        let store = self.host.store();
        let put = store.record_put(NAMESPACE, KEY, revision, None, None).await;
        match put {
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(()),
            written => written.map(drop),
        }
    }

    /// Lets another instance take it at once.
    pub(super) async fn leave(mut self) {
        // Failing is no harm: it ends by itself.
        let _ = self.leave_if_held().await;
    }
}
