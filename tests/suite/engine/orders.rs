use std::time::Duration;

use serde_json::json;
use stock_scheduler::{
    DatasetQuery, Host, HostError, ManualRun, Overlap, RunId, RunStatus, SymbolState,
};

use crate::support::world::{Act, World, edit, fates, instant, job, next_run, runs};

#[tokio::test(start_paused = true)]
async fn a_fire_during_a_run_is_recorded_as_skipped() {
    let world = World::at("2025-06-02T12:00:30Z")
        .limited(|limits| limits.timeout = Some(Duration::from_secs(600)));
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(150)));
    let host = world.host().await;
    let job = job(&host, json!({"schedule": {"kind": "every", "seconds": 60}})).await;

    world.until("2025-06-02T12:04:30Z").await;

    let expected = ["fired", "skipped overlap", "skipped overlap", "fired"];
    assert_eq!(fates(&host, &job).await, expected);
    let names = world.names(&job).await;
    assert_eq!(
        names.iter().filter(|name| **name == "FireSkipped").count(),
        2
    );
    assert_eq!(
        names.iter().filter(|name| **name == "JobStarted").count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_may_overlap_runs_beside_itself() {
    let world = World::at("2025-06-02T12:00:30Z")
        .limited(|limits| limits.timeout = Some(Duration::from_secs(600)));
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(90)));
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "every", "seconds": 60}, "overlap": "allow"});
    let job = job(&host, order).await;

    world.until("2025-06-02T12:02:20Z").await;

    let runs = runs(&host, &job).await;
    assert_eq!(
        runs.iter()
            .filter(|run| run.status == RunStatus::Running)
            .count(),
        2
    );
    assert_eq!(
        host.job(&job).await.unwrap().stored.job.overlap,
        Overlap::Allow
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_stopped_over_its_time_never_fires_it() {
    let world = World::at("2025-06-02T16:30:00Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    host.set_active(&job, false).await.unwrap();
    assert_eq!(next_run(&host, &job).await, None);
    world.until("2025-06-02T18:00:00Z").await;

    host.set_active(&job, true).await.unwrap();
    world.pass(60).await;

    assert!(fates(&host, &job).await.is_empty());
    assert!(world.provider.log().is_empty());
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-03T17:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_to_a_time_that_has_passed_waits_for_tomorrow() {
    let world = World::at("2025-06-02T16:30:00Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;

    edit(&host, &job, json!({"schedule_time": "16:00"})).await;
    world.until("2025-06-02T17:30:00Z").await;

    assert!(fates(&host, &job).await.is_empty());
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-03T16:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_in_the_last_moment_before_a_fire_counts() {
    let world = World::at("2025-06-02T16:59:30Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    world.until("2025-06-02T16:59:59.999Z").await;

    edit(&host, &job, json!({"stock_ids": ["MSFT"]})).await;
    world.pass(2).await;

    assert_eq!(fates(&host, &job).await, ["fired"]);
    assert!(world.provider.asked_for("AAPL").is_empty());
    assert_eq!(world.provider.asked_for("MSFT").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_job_ends_its_run_and_leaves_nothing() {
    let world = World::at("2025-06-02T16:59:00Z");
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(30)));
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    world.until("2025-06-02T17:00:10Z").await;
    let run = runs(&host, &job).await[0].id;

    host.delete_job(&job, None).await.unwrap();
    world.pass(60).await;

    let names = world.names(&job).await;
    assert_eq!(
        names,
        ["JobCreated", "JobStarted", "JobFinished", "JobDeleted"]
    );
    assert_eq!(host.run(run).await.unwrap().status, RunStatus::Failed);
    let all = DatasetQuery {
        limit: 10,
        ..DatasetQuery::default()
    };
    assert!(host.datasets(&all).await.unwrap().datasets.is_empty());
    assert_eq!(host.status().await.counts.running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_fails_what_it_has_not_tried_and_its_fire_stays_fired() {
    let world = World::at("2025-06-02T16:59:00Z");
    world.provider.tell("SLOW", Act::Hangs);
    let host = world.host().await;
    let job = job(
        &host,
        json!({"schedule_time": "17:00", "stock_ids": ["AAPL", "SLOW"]}),
    )
    .await;
    world.until("2025-06-02T17:00:10Z").await;
    let run = runs(&host, &job).await[0].id;

    assert!(host.cancel(run).await.unwrap());
    assert!(!host.cancel(run).await.unwrap());
    world.pass(300).await;

    let run = host.run(run).await.unwrap();
    assert_eq!((run.status, run.attempt), (RunStatus::Failed, 2));
    assert!(matches!(run.symbols[0].state, SymbolState::Stored { .. }));
    assert!(
        matches!(&run.symbols[1].state, SymbolState::Failed { kind, .. } if kind == "cancelled")
    );
    assert_eq!(fates(&host, &job).await, ["fired"]);
    let names = world.names(&job).await;
    assert_eq!(
        names.iter().filter(|name| **name == "JobFinished").count(),
        1
    );
    assert_eq!(world.provider.asked_for("SLOW").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_does_not_move_the_schedule() {
    let world = World::at("2025-06-02T16:59:00Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    let by_hand = RunId::random();

    host.run_now(&job, by_hand, ManualRun::default())
        .await
        .unwrap();
    host.run_now(&job, by_hand, ManualRun::default())
        .await
        .unwrap();

    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-02T17:00:00Z"))
    );
    world.until("2025-06-02T17:00:10Z").await;
    let runs = runs(&host, &job).await;
    assert_eq!(runs.len(), 2);
    assert_eq!((runs[0].id, runs[0].fire_time), (by_hand, None));
    assert_eq!(fates(&host, &job).await, ["fired"]);
    assert_eq!(world.provider.log().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_is_refused_while_another_goes() {
    let world = World::at("2025-06-02T16:00:00Z");
    world.provider.tell("AAPL", Act::Hangs);
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;

    host.run_now(&job, RunId::random(), ManualRun::default())
        .await
        .unwrap();
    let second = host
        .run_now(&job, RunId::random(), ManualRun::default())
        .await;

    assert!(matches!(second, Err(HostError::Conflict(_))), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_fetcher_is_not_registered_skips_its_fires_and_says_so() {
    let world = World::at("2025-06-02T16:00:00Z");
    let with = world.host().await;
    let job = job(&with, json!({"schedule_time": "17:00"})).await;
    with.stop().await;

    let without = world.without_fetcher().start().await.unwrap();
    world.until("2025-06-02T17:30:00Z").await;

    assert_eq!(fates(&without, &job).await, ["skipped plugin_missing"]);
    let view = without.job(&job).await.unwrap();
    assert!(
        view.problem.as_ref().unwrap().contains("yfinance"),
        "{:?}",
        view.problem
    );
    assert!(runs(&without, &job).await.is_empty());
    without.stop().await;
    let again = world.host().await;
    world.until("2025-06-03T17:30:00Z").await;
    assert_eq!(
        fates(&again, &job).await,
        ["skipped plugin_missing", "fired"]
    );
    assert_eq!(again.job(&job).await.unwrap().problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_schedule_is_not_registered_skips_its_fire_and_goes_on_when_it_is_back() {
    let world = World::at("2025-06-02T16:59:30Z");
    let with = world.host().await;
    let job = job(
        &with,
        json!({"schedule": {"kind": "every", "seconds": 3600}}),
    )
    .await;
    with.stop().await;

    let without = Host::builder()
        .store(world.store.clone())
        .start()
        .await
        .unwrap();
    world.until("2025-06-02T17:10:00Z").await;

    assert_eq!(fates(&without, &job).await, ["skipped plugin_missing"]);
    assert!(without.job(&job).await.unwrap().problem.is_some());
    without.stop().await;
    let again = world.host().await;
    world.until("2025-06-02T18:10:00Z").await;
    assert_eq!(
        fates(&again, &job).await,
        ["skipped plugin_missing", "fired"]
    );
}
