//! Runs: who may ask what of them. How each question is answered is told by `poll`, `claims`, `progress` and `history`.

use std::sync::Arc;

use stock_scheduler_sdk::{
    Agenda, Claim, Claimed, Fire, FireQuery, Grant, HostId, Orphan, Poll, Run, RunId, RunPage,
    RunPlan, RunQuery, RunStatus, RunStore, StoreError, SymbolResult, TakeOver, async_trait,
};

use crate::marks::Results;
use crate::step::Step;
use crate::view::View;
use crate::{SqliteStore, history, packed, poll};

/// One step takes no further results beyond these: what it stores is made rows of in one piece.
const BYTES: usize = 1 << 20;

#[async_trait]
impl RunStore for SqliteStore {
    async fn poll(&self, poll: &Poll) -> Result<Agenda, StoreError> {
        let now = self.instant();
        self.shared
            .renew(poll.host, poll::later(now, poll.lease), now);
        let (poll, shared) = (*poll, Arc::clone(&self.shared));
        let agenda = move |view: &View<'_>| poll::agenda(view, &poll, now, &shared.dead_hosts(now));
        self.read("look for due jobs", agenda).await
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Result<Vec<Claimed>, StoreError> {
        let step = move |step: &mut Step<'_>| {
            let decide = |claim| step.claim(host, claim);
            claims.iter().map(decide).collect()
        };
        self.write("claim runs", step).await
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Result<Option<(Grant, Run)>, StoreError> {
        let step = move |step: &mut Step<'_>| step.take_over(host, run, seen, why);
        self.write("take a run over", step).await
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let end = end.filter(|status| *status != RunStatus::Running);
        let mut results = plan.planned(results).into_iter().peekable();
        loop {
            let (mut some, mut bytes) = (Vec::new(), 0);
            while let Some(result) = results.next_if(|_| bytes < BYTES) {
                bytes += result.outcome.series().map_or(0, packed::room);
                some.push(result);
            }
            let some = Results::of(grant.run, plan, some);
            let end = end.filter(|_| results.peek().is_none());
            let grant = grant.clone();
            let step = move |step: &mut Step<'_>| step.record(&grant, &some, end);
            self.write("record what came of a run", step).await?;
            if results.peek().is_none() {
                return Ok(());
            }
        }
    }

    async fn retire(&self, host: HostId) -> Result<(), StoreError> {
        self.shared.retire(host);
        Ok(())
    }

    async fn held(&self, host: HostId) -> Result<Vec<Orphan>, StoreError> {
        self.read("read what a host holds", move |view| poll::held(view, host))
            .await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        self.read("read a run", move |view| history::run(view, id))
            .await
    }

    async fn runs(&self, query: &RunQuery) -> Result<RunPage, StoreError> {
        let query = query.clone();
        self.read("read runs", move |view| history::runs(view, &query))
            .await
    }

    async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, StoreError> {
        let query = query.clone();
        self.read("read fires", move |view| history::fires(view, &query))
            .await
    }
}
