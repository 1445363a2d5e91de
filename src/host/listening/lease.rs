//! The right to carry events, for one instance at a time.
//!
//! It saves work and keeps the order; where two instances should hold it, listeners hear some events twice.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{StoreError, StoreErrorKind};
use tokio::time::Instant;
use uuid::Uuid;

use super::NAMESPACE;
use crate::host::Host;

const KEY: &str = "lease";
/// How long it lasts without being renewed.
const LASTS: Duration = Duration::from_secs(6);

/// Names this process, in which several hosts may share a store.
static PROCESS: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);

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
        let expected = self.expected().await?;
        let store = self.host.store();
        // A repeated value would be taken for this very write: each has its own.
        let value = json!({
            "host": self.host.inner.engine.host,
            "process": *PROCESS,
            "renewal": Uuid::new_v4(),
        });
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

    /// The revision that is written over: that of a lease that is ours, or of one whose holder is dead.
    async fn expected(&self) -> Result<u64, StoreError> {
        // One that may have ended is not renewed: revisions of what others have taken since would begin anew.
        if let Some((revision, _)) = self.held.filter(|_| self.holds()) {
            return Ok(revision);
        }
        let store = self.host.store();
        if !store.is_exclusive() {
            return Ok(0);
        }
        let there = store.record_get(NAMESPACE, KEY).await?;
        let dead = there.filter(|lease| lease.value["process"] != PROCESS.to_string());
        Ok(dead.map_or(0, |lease| lease.revision))
    }

    pub(super) async fn leave_if_held(&mut self) -> Result<(), StoreError> {
        let holds = self.holds();
        let Some((revision, _)) = self.held.take().filter(|_| holds) else {
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
