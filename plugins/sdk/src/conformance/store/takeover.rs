//! Laws of taking runs over: the living are respected, the dead are found, and nothing that is stored is lost.

use futures_util::future::join_all;

use super::stage::{
    A_WHILE, Checked, Detail, SHORT_LEASE, Stage, failed, fails, fetched, plan, poll, same, symbol,
    that,
};
use crate::StoreErrorKind::Fenced;
use crate::{EventKind, Grant, HostId, Orphan, RunId, RunStatus, SymbolState, TakeOver};

impl Stage {
    async fn orphans(&self) -> Result<Vec<Orphan>, Detail> {
        Ok(self
            .store
            .poll(&poll(HostId::random(), SHORT_LEASE))
            .await?
            .orphans)
    }
}

fn orphan(grant: &Grant) -> Orphan {
    Orphan {
        job: grant.job.clone(),
        run: grant.run,
        token: grant.token,
    }
}

pub(super) async fn living_host(stage: Stage) -> Checked {
    let store = &stage.store;
    let (owner, other) = (stage.host().await?, stage.host().await?);
    let (stored, grant) = stage.started(owner).await?;
    let why = TakeOver::Orphaned;

    let taken = store.take_over(other, grant.run, grant.token, why).await?;

    same("taking over from a living host", taken, None)?;
    same("the orphans of a living host", stage.orphans().await?, [])?;
    same(
        "what the living host holds",
        store.held(owner).await?,
        [orphan(&grant)],
    )?;
    let own = store.take_over(owner, grant.run, grant.token, why).await?;
    let Some((own, _)) = own else {
        return that(false, "a host can take a run over from itself");
    };
    same("the attempt of a second grant", own.attempt, 2)?;
    same("when the run began", own.started_at, grant.started_at)?;
    let stale = store.take_over(owner, grant.run, grant.token, why).await?;
    same("taking over what somebody took before", stale, None)?;
    let unknown = store.take_over(owner, RunId::random(), 1, why).await?;
    same("taking over a run that is not there", unknown, None)?;
    let end = Some(RunStatus::Failed);
    store
        .record(
            &own,
            &plan(&stored),
            vec![failed("AAPL"), failed("brk-b")],
            end,
        )
        .await?;
    for why in [TakeOver::Orphaned, TakeOver::Cancelled] {
        let ended = store.take_over(owner, grant.run, own.token, why).await?;
        same("taking over a run that has ended", ended, None)?;
    }
    Ok(())
}

