//! Any store, with how long its operations take told to the metrics.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use metrics::Histogram;
use serde_json::Value;
use stock_scheduler_sdk::{
    Agenda, Claim, Claimed, DataKey, DataStore, DatasetPage, DatasetQuery, Edit, EventId, EventLog,
    EventPage, Fire, FireQuery, Grant, HostId, Job, JobCounts, JobId, JobPage, JobQuery, JobStore,
    NextFire, Orphan, Poll, Record, RecordStore, RequestId, Run, RunId, RunPage, RunPlan, RunQuery,
    RunStatus, RunStore, Store, StoreError, StoredJob, SymbolResult, TakeOver,
};
use tokio::time::Instant;

use crate::metrics::store_operation;

/// Writes the histogram of each operation once, so that an operation has to look none up.
macro_rules! durations {
    ($($operation:ident)*) => {
        struct Durations { $($operation: Histogram),* }

        impl Durations {
            fn new() -> Self {
                Self { $($operation: store_operation(stringify!($operation))),* }
            }
        }
    };
}

durations! {
    now reconcile create edit delete jobs list counts poll claim take_over record retire held run runs fires
    datasets dataset latest events record_get record_put record_scan
}

/// A store that is timed.
pub(super) struct Timed {
    store: Arc<dyn Store>,
    took: Durations,
}

impl Timed {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            took: Durations::new(),
        }
    }
}

async fn timed<T>(took: &Histogram, answer: impl Future<Output = T>) -> T {
    let asked = Instant::now();
    let answer = answer.await;
    took.record(asked.elapsed().as_secs_f64());
    answer
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Store for Timed {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    fn is_exclusive(&self) -> bool {
        self.store.is_exclusive()
    }

    async fn now(&self) -> Answer<DateTime<Utc>> {
        timed(&self.took.now, self.store.now()).await
    }

    async fn reconcile(&self) -> Answer<()> {
        timed(&self.took.reconcile, self.store.reconcile()).await
    }
}

#[async_trait]
impl JobStore for Timed {
    async fn create(&self, job: Job, next: NextFire) -> Answer<StoredJob> {
        timed(&self.took.create, self.store.create(job, next)).await
    }

    async fn edit(&self, edit: Edit) -> Answer<StoredJob> {
        timed(&self.took.edit, self.store.edit(edit)).await
    }

    async fn delete(&self, id: &JobId, expected: Option<u64>, request: RequestId) -> Answer<()> {
        timed(&self.took.delete, self.store.delete(id, expected, request)).await
    }

    async fn jobs(&self, ids: &[JobId]) -> Answer<Vec<Option<StoredJob>>> {
        timed(&self.took.jobs, self.store.jobs(ids)).await
    }

    async fn list(&self, query: &JobQuery) -> Answer<JobPage> {
        timed(&self.took.list, self.store.list(query)).await
    }

    async fn counts(&self) -> Answer<JobCounts> {
        timed(&self.took.counts, self.store.counts()).await
    }
}

#[async_trait]
impl RunStore for Timed {
    async fn poll(&self, poll: &Poll) -> Answer<Agenda> {
        timed(&self.took.poll, self.store.poll(poll)).await
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Answer<Vec<Claimed>> {
        timed(&self.took.claim, self.store.claim(host, claims)).await
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Answer<Option<(Grant, Run)>> {
        timed(
            &self.took.take_over,
            self.store.take_over(host, run, seen, why),
        )
        .await
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        timed(
            &self.took.record,
            self.store.record(grant, plan, results, end),
        )
        .await
    }

    async fn retire(&self, host: HostId) -> Answer<()> {
        timed(&self.took.retire, self.store.retire(host)).await
    }

    async fn held(&self, host: HostId) -> Answer<Vec<Orphan>> {
        timed(&self.took.held, self.store.held(host)).await
    }

    async fn run(&self, id: RunId) -> Answer<Option<Run>> {
        timed(&self.took.run, self.store.run(id)).await
    }

    async fn runs(&self, query: &RunQuery) -> Answer<RunPage> {
        timed(&self.took.runs, self.store.runs(query)).await
    }

    async fn fires(&self, query: &FireQuery) -> Answer<Vec<Fire>> {
        timed(&self.took.fires, self.store.fires(query)).await
    }
}

#[async_trait]
impl DataStore for Timed {
    async fn datasets(&self, query: &DatasetQuery) -> Answer<DatasetPage> {
        timed(&self.took.datasets, self.store.datasets(query)).await
    }

    async fn dataset(&self, key: &DataKey) -> Answer<Option<String>> {
        timed(&self.took.dataset, self.store.dataset(key)).await
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Answer<Option<DataKey>> {
        timed(&self.took.latest, self.store.latest(prefix, symbol)).await
    }
}

#[async_trait]
impl EventLog for Timed {
    async fn events(&self, after: EventId, limit: usize, wait: Duration) -> Answer<EventPage> {
        let answer = self.store.events(after, limit, wait);
        // Waiting for something to happen says nothing about the store.
        if wait.is_zero() {
            timed(&self.took.events, answer).await
        } else {
            answer.await
        }
    }
}

#[async_trait]
impl RecordStore for Timed {
    async fn record_get(&self, namespace: &str, key: &str) -> Answer<Option<Record>> {
        timed(&self.took.record_get, self.store.record_get(namespace, key)).await
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Answer<u64> {
        timed(
            &self.took.record_put,
            self.store.record_put(namespace, key, expected, value, ttl),
        )
        .await
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<(String, Record)>> {
        timed(
            &self.took.record_scan,
            self.store.record_scan(namespace, prefix, after, limit),
        )
        .await
    }
}
