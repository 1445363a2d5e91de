//! Laws of fires: each one recorded, none decided twice, none moved by a run by hand.

use chrono::TimeDelta;

use super::stage::{Checked, Detail, Stage, by_hand, fire, plan, same, that};
use crate::{
    Advance, Claim, Claimed, Edit, EditKind, EventKind, Fire, FireQuery, FireState, Job, JobId,
    NextFire, Overlap, Refusal, RequestId, RunStatus, StoredJob,
};

impl Stage {
    async fn all_fires(&self, job: &JobId) -> Result<Vec<Fire>, Detail> {
        let job = job.clone();
        let query = FireQuery {
            job,
            since: None,
            until: None,
            limit: 100,
        };
        Ok(self.store.fires(&query).await?)
    }

    async fn set_next(&self, id: &JobId, next: NextFire) -> Result<StoredJob, Detail> {
        let stored = self.read(id).await?;
        let edit = Edit {
            request: RequestId::random(),
            expected: stored.job.revision,
            job: stored.job,
            next: Some(next),
            kind: EditKind::Updated,
        };
        Ok(self.store.edit(edit).await?)
    }
}

/// A claim for the job's next fire, after which it is due at `to`.
fn fire_to(stored: &StoredJob, to: NextFire, overlap: Overlap) -> Claim {
    let mut claim = fire(stored);
    if let Some(advance) = claim.advance.as_mut() {
        advance.to = to;
    }
    if let Some(new) = claim.run.as_mut() {
        new.overlap = overlap;
    }
    claim
}

/// A claim that only moves the schedule.
fn move_on(stored: &StoredJob, passed: Vec<Fire>, to: NextFire) -> Claim {
    let from = stored.state.next.clone();
    Claim {
        advance: Some(Advance { from, to, passed }),
        run: None,
        ..by_hand(stored)
    }
}

pub(super) async fn overlap(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let stored = stage.due_job("Tech").await?;
    let id = &stored.job.id;
    let Some(first) = stored.state.next.at() else {
        return Ok(());
    };
    let tenth = |n: i64| first + TimeDelta::milliseconds(100 * n);
    let to = |n| NextFire::At(tenth(n));
    let grant = stage
        .granted(host, fire_to(&stored, to(1), Overlap::Skip))
        .await?;
    let mark = stage.end_of_log().await?;

    let skipping = fire_to(&stage.read(id).await?, to(2), Overlap::Skip);
    let skipped_run = skipping.run.as_ref().map(|new| new.id);
    let skipped = stage.claim(host, skipping).await?;

    same("a fire while a run goes", skipped, Claimed::Overlapped)?;
    let after = stage.read(id).await?;
    same(
        "the last fire after a skip",
        after.state.last_fire,
        Some(tenth(1)),
    )?;
    same("the next fire after a skip", &after.state.next, &to(2))?;
    same("the runs under way after a skip", after.state.running, 1)?;
    if let Some(run) = skipped_run {
        same(
            "the run that was skipped",
            stage.store.run(run).await?,
            None,
        )?;
    }
    let allowed = stage
        .granted(host, fire_to(&after, to(3), Overlap::Allow))
        .await?;
    let after = stage.read(id).await?;
    same("the runs under way, side by side", after.state.running, 2)?;
    let fires = [
        Fire::fired(tenth(2), allowed.run, allowed.started_at),
        Fire::passed(tenth(1), FireState::Skipped, "overlap"),
        Fire::fired(tenth(0), grant.run, grant.started_at),
    ];
    same("the fires", stage.all_fires(id).await?, fires)?;
    let events = stage.events_after(mark).await?;
    let skip = EventKind::FireSkipped {
        scheduled_for: tenth(1),
        reason: "overlap".into(),
    };
    same(
        "the event of a skip",
        events.first().map(|event| &event.kind),
        Some(&skip),
    )?;
    same(
        "the events",
        stage.told_after(mark).await?,
        ["FireSkipped", "JobStarted"],
    )
}

pub(super) async fn queued(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let (stored, grant) = stage.started(host).await?;
    let id = &stored.job.id;
    let Some(due) = stored.state.next.at() else {
        return Ok(());
    };
    let at = due + TimeDelta::milliseconds(100);
    let stored = stage.set_next(id, NextFire::At(at)).await?;
    let claim = fire_to(&stored, NextFire::Never, Overlap::Queue);
    let mark = stage.end_of_log().await?;

    let early = stage.claim(host, claim.clone()).await?;

    same(
        "a fire that waits for a run",
        early,
        Claimed::Refused(Refusal::Running),
    )?;
    same("the job while it waits", stage.read(id).await?, stored)?;
    same("the events", stage.told_after(mark).await?, [""; 0])?;
    let plan = plan(&stage.read(id).await?);
    let end = Some(RunStatus::Failed);
    stage.store.record(&grant, &plan, Vec::new(), end).await?;
    let run = claim.run.as_ref().map(|new| new.id);
    let after = stage.granted(host, claim).await?;
    same("the run after the wait", Some(after.run), run)
}

