//! Laws of what a run records: whole, once, and nothing for a failure.

use std::time::Duration;

use super::stage::{
    Checked, Detail, Stage, by_hand, failed, fetched, fire, january, plan, same, series, symbol,
    that,
};
use crate::{
    EventKind, Grant, HostId, JobStatus, Overlap, Prefix, RunPlan, RunStatus, StoredJob, Symbol,
    SymbolProgress, SymbolState, records,
};

impl Stage {
    async fn text(&self, plan: &RunPlan, name: &str) -> Result<Option<String>, Detail> {
        Ok(self.store.dataset(&plan.key(&symbol(name))).await?)
    }

    /// A run by hand beside whatever goes.
    pub(super) async fn beside(
        &self,
        host: HostId,
        stored: &StoredJob,
        plan: &RunPlan,
    ) -> Result<Grant, Detail> {
        let mut claim = by_hand(stored);
        if let Some(new) = claim.run.as_mut() {
            new.overlap = Overlap::Allow;
            new.plan = plan.clone();
        }
        self.granted(host, claim).await
    }
}

fn text(name: &str, close: f64) -> Option<String> {
    Some(records::render(&series(name, close)).json)
}

pub(super) async fn whole(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let (stored, grant) = stage.started(host).await?;
    let plan = plan(&stored);
    let mark = stage.end_of_log().await?;

    let results = vec![failed("brk-b"), fetched("AAPL", 1.0)];
    store
        .record(&grant, &plan, results, Some(RunStatus::PartialSuccess))
        .await?;

    let run = stage.run(grant.run).await?;
    let (kind, message) = (
        "unavailable".to_owned(),
        "the provider did not answer".to_owned(),
    );
    let key = plan.key(&symbol("AAPL")).to_string();
    let progress = |name, attempts, state| SymbolProgress {
        symbol: symbol(name),
        attempts,
        state,
    };
    let symbols = [
        progress(
            "AAPL",
            1,
            SymbolState::Stored {
                rows: 1,
                key: key.clone(),
            },
        ),
        progress(
            "brk-b",
            3,
            SymbolState::Failed {
                kind: kind.clone(),
                message: message.clone(),
            },
        ),
    ];
    same("the symbols of the run", run.symbols, symbols)?;
    same(
        "the status of the run",
        run.status,
        RunStatus::PartialSuccess,
    )?;
    that(run.ended_at.is_some(), "a run that ended has an end")?;
    same(
        "the data of a symbol",
        stage.text(&plan, "AAPL").await?,
        text("AAPL", 1.0),
    )?;
    same("what the host holds", store.held(host).await?, [])?;
    same("the runs under way", store.counts().await?.running, 0)?;
    same(
        "the runs of the job under way",
        stage.read(&stored.job.id).await?.state.running,
        0,
    )?;
    let events = stage.events_after(mark).await?;
    let kinds: Vec<_> = events.into_iter().map(|event| event.kind).take(2).collect();
    let execution_id = grant.run;
    let expected = [
        EventKind::StockFailed {
            execution_id,
            stock_id: "brk-b".into(),
            kind,
            message,
            attempts: 3,
        },
        EventKind::StockFetched {
            execution_id,
            stock_id: "AAPL".into(),
            rows: 1,
            key,
        },
    ];
    same("the events of the symbols", kinds, expected)?;
    same(
        "all events",
        stage.told_after(mark).await?,
        ["StockFailed", "StockFetched", "JobFinished"],
    )
}

