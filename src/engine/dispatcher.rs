//! Decides when a job runs: sleeps until the next fire time, claims the run, hands it to the runner.
//!
//! What a run does is `runner`'s business; when a job is due is its schedule's, worked out in `plan`.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use stock_scheduler_sdk::{
    Agenda, Claim, Claimed, Due, JobId, Orphan, Poll, Refusal, Run, StoreError, StoreErrorKind,
    StoredJob, TakeOver,
};
use tokio::time::Instant;

use super::{Engine, Slot, plan};
use crate::host::Examined;
use crate::metrics;

/// How long this process counts as living without asking the store.
const LEASE: Duration = Duration::from_secs(3);
/// At most so long between two questions to the store: a job saved by another host, a corrected clock or a lost lease
/// is noticed by then.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How far ahead of their time jobs are looked up, so that at the instant only the claim is left.
const AHEAD: Duration = Duration::from_millis(1_500);
/// A job that is saved to be due within this time wakes the dispatcher; later ones it finds by itself.
pub(crate) const NUDGE_WITHIN: TimeDelta = TimeDelta::seconds(2);
/// How many due jobs are looked up at once.
const MOST_DUE: usize = 20_000;
/// How long a fire whose schedule cannot be built here is left to other instances.
const LEFT_TO_OTHERS: TimeDelta = TimeDelta::seconds(5);
/// How many definitions are read in one step.
const READ: usize = 512;
/// How many claims go to the store in one step, and how many steps may be under way.
const BATCH: usize = 256;
const STEPS: usize = 2;
/// A claim that decides more fires than this waits for those that decide fewer; so many fires are then decided at a time.
const LIGHT: usize = 16;
const HEAVY: usize = 500;
/// How many lost runs are taken over at a time.
const TAKEN_AT_ONCE: usize = 16;
/// How often derived facts are repaired and lost runs looked for.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);

/// A claim that waits for its time.
pub(super) struct Planned {
    due: Due,
    claim: Claim,
    /// When it was worked out.
    decided_at: DateTime<Utc>,
}

impl Planned {
    fn at(&self) -> DateTime<Utc> {
        self.due.next.look_at().unwrap_or_default()
    }

    /// How many fires it decides.
    fn fires(&self) -> usize {
        let step = self.claim.advance.as_ref();
        step.map_or(0, |step| step.passed.len())
    }

    /// Whether it is still what is to be done. Held up by a store that was away or a machine that slept, it is not: the
    /// fire may be missed by now, or not the last one.
    fn holds(&self, now: DateTime<Utc>) -> bool {
        let step = self.claim.advance.as_ref();
        let next = step.and_then(|step| step.to.look_at());
        let is_next_due = next.is_some_and(|next| self.decided_at < next && next <= now);
        !is_next_due && now - self.at().max(self.decided_at) <= plan::GRACE
    }
}

/// The dispatcher's own memory; all of it can be lost.
#[derive(Default)]
struct Desk {
    /// Claims by job, and the order of their times.
    planned: HashMap<JobId, Planned>,
    order: BTreeMap<(DateTime<Utc>, JobId), ()>,
    /// Those among them that decide many fires, after a time away: they come when nothing else is due.
    heavy: BTreeMap<(DateTime<Utc>, JobId), ()>,
    later: Option<DateTime<Utc>>,
}

