//! A store in a file of its own, and what it is asked to keep.

use std::path::PathBuf;
use std::sync::Arc;

use stock_scheduler_sdk::ManualClock;
use stock_scheduler_sqlite::{Settings, SqliteStore};
use tempfile::TempDir;

/// A directory with a store's file, and the clock of whoever opens it.
#[derive(Clone)]
pub(crate) struct Home {
    directory: Arc<TempDir>,
    name: String,
    pub(crate) clock: Arc<ManualClock>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory for the test"));
        Self::within(directory, "jobs.db".into())
    }

    /// Another file in the same directory, with a clock of its own.
    pub(crate) fn next_to(&self, name: String) -> Self {
        Self::within(Arc::clone(&self.directory), name)
    }

    fn within(directory: Arc<TempDir>, name: String) -> Self {
        let start = "2025-03-03T21:59:30Z".parse().unwrap();
        Self {
            directory,
            name,
            clock: Arc::new(ManualClock::new(start)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), &Settings::default(), self.clock.clone())
            .expect("the test's own file opens")
    }
}
