//! Hosts and their runs in memory: leases, what is due, taking over, and the history.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::claims::started;
use super::state::State;
use super::{MemoryStore, later, place};
use crate::{
    Agenda, Claim, Claimed, Due, Fire, FireQuery, Grant, HostId, Orphan, Poll, Run, RunId, RunPage,
    RunPlan, RunQuery, RunStatus, RunStore, StoreError, SymbolResult, TakeOver,
};

#[async_trait]
impl RunStore for MemoryStore {
    async fn poll(&self, poll: &Poll) -> Result<Agenda, StoreError> {
        Ok(self.step(|state, now| state.poll(poll, now)))
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Result<Vec<Claimed>, StoreError> {
        let claim = |claim| self.step(|state, now| state.claim(host, claim, now));
        Ok(claims.into_iter().map(claim).collect())
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Result<Option<(Grant, Run)>, StoreError> {
        Ok(self.step(|state, now| state.take_over(host, run, seen, why, now)))
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        self.step(|state, now| state.record(grant, plan, results, end, now))
    }

    async fn retire(&self, host: HostId) -> Result<(), StoreError> {
        self.step(|state, _| state.leases.remove(&host));
        Ok(())
    }

    async fn held(&self, host: HostId) -> Result<Vec<Orphan>, StoreError> {
        Ok(self.step(|state, _| state.held(host).collect()))
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.step(|state, _| state.runs.get(&id).cloned()))
    }

    async fn runs(&self, query: &RunQuery) -> Result<RunPage, StoreError> {
        Ok(self.step(|state, _| state.page_of_runs(query)))
    }

    async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, StoreError> {
        Ok(self.step(|state, _| state.decided_fires(query)))
    }
}

impl State {
    fn poll(&mut self, poll: &Poll, now: DateTime<Utc>) -> Agenda {
        self.leases.retain(|_, until| *until > now);
        self.leases.insert(poll.host, later(now, poll.lease));
        let horizon = later(now, poll.ahead);
        let mut agenda = Agenda {
            now,
            ..Agenda::default()
        };
        for (at, entry) in self.jobs.by_look_at() {
            if at > horizon || agenda.due.len() == poll.limit {
                agenda.later = Some(at);
                break;
            }
            agenda.due.push(Due {
                job: entry.stored.job.id.clone(),
                revision: entry.stored.job.revision,
                next: entry.stored.state.next.clone(),
                last_fire: entry.stored.state.last_fire,
            });
        }
        let dead = self.going.keys().filter(|host| !self.lives(**host, now));
        agenda.orphans = dead.flat_map(|host| self.held(*host)).collect();
        agenda
    }

    fn held(&self, host: HostId) -> impl Iterator<Item = Orphan> + '_ {
        let held = self.going.get(&host).into_iter().flatten();
        held.filter_map(|id| {
            let run = self.runs.get(id)?;
            Some(Orphan {
                job: run.job.clone(),
                run: run.id,
                token: run.token,
            })
        })
    }

    fn take_over(
        &mut self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
        now: DateTime<Utc>,
    ) -> Option<(Grant, Run)> {
        let known = self.runs.get(&run)?;
        let owner = known.host;
        let is_respected = why == TakeOver::Orphaned && owner != host && self.lives(owner, now);
        if known.status != RunStatus::Running || known.token != seen || is_respected {
            return None;
        }
        let token = self.jobs.change(&known.job, |entry| {
            entry.token += 1;
            entry.token
        })?;
        self.let_go(owner, run);
        self.hold(host, run);
        let taken = self.runs.get_mut(&run)?;
        taken.host = host;
        taken.token = token;
        taken.attempt += 1;
        let taken = taken.clone();
        if why == TakeOver::Orphaned {
            self.tell(now, &taken.job, started(&taken));
        }
        Some((taken.grant(), taken))
    }

    fn page_of_runs(&self, query: &RunQuery) -> RunPage {
        let mut page = RunPage::default();
        let Some(entry) = self.jobs.get(&query.job) else {
            return page;
        };
        let end = place(query.after.as_ref()).unwrap_or(u64::MAX);
        let limit = query.limit.max(1);
        let mut last = None;
        for (place, id) in entry.runs.range(..end).rev() {
            let wanted = |run: &&Run| query.status.is_none_or(|status| status == run.status);
            let Some(run) = self.runs.get(id).filter(wanted) else {
                continue;
            };
            if page.runs.len() == limit {
                page.next = last.map(|place: u64| place.to_string());
                break;
            }
            page.runs.push(run.clone());
            last = Some(*place);
        }
        page
    }

    fn decided_fires(&self, query: &FireQuery) -> Vec<Fire> {
        let Some(entry) = self.jobs.get(&query.job) else {
            return Vec::new();
        };
        let since = query.since.unwrap_or(DateTime::<Utc>::MIN_UTC);
        let until = query.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        if since >= until {
            return Vec::new();
        }
        let newest_first = entry.fires.range(since..until).rev();
        newest_first
            .map(|(_, fire)| fire.clone())
            .take(query.limit)
            .collect()
    }
}
