//! A memory store in front of which a fault stands: it passes on every call but those that it gets wrong.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use stock_scheduler_sdk::*;

/// Declares every method of the store once: what a fault passes on by default, and the store that asks the fault.
macro_rules! store {
    ($($group:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+ })+) => {
        /// One thing that a store does wrong.
        #[async_trait]
        pub(crate) trait Fault: Send + Sync + 'static {
            $($(async fn $name(
                &self,
                inner: &MemoryStore,
                $($arg: $type),*
            ) -> Result<$answer, StoreError> {
                inner.$name($($arg),*).await
            })+)+
        }

        $(#[async_trait]
        impl<F: Fault> $group for Faulty<F> {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.fault.$name(&self.inner, $($arg),*).await
            })+
        })+
    };
}

/// A store with one fault.
pub(crate) struct Faulty<F> {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) fault: F,
}

#[async_trait]
impl<F: Fault> Store for Faulty<F> {
    fn kind(&self) -> &'static str {
        "faulty"
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        self.inner.now().await
    }
}

store! {
    JobStore {
        fn create(job: Job, next: NextFire) -> StoredJob;
        fn edit(edit: Edit) -> StoredJob;
        fn delete(id: &JobId, expected: Option<u64>, request: RequestId) -> ();
        fn jobs(ids: &[JobId]) -> Vec<Option<StoredJob>>;
        fn list(query: &JobQuery) -> JobPage;
        fn counts() -> JobCounts;
    }
    RunStore {
        fn poll(poll: &Poll) -> Agenda;
        fn claim(host: HostId, claims: Vec<Claim>) -> Vec<Claimed>;
        fn take_over(host: HostId, run: RunId, seen: u64, why: TakeOver) -> Option<(Grant, Run)>;
        fn record(
            grant: &Grant, plan: &RunPlan, results: Vec<SymbolResult>, end: Option<RunStatus>
        ) -> ();
        fn retire(host: HostId) -> ();
        fn held(host: HostId) -> Vec<Orphan>;
        fn run(id: RunId) -> Option<Run>;
        fn runs(query: &RunQuery) -> RunPage;
        fn fires(query: &FireQuery) -> Vec<Fire>;
    }
    DataStore {
        fn datasets(query: &DatasetQuery) -> DatasetPage;
        fn dataset(key: &DataKey) -> Option<String>;
        fn latest(prefix: &str, symbol: &str) -> Option<DataKey>;
    }
    EventLog {
        fn events(after: EventId, limit: usize, wait: Duration) -> EventPage;
    }
    RecordStore {
        fn record_get(namespace: &str, key: &str) -> Option<Record>;
        fn record_put(
            namespace: &str, key: &str, expected: u64, value: Option<Value>, ttl: Option<Duration>
        ) -> u64;
        fn record_scan(
            namespace: &str, prefix: &str, after: Option<&str>, limit: usize
        ) -> Vec<(String, Record)>;
    }
}
