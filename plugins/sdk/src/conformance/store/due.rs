//! Laws of what is due: found in time, earliest first, and never when it must not be.

use std::time::Duration;

use super::stage::{Checked, Detail, Stage, fire, job, poll, same, that};
use crate::{
    Agenda, Claimed, Due, Edit, EditKind, HostId, Job, JobId, NextFire, Poll, RequestId, StoredJob,
};

impl Stage {
    async fn agenda(&self, ahead: Duration, limit: usize) -> Result<Agenda, Detail> {
        let lease = Duration::from_secs(60);
        let poll = Poll {
            ahead,
            limit,
            ..poll(HostId::random(), lease)
        };
        Ok(self.store.poll(&poll).await?)
    }

    /// Checks that exactly these jobs are due now.
    async fn expect_due(&self, when: &str, expected: &[&StoredJob]) -> Checked {
        let agenda = self.agenda(Duration::ZERO, 100).await?;
        let expected: Vec<Due> = expected.iter().map(|stored| due(stored)).collect();
        same(&format!("what is due {when}"), agenda.due, expected)
    }

    async fn edited(
        &self,
        id: &JobId,
        active: bool,
        next: Option<NextFire>,
    ) -> Result<StoredJob, Detail> {
        let stored = self.read(id).await?;
        let edit = Edit {
            request: RequestId::random(),
            expected: stored.job.revision,
            job: Job {
                active,
                ..stored.job
            },
            next,
            kind: EditKind::Updated,
        };
        Ok(self.store.edit(edit).await?)
    }
}

fn due(stored: &StoredJob) -> Due {
    Due {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        next: stored.state.next.clone(),
        last_fire: stored.state.last_fire,
    }
}

pub(super) async fn found(stage: Stage) -> Checked {
    let store = &stage.store;
    let past = stage.in_seconds(-10).await?;
    let future = NextFire::At(stage.in_seconds(3_600).await?);
    let created = store.create(job("Tech"), NextFire::At(past)).await?;
    let id = &created.job.id;

    stage
        .expect_due("once its time has come", &[&created])
        .await?;
    let stopped = stage.edited(id, false, None).await?;
    stage.expect_due("while the job does not fire", &[]).await?;
    same(
        "the next fire of all, then",
        store.counts().await?.next_fire,
        None,
    )?;
    let resumed = stage.edited(id, true, Some(stopped.state.next)).await?;
    stage
        .expect_due("after the job was started again", &[&resumed])
        .await?;
    stage.edited(id, true, Some(future)).await?;
    stage
        .expect_due("after the next fire was put off", &[])
        .await?;
    stage.edited(id, true, Some(NextFire::Never)).await?;
    stage.expect_due("when there is no next fire", &[]).await?;
    let unknown = NextFire::Unknown { look_again: past };
    let waiting = stage.edited(id, true, Some(unknown)).await?;
    stage
        .expect_due("when the next fire has to be worked out", &[&waiting])
        .await?;
    let due = stage.edited(id, true, Some(NextFire::At(past))).await?;
    stage
        .expect_due("after the next fire was set", &[&due])
        .await?;

    // Behind by several fires: the claim of one leaves the next one due, also while the run goes.
    let mut claim = fire(&due);
    if let Some(advance) = claim.advance.as_mut() {
        advance.to = NextFire::At(stage.in_seconds(-5).await?);
    }
    let claimed = stage.claim(stage.host().await?, claim).await?;
    that(
        matches!(claimed, Claimed::Granted(_)),
        "a due job can be claimed",
    )?;
    let behind = stage.read(id).await?;
    same(
        "the last fire of a claimed job",
        behind.state.last_fire,
        Some(past),
    )?;
    stage
        .expect_due("after a claim to a fire that has come as well", &[&behind])
        .await?;
    stage.claim(stage.host().await?, fire(&behind)).await?;
    stage
        .expect_due("after a claim to a fire that has not come", &[])
        .await
}

pub(super) async fn in_order(stage: Stage) -> Checked {
    let store = &stage.store;
    let mut jobs = Vec::new();
    for seconds in [-10, 200, -30, -20, 100] {
        let next = NextFire::At(stage.in_seconds(seconds).await?);
        jobs.push(store.create(job("Tech"), next).await?);
    }
    let look_again = stage.in_seconds(-15).await?;
    jobs.push(
        store
            .create(job("Tech"), NextFire::Unknown { look_again })
            .await?,
    );
    store.create(job("Never"), NextFire::Never).await?;
    let expected = |order: &[usize]| order.iter().map(|n| due(&jobs[*n])).collect::<Vec<_>>();

    let before = store.now().await?;
    let now = stage.agenda(Duration::ZERO, 100).await?;
    that(
        now.now >= before,
        "an agenda has the store's present instant",
    )?;
    same("all that is due", now.due, expected(&[2, 3, 5, 0]))?;
    same("when the next is due", now.later, jobs[4].state.next.at())?;
    let two = stage.agenda(Duration::ZERO, 2).await?;
    same("at most two that are due", two.due, expected(&[2, 3]))?;
    same(
        "when the one after these two is due",
        two.later,
        Some(look_again),
    )?;
    let ahead = stage.agenda(Duration::from_secs(150), 100).await?;
    same(
        "all that is due in 150 s",
        ahead.due,
        expected(&[2, 3, 5, 0, 4]),
    )?;
    same(
        "when the next after 150 s is due",
        ahead.later,
        jobs[1].state.next.at(),
    )?;
    let all = stage.agenda(Duration::from_secs(3_600), 100).await?;
    same(
        "all that is due in an hour",
        all.due,
        expected(&[2, 3, 5, 0, 4, 1]),
    )?;
    same("when anything after an hour is due", all.later, None)
}
