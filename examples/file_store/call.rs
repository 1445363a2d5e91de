//! The calls that a journal keeps, as they are written and made. A memory store that is asked the same at the same
//! instants answers the same: ids come with the calls, and tokens are counted.

use std::any::Any;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stock_scheduler::{
    Claim, Edit, Grant, HostId, Job, JobId, JobStore, MemoryStore, NextFire, Poll, RecordStore,
    RequestId, RunId, RunPlan, RunStatus, RunStore, StoreError, SymbolResult, TakeOver,
};

/// A line of the journal.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    /// What the clock showed.
    pub(crate) at: DateTime<Utc>,
    pub(crate) call: Call,
}

/// A call that changes something.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    Create {
        job: Box<Job>,
        next: NextFire,
    },
    Edit(Box<Edit>),
    Delete {
        id: JobId,
        expected: Option<u64>,
        request: RequestId,
    },
    Claim {
        host: HostId,
        claims: Vec<Claim>,
    },
    TakeOver {
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    },
    Record {
        grant: Grant,
        plan: RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    },
    Put {
        namespace: String,
        key: String,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    },
    /// Changes leases, which are not kept: whoever opens the journal again is the only one to live.
    #[serde(skip)]
    Poll(Poll),
    #[serde(skip)]
    Retire(HostId),
}

/// What a call answers, of the type of its method.
pub(crate) type Answer = Result<Box<dyn Any + Send>, StoreError>;

impl Call {
    /// Makes the call at once.
    pub(crate) fn make(self, memory: &MemoryStore) -> Answer {
        let made = self.make_in_time(memory).now_or_never();
        made.expect("a memory store never waits to change something")
    }

    async fn make_in_time(self, memory: &MemoryStore) -> Answer {
        match self {
            Self::Create { job, next } => any(memory.create(*job, next).await),
            Self::Edit(edit) => any(memory.edit(*edit).await),
            Self::Delete {
                id,
                expected,
                request,
            } => any(memory.delete(&id, expected, request).await),
            Self::Claim { host, claims } => any(memory.claim(host, claims).await),
            Self::TakeOver {
                host,
                run,
                seen,
                why,
            } => any(memory.take_over(host, run, seen, why).await),
            Self::Record {
                grant,
                plan,
                results,
                end,
            } => any(memory.record(&grant, &plan, results, end).await),
            Self::Put {
                namespace,
                key,
                expected,
                value,
                ttl,
            } => any(memory
                .record_put(&namespace, &key, expected, value, ttl)
                .await),
            Self::Poll(poll) => any(memory.poll(&poll).await),
            Self::Retire(host) => any(memory.retire(host).await),
        }
    }

    /// Whether the journal has to keep the call.
    pub(crate) fn is_kept(&self, memory: &MemoryStore) -> bool {
        match self {
            Self::Poll(_) | Self::Retire(_) => false,
            // Without leases it would not be refused when it is made again.
            Self::TakeOver {
                host,
                run,
                why: TakeOver::Orphaned,
                ..
            } => can_be_taken(memory, *host, *run),
            _ => true,
        }
    }
}

/// Whether no living host but `host` holds the run.
fn can_be_taken(memory: &MemoryStore, host: HostId, run: RunId) -> bool {
    let onlooker = Poll {
        host: HostId::random(),
        lease: Duration::ZERO,
        ahead: Duration::ZERO,
        limit: 0,
    };
    let own = memory.held(host).now_or_never();
    let orphans = memory.poll(&onlooker).now_or_never();
    let own = own.and_then(Result::ok).into_iter().flatten();
    let orphans = orphans.and_then(Result::ok).into_iter();
    own.chain(orphans.flat_map(|agenda| agenda.orphans))
        .any(|held| held.run == run)
}

fn any<T: Send + 'static>(answer: Result<T, StoreError>) -> Answer {
    answer.map(|answer| Box::new(answer) as Box<dyn Any + Send>)
}