pub(super) async fn repeated(stage: Stage) -> Checked {
    let store = &stage.store;
    let (stored, grant) = stage.started(stage.host().await?).await?;
    let plan = plan(&stored);
    let mark = stage.end_of_log().await?;
    store
        .record(&grant, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let once = stage.run(grant.run).await?;

    for again in [fetched("AAPL", 1.0), fetched("AAPL", 2.0), failed("AAPL")] {
        store.record(&grant, &plan, vec![again], None).await?;
    }

    same(
        "the run after the same symbol again",
        &stage.run(grant.run).await?,
        &once,
    )?;
    same(
        "its data",
        stage.text(&plan, "AAPL").await?,
        text("AAPL", 1.0),
    )?;
    same(
        "its events",
        stage.told_after(mark).await?,
        ["StockFetched"],
    )?;
    let both = vec![fetched("AAPL", 2.0), fetched("brk-b", 2.0)];
    store.record(&grant, &plan, both, None).await?;
    same(
        "the data of the other symbol",
        stage.text(&plan, "brk-b").await?,
        text("brk-b", 2.0),
    )?;
    same(
        "the events of both",
        stage.told_after(mark).await?,
        ["StockFetched", "StockFetched"],
    )?;
    same(
        "the symbols stored",
        stage.run(grant.run).await?.counts(),
        (2, 0),
    )
}

pub(super) async fn ends_once(stage: Stage) -> Checked {
    let store = &stage.store;
    let (stored, grant) = stage.started(stage.host().await?).await?;
    let plan = plan(&stored);
    store
        .record(&grant, &plan, vec![fetched("AAPL", 1.0)], None)
        .await?;
    let mark = stage.end_of_log().await?;
    stage.pass(Duration::from_millis(50)).await;

    let last = vec![failed("brk-b")];
    store
        .record(&grant, &plan, last.clone(), Some(RunStatus::PartialSuccess))
        .await?;
    let ended = (
        stage.run(grant.run).await?,
        stage.read(&stored.job.id).await?,
    );
    store
        .record(&grant, &plan, last, Some(RunStatus::PartialSuccess))
        .await?;
    store
        .record(&grant, &plan, Vec::new(), Some(RunStatus::Failed))
        .await?;

    let after = (
        stage.run(grant.run).await?,
        stage.read(&stored.job.id).await?,
    );
    same("run and job after the end again", &after, &ended)?;
    same(
        "the events",
        stage.told_after(mark).await?,
        ["StockFailed", "JobFinished"],
    )?;
    let events = stage.events_after(mark).await?;
    let Some(EventKind::JobFinished {
        execution_id,
        status,
        fetched,
        failed,
        duration_seconds,
        next_run,
    }) = events.last().map(|event| &event.kind)
    else {
        return that(false, "the last event of a run is JobFinished");
    };
    let counts = (*execution_id, *status, *fetched, *failed);
    same(
        "how it finished",
        counts,
        (grant.run, RunStatus::PartialSuccess, 1, 1),
    )?;
    same(
        "when the job is due next",
        *next_run,
        after.1.state.next.at(),
    )?;
    that(
        (0.04..20.0).contains(duration_seconds),
        "JobFinished says how long the run took",
    )
}

pub(super) async fn failed_symbol(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let (stored, grant) = stage.started(host).await?;
    let plan = plan(&stored);
    let first = vec![fetched("AAPL", 1.0), failed("brk-b")];
    store
        .record(&grant, &plan, first, Some(RunStatus::PartialSuccess))
        .await?;
    same(
        "data of a symbol that failed",
        stage.text(&plan, "brk-b").await?,
        None,
    )?;
    same(
        "the latest of it",
        store.latest(plan.prefix.as_str(), "brk-b").await?,
        None,
    )?;

    let second = stage.granted(host, by_hand(&stored)).await?;
    let both = vec![failed("AAPL"), failed("brk-b")];
    store
        .record(&second, &plan, both, Some(RunStatus::Failed))
        .await?;

    same(
        "data stored before a failure",
        stage.text(&plan, "AAPL").await?,
        text("AAPL", 1.0),
    )?;
    same(
        "the symbols of the failed run",
        stage.run(second.run).await?.counts(),
        (0, 2),
    )
}

pub(super) async fn keep(stage: Stage) -> Checked {
    let host = stage.host().await?;
    let stored = stage.due_job("Tech").await?;
    let other: Prefix = "other".parse().expect("a word is a prefix");
    let write = async |keep, last, name: &'static str, prefix: &Prefix| -> Checked {
        let plan = RunPlan {
            keep,
            window: january(last),
            prefix: prefix.clone(),
            ..plan(&stored)
        };
        let grant = stage.beside(host, &stored, &plan).await?;
        let result = vec![fetched(name, f64::from(last))];
        Ok(stage
            .store
            .record(&grant, &plan, result, Some(RunStatus::Success))
            .await?)
    };
    let usual = Prefix::default();
    let kept = async |name: &str, prefix: &Prefix| -> Result<Vec<u32>, Detail> {
        let mut kept = Vec::new();
        for last in 10..=20 {
            let window = january(last);
            let plan = RunPlan {
                window,
                prefix: prefix.clone(),
                ..plan(&stored)
            };
            if stage.text(&plan, name).await?.is_some() {
                kept.push(last);
            }
        }
        Ok(kept)
    };

    for last in [10, 11, 12] {
        write(None, last, "AAPL", &usual).await?;
        write(None, last, "brk-b", &usual).await?;
        write(None, last, "AAPL", &other).await?;
    }
    same(
        "windows without a limit",
        kept("AAPL", &usual).await?,
        [10, 11, 12],
    )?;
    write(Some(3), 12, "AAPL", &usual).await?;
    same(
        "windows after one was written again",
        kept("AAPL", &usual).await?,
        [10, 11, 12],
    )?;
    write(Some(2), 13, "AAPL", &usual).await?;
    same(
        "the last two windows",
        kept("AAPL", &usual).await?,
        [12, 13],
    )?;
    write(Some(1), 14, "AAPL", &usual).await?;
    same("the last window", kept("AAPL", &usual).await?, [14])?;
    same(
        "the windows of another symbol",
        kept("brk-b", &usual).await?,
        [10, 11, 12],
    )?;
    same(
        "the windows of another prefix",
        kept("AAPL", &other).await?,
        [10, 11, 12],
    )?;
    let aapl: Symbol = symbol("AAPL");
    let latest = stage.store.latest(usual.as_str(), aapl.as_str()).await?;
    same(
        "the latest window",
        latest.map(|key| key.window),
        Some(january(14)),
    )
}

