//! The runs that this process works on, so that they can be found and cancelled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stock_scheduler_sdk::RunId;
use tokio_util::sync::CancellationToken;

/// Which runs this process works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashMap<RunId, CancellationToken>>>);

/// A run's place among them; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    running: Running,
    run: RunId,
    /// Cancelled when the run is no longer ours.
    pub(crate) cancelled: CancellationToken,
}

impl Running {
    /// Takes the place of `run`, before it is claimed; `None` when this process works on it already.
    pub(crate) fn enter(&self, run: RunId) -> Option<Slot> {
        let cancelled = CancellationToken::new();
        let mut runs = self.lock();
        if runs.contains_key(&run) {
            return None;
        }
        runs.insert(run, cancelled.clone());
        Some(Slot {
            running: self.clone(),
            run,
            cancelled,
        })
    }

    pub(crate) fn contains(&self, run: RunId) -> bool {
        self.lock().contains_key(&run)
    }

    /// Ends the work on `run`, if there is any here.
    pub(crate) fn cancel(&self, run: RunId) {
        if let Some(cancelled) = self.lock().get(&run) {
            cancelled.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.running.lock().remove(&self.run);
    }
}
