//! Laws of the event log: in order, resumable, heard at once.

use std::time::Duration;

use futures_util::future::{join, try_join_all};
use tokio::time::{Instant, sleep};

use super::stage::{Checked, Stage, failed, fetched, job, plan, same, that};
use crate::{EventId, NextFire, RequestId, RunStatus};

pub(super) async fn in_order(stage: Stage) -> Checked {
    let store = &stage.store;
    let empty = store.events(EventId::START, 10, Duration::ZERO).await?;
    same(
        "the log of an empty store",
        (empty.events, empty.last),
        (Vec::new(), EventId::START),
    )?;
    let before = store.now().await?;

    let (stored, grant) = stage.started(stage.host().await?).await?;
    let results = vec![fetched("AAPL", 1.0), failed("brk-b")];
    store
        .record(
            &grant,
            &plan(&stored),
            results,
            Some(RunStatus::PartialSuccess),
        )
        .await?;
    store
        .delete(&stored.job.id, None, RequestId::random())
        .await?;

    let events = stage.events_after(EventId::START).await?;
    let told = [
        "JobCreated",
        "JobStarted",
        "StockFetched",
        "StockFailed",
        "JobFinished",
        "JobDeleted",
    ];
    same("the events, oldest first", stage.told().await?, told)?;
    let now = store.now().await?;
    for event in &events {
        same("the job of an event", &event.job, &stored.job.id)?;
        // A store may round to milliseconds, as the event's id does.
        let slack = chrono::TimeDelta::milliseconds(1);
        that(
            (before - slack..=now + slack).contains(&event.at),
            "an event says when it happened",
        )?;
    }
    try_join_all((0..8).map(|_| store.create(job("Side by side"), NextFire::Never))).await?;
    let ids: Vec<_> = stage
        .events_after(EventId::START)
        .await?
        .iter()
        .map(|event| event.id)
        .collect();
    same("how many events there are", ids.len(), told.len() + 8)?;
    that(
        ids.is_sorted_by(|one, next| one < next),
        "ids of events grow",
    )?;
    that(
        ids.first().is_some_and(|id| *id > EventId::START),
        "the first id is after the start",
    )
}

pub(super) async fn resumed(stage: Stage) -> Checked {
    let store = &stage.store;
    for _ in 0..3 {
        stage.due_job("Before").await?;
    }
    stage.pass(Duration::from_millis(3)).await;
    for _ in 0..4 {
        stage.due_job("After").await?;
    }
    let all = stage.events_after(EventId::START).await?;
    same("how many events there are", all.len(), 7)?;
    let last = all[6].id;

    for (n, event) in all.iter().enumerate() {
        for limit in [1, 2, 100] {
            let page = store.events(event.id, limit, Duration::ZERO).await?;
            let rest = &all[n + 1..];
            let expected = &rest[..limit.min(rest.len())];
            same(
                "the events after one of them",
                page.events.as_slice(),
                expected,
            )?;
            same(
                "where the log ends, and whether events are lost",
                (page.last, page.too_old),
                (last, false),
            )?;
        }
    }
    let between = EventId {
        seq: all[2].id.seq + 1_000,
        ..all[2].id
    };
    if between < all[3].id {
        let page = store.events(between, 100, Duration::ZERO).await?;
        same(
            "the events after an id that is none of them",
            page.events.as_slice(),
            &all[3..],
        )?;
    }
    let start = Instant::now();
    let end = store
        .events(EventId::START, 0, Duration::from_secs(20))
        .await?;
    same(
        "the end of the log",
        (end.events, end.last),
        (Vec::new(), last),
    )?;
    that(
        start.elapsed() < Duration::from_secs(5),
        "the end of the log is answered at once",
    )
}

pub(super) async fn woken(stage: Stage) -> Checked {
    let store = &stage.store;
    stage.due_job("Before").await?;
    let end = stage.end_of_log().await?;
    let nothing = store.events(end, 10, Duration::from_millis(30)).await?;
    same("the events of a quiet while", nothing.events, [])?;
    same("where the log ends after it", nothing.last, end)?;
    let start = Instant::now();

    let later = async {
        sleep(Duration::from_millis(100)).await;
        stage.due_job("After").await
    };
    let (page, created) = join(store.events(end, 10, Duration::from_secs(5)), later).await;

    let names: Vec<_> = page?.events.iter().map(|event| event.kind.name()).collect();
    same("what a listener hears", names, ["JobCreated"])?;
    created?;
    let took = start.elapsed();
    that(
        took < Duration::from_secs(2),
        "a listener hears of an event soon after it",
    )?;
    that(
        took >= Duration::from_millis(90),
        "a listener with nothing to hear waits",
    )
}