pub(super) async fn counted(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let created = stage.due_job("Tech").await?;
    let id = &created.job.id;
    let count = async |what, expected| {
        let fires = stage.read(id).await?.state.fires;
        same(what, fires, expected)
    };
    let Some(due) = created.state.next.at() else {
        return Ok(());
    };
    let to = |n: i64| NextFire::At(due + TimeDelta::milliseconds(100 * n));
    count("the fires of a new job", 0).await?;
    let first = fire_to(&created, to(1), Overlap::Skip);
    stage.granted(host, first.clone()).await?;
    count("the fires after one", 1).await?;
    stage.granted(host, first).await?;
    count("the fires after a repeated claim", 1).await?;
    let skipped = fire_to(&stage.read(id).await?, to(2), Overlap::Skip);
    stage.claim(host, skipped).await?;
    count("the fires after one that is skipped for overlap", 2).await?;
    let stored = stage.read(id).await?;
    let missed = vec![Fire::passed(
        due + TimeDelta::milliseconds(200),
        FireState::Missed,
        "down",
    )];
    stage.claim(host, move_on(&stored, missed, to(3))).await?;
    count("the fires after one that is missed", 2).await?;
    let mut beside = by_hand(&stored);
    if let Some(new) = beside.run.as_mut() {
        new.overlap = Overlap::Allow;
    }
    stage.granted(host, beside).await?;
    count("the fires after a run by hand", 2).await
}

pub(super) async fn moved_ahead(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let created = stage.due_job("Tech").await?;
    let id = &created.job.id;
    let (hour, day) = (
        NextFire::At(stage.in_seconds(3_600).await?),
        NextFire::At(stage.in_seconds(86_400).await?),
    );
    let ahead = stage.set_next(id, hour.clone()).await?;
    let early = fire_to(&ahead, day.clone(), Overlap::Skip);

    same(
        "a run before its time",
        stage.claim(host, early).await?,
        Claimed::Refused(Refusal::NotDue),
    )?;
    let mark = stage.end_of_log().await?;
    let moved = stage
        .claim(host, move_on(&ahead, Vec::new(), day.clone()))
        .await?;

    same("moving the schedule", moved, Claimed::Advanced)?;
    same(
        "the events",
        stage.told_after(mark).await?,
        ["JobRescheduled"],
    )?;
    let after = stage.read(id).await?;
    same("the next fire", &after.state.next, &day)?;
    same("the revision", after.job.revision, ahead.job.revision)?;
    let stale = move_on(&ahead, Vec::new(), hour);
    same(
        "moving it from where it is no longer",
        stage.claim(host, stale).await?,
        Claimed::Refused(Refusal::Changed),
    )
}

pub(super) async fn passed(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let at = async |seconds| stage.in_seconds(seconds).await;
    let (down, holiday, now, later) = (at(-10).await?, at(-9).await?, at(-8).await?, at(-7).await?);
    let created = stage.due_job("Tech").await?;
    let id = &created.job.id;
    let stored = stage.set_next(id, NextFire::At(down)).await?;
    let missed = Fire::passed(down, FireState::Missed, "down");
    let skipped = Fire::passed(holiday, FireState::Skipped, "Christmas");
    let mut claim = fire_to(&stored, NextFire::At(later), Overlap::Skip);
    if let Some(advance) = claim.advance.as_mut() {
        advance.passed = vec![missed.clone(), skipped.clone()];
    }
    if let Some(new) = claim.run.as_mut() {
        new.fire_time = Some(now);
    }
    let mark = stage.end_of_log().await?;

    let grant = stage.granted(host, claim).await?;

    let kinds: Vec<_> = stage
        .events_after(mark)
        .await?
        .into_iter()
        .map(|e| e.kind)
        .collect();
    let told = [
        EventKind::FireMissed {
            scheduled_for: down,
            reason: "down".into(),
        },
        EventKind::FireSkipped {
            scheduled_for: holiday,
            reason: "Christmas".into(),
        },
    ];
    same(
        "the events of passed fires",
        kinds.iter().take(2).collect::<Vec<_>>(),
        told.iter().collect::<Vec<_>>(),
    )?;
    same(
        "the events of a claim",
        stage.told_after(mark).await?,
        ["FireMissed", "FireSkipped", "JobStarted"],
    )?;
    let fired = Fire::fired(now, grant.run, grant.started_at);
    let fires = vec![fired, skipped, missed];
    same("the fires", stage.all_fires(id).await?, fires.clone())?;

    let stored = stage.read(id).await?;
    same("the last fire", stored.state.last_fire, Some(now))?;
    let late = Fire::passed(later, FireState::Missed, "down");
    let look_again = at(-1).await?;
    let unknown = NextFire::Unknown { look_again };
    let moved = stage
        .claim(host, move_on(&stored, vec![late.clone()], unknown.clone()))
        .await?;
    same("a claim without a run", moved, Claimed::Advanced)?;
    let stored = stage.read(id).await?;
    same("the next fire", &stored.state.next, &unknown)?;
    same(
        "the last fire, passed without a run",
        stored.state.last_fire,
        Some(later),
    )?;
    let hour = NextFire::At(at(3_600).await?);
    let moved = stage
        .claim(host, move_on(&stored, Vec::new(), hour.clone()))
        .await?;
    same(
        "a claim that works the next fire out",
        moved,
        Claimed::Advanced,
    )?;
    let stored = stage.read(id).await?;
    same("the next fire worked out", &stored.state.next, &hour)?;
    same(
        "the last fire, as it was",
        stored.state.last_fire,
        Some(later),
    )?;
    same("the runs under way", stored.state.running, 1)?;
    same(
        "all fires",
        stage.all_fires(id).await?,
        [vec![late], fires].concat(),
    )
}

