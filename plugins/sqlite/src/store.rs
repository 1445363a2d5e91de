//! The store as a whole: opened on a file, closed when it is dropped.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::{Clock, ConfigError, Store, StoreError, StoreErrorKind, async_trait};
use tokio::time::timeout;

use crate::fault::{Fault, Outcome};
use crate::ledger::{Ledger, Shared};
use crate::readers::Readers;
use crate::settings::Settings;
use crate::step::Step;
use crate::text::to_micros;
use crate::view::View;
use crate::writer::Writer;
use crate::{file, upkeep};

/// A disk that has not answered after this time is as good as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps everything in one SQLite file.
///
/// What a call acknowledged is on disk. Dropping the store finishes the writes that were asked for and closes the file.
pub struct SqliteStore {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    // Before the writer, because whoever closes last carries the log into the file, and readers may not.
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file at `path`, and makes it and its directory where there is none.
    ///
    /// Refused when another service uses the file, when it belongs to another program, or when it is damaged. All hosts
    /// that held runs count as dead. Blocks for some milliseconds.
    pub fn open(
        path: impl AsRef<Path>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let (path, hold, connection) = file::open_to_write(path.as_ref(), settings)?;
        let wrong = |why: String| {
            ConfigError::at("", format!("cannot open store {}: {why}", path.display()))
        };
        let ledger = Ledger::read(&connection).map_err(|fault| wrong(fault.message().into()))?;
        let shared = Arc::new(Shared::new(ledger));
        let writer = Writer::start(connection, Arc::clone(&shared), Arc::clone(&clock), hold)
            .map_err(|e| wrong(format!("its writer cannot be started: {e}")))?;
        Ok(Self {
            readers: Arc::new(Readers::new(path.clone())),
            path,
            clock,
            shared,
            writer,
        })
    }

    /// The store's present instant, to the microsecond.
    pub(crate) fn instant(&self) -> DateTime<Utc> {
        to_micros(self.clock.now())
    }

    /// Does `step` whole or not at all, and answers when it is on disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        attempted: &str,
        step: impl FnMut(&mut Step<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        in_time(self.writer.write(step))
            .await
            .map_err(|fault| fault.into_error(attempted))
    }

    /// Reads the file as it is now, with all that was acknowledged.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        attempted: &str,
        work: impl FnOnce(&View<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        in_time(self.readers.read(work))
            .await
            .map_err(|fault| fault.into_error(attempted))
    }

    /// Reads as [`Self::read`] does what results become once they no longer wait.
    pub(crate) async fn read_settled<T: Send + 'static>(
        &self,
        attempted: &str,
        work: impl FnOnce(&View<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let acknowledged = self.shared.appended();
        while !self.shared.is_settled(acknowledged) {
            self.write(attempted, |step| step.settle()).await?;
        }
        self.read(attempted, work).await
    }
}

async fn in_time<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let late = || {
        Fault::new(
            StoreErrorKind::Unavailable,
            "the disk did not answer in time",
        )
    };
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(late()))
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.instant())
    }

    async fn reconcile(&self) -> Result<(), StoreError> {
        let now = self.instant();
        let due = self.read("look for what to tidy", move |view| {
            upkeep::is_due(view, now)
        });
        match due.await? {
            true => self.write("tidy", upkeep::tidy).await,
            false => Ok(()),
        }
    }
}
