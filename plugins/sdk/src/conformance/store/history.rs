//! Laws of the history: newest first, page by page, by status and time.

use std::time::Duration;

use super::stage::{Checked, Detail, Stage, by_hand, failed, job, plan, same, that};
use crate::{
    Advance, Claim, Claimed, Fire, FireQuery, FireState, JobId, NextFire, RunId, RunQuery,
    RunStatus,
};

impl Stage {
    /// The ids of a job's runs, page by page.
    async fn history(
        &self,
        job: &JobId,
        status: Option<RunStatus>,
        limit: usize,
    ) -> Result<Vec<RunId>, Detail> {
        let mut ids = Vec::new();
        let mut query = RunQuery {
            job: job.clone(),
            status,
            after: None,
            limit,
        };
        for _ in 0..100 {
            let page = self.store.runs(&query).await?;
            if page.runs.len() > limit {
                return Err(Detail(format!(
                    "a page of {limit} has {} runs",
                    page.runs.len()
                )));
            }
            ids.extend(page.runs.into_iter().map(|run| run.id));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(ids),
            }
        }
        Err(Detail("the pages of a history do not end".into()))
    }
}

pub(super) async fn runs(stage: Stage) -> Checked {
    use RunStatus::{Failed, PartialSuccess, Running, Success};
    let host = stage.host().await?;
    let stored = stage.due_job("Tech").await?;
    let id = &stored.job.id;
    let mut ids = Vec::new();
    for end in [Success, Failed, PartialSuccess, Failed, Running] {
        let grant = stage.granted(host, by_hand(&stored)).await?;
        let end = (end != Running).then_some(end);
        stage
            .store
            .record(&grant, &plan(&stored), vec![failed("AAPL")], end)
            .await?;
        ids.push(grant.run);
        stage.pass(Duration::from_millis(3)).await;
    }
    stage.started(host).await?;
    ids.reverse();

    for limit in [1, 2, 5, 50] {
        let page = format!("{limit} a page");
        same(
            &format!("all runs, {page}"),
            stage.history(id, None, limit).await?,
            ids.clone(),
        )?;
        let failed = stage.history(id, Some(Failed), limit).await?;
        same(&format!("failed runs, {page}"), failed, [ids[1], ids[3]])?;
        let running = stage.history(id, Some(Running), limit).await?;
        same(&format!("runs under way, {page}"), running, [ids[0]])?;
    }
    same("one run", stage.run(ids[4]).await?.status, Success)?;
    same(
        "a run that is not there",
        stage.store.run(RunId::random()).await?,
        None,
    )?;
    let idle = stage.store.create(job("Idle"), NextFire::Never).await?;
    same(
        "the runs of a job that has none",
        stage.history(&idle.job.id, None, 5).await?,
        [],
    )
}

pub(super) async fn fires(stage: Stage) -> Checked {
    let now = stage.second().await?;
    let at = |seconds: i64| now - chrono::TimeDelta::seconds(seconds);
    let stored = stage
        .store
        .create(job("Tech"), NextFire::At(at(10)))
        .await?;
    let passed = (1..=10)
        .rev()
        .map(|n| Fire::passed(at(n), FireState::Missed, "down"))
        .collect();
    let advance = Advance {
        from: stored.state.next.clone(),
        to: NextFire::Never,
        passed,
    };
    let claim = Claim {
        advance: Some(advance),
        run: None,
        ..by_hand(&stored)
    };
    let claimed = stage.claim(stage.host().await?, claim).await?;
    that(
        claimed == Claimed::Advanced,
        "ten fires can pass in one claim",
    )?;
    let other = stage.started(stage.host().await?).await?.0;

    for (since, until, limit, expected) in [
        (None, None, 100, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (None, None, 3, vec![1, 2, 3]),
        (None, Some(3), 3, vec![4, 5, 6]),
        (Some(4), None, 100, vec![1, 2, 3, 4]),
        (Some(6), Some(2), 2, vec![3, 4]),
        (Some(4), Some(3), 100, vec![4]),
        (Some(3), Some(3), 100, vec![]),
        (Some(2), Some(4), 100, vec![]),
    ] {
        let (since, until) = (since.map(at), until.map(at));
        let query = FireQuery {
            job: stored.job.id.clone(),
            since,
            until,
            limit,
        };
        let fires = stage.store.fires(&query).await?;
        let fires: Vec<_> = fires.into_iter().map(|fire| fire.fire_time).collect();
        let expected: Vec<_> = expected.into_iter().map(at).collect();
        same(&format!("the fires of {query:?}"), fires, expected)?;
    }
    let query = FireQuery {
        job: other.job.id,
        since: None,
        until: None,
        limit: 100,
    };
    same(
        "the fires of another job",
        stage.store.fires(&query).await?.len(),
        1,
    )
}
