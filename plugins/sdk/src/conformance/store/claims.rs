//! Laws of the claim: one run a fire, refused without a trace, the same when repeated, with growing tokens.

use futures_util::future::{join_all, try_join_all};

use super::stage::{Checked, Stage, by_hand, failed, fire, job, plan, same, that};
use crate::{
    Claim, Claimed, Edit, EditKind, Fire, FireQuery, HostId, Job, NextFire, Overlap, Refusal,
    RequestId, RunQuery, RunStatus, StoredJob, TakeOver,
};

/// As many hosts as race for one thing.
const RACERS: usize = 16;

pub(super) async fn one_run_a_fire(stage: Stage) -> Checked {
    let store = &stage.store;
    let stored = stage.due_job("Tech").await?;
    let id = stored.job.id.clone();
    let hosts = try_join_all((0..RACERS).map(|_| stage.host())).await?;

    let claims = hosts
        .iter()
        .map(|host| store.claim(*host, vec![fire(&stored)]));
    let answers = join_all(claims)
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .concat();

    let lost = |claimed: &Claimed| {
        matches!(
            claimed,
            Claimed::Refused(Refusal::Changed | Refusal::AlreadyFired(_))
        )
    };
    let grant = answers.iter().find_map(|claimed| match claimed {
        Claimed::Granted(grant) => Some(grant.clone()),
        _ => None,
    });
    let losers = answers.iter().filter(|claimed| lost(claimed)).count();
    same(
        "how many of 16 hosts are refused one fire",
        losers,
        RACERS - 1,
    )?;
    let Some(grant) = grant else {
        return that(false, "one of 16 hosts is granted the fire");
    };
    for host in hosts {
        let again = stage.claim(host, fire(&stored)).await?;
        that(
            lost(&again),
            "a fire that was granted is refused from then on",
        )?;
    }
    same(
        "the events",
        stage.told().await?,
        ["JobCreated", "JobStarted"],
    )?;
    same("the runs under way", store.counts().await?.running, 1)?;
    let query = RunQuery {
        job: id.clone(),
        status: None,
        after: None,
        limit: 10,
    };
    let runs = store.runs(&query).await?.runs;
    same(
        "the runs",
        runs.iter().map(|run| run.id).collect::<Vec<_>>(),
        [grant.run],
    )?;
    let Some(fire_time) = stored.state.next.at() else {
        return Ok(());
    };
    let query = FireQuery {
        job: id,
        since: None,
        until: None,
        limit: 10,
    };
    let fires = store.fires(&query).await?;
    same(
        "the fires",
        fires,
        [Fire::fired(fire_time, grant.run, grant.started_at)],
    )
}

pub(super) async fn refusals(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let stored = stage.due_job("Tech").await?;
    let edit = Edit {
        request: RequestId::random(),
        expected: 1,
        job: Job {
            active: false,
            ..stage.due_job("Stopped").await?.job
        },
        next: None,
        kind: EditKind::Deactivated,
    };
    let stopped = store.edit(edit).await?;
    let hour = stage.in_seconds(3_600).await?;
    let early = store.create(job("Early"), NextFire::At(hour)).await?;
    let unknown = store
        .create(job("Unknown"), NextFire::Unknown { look_again: hour })
        .await?;
    let (busy, _) = stage.started(host).await?;
    let past = NextFire::At(stage.in_seconds(-9).await?);
    let moved = with_next(&stored, past);
    let not_worked_out = with_next(&stored, NextFire::Unknown { look_again: hour });
    let stale = Claim {
        revision: 2,
        ..fire(&stored)
    };

    for (claim, refusal) in [
        (fire(&stopped), Refusal::Paused),
        (stale, Refusal::Changed),
        (fire(&moved), Refusal::Changed),
        (fire(&not_worked_out), Refusal::Changed),
        (fire(&early), Refusal::NotDue),
        (fire(&unknown), Refusal::NotDue),
        (by_hand(&busy), Refusal::Running),
    ] {
        let (id, mark) = (claim.job.clone(), stage.end_of_log().await?);
        let before = stage.read(&id).await?;
        let run = claim.run.as_ref().map(|new| new.id);
        let claimed = stage.claim(host, claim).await?;
        same(
            "a claim that is wrong",
            claimed,
            Claimed::Refused(refusal.clone()),
        )?;
        same(
            &format!("the job after {refusal:?}"),
            stage.read(&id).await?,
            before,
        )?;
        same(
            &format!("events after {refusal:?}"),
            stage.events_after(mark).await?,
            [],
        )?;
        if let Some(run) = run {
            same(
                &format!("the run after {refusal:?}"),
                store.run(run).await?,
                None,
            )?;
        }
    }
    let other = stage.due_job("Other").await?;
    let batch = vec![fire(&early), fire(&stored), fire(&stopped), fire(&other)];
    let runs: Vec<_> = batch
        .iter()
        .map(|claim| claim.run.as_ref().map(|new| new.id))
        .collect();
    let answers = store.claim(host, batch).await?;
    let granted: Vec<_> = answers.iter().map(granted_run).collect();
    same(
        "claims answered in their places",
        granted,
        [None, runs[1], None, runs[3]],
    )
}