impl Engine {
    /// Fires jobs until the service stops.
    pub(super) async fn dispatch(self: Arc<Self>) {
        let mut desk = Desk::default();
        let mut reconcile_at = Instant::now();
        let mut away = false;
        while !self.stop.is_cancelled() {
            if Instant::now() >= reconcile_at {
                reconcile_at = Instant::now() + RECONCILE_EVERY;
                self.doubt();
                self.reconcile();
            }
            match self.turn(&mut desk).await {
                Ok(()) if std::mem::take(&mut away) => tracing::info!("the store is back"),
                Ok(()) => {}
                Err(error) => {
                    self.doubt();
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the store is away; nothing fires until it is back");
                    }
                }
            }
            metrics::store_up(self.store.kind(), !away);
            if away {
                self.rest().await;
            } else {
                self.sleep(&desk).await;
            }
        }
    }

    /// Leaves a store that refuses in peace for a moment, however much is due.
    async fn rest(&self) {
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Does what is due, then asks what else needs doing.
    async fn turn(self: &Arc<Self>, desk: &mut Desk) -> Result<(), StoreError> {
        // What was worked out ahead goes first: the question takes long where much is due.
        self.fire(desk).await?;
        let poll = Poll {
            host: self.host,
            lease: LEASE,
            ahead: AHEAD,
            limit: if self.fires { MOST_DUE } else { 0 },
        };
        let agenda = self.store.poll(&poll).await?;
        self.time.set(agenda.now);
        self.recover(&agenda).await?;
        if !self.fires {
            return Ok(());
        }
        desk.later = agenda.later;
        self.plan(desk, agenda.due).await?;
        self.fire(desk).await
    }

    async fn sleep(&self, desk: &Desk) {
        let next = desk
            .order
            .keys()
            .next()
            .map(|(at, _)| *at)
            .into_iter()
            .chain(desk.later)
            .min();
        let poll_at = Instant::now() + POLL_EVERY;
        // A millisecond late rather than early: the store refuses a claim before its time.
        let wake = next.map_or(poll_at, |at| {
            self.time
                .instant_of(at + TimeDelta::milliseconds(1))
                .min(poll_at)
        });
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = self.nudge.notified() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Repairs derived facts in the background; it may take long.
    fn reconcile(self: &Arc<Self>) {
        let engine = self.clone();
        self.tasks.spawn(async move {
            let repaired = engine
                .stop
                .run_until_cancelled(engine.store.reconcile())
                .await;
            if let Some(Err(error)) = repaired {
                tracing::debug!(%error, "could not reconcile; trying again later");
            }
        });
    }

    /// Works out claims for due jobs that are new or have changed.
    async fn plan(self: &Arc<Self>, desk: &mut Desk, due: Vec<Due>) -> Result<(), StoreError> {
        let now = self.time.now();
        self.aside.take().into_iter().for_each(|one| desk.put(one));
        let known = |desk: &Desk, due: &Due| {
            desk.planned
                .get(&due.job)
                .is_some_and(|planned| planned.due == *due && planned.holds(now))
        };
        if desk.planned.len() > due.len() {
            let current: std::collections::HashSet<_> = due.iter().map(|due| &due.job).collect();
            desk.planned.retain(|job, _| current.contains(job));
            for order in [&mut desk.order, &mut desk.heavy] {
                order.retain(|(_, job), ()| desk.planned.contains_key(job));
            }
        }
        let fresh: Vec<Due> = due.into_iter().filter(|due| !known(desk, due)).collect();
        for part in fresh.chunks(READ) {
            let ids: Vec<_> = part.iter().map(|due| due.job.clone()).collect();
            let jobs = self.store.jobs(&ids).await?;
            for (due, stored) in part.iter().zip(jobs) {
                let current = stored.filter(|stored| stored.job.revision == due.revision);
                desk.remove(&due.job);
                match current {
                    Some(stored) if self.plugins.may_wait(&stored.job) => {
                        self.plan_aside(stored, due.clone());
                    }
                    Some(stored) => self
                        .planned(&stored, due.clone())
                        .into_iter()
                        .for_each(|one| desk.put(one)),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// The claim for a due job; `None` where its fire has to wait for the run before it.
    pub(super) fn planned(&self, stored: &StoredJob, due: Due) -> Option<Planned> {
        let now = self.time.now();
        // Of one that panics we know as little as of one that is missing; the other jobs have nothing to do with it.
        let claim = catch_unwind(AssertUnwindSafe(|| self.claim_for(stored, &due, now)));
        let claim = claim.unwrap_or_else(|_| {
            tracing::error!(job = %due.job, "the job's schedule panicked");
            Some(plan::claim_without_schedule(&due, now))
        });
        if claim.is_none() {
            self.waiting.store(true, Ordering::Relaxed);
        }
        Some(Planned {
            claim: claim?,
            decided_at: now,
            due,
        })
    }

    fn claim_for(&self, stored: &StoredJob, due: &Due, now: DateTime<Utc>) -> Option<Claim> {
        let job = &stored.job;
        let Examined { schedule, zone, .. } = self.plugins.examine(job);
        let Some(schedule) = schedule else {
            // Another instance may know the plugin or the exchange that this one does not.
            let waits = due.next.at().is_some_and(|at| now - at < LEFT_TO_OTHERS);
            return (!waits).then(|| plan::claim_without_schedule(due, now));
        };
        let situation = plan::Situation {
            due,
            state: &stored.state,
            schedule: &schedule,
            fetcher_known: self.plugins.fetcher(&job.fetcher.name).is_some(),
            is_backfilled: self.is_backfilled(&job.id),
            zone,
            now,
        };
        plan::claim(job, &situation)
    }

    /// Claims everything whose time has come, many at a time, and starts what is granted.
    async fn fire(self: &Arc<Self>, desk: &mut Desk) -> Result<(), StoreError> {
        let mut steps = FuturesUnordered::new();
        let mut burst = None;
        loop {
            while steps.len() < STEPS {
                let batch = desk.take_due(self.time.now(), BATCH);
                if batch.is_empty() {
                    break;
                }
                if batch.len() == BATCH {
                    burst.get_or_insert_with(|| self.burst.begin());
                }
                steps.push(self.claim_batch(batch));
            }
            match steps.next().await {
                Some(outcome) => outcome?,
                None => break,
            }
        }
        let heavy = desk.take_heavy(self.time.now());
        if !heavy.is_empty() {
            self.nudge();
            self.claim_batch(heavy).await?;
        }
        Ok(())
    }

    async fn claim_batch(self: &Arc<Self>, batch: Vec<Planned>) -> Result<(), StoreError> {
        let claims: Vec<Claim> = batch.into_iter().map(|planned| planned.claim).collect();
        let slots: Vec<Option<Slot>> = claims
            .iter()
            .map(|claim| {
                claim
                    .run
                    .as_ref()
                    .and_then(|run| self.running.enter(run.id))
            })
            .collect();
        let answers = self.store.claim(self.host, claims.clone()).await?;
        for ((claim, slot), answer) in claims.into_iter().zip(slots).zip(answers) {
            self.answered(claim, slot, answer);
        }
        Ok(())
    }

    fn answered(self: &Arc<Self>, claim: Claim, slot: Option<Slot>, answer: Claimed) {
        let next = claim.advance.as_ref().and_then(|step| step.to.look_at());
        let is_due_again = next.is_some_and(|next| next <= self.time.now());
        if is_due_again && !matches!(answer, Claimed::Refused(_)) {
            self.nudge();
        }
        match (answer, slot, claim.run) {
            (Claimed::Granted(grant), Some(slot), Some(new)) => {
                if let Some(fire_time) = new.fire_time {
                    metrics::fired(grant.started_at - fire_time);
                }
                let run = Run::begun(new, self.host, &grant);
                self.start_run(slot, grant, run);
            }
            (Claimed::Overlapped, ..) => {
                tracing::warn!(job = %claim.job, "fire skipped: the job's last run still goes");
            }
            // The next turn works it out anew from what the store says then.
            (Claimed::Refused(Refusal::NotDue), ..) => self.nudge(),
            (Claimed::Refused(Refusal::Running), ..) => self.waiting.store(true, Ordering::Relaxed),
            (Claimed::Refused(refusal), ..) => {
                tracing::debug!(job = %claim.job, ?refusal, "claim refused")
            }
            _ => {}
        }
    }

    /// Takes over the runs of hosts that no longer live, and our own that we do not know of.
    async fn recover(self: &Arc<Self>, agenda: &Agenda) -> Result<(), StoreError> {
        let mut lost: Vec<Orphan> = if self.fires {
            agenda.orphans.clone()
        } else {
            Vec::new()
        };
        if self.unsure.swap(false, Ordering::Relaxed) {
            match self.store.held(self.host).await {
                Ok(held) => lost.extend(held),
                Err(error) => {
                    self.doubt();
                    return Err(error);
                }
            }
        }
        lost.retain(|orphan| !self.running.contains(orphan.run));
        let adopted = stream::iter(lost)
            .map(|orphan| self.adopt(orphan))
            .buffer_unordered(TAKEN_AT_ONCE);
        // The first that the store does not answer ends it; the next turn finds the others.
        adopted.try_collect().await
    }

    async fn adopt(self: &Arc<Self>, orphan: Orphan) -> Result<(), StoreError> {
        let Some(slot) = self.running.enter(orphan.run) else {
            return Ok(());
        };
        let taken = self
            .store
            .take_over(self.host, orphan.run, orphan.token, TakeOver::Orphaned)
            .await;
        match taken {
            Ok(Some((grant, run))) => {
                tracing::info!(job = %orphan.job, run = %orphan.run, attempt = grant.attempt, "run taken over");
                self.start_run(slot, grant, run);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) if error.kind() == StoreErrorKind::Unavailable => Err(error),
            Err(error) => {
                tracing::error!(run = %orphan.run, %error, "cannot take the run over");
                Ok(())
            }
        }
    }
}

impl Desk {
    fn put(&mut self, planned: Planned) {
        let (job, at) = (planned.due.job.clone(), planned.at());
        self.remove(&job);
        let order = match planned.fires() > LIGHT {
            true => &mut self.heavy,
            false => &mut self.order,
        };
        order.insert((at, job.clone()), ());
        self.planned.insert(job, planned);
    }

    fn remove(&mut self, job: &JobId) {
        if let Some(old) = self.planned.remove(job) {
            let place = (old.at(), old.due.job);
            self.order.remove(&place);
            self.heavy.remove(&place);
        }
    }

    /// Up to `limit` claims whose time has come, earliest first; those that no longer hold are dropped.
    fn take_due(&mut self, now: DateTime<Utc>, limit: usize) -> Vec<Planned> {
        let mut batch = Vec::new();
        while batch.len() < limit {
            let Some(first) = self
                .order
                .first_entry()
                .filter(|first| first.key().0 <= now)
            else {
                break;
            };
            let (_, job) = first.remove_entry().0;
            batch.extend(self.planned.remove(&job).filter(|one| one.holds(now)));
        }
        batch
    }

    /// Some claims that decide many fires, few enough that whatever comes due meanwhile does not wait long.
    fn take_heavy(&mut self, now: DateTime<Utc>) -> Vec<Planned> {
        let (mut batch, mut fires) = (Vec::new(), 0);
        while fires < HEAVY
            && let Some(((_, job), ())) = self.heavy.pop_first()
        {
            let planned = self.planned.remove(&job).filter(|one| one.holds(now));
            fires += planned.as_ref().map_or(0, Planned::fires);
            batch.extend(planned);
        }
        batch
    }
}
