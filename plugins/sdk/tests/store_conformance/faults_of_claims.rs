//! Stores that get claims, leases or takeovers wrong.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use stock_scheduler_sdk::*;

use crate::faulty::Fault;

type Answer<T> = Result<T, StoreError>;

/// Claims one by one, after `change` had its way with each.
async fn claim_changed(
    inner: &MemoryStore,
    host: HostId,
    mut claims: Vec<Claim>,
    change: impl Fn(&mut Claim),
) -> Answer<Vec<Claimed>> {
    claims.iter_mut().for_each(change);
    inner.claim(host, claims).await
}

/// Claims, and grants what was refused for a reason that `is_ignored`, as if it were a run by hand.
async fn claim_ignoring(
    inner: &MemoryStore,
    host: HostId,
    claims: Vec<Claim>,
    is_ignored: impl Fn(&Refusal) -> bool,
) -> Answer<Vec<Claimed>> {
    let mut answers = inner.claim(host, claims.clone()).await?;
    for (answer, mut claim) in answers.iter_mut().zip(claims) {
        let ignored = matches!(answer, Claimed::Refused(refusal) if is_ignored(refusal));
        if let (true, Some(new)) = (ignored, claim.run.as_mut()) {
            new.overlap = Overlap::Allow;
            claim.advance = None;
            answer.clone_from(&inner.claim(host, vec![claim]).await?[0]);
        }
    }
    Ok(answers)
}

pub(crate) struct GrantsTwice;

#[async_trait]
impl Fault for GrantsTwice {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        claim_ignoring(inner, host, claims, |refusal| *refusal == Refusal::Changed).await
    }
}

pub(crate) struct ForgetsTheLastFire;

#[async_trait]
impl Fault for ForgetsTheLastFire {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        let already = |refusal: &Refusal| matches!(refusal, Refusal::AlreadyFired(_));
        claim_ignoring(inner, host, claims, already).await
    }
}

pub(crate) struct FiresEarly;

#[async_trait]
impl Fault for FiresEarly {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        claim_ignoring(inner, host, claims, |refusal| *refusal == Refusal::NotDue).await
    }
}

#[derive(Default)]
pub(crate) struct RefusesRepeatedClaims(Mutex<HashSet<RunId>>);

#[async_trait]
impl Fault for RefusesRepeatedClaims {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        let mut answers = inner.claim(host, claims).await?;
        let mut seen = self.0.lock().expect("nobody panics with it");
        for answer in &mut answers {
            if matches!(answer, Claimed::Granted(grant) if !seen.insert(grant.run)) {
                *answer = Claimed::Refused(Refusal::Changed);
            }
        }
        Ok(answers)
    }
}

pub(crate) struct KeepsTheTokenOnTakeover;

#[async_trait]
impl Fault for KeepsTheTokenOnTakeover {
    async fn take_over(
        &self,
        inner: &MemoryStore,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Answer<Option<(Grant, Run)>> {
        let mut taken = inner.take_over(host, run, seen, why).await?;
        if let Some((grant, run)) = taken.as_mut() {
            grant.token = seen;
            run.token = seen;
        }
        Ok(taken)
    }
}

pub(crate) struct RunsFiresSideBySide;

#[async_trait]
impl Fault for RunsFiresSideBySide {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        claim_changed(inner, host, claims, |claim| {
            if let (Some(_), Some(new)) = (&claim.advance, claim.run.as_mut()) {
                new.overlap = Overlap::Allow;
            }
        })
        .await
    }
}

pub(crate) struct SkipsWhatShouldWait;

#[async_trait]
impl Fault for SkipsWhatShouldWait {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        claim_changed(inner, host, claims, |claim| {
            if let Some(new) = claim
                .run
                .as_mut()
                .filter(|new| new.overlap == Overlap::Queue)
            {
                new.overlap = Overlap::Skip;
            }
        })
        .await
    }
}

pub(crate) struct CountsOneFireOnly;

#[async_trait]
impl Fault for CountsOneFireOnly {
    async fn jobs(&self, inner: &MemoryStore, ids: &[JobId]) -> Answer<Vec<Option<StoredJob>>> {
        let mut jobs = inner.jobs(ids).await?;
        for job in jobs.iter_mut().flatten() {
            job.state.fires = job.state.fires.min(1);
        }
        Ok(jobs)
    }
}

pub(crate) struct MovesOnlyWhatIsDue;

#[async_trait]
impl Fault for MovesOnlyWhatIsDue {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        let now = inner.now().await?;
        if let [
            Claim {
                advance: Some(advance),
                run: None,
                ..
            },
        ] = claims.as_slice()
            && advance.from.at().is_some_and(|at| at > now)
        {
            return Ok(vec![Claimed::Refused(Refusal::NotDue)]);
        }
        inner.claim(host, claims).await
    }
}

pub(crate) struct ForgetsPassedFires;

#[async_trait]
impl Fault for ForgetsPassedFires {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        claim_changed(inner, host, claims, |claim| {
            if let Some(advance) = claim.advance.as_mut() {
                advance.passed.clear();
            }
        })
        .await
    }
}

pub(crate) struct NeverRunsPausedJobs;

#[async_trait]
impl Fault for NeverRunsPausedJobs {
    async fn claim(
        &self,
        inner: &MemoryStore,
        host: HostId,
        claims: Vec<Claim>,
    ) -> Answer<Vec<Claimed>> {
        if let [
            Claim {
                job, advance: None, ..
            },
        ] = claims.as_slice()
        {
            let found = inner.jobs(std::slice::from_ref(job)).await?.pop().flatten();
            if found.is_some_and(|stored| !stored.job.active) {
                return Ok(vec![Claimed::Refused(Refusal::Paused)]);
            }
        }
        inner.claim(host, claims).await
    }
}

pub(crate) struct TakesFromTheLiving;

#[async_trait]
impl Fault for TakesFromTheLiving {
    async fn take_over(
        &self,
        inner: &MemoryStore,
        host: HostId,
        run: RunId,
        seen: u64,
        _: TakeOver,
    ) -> Answer<Option<(Grant, Run)>> {
        inner.take_over(host, run, seen, TakeOver::Cancelled).await
    }
}

pub(crate) struct TellsOfCancelling;

#[async_trait]
impl Fault for TellsOfCancelling {
    async fn take_over(
        &self,
        inner: &MemoryStore,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Answer<Option<(Grant, Run)>> {
        let taken = inner.take_over(host, run, seen, why).await?;
        match (taken, why) {
            (Some((grant, _)), TakeOver::Cancelled) => {
                inner
                    .take_over(host, run, grant.token, TakeOver::Orphaned)
                    .await
            }
            (taken, _) => Ok(taken),
        }
    }
}

pub(crate) struct LeasesNeverEnd;

#[async_trait]
impl Fault for LeasesNeverEnd {
    async fn poll(&self, inner: &MemoryStore, poll: &Poll) -> Answer<Agenda> {
        let lease = Duration::from_secs(86_400);
        inner.poll(&Poll { lease, ..*poll }).await
    }
}

pub(crate) struct IgnoresRetirement;

#[async_trait]
impl Fault for IgnoresRetirement {
    async fn retire(&self, _: &MemoryStore, _: HostId) -> Answer<()> {
        Ok(())
    }
}

pub(crate) struct ForgetsOrphans;

#[async_trait]
impl Fault for ForgetsOrphans {
    async fn poll(&self, inner: &MemoryStore, poll: &Poll) -> Answer<Agenda> {
        let agenda = inner.poll(poll).await?;
        Ok(Agenda {
            orphans: Vec::new(),
            ..agenda
        })
    }
}