pub(super) async fn dead_host(stage: Stage) -> Checked {
    let store = &stage.store;
    let dead = stage.host_for_a_while().await?;
    let (stored, old) = stage.started(dead).await?;
    let plan = plan(&stored);
    store
        .record(&old, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let before = stage.run(old.run).await?;
    stage.pass(A_WHILE).await;

    for when in ["after the lease", "until it is taken over"] {
        same(
            &format!("the orphans {when}"),
            stage.orphans().await?,
            [orphan(&old)],
        )?;
    }
    same(
        "what the dead host holds",
        store.held(dead).await?,
        [orphan(&old)],
    )?;
    let mark = stage.end_of_log().await?;
    let hosts = [
        stage.host().await?,
        stage.host().await?,
        stage.host().await?,
    ];
    let taking = hosts.map(|host| store.take_over(host, old.run, old.token, TakeOver::Orphaned));
    let answers = join_all(taking)
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;

    let taken: Vec<_> = answers
        .into_iter()
        .zip(hosts)
        .filter_map(|(a, host)| Some((a?, host)))
        .collect();
    let [((new, run), host)] = taken.as_slice() else {
        return same("how many of three hosts take one run over", taken.len(), 1);
    };
    that(new.token > old.token, "a takeover has a higher token")?;
    same(
        "attempt and beginning",
        (new.attempt, new.started_at),
        (2, old.started_at),
    )?;
    same("the run answered", run, &stage.run(old.run).await?)?;
    same(
        "the run's owner",
        (run.host, run.attempt, run.token),
        (*host, 2, new.token),
    )?;
    same(
        "the symbols after the takeover",
        &run.symbols,
        &before.symbols,
    )?;
    same("the plan after the takeover", &run.plan, &before.plan)?;
    same("the orphans after the takeover", stage.orphans().await?, [])?;
    same("what the dead host holds then", store.held(dead).await?, [])?;
    same(
        "what the new host holds",
        store.held(*host).await?,
        [orphan(new)],
    )?;
    let events = stage.events_after(mark).await?;
    let attempt = events.first().map(|event| match event.kind {
        EventKind::JobStarted {
            attempt,
            total_stocks,
            ..
        } => (attempt, total_stocks),
        _ => (0, 0),
    });
    same("attempt and symbols of JobStarted", attempt, Some((2, 2)))?;
    same("the events", stage.told_after(mark).await?, ["JobStarted"])?;
    same("the runs under way", store.counts().await?.running, 1)?;
    fails(
        "a record of the dead host",
        store.record(&old, &plan, Vec::new(), None).await,
        Fenced,
    )?;
    let rest = vec![fetched("AAPL", 2.0), fetched("brk-b", 2.0)];
    store
        .record(new, &plan, rest, Some(RunStatus::Success))
        .await?;
    let data = store
        .dataset(&plan.key(&symbol("AAPL")))
        .await?
        .unwrap_or_default();
    that(data.contains("1.0"), "what the first host stored stays")?;
    let told = ["JobStarted", "StockFetched", "JobFinished"];
    same("all events", stage.told_after(mark).await?, told)
}

pub(super) async fn retired_host(stage: Stage) -> Checked {
    let store = &stage.store;
    let (owner, other) = (stage.host().await?, stage.host().await?);
    let (_, first) = stage.started(owner).await?;
    let (_, second) = stage.started(owner).await?;
    let (_, others) = stage.started(other).await?;

    store.retire(owner).await?;
    store.retire(owner).await?;

    let mut orphans = stage.orphans().await?;
    orphans.sort_by_key(|orphan| orphan.run);
    let mut expected = [orphan(&first), orphan(&second)];
    expected.sort_by_key(|orphan| orphan.run);
    same("the orphans of a retired host", orphans, expected)?;
    let taken = store
        .take_over(other, first.run, first.token, TakeOver::Orphaned)
        .await?;
    that(
        taken.is_some(),
        "the run of a retired host can be taken over",
    )?;
    same(
        "the orphans that are left",
        stage.orphans().await?,
        [orphan(&second)],
    )?;
    let taken = store
        .take_over(owner, others.run, others.token, TakeOver::Orphaned)
        .await?;
    same("taking over from a host that did not retire", taken, None)
}

pub(super) async fn cancelled(stage: Stage) -> Checked {
    let store = &stage.store;
    let (owner, other) = (stage.host().await?, stage.host().await?);
    let (stored, old) = stage.started(owner).await?;
    let plan = plan(&stored);
    store
        .record(&old, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let mark = stage.end_of_log().await?;

    let taken = store
        .take_over(other, old.run, old.token, TakeOver::Cancelled)
        .await?;

    let Some((new, run)) = taken else {
        return that(false, "a run can be taken from a living host to cancel it");
    };
    same(
        "the events of taking a run to cancel it",
        stage.told_after(mark).await?,
        [""; 0],
    )?;
    let pending: Vec<_> = run
        .symbols
        .iter()
        .filter(|s| s.state == SymbolState::Pending)
        .collect();
    same("the symbols that are left", pending.len(), 1)?;
    let late = store
        .record(&old, &plan, vec![fetched("brk-b", 1.0)], None)
        .await;
    fails("a record of the host that lost the run", late, Fenced)?;
    let end = Some(RunStatus::Failed);
    store
        .record(&new, &plan, vec![failed("brk-b")], end)
        .await?;
    same(
        "the symbols of the run",
        stage.run(run.id).await?.counts(),
        (1, 1),
    )?;
    same(
        "the events",
        stage.told_after(mark).await?,
        ["StockFailed", "JobFinished"],
    )?;
    same("what the first host holds", store.held(owner).await?, [])
}