pub(super) async fn latest_run(stage: Stage) -> Checked {
    let store = &stage.store;
    let host = stage.host().await?;
    let stored = stage.due_job("Tech").await?;
    let (id, plan) = (&stored.job.id, plan(&stored));
    same(
        "a job that has not run",
        stored.status(),
        JobStatus::Pending,
    )?;

    let first = stage.granted(host, fire(&stored)).await?;
    let going = stage.read(id).await?;
    same("a job that runs", going.status(), JobStatus::Running)?;
    same(
        "when its latest run began",
        going.state.last_run,
        Some(first.started_at),
    )?;
    stage.pass(Duration::from_millis(5)).await;
    let second = stage.beside(host, &stored, &plan).await?;
    let good = vec![fetched("AAPL", 1.0), fetched("brk-b", 1.0)];
    store
        .record(&second, &plan, good, Some(RunStatus::Success))
        .await?;
    let half = stage.read(id).await?;
    same(
        "a job of which one of two runs ended",
        half.status(),
        JobStatus::Running,
    )?;
    store
        .record(&first, &plan, vec![failed("AAPL")], Some(RunStatus::Failed))
        .await?;

    let after = stage.read(id).await?;
    same(
        "a job whose latest run to begin went well",
        after.status(),
        JobStatus::Completed,
    )?;
    same(
        "when that run began",
        after.state.last_run,
        Some(second.started_at),
    )?;
    let last = after
        .state
        .last_execution
        .ok_or_else(|| Detail("there is no latest run".into()))?;
    let ended_at = stage.run(second.run).await?.ended_at;
    let shown = (
        last.execution_id,
        last.status,
        last.start_time,
        last.end_time,
    );
    same(
        "the latest run",
        shown,
        (second.run, RunStatus::Success, second.started_at, ended_at),
    )?;
    let third = stage.granted(host, by_hand(&stored)).await?;
    store
        .record(&third, &plan, vec![failed("AAPL")], Some(RunStatus::Failed))
        .await?;
    same(
        "a job whose latest run failed",
        stage.read(id).await?.status(),
        JobStatus::Failed,
    )
}
