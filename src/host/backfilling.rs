//! Working on backfills: the runs themselves, one after the other.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{
    Claim, Claimed, Run, RunId, RunStatus, StoreError, StoreErrorKind, StoredJob,
};

use super::Host;
use super::backfill::{Backfill, BackfillStatus, NAMESPACE, fire_times};
use crate::engine::plan;

/// How long a host that works on one counts as living without a sign of it.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How often backfills that nobody works on are looked for, and how often one looks at its run.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// How many are read at a time.
const PAGE: usize = 100;

impl Host {
    /// Works on backfills that nobody works on, until the service stops.
    pub(super) async fn work_on_backfills(self) {
        let mut mine: HashSet<String> = HashSet::new();
        let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
        loop {
            while let Ok(id) = ended.try_recv() {
                mine.remove(&id);
            }
            for backfill in self.going_backfills().await.unwrap_or_default() {
                let is_free = backfill.owner.is_none_or(|(host, until)| {
                    host == self.inner.engine.host || until < self.now()
                });
                if is_free && mine.insert(backfill.id.clone()) {
                    let (host, done, id) = (self.clone(), done.clone(), backfill.id);
                    self.inner.tasks.spawn(async move {
                        let work = host.work_on(&id);
                        if let Some(Err(error)) = host.stopping().run_until_cancelled(work).await {
                            tracing::warn!(backfill = id, %error, "the backfill is left for later");
                        }
                        host.leave(&id).await;
                        let _ = done.send(id);
                    });
                }
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.inner.backfills.notified()).await;
        }
    }

    /// Lets others go on with a backfill at once, where the service stops.
    async fn leave(&self, id: &str) {
        let Ok(Some((mut backfill, revision))) = self.get_backfill(id).await else {
            return;
        };
        let is_mine = |(host, _)| host == self.inner.engine.host;
        if backfill.owner.is_some_and(is_mine) && backfill.status == BackfillStatus::Running {
            backfill.owner = None;
            // Failing is no harm: others wait until they may.
            let _ = self.put_backfill(&backfill, revision).await;
        }
    }

    /// All backfills that go on; their jobs' fires wait for their runs, rather than be skipped.
    async fn going_backfills(&self) -> Result<Vec<Backfill>, StoreError> {
        let store = &self.inner.store;
        let (mut going, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store
                .record_scan(NAMESPACE, "", after.as_deref(), PAGE)
                .await?;
            after = page
                .last()
                .map(|(key, _)| key.clone())
                .filter(|_| page.len() == PAGE);
            let read = page
                .into_iter()
                .filter_map(|(_, record)| serde_json::from_value(record.value).ok());
            going.extend(read.filter(|one: &Backfill| one.status == BackfillStatus::Running));
            if after.is_none() {
                break;
            }
        }
        let jobs = going.iter().map(|backfill| backfill.job.clone()).collect();
        self.inner.engine.set_backfilled(jobs);
        Ok(going)
    }

    /// Runs what is left of a backfill, one fire time after the other.
    async fn work_on(&self, id: &str) -> Result<(), StoreError> {
        while let Some((mut backfill, revision)) = self.get_backfill(id).await? {
            let owner = backfill.owner.filter(|(_, until)| *until >= self.now());
            let is_mine = owner.is_none_or(|(host, _)| host == self.inner.engine.host);
            if backfill.status != BackfillStatus::Running {
                // It may have begun after somebody looked for it to cancel it.
                if let Some((_, run)) = backfill.current {
                    let _ = self.cancel(run).await;
                }
                return Ok(());
            }
            if !is_mine {
                return Ok(());
            }
            let job = self
                .inner
                .store
                .jobs(std::slice::from_ref(&backfill.job))
                .await?
                .pop()
                .flatten();
            let before = backfill.clone();
            self.take_a_step(&mut backfill, job).await?;
            let holds = owner.is_some_and(|(_, until)| until > self.now() + LEASE / 2);
            if backfill == before && holds {
                continue;
            }
            backfill.owner = Some((self.inner.engine.host, self.now() + LEASE));
            match self.put_backfill(&backfill, revision).await {
                // Cancelled in between, or somebody else's by now.
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                written => drop(written?),
            }
        }
        Ok(())
    }

    /// Chooses the next fire time, or carries the chosen one a little further.
    async fn take_a_step(
        &self,
        backfill: &mut Backfill,
        job: Option<StoredJob>,
    ) -> Result<(), StoreError> {
        let schedule = job.as_ref().and_then(|stored| {
            let schedule = self.plain_schedule(&stored.job, &backfill.schedule);
            Some((schedule.ok()?, self.inner.plugins.examine(&stored.job).zone))
        });
        let (Some(stored), Some((schedule, zone))) = (job, schedule) else {
            backfill.status = BackfillStatus::Failed;
            return Ok(());
        };
        let Some((fire_time, run)) = backfill.current else {
            match fire_times(schedule.as_ref(), backfill.position, backfill.until).next() {
                Some(fire_time) => backfill.current = Some((fire_time, RunId::random())),
                None => backfill.status = BackfillStatus::Finished,
            }
            return Ok(());
        };
        match self.inner.store.run(run).await? {
            Some(run) if run.status != RunStatus::Running => {
                backfill.count(run.status);
                backfill.position = fire_time;
                backfill.current = None;
                return Ok(());
            }
            Some(_) => {}
            None => self.begin_past_run(&stored, zone, fire_time, run).await?,
        }
        tokio::time::sleep(WATCH_EVERY).await;
        Ok(())
    }

    /// Claims the run of a past fire time, unless the job has something else to do now.
    async fn begin_past_run(
        &self,
        stored: &StoredJob,
        zone: Tz,
        fire_time: DateTime<Utc>,
        id: RunId,
    ) -> Result<(), StoreError> {
        let is_due = stored.state.next.at().is_some_and(|at| at <= self.now());
        let engine = &self.inner.engine;
        let Some(slot) = engine.running.enter(id).filter(|_| !is_due) else {
            return Ok(());
        };
        let run = plan::past_run(&stored.job, zone, fire_time, id);
        let claim = Claim {
            job: stored.job.id.clone(),
            revision: stored.job.revision,
            advance: None,
            run: Some(run.clone()),
        };
        let answers = self.inner.store.claim(engine.host, vec![claim]).await;
        if let Some(Claimed::Granted(grant)) = answers.inspect_err(|_| engine.doubt())?.pop() {
            let run = Run::begun(run, engine.host, &grant);
            engine.start_run(slot, grant, run);
        }
        Ok(())
    }
}
