//! Laws of crashes: what was acknowledged is there when the store is opened again, and takeover cures the rest.

use serde_json::json;

use super::stage::{
    A_WHILE, Checked, Detail, Stage, by_hand, fails, fetched, fire, job, plan, poll, same, symbol,
    that,
};
use crate::StoreErrorKind::Conflict;
use crate::{
    Claimed, Edit, EditKind, EventId, FireQuery, HostId, Job, JobQuery, NextFire, Refusal,
    RequestId, RunQuery, RunStatus, TakeOver,
};

pub(super) async fn cured(stage: Stage) -> Checked {
    let host = stage.host_for_a_while().await?;
    let (stored, old) = stage.started(host).await?;
    let plan = plan(&stored);
    stage
        .store
        .record(&old, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let stage = stage.reopened().await;
    let store = &stage.store;
    stage.pass(A_WHILE).await;
    let mark = stage.end_of_log().await?;

    let next_life = HostId::random();
    let agenda = store.poll(&poll(next_life, A_WHILE)).await?;
    let [orphan] = agenda.orphans.as_slice() else {
        return same("the orphans after a crash", agenda.orphans.len(), 1);
    };
    same(
        "the run that is found",
        (orphan.run, orphan.token),
        (old.run, old.token),
    )?;
    let taken = store
        .take_over(next_life, orphan.run, orphan.token, TakeOver::Orphaned)
        .await?;
    let Some((new, run)) = taken else {
        return that(false, "the run of a crashed host can be taken over");
    };
    that(new.token > old.token, "the token grows over a crash")?;
    same("the symbols stored before the crash", run.counts(), (1, 0))?;
    store
        .record(
            &new,
            &plan,
            vec![fetched("brk-b", 1.0)],
            Some(RunStatus::Success),
        )
        .await?;

    same(
        "the symbols stored in the end",
        stage.run(run.id).await?.counts(),
        (2, 0),
    )?;
    for name in ["AAPL", "brk-b"] {
        let data = store.dataset(&plan.key(&symbol(name))).await?;
        that(
            data.is_some(),
            "the data from before and after the crash is there",
        )?;
    }
    let told = ["JobStarted", "StockFetched", "JobFinished"];
    same(
        "the events after the crash",
        stage.told_after(mark).await?,
        told,
    )?;
    let again = stage.claim(next_life, fire(&stored)).await?;
    that(
        matches!(again, Claimed::Refused(_)),
        "a fire from before the crash is not granted again",
    )
}

pub(super) async fn survives(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let (stored, grant) = stage.started(host).await?;
    let id = &stored.job.id;
    let plan = plan(&stored);
    stage
        .store
        .record(
            &grant,
            &plan,
            vec![fetched("AAPL", 1.0)],
            Some(RunStatus::Success),
        )
        .await?;
    let edit = Edit {
        request: RequestId::random(),
        expected: 1,
        job: Job {
            name: "Renamed".into(),
            tags: vec!["x".into()],
            ..stored.job.clone()
        },
        next: None,
        kind: EditKind::Updated,
    };
    let edited = stage.store.edit(edit.clone()).await?;
    let (gone, deletion) = (stage.due_job("Gone").await?, RequestId::random());
    stage.store.delete(&gone.job.id, None, deletion).await?;
    stage
        .store
        .create(job("Last"), NextFire::At(stage.in_seconds(-9).await?))
        .await?;
    stage
        .store
        .record_put("n", "k", 0, Some(json!([1])), None)
        .await?;
    let everything = async |stage: &Stage| -> Result<_, Detail> {
        let store = &stage.store;
        let fires = FireQuery {
            job: id.clone(),
            since: None,
            until: None,
            limit: 9,
        };
        let runs = RunQuery {
            job: id.clone(),
            status: None,
            after: None,
            limit: 9,
        };
        Ok((
            store
                .list(&JobQuery {
                    limit: 9,
                    ..JobQuery::default()
                })
                .await?,
            store.counts().await?,
            (store.runs(&runs).await?.runs, store.fires(&fires).await?),
            stage.events_after(EventId::START).await?,
            store.dataset(&plan.key(&symbol("AAPL"))).await?,
            store.record_get("n", "k").await?,
        ))
    };
    let before = everything(&stage).await?;

    let stage = stage.reopened().await;

    let store = &stage.store;
    let after = everything(&stage).await?;
    same("the jobs", after.0, before.0)?;
    same("the counts", after.1, before.1)?;
    same("the runs and fires", after.2, before.2)?;
    same("the events", after.3, before.3)?;
    same("the data", after.4, before.4)?;
    same("the documents", after.5, before.5)?;
    same("the edit repeated", store.edit(edit).await?, edited.clone())?;
    store.delete(&gone.job.id, None, deletion).await?;
    let again = store.create(gone.job.clone(), NextFire::Never).await;
    fails("creating a job under a deleted id", again, Conflict)?;
    let claimed = stage.claim(host, fire(&gone)).await?;
    same(
        "a claim of a deleted job",
        claimed,
        Claimed::Refused(Refusal::Gone),
    )?;
    let next = stage.granted(host, by_hand(&edited)).await?;
    that(next.token > grant.token, "tokens grow over a crash")?;
    let last_fire = stage.read(id).await?.state.last_fire;
    same("the last fire", last_fire, stored.state.next.at())
}
