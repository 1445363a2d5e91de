//! Laws of the fence: only the newest grant of a run writes, and only while its job is there.

use super::stage::{Checked, Stage, fails, fetched, plan, same, symbol, that};
use crate::StoreErrorKind::Fenced;
use crate::{EventKind, Grant, RequestId, RunStatus, TakeOver};

pub(super) async fn decides(stage: Stage) -> Checked {
    let store = &stage.store;
    let (one, other) = (stage.host().await?, stage.host().await?);
    let (stored, old) = stage.started(one).await?;
    let plan = plan(&stored);
    store
        .record(&old, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let taken = store
        .take_over(other, old.run, old.token, TakeOver::Cancelled)
        .await?;
    let Some((new, _)) = taken else {
        return that(false, "a run can be taken over to cancel it");
    };
    let mark = stage.end_of_log().await?;
    let before = (stage.run(old.run).await?, stage.read(&stored.job.id).await?);
    let invented = Grant {
        token: new.token + 1,
        ..new.clone()
    };

    for grant in [&old, &invented] {
        let late = vec![fetched("AAPL", 2.0), fetched("brk-b", 2.0)];
        let end = Some(RunStatus::Success);
        let what = "a record under a token that is not the run's newest";
        fails(
            what,
            store.record(grant, &plan, late.clone(), end).await,
            Fenced,
        )?;
        fails(what, store.record(grant, &plan, late, None).await, Fenced)?;
        fails(
            what,
            store.record(grant, &plan, Vec::new(), end).await,
            Fenced,
        )?;
    }

    same(
        "the run after fenced records",
        &stage.run(old.run).await?,
        &before.0,
    )?;
    same(
        "the job after fenced records",
        &stage.read(&stored.job.id).await?,
        &before.1,
    )?;
    same(
        "data that was fenced off",
        store.dataset(&plan.key(&symbol("brk-b"))).await?,
        None,
    )?;
    let kept = store
        .dataset(&plan.key(&symbol("AAPL")))
        .await?
        .unwrap_or_default();
    that(kept.contains("1.0"), "a fenced record overwrites nothing")?;
    same(
        "events of fenced records",
        stage.told_after(mark).await?,
        [""; 0],
    )?;
    store
        .record(
            &new,
            &plan,
            vec![fetched("brk-b", 3.0)],
            Some(RunStatus::Success),
        )
        .await?;
    let late = store
        .record(&old, &plan, Vec::new(), Some(RunStatus::Failed))
        .await;
    fails(
        "the end under an overtaken token, after the run",
        late,
        Fenced,
    )?;
    same(
        "how the run ended",
        stage.run(old.run).await?.status,
        RunStatus::Success,
    )
}

pub(super) async fn side_by_side(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let (stored, first) = stage.started(host).await?;
    let second = stage.beside(host, &stored, &plan(&stored)).await?;

    for grant in [&first, &second, &first] {
        let result = vec![fetched("AAPL", 1.0)];
        let recorded = store.record(grant, &plan(&stored), result, None).await;
        same(
            "a record beside another run",
            recorded.map_err(|error| error.kind()),
            Ok(()),
        )?;
    }

    for grant in [&first, &second] {
        let end = Some(RunStatus::Success);
        store
            .record(grant, &plan(&stored), vec![fetched("brk-b", 1.0)], end)
            .await?;
        same(
            "the symbols stored",
            stage.run(grant.run).await?.counts(),
            (2, 0),
        )?;
    }
    same(
        "the runs under way",
        stage.read(&stored.job.id).await?.state.running,
        0,
    )
}

pub(super) async fn deletion(stage: Stage) -> Checked {
    let store = &stage.store;
    let (one, other) = (stage.host().await?, stage.host().await?);
    let (stored, grant) = stage.started(one).await?;
    let plan = plan(&stored);
    store
        .record(&grant, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let mark = stage.end_of_log().await?;

    store
        .delete(&stored.job.id, None, RequestId::random())
        .await?;

    let late = vec![fetched("brk-b", 1.0)];
    let end = Some(RunStatus::Success);
    fails(
        "a record for a deleted job",
        store.record(&grant, &plan, late, end).await,
        Fenced,
    )?;
    same(
        "data for a deleted job",
        store.dataset(&plan.key(&symbol("brk-b"))).await?,
        None,
    )?;
    let run = stage.run(grant.run).await?;
    same("the run of a deleted job", run.status, RunStatus::Failed)?;
    that(
        run.ended_at.is_some(),
        "the run of a deleted job has an end",
    )?;
    for why in [TakeOver::Orphaned, TakeOver::Cancelled] {
        let taken = store.take_over(other, run.id, run.token, why).await?;
        same("taking over the run of a deleted job", taken, None)?;
    }
    same(
        "what the host of a deleted job holds",
        store.held(one).await?,
        [],
    )?;
    same("the runs under way", store.counts().await?.running, 0)?;
    same(
        "the events",
        stage.told_after(mark).await?,
        ["JobFinished", "JobDeleted"],
    )?;
    let events = stage.events_after(mark).await?;
    let finished = events.first().map(|event| match &event.kind {
        EventKind::JobFinished {
            execution_id,
            status,
            fetched,
            failed,
            next_run,
            ..
        } => (*execution_id, *status, *fetched, *failed, *next_run),
        _ => (run.id, RunStatus::Running, 0, 0, None),
    });
    same(
        "how it finished",
        finished,
        Some((run.id, RunStatus::Failed, 1, 0, None)),
    )
}
