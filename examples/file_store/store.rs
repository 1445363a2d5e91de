//! A memory store with a journal: what changes something is written, then made; what only reads asks the memory.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use stock_scheduler::{
    Agenda, Claim, Claimed, Clock, DataKey, DataStore, DatasetPage, DatasetQuery, Edit, EventId,
    EventLog, EventPage, Fire, FireQuery, Grant, HostId, Job, JobCounts, JobId, JobPage, JobQuery,
    JobStore, MemoryStore, NextFire, Orphan, Poll, Record, RecordStore, RequestId, Run, RunId,
    RunPage, RunPlan, RunQuery, RunStatus, RunStore, Store, StoreError, StoreErrorKind, StoredJob,
    SymbolResult, TakeOver, async_trait,
};

use super::call::{Answer, Call, Line};
use super::journal::Journal;

/// How long a call may take: the promise of every store.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps everything in memory and in a file.
pub(crate) struct FileStore(Arc<Inner>);

struct Inner {
    memory: MemoryStore,
    clock: Arc<CallClock>,
    /// Held for the length of a call, so that calls are made in the order in which they are written.
    journal: Mutex<Journal>,
}

impl FileStore {
    /// Opens the journal at `path` and makes all its calls.
    pub(crate) fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let at = Mutex::default();
        let clock = Arc::new(CallClock { clock, at });
        let memory = MemoryStore::new(clock.clone());
        let journal = Journal::open(path, |line| {
            let Line { at, call } = serde_json::from_str(line).map_err(|e| e.to_string())?;
            clock.stand_at(Some(at));
            // What was refused then is refused now.
            let _ = call.make(&memory);
            Ok(())
        })?;
        clock.stand_at(None);
        let journal = Mutex::new(journal);
        Ok(Self(Arc::new(Inner {
            memory,
            clock,
            journal,
        })))
    }

    /// Makes a call, even where nobody waits for it any more; `T` is what its method answers.
    async fn make<T: 'static>(&self, call: Call) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let making = tokio::task::spawn_blocking(move || inner.make(call));
        let made = tokio::time::timeout(PATIENCE, making).await;
        let made = made.map_err(|_| unavailable("it took too long"))?;
        let answer = made.map_err(unavailable)??;
        let answer = answer
            .downcast()
            .expect("a call answers as its method does");
        Ok(*answer)
    }
}

impl Inner {
    fn make(&self, call: Call) -> Answer {
        let mut journal = lock(&self.journal);
        self.clock.stand_at(Some(self.clock.now()));
        let answer = self
            .write(&mut journal, call)
            .and_then(|call| call.make(&self.memory));
        self.clock.stand_at(None);
        answer
    }

    fn write(&self, journal: &mut Journal, call: Call) -> Result<Call, StoreError> {
        if !call.is_kept(&self.memory) {
            return Ok(call);
        }
        let at = self.clock.now();
        let unreadable = |error| {
            let message = format!("cannot keep a call that does not read back: {error}");
            StoreError::new(StoreErrorKind::Corrupt, message)
        };
        let line = serde_json::to_string(&Line { at, call }).map_err(unreadable)?;
        // What is read back is made, so that opening the journal makes the very same.
        let Line { call, .. } = serde_json::from_str(&line).map_err(unreadable)?;
        journal.append(&(line + "\n")).map_err(unavailable)?;
        Ok(call)
    }
}

fn unavailable(why: impl std::fmt::Display) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("cannot write the journal: {why}"),
    )
}

/// The service's clock, which stands at one instant for each call.
#[derive(Debug)]
struct CallClock {
    clock: Arc<dyn Clock>,
    at: Mutex<Option<DateTime<Utc>>>,
}

impl CallClock {
    fn stand_at(&self, at: Option<DateTime<Utc>>) {
        *lock(&self.at) = at;
    }
}

impl Clock for CallClock {
    fn now(&self) -> DateTime<Utc> {
        let at = *lock(&self.at);
        at.unwrap_or_else(|| self.clock.now())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for FileStore {
    fn kind(&self) -> &'static str {
        "journal"
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.0.clock.now())
    }
}

#[async_trait]
impl JobStore for FileStore {
    async fn create(&self, job: Job, next: NextFire) -> Result<StoredJob, StoreError> {
        let job = Box::new(job);
        self.make(Call::Create { job, next }).await
    }

    async fn edit(&self, edit: Edit) -> Result<StoredJob, StoreError> {
        self.make(Call::Edit(Box::new(edit))).await
    }

    async fn delete(
        &self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Result<(), StoreError> {
        let id = id.clone();
        self.make(Call::Delete {
            id,
            expected,
            request,
        })
        .await
    }

    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        self.0.memory.jobs(ids).await
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        self.0.memory.list(query).await
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        self.0.memory.counts().await
    }
}

#[async_trait]
impl RunStore for FileStore {
    async fn poll(&self, poll: &Poll) -> Result<Agenda, StoreError> {
        self.make(Call::Poll(*poll)).await
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Result<Vec<Claimed>, StoreError> {
        self.make(Call::Claim { host, claims }).await
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Result<Option<(Grant, Run)>, StoreError> {
        self.make(Call::TakeOver {
            host,
            run,
            seen,
            why,
        })
        .await
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let (grant, plan) = (grant.clone(), plan.clone());
        self.make(Call::Record {
            grant,
            plan,
            results,
            end,
        })
        .await
    }

    async fn retire(&self, host: HostId) -> Result<(), StoreError> {
        self.make(Call::Retire(host)).await
    }

    async fn held(&self, host: HostId) -> Result<Vec<Orphan>, StoreError> {
        self.0.memory.held(host).await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        self.0.memory.run(id).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<RunPage, StoreError> {
        self.0.memory.runs(query).await
    }

    async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, StoreError> {
        self.0.memory.fires(query).await
    }
}

#[async_trait]
impl DataStore for FileStore {
    async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError> {
        self.0.memory.datasets(query).await
    }

    async fn dataset(&self, key: &DataKey) -> Result<Option<String>, StoreError> {
        self.0.memory.dataset(key).await
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Result<Option<DataKey>, StoreError> {
        self.0.memory.latest(prefix, symbol).await
    }
}

#[async_trait]
impl EventLog for FileStore {
    async fn events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError> {
        self.0.memory.events(after, limit, wait).await
    }
}

#[async_trait]
impl RecordStore for FileStore {
    async fn record_get(&self, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        self.0.memory.record_get(namespace, key).await
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        self.make(Call::Put {
            namespace,
            key,
            expected,
            value,
            ttl,
        })
        .await
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        self.0
            .memory
            .record_scan(namespace, prefix, after, limit)
            .await
    }
}
