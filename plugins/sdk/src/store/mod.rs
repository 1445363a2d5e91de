//! What keeps jobs, fires, runs, data and the event log, and decides atomically who may do what.

mod data;
mod jobs;
mod log;
mod records;
pub mod retention;
mod runs;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Clock, ConfigError, StoreError};

pub use data::{DataStore, Dataset, DatasetPage, DatasetQuery};
pub use jobs::{Edit, EditKind, JobCounts, JobPage, JobQuery, JobStore};
pub use log::{EventLog, EventPage};
pub use records::{Record, RecordStore};
pub use runs::{
    Advance, Agenda, Claim, Claimed, Due, Fire, FireQuery, FireState, Orphan, Poll, Refusal,
    RunPage, RunQuery, RunStore, TakeOver,
};

/// Everything that the host keeps, in five groups.
///
/// # Laws
///
/// 1. **One run a fire**: at most one run for each (job, fire time). A claim is one atomic step. A fire is granted only
///    when it is later than the job's last fire, so history can be trimmed without a second fire.
/// 2. **Tokens grow**: fencing tokens come from one counter for each job that grows with every claim and takeover.
/// 3. **The fence decides**: a write is checked against its own run's current token and the job's existence. With an
///    overtaken token it has no effect and fails as [`Fenced`]. Runs of one job may go side by side without fencing each
///    other off. Leases and clocks may be wrong without harm.
/// 4. **Due is found**: an active job that can fire is always in the answer of [`RunStore::poll`] once it is due.
/// 5. **Stale changes nothing**: a write that names a revision other than the current one fails as [`Conflict`].
/// 6. **The log is in order** and can be resumed after an id, or says that the id is too old.
/// 7. **Crash-proof**: what one call does happens whole or not at all; a crash between two calls is cured by taking the
///    run over.
/// 8. **Repeatable**: a call repeated with the same ids has the effect of once and the same answer. What a call
///    acknowledged survives a crash of this process.
///
/// [`now`](Self::now) of the store decides what is due and which lease has ended; the host asks nobody else. A call that
/// cannot reach the store fails as [`Unavailable`] within two seconds; it never hangs.
///
/// [`conformance::store`](crate::conformance::store) tries these laws; where to begin is in
/// [`guide::store`](crate::guide::store).
///
/// [`Fenced`]: crate::StoreErrorKind::Fenced
/// [`Conflict`]: crate::StoreErrorKind::Conflict
/// [`Unavailable`]: crate::StoreErrorKind::Unavailable
#[async_trait]
pub trait Store: JobStore + RunStore + DataStore + EventLog + RecordStore {
    /// The word for this kind of store, such as `redis`.
    fn kind(&self) -> &'static str;

    /// The store's present instant.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Whether no other process can use what is kept here while this one does: leases of others are then of no account.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Repairs what can be derived, and adopts jobs that other writers left. Called at start and every half minute.
    async fn reconcile(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Makes a store from its address and its section of the configuration.
#[async_trait]
pub trait StoreFactory: Send + Sync + 'static {
    /// Opens the store that `url` names (`redis://localhost:6379/0`, `sqlite:jobs.db`).
    ///
    /// Does not wait for a server that is away; fails only on what waiting cannot cure.
    async fn open(
        &self,
        url: &str,
        section: &Value,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError>;
}