fn with_next(stored: &StoredJob, next: NextFire) -> StoredJob {
    let mut stored = stored.clone();
    stored.state.next = next;
    stored
}

fn granted_run(claimed: &Claimed) -> Option<crate::RunId> {
    match claimed {
        Claimed::Granted(grant) => Some(grant.run),
        _ => None,
    }
}

pub(super) async fn repeated(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let by_schedule = stage.due_job("By schedule").await?;
    let manual = stage.due_job("By hand").await?;
    for (stored, claim) in [
        (&by_schedule, fire(&by_schedule)),
        (&manual, by_hand(&manual)),
    ] {
        let mark = stage.end_of_log().await?;
        let first = stage.granted(host, claim.clone()).await?;

        let answers = store
            .claim(host, vec![claim.clone(), claim.clone()])
            .await?;

        let grants = [
            Claimed::Granted(first.clone()),
            Claimed::Granted(first.clone()),
        ];
        same("the same claim twice more", answers, grants)?;
        let stranger = stage.claim(HostId::random(), claim.clone()).await?;
        that(
            matches!(stranger, Claimed::Refused(_)),
            "another host cannot claim a granted run",
        )?;
        same(
            "the events of one run",
            stage.told_after(mark).await?,
            ["JobStarted"],
        )?;
        same(
            "the runs under way",
            stage.read(&stored.job.id).await?.state.running,
            1,
        )?;
        store
            .record(
                &first,
                &plan(stored),
                vec![failed("AAPL")],
                Some(RunStatus::Failed),
            )
            .await?;
        let ended = stage.claim(host, claim).await?;
        same(
            "the same claim after the run",
            ended,
            Claimed::Granted(first),
        )?;
        same(
            "the runs under way then",
            stage.read(&stored.job.id).await?.state.running,
            0,
        )?;
    }
    Ok(())
}

pub(super) async fn tokens_grow(stage: Stage) -> Checked {
    let store = &stage.store;
    let (one, other) = (stage.host().await?, stage.host().await?);
    let (stored, first) = stage.started(one).await?;
    let mut last = first.token;
    that(last > 0, "a token is greater than 0")?;
    for _ in 0..5 {
        let mut claim = by_hand(&stored);
        if let Some(new) = claim.run.as_mut() {
            new.overlap = Overlap::Allow;
        }
        let grant = stage.granted(one, claim).await?;
        that(grant.token > last, "a later claim has a higher token")?;
        last = grant.token;
        for (host, why) in [(one, TakeOver::Orphaned), (other, TakeOver::Cancelled)] {
            let taken = store.take_over(host, grant.run, last, why).await?;
            let Some((grant, run)) = taken else {
                return that(
                    false,
                    "a run can be taken by its own host, and to cancel it",
                );
            };
            that(grant.token > last, "a takeover has a higher token")?;
            same("the token in the run", run.token, grant.token)?;
            same(
                "the token read back",
                stage.run(run.id).await?.token,
                grant.token,
            )?;
            last = grant.token;
        }
    }
    same(
        "the token of a run left alone",
        stage.run(first.run).await?.token,
        first.token,
    )
}
