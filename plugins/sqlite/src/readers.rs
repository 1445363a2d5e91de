//! Reads the file beside the writer: a few connections, each opened when it is first needed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::fault::{Fault, Outcome};
use crate::file;
use crate::view::View;

/// More would only compete for the disk and hold more memory.
const CONNECTIONS: usize = 2;

pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Reads the file as it is at one moment, with all that was acknowledged before.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&View<'_>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let closed = |_| Fault::unavailable("the file is closed");
        let turn = self.turns.clone().acquire_owned().await.map_err(closed)?;
        let readers = Arc::clone(self);
        let reading = spawn_blocking(move || {
            let _turn = turn;
            readers.look(work)
        });
        let failed = |_| Fault::corrupt("reading failed on what is stored");
        reading.await.map_err(failed)?
    }

    fn look<T>(&self, work: impl FnOnce(&View<'_>) -> Outcome<T>) -> Outcome<T> {
        let idle = self.lock().pop();
        let file = match idle {
            Some(file) => file,
            None => file::open_to_read(&self.path)?,
        };
        let moment = file.unchecked_transaction()?;
        let answer = work(&View { file: &file })?;
        moment.finish()?;
        self.lock().push(file);
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
