//! How many steps share one disk flush.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::command::Waiting;

/// The longest wait for steps that are likely to come, while the disk is not yet asked to flush.
const LONGEST: Duration = Duration::from_millis(2);

/// Decides how long a transaction stays open for more steps.
///
/// Callers that were answered together tend to come back together, but not at the same instant. Waiting for them half
/// as long as a flush takes saves a flush; a lone caller is never kept waiting.
#[derive(Default)]
pub(crate) struct Gathering {
    /// How many steps the last transaction had.
    last_batch: usize,
    /// How long its flush took.
    last_flush: Duration,
    /// How long the present transaction may still wait.
    patience: Duration,
}

impl Gathering {
    /// Begins a transaction.
    pub(crate) fn begin(&mut self) {
        self.patience = (self.last_flush / 2).min(LONGEST);
    }

    /// The next step of a transaction that has `batch` steps, or that it is time to flush.
    pub(crate) fn next(&mut self, waiting: &Receiver<Waiting>, batch: usize) -> Option<Waiting> {
        if let Ok(command) = waiting.try_recv() {
            return Some(command);
        }
        if batch >= self.last_batch || self.patience.is_zero() {
            return None;
        }
        let begun = Instant::now();
        let command = waiting.recv_timeout(self.patience).ok();
        self.patience = self.patience.saturating_sub(begun.elapsed());
        command
    }

    /// Notes how many steps a transaction had and how long its flush took.
    pub(crate) fn learn(&mut self, batch: usize, flush: Duration) {
        self.last_batch = batch;
        self.last_flush = flush;
    }
}
