//! Stores that get the fence, the progress of runs or their history wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use chrono::TimeDelta;
use stock_scheduler_sdk::*;

use crate::faulty::Fault;

type Answer<T> = Result<T, StoreError>;
type Results = Vec<SymbolResult>;

pub(crate) struct IgnoresTheFence;

#[async_trait]
impl Fault for IgnoresTheFence {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        match inner.run(grant.run).await? {
            Some(run) => inner.record(&run.grant(), plan, results, end).await,
            None => inner.record(grant, plan, results, end).await,
        }
    }
}

/// Fences by the newest token of the job, so that runs side by side fence each other off.
#[derive(Default)]
pub(crate) struct FencesByJob(Mutex<HashMap<JobId, u64>>);

#[async_trait]
impl Fault for FencesByJob {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        let answers = inner.claim(host, claims).await?;
        let mut newest = self.0.lock().expect("nobody panics with it");
        for answer in &answers {
            if let Claimed::Granted(grant) = answer {
                newest.insert(grant.job.clone(), grant.token);
            }
        }
        Ok(answers)
    }

    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        let newest = self
            .0
            .lock()
            .expect("nobody panics with it")
            .get(&grant.job)
            .copied();
        if newest > Some(grant.token) {
            return Err(StoreError::new(StoreErrorKind::Fenced, "a newer run goes"));
        }
        inner.record(grant, plan, results, end).await
    }
}

pub(crate) struct RecordsForDeletedJobs;

#[async_trait]
impl Fault for RecordsForDeletedJobs {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        let answer = inner.record(grant, plan, results, end).await;
        match inner.jobs(std::slice::from_ref(&grant.job)).await?[0] {
            Some(_) => answer,
            None => Ok(()),
        }
    }
}

pub(crate) struct RecordsHalf;

#[async_trait]
impl Fault for RecordsHalf {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        mut results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        results.truncate(results.len().div_ceil(2));
        inner.record(grant, plan, results, end).await
    }
}

/// Does in a run of its own what the store refuses to do again.
async fn once_more(
    inner: &MemoryStore,
    grant: &Grant,
    plan: &RunPlan,
    results: Results,
) -> Answer<()> {
    let new = NewRun {
        id: RunId::random(),
        fire_time: None,
        triggered_by: TriggeredBy::Retry,
        plan: plan.clone(),
        overlap: Overlap::Allow,
    };
    let claim = Claim {
        job: grant.job.clone(),
        revision: plan.revision,
        advance: None,
        run: Some(new),
    };
    match inner.claim(HostId::random(), vec![claim]).await?.as_slice() {
        [Claimed::Granted(again)] => {
            inner
                .record(again, plan, results, Some(RunStatus::Success))
                .await
        }
        _ => Ok(()),
    }
}

pub(crate) struct WritesMarkedSymbolsAgain;

#[async_trait]
impl Fault for WritesMarkedSymbolsAgain {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        let before = inner
            .run(grant.run)
            .await?
            .map(|run| run.symbols)
            .unwrap_or_default();
        let is_marked = |result: &SymbolResult| {
            let is_this = |s: &&SymbolProgress| s.symbol == result.symbol;
            before
                .iter()
                .find(is_this)
                .is_some_and(|s| s.state != SymbolState::Pending)
        };
        let marked: Results = results
            .iter()
            .filter(|result| is_marked(result))
            .cloned()
            .collect();
        inner.record(grant, plan, results, end).await?;
        if marked.is_empty() {
            return Ok(());
        }
        once_more(inner, grant, plan, marked).await
    }
}

pub(crate) struct EndsAgain;

#[async_trait]
impl Fault for EndsAgain {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        let ended = inner
            .run(grant.run)
            .await?
            .is_some_and(|run| run.ended_at.is_some());
        inner.record(grant, plan, results, end).await?;
        if ended && end.is_some() {
            return once_more(inner, grant, plan, Vec::new()).await;
        }
        Ok(())
    }
}

/// Leaves an empty array under the key of a symbol that failed.
#[derive(Default)]
pub(crate) struct StoresFailures(Mutex<HashSet<DataKey>>);

#[async_trait]
impl Fault for StoresFailures {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        inner.record(grant, plan, results, end).await?;
        let symbols = inner
            .run(grant.run)
            .await?
            .map(|run| run.symbols)
            .unwrap_or_default();
        let failed = symbols
            .iter()
            .filter(|s| matches!(s.state, SymbolState::Failed { .. }));
        let mut empty = self.0.lock().expect("nobody panics with it");
        empty.extend(failed.map(|s| plan.key(&s.symbol)));
        Ok(())
    }

    async fn dataset(&self, inner: &MemoryStore, key: &DataKey) -> Answer<Option<String>> {
        if self.0.lock().expect("nobody panics with it").contains(key) {
            return Ok(Some("[]".into()));
        }
        inner.dataset(key).await
    }
}

pub(crate) struct KeepsEveryWindow;

#[async_trait]
impl Fault for KeepsEveryWindow {
    async fn record(
        &self,
        inner: &MemoryStore,
        grant: &Grant,
        plan: &RunPlan,
        results: Results,
        end: Option<RunStatus>,
    ) -> Answer<()> {
        let plan = RunPlan {
            keep: None,
            ..plan.clone()
        };
        inner.record(grant, &plan, results, end).await
    }
}

pub(crate) struct OldestRunsFirst;

#[async_trait]
impl Fault for OldestRunsFirst {
    async fn runs(&self, inner: &MemoryStore, query: &RunQuery) -> Answer<RunPage> {
        let mut page = inner.runs(query).await?;
        page.runs.reverse();
        Ok(page)
    }
}

pub(crate) struct FiresUntilAndIncluding;

#[async_trait]
impl Fault for FiresUntilAndIncluding {
    async fn fires(&self, inner: &MemoryStore, query: &FireQuery) -> Answer<Vec<Fire>> {
        let until = query.until.map(|until| until + TimeDelta::milliseconds(1));
        inner
            .fires(&FireQuery {
                until,
                ..query.clone()
            })
            .await
    }
}
