//! The store: each call is made by a memory store, whose answers are right.
//!
//! Nothing here outlives the process. A store that lasts takes one of two ways from here:
//!
//! * A journal: each call that changes something is written down first and made by the memory store then; opening the
//!   journal makes all of them again. The example `file_store` of stock-scheduler is one.
//! * A database: each call is one transaction, and the memory store goes. `plugins/sqlite` of stock-scheduler is one.

use std::sync::Arc;
use std::time::Duration;

use stock_scheduler::chrono::{DateTime, Utc};
use stock_scheduler::serde_json::Value;
use stock_scheduler::{
    Agenda, Claim, Claimed, Clock, DataKey, DataStore, DatasetPage, DatasetQuery, Edit, EventId,
    EventLog, EventPage, Fire, FireQuery, Grant, HostId, Job, JobCounts, JobId, JobPage, JobQuery,
    JobStore, MemoryStore, NextFire, Orphan, Poll, Record, RecordStore, RequestId, Run, RunId,
    RunPage, RunPlan, RunQuery, RunStatus, RunStore, Store, StoreError, StoredJob, SymbolResult,
    TakeOver, async_trait,
};

/// What a store answers, or why it cannot.
type Answer<T> = Result<T, StoreError>;

/// Keeps everything in memory; all is gone when it is dropped.
#[derive(Debug)]
pub struct Kept {
    memory: MemoryStore,
}

impl Kept {
    /// An empty store whose time is that of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let memory = MemoryStore::new(clock);
        Self { memory }
    }
}

#[async_trait]
impl Store for Kept {
    fn kind(&self) -> &'static str {
        "{{name}}"
    }

    async fn now(&self) -> Answer<DateTime<Utc>> {
        self.memory.now().await
    }
}

/// Jobs: `create`, `edit` and `delete` change something, the others only read.
#[async_trait]
impl JobStore for Kept {
    async fn create(&self, job: Job, next: NextFire) -> Answer<StoredJob> {
        self.memory.create(job, next).await
    }

    async fn edit(&self, edit: Edit) -> Answer<StoredJob> {
        self.memory.edit(edit).await
    }

    async fn delete(&self, id: &JobId, expected: Option<u64>, request: RequestId) -> Answer<()> {
        self.memory.delete(id, expected, request).await
    }

    async fn jobs(&self, ids: &[JobId]) -> Answer<Vec<Option<StoredJob>>> {
        self.memory.jobs(ids).await
    }

    async fn list(&self, query: &JobQuery) -> Answer<JobPage> {
        self.memory.list(query).await
    }

    async fn counts(&self) -> Answer<JobCounts> {
        self.memory.counts().await
    }
}

/// Runs: `poll`, `claim`, `take_over`, `record` and `retire` change something. They say who may do what, so each is one
/// step, whole or not at all.
#[async_trait]
impl RunStore for Kept {
    async fn poll(&self, poll: &Poll) -> Answer<Agenda> {
        self.memory.poll(poll).await
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Answer<Vec<Claimed>> {
        self.memory.claim(host, claims).await
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Answer<Option<(Grant, Run)>> {
        self.memory.take_over(host, run, seen, why).await
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        self.memory.record(grant, plan, results, end).await
    }

    async fn retire(&self, host: HostId) -> Answer<()> {
        self.memory.retire(host).await
    }

    async fn held(&self, host: HostId) -> Answer<Vec<Orphan>> {
        self.memory.held(host).await
    }

    async fn run(&self, id: RunId) -> Answer<Option<Run>> {
        self.memory.run(id).await
    }

    async fn runs(&self, query: &RunQuery) -> Answer<RunPage> {
        self.memory.runs(query).await
    }

    async fn fires(&self, query: &FireQuery) -> Answer<Vec<Fire>> {
        self.memory.fires(query).await
    }
}

/// Data is written by `record`, of a run; here it is read.
#[async_trait]
impl DataStore for Kept {
    async fn datasets(&self, query: &DatasetQuery) -> Answer<DatasetPage> {
        self.memory.datasets(query).await
    }

    async fn dataset(&self, key: &DataKey) -> Answer<Option<String>> {
        self.memory.dataset(key).await
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Answer<Option<DataKey>> {
        self.memory.latest(prefix, symbol).await
    }
}

/// Events are logged by the calls that they tell of; here they are read.
#[async_trait]
impl EventLog for Kept {
    async fn events(&self, after: EventId, limit: usize, wait: Duration) -> Answer<EventPage> {
        self.memory.events(after, limit, wait).await
    }
}

/// Small records of the host's own: `record_put` changes something.
#[async_trait]
impl RecordStore for Kept {
    async fn record_get(&self, namespace: &str, key: &str) -> Answer<Option<Record>> {
        self.memory.record_get(namespace, key).await
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Answer<u64> {
        let put = self.memory.record_put(namespace, key, expected, value, ttl);
        put.await
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<(String, Record)>> {
        let scan = self.memory.record_scan(namespace, prefix, after, limit);
        scan.await
    }
}