pub(super) async fn last_fire(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let (stored, _) = stage.started(host).await?;
    let id = &stored.job.id;
    let Some(last) = stored.state.next.at() else {
        return Ok(());
    };
    let later = last + TimeDelta::seconds(1);
    let fires = stage.all_fires(id).await?;
    let refused = Claimed::Refused(Refusal::AlreadyFired(last));

    for back in [0, 1, 3_600] {
        let next = last - TimeDelta::seconds(back);
        let stored = stage.set_next(id, NextFire::At(next)).await?;
        let again = fire_to(&stored, NextFire::At(later), Overlap::Allow);
        same(
            "a fire at or before the last",
            stage.claim(host, again.clone()).await?,
            refused.clone(),
        )?;
        let passed = vec![Fire::passed(next, FireState::Missed, "down")];
        let passing = move_on(&stored, passed.clone(), NextFire::At(later));
        same(
            "passing a fire at or before the last",
            stage.claim(host, passing).await?,
            refused.clone(),
        )?;
        let mut mixed = again;
        if let (Some(advance), Some(new)) = (mixed.advance.as_mut(), mixed.run.as_mut()) {
            advance.passed = passed;
            new.fire_time = Some(later);
        }
        same(
            "a later fire with such a passed one",
            stage.claim(host, mixed).await?,
            refused.clone(),
        )?;
        same("the job after refusals", stage.read(id).await?, stored)?;
    }
    let stored = stage.read(id).await?;
    let moved = stage
        .claim(host, move_on(&stored, Vec::new(), NextFire::At(later)))
        .await?;
    same("moving on without a fire", moved, Claimed::Advanced)?;
    same(
        "the last fire",
        stage.read(id).await?.state.last_fire,
        Some(last),
    )?;
    same("the fires", stage.all_fires(id).await?, fires)
}

pub(super) async fn by_hand_law(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let created = stage.due_job("Tech").await?;
    let id = &created.job.id;
    let stop = Edit {
        request: RequestId::random(),
        expected: 1,
        job: Job {
            active: false,
            ..created.job.clone()
        },
        next: None,
        kind: EditKind::Deactivated,
    };
    let paused = store.edit(stop).await?;

    // Worked out before the edit: a run by hand carries its own plan.
    let grant = stage.granted(host, by_hand(&created)).await?;

    let after = stage.read(id).await?;
    same("the next fire", &after.state.next, &paused.state.next)?;
    same("the last fire", after.state.last_fire, None)?;
    same(
        "the latest run",
        after.state.last_execution.map(|last| last.execution_id),
        Some(grant.run),
    )?;
    same("the fires", stage.all_fires(id).await?, [])?;
    same(
        "the run's fire time",
        stage.run(grant.run).await?.fire_time,
        None,
    )?;
    let second = stage.claim(host, by_hand(&paused)).await?;
    same(
        "another run while one goes",
        second,
        Claimed::Refused(Refusal::Running),
    )?;
    let mut beside = by_hand(&paused);
    if let Some(new) = beside.run.as_mut() {
        new.overlap = Overlap::Allow;
    }
    let beside = stage.claim(host, beside).await?;
    that(
        matches!(beside, Claimed::Granted(_)),
        "a run by hand may go beside another if it says so",
    )
}
