//! A store in this process's memory: for trying the service, for tests, and as the reference reading of [`Store`].
//!
//! One mutex guards everything, so each call is one step. What a call does to the state is told by the file of its group:
//! `jobs`, `runs` with `claims` and `progress`, `data`, `log`, `records`.

mod claims;
mod data;
mod jobs;
mod log;
mod progress;
mod records;
mod runs;
mod state;
mod table;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{Clock, ConfigError, Store, StoreError, StoreFactory};
use state::State;

/// Keeps everything in memory; all is gone when it is dropped.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    logged: Notify,
}

impl MemoryStore {
    /// An empty store whose time is that of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            logged: Notify::new(),
        }
    }

    /// Takes one step at the store's present instant, and wakes listeners when it logged something.
    fn step<T>(&self, work: impl FnOnce(&mut State, DateTime<Utc>) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.log.last();
        let answer = work(&mut state, self.clock.now());
        if state.log.last() != before {
            self.logged.notify_waiters();
        }
        answer
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.clock.now())
    }
}

/// Opens a [`MemoryStore`] for the address `memory:`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryStores;

#[async_trait]
impl StoreFactory for MemoryStores {
    async fn open(
        &self,
        url: &str,
        section: &Value,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError> {
        if url != "memory:" {
            let message =
                format!("cannot open store {url:?}: the address of a memory store is \"memory:\"");
            return Err(ConfigError::at("", message));
        }
        match section {
            Value::Null => {}
            Value::Object(settings) => {
                if let Some(name) = settings.keys().next() {
                    let message = format!("unknown setting `{name}`: a memory store has none");
                    return Err(ConfigError::at(format!("/{name}"), message));
                }
            }
            other => {
                let message = format!("settings of a memory store are {other}, expected none");
                return Err(ConfigError::at("", message));
            }
        }
        Ok(Arc::new(MemoryStore::new(clock)))
    }
}

/// `now + span`, or the end of time.
fn later(now: DateTime<Utc>, span: std::time::Duration) -> DateTime<Utc> {
    TimeDelta::from_std(span)
        .ok()
        .and_then(|span| now.checked_add_signed(span))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Reads a cursor that this store gave out; one that it did not begins at the start.
fn place(cursor: Option<&String>) -> Option<u64> {
    cursor.and_then(|text| text.parse().ok())
}
