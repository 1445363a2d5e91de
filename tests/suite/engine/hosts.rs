use std::time::Duration;

use serde_json::json;
use stock_scheduler::{
    BuildError, Draft, EventKind, Host, JobId, MemoryStores, Mode, RunStatus, from_serde,
};

use crate::support::world::{Act, Every, World, fates, instant, job, runs};

#[tokio::test(start_paused = true)]
async fn a_stopping_host_checkpoints_and_the_next_goes_on_at_once() {
    let world = World::at("2025-06-02T16:59:00Z");
    world
        .provider
        .tell("SOON", Act::Takes(Duration::from_secs(3)));
    world.provider.tell("HANG", Act::Hangs);
    let first = world.host().await;
    let order = json!({"schedule_time": "17:00", "stock_ids": ["AAPL", "SOON", "HANG"]});
    let job = job(&first, order).await;
    world.until("2025-06-02T17:00:01Z").await;

    let asked = tokio::time::Instant::now();
    first.stop().await;
    let took = asked.elapsed();
    world.provider.heal("HANG");
    let second = world.host().await;
    world.pass(1).await;

    assert!(took <= Duration::from_secs(6), "{took:?}");
    let run = &runs(&second, &job).await[0];
    assert_eq!((run.status, run.attempt), (RunStatus::Success, 2));
    let asked: Vec<_> = ["AAPL", "SOON", "HANG"]
        .map(|s| world.provider.asked_for(s).len())
        .into();
    assert_eq!(asked, [1, 1, 2]);
    assert_eq!(fates(&second, &job).await, ["fired"]);
    let attempts: Vec<_> = world
        .events()
        .await
        .into_iter()
        .filter_map(attempt)
        .collect();
    assert_eq!(attempts, [1, 2]);
}

fn attempt(event: stock_scheduler::Event) -> Option<u32> {
    match event.kind {
        EventKind::JobStarted { attempt, .. } => Some(attempt),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_moment_of_a_fire_loses_nothing() {
    for milliseconds in [58_900, 59_999, 60_000, 60_001, 60_002, 60_500] {
        let world = World::at("2025-06-02T16:59:00Z");
        let first = world.host().await;
        let job = job(&first, json!({"schedule_time": "17:00"})).await;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;

        first.stop().await;
        let second = world.host().await;
        world.until("2025-06-02T17:00:03Z").await;

        assert_eq!(
            fates(&second, &job).await,
            ["fired"],
            "stopped after {milliseconds} ms"
        );
        let runs = runs(&second, &job).await;
        assert_eq!(runs.len(), 1);
        assert_eq!(
            runs[0].status,
            RunStatus::Success,
            "stopped after {milliseconds} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_hosts_over_one_store_fire_once() {
    let world = World::at("2025-06-02T16:59:00Z");
    let (first, second) = (world.host().await, world.host().await);
    let job = job(
        &first,
        json!({"schedule": {"kind": "every", "seconds": 10}}),
    )
    .await;

    world.until("2025-06-02T17:00:05Z").await;

    assert_eq!(fates(&second, &job).await, ["fired"; 6]);
    assert_eq!(world.provider.log().len(), 6);
    assert_eq!(runs(&second, &job).await.len(), 6);
}

fn refused(outcome: Result<Host, BuildError>) -> String {
    match outcome {
        Ok(_) => panic!("the host was built"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_registered_twice_is_refused() {
    let world = World::at("2025-06-02T16:59:00Z");
    let demo = || stock_scheduler_yfinance::factory();
    let every = || from_serde::<Every>();

    let fetcher = Host::builder().fetcher("a", demo()).fetcher("a", demo());
    let schedule = world.builder().schedule("every", every());
    let store = Host::builder()
        .store_factory("m", MemoryStores)
        .store_factory("m", MemoryStores);

    assert_eq!(
        refused(fetcher.start().await),
        r#"a fetcher named "a" is registered twice"#
    );
    assert_eq!(
        refused(schedule.start().await),
        r#"a schedule named "every" is registered twice"#
    );
    assert_eq!(
        refused(store.start().await),
        r#"a store named "m" is registered twice"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_nobody_registered_is_refused_with_the_names_that_exist() {
    let host = Host::builder()
        .store_factory("memory", MemoryStores)
        .store_url("postgres://x/y");

    let message = refused(host.start().await);

    assert_eq!(
        message,
        r#"no store named "postgres"; registered are "memory""#
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_in_a_plugins_section_is_refused() {
    let host = Host::builder()
        .fetcher("yfinance", stock_scheduler_yfinance::factory())
        .section("fetcher", "yfinance", json!({"requests_per_secnd": 1}));

    let message = refused(host.start().await);

    assert!(
        message.contains("yfinance") && message.contains("requests_per_secnd"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_names_what_is_not_registered_is_refused_at_once() {
    let world = World::at("2025-06-02T16:59:00Z");
    let host = world.host().await;
    let create = async |fields| {
        let draft = Draft::read(fields, Mode::Create).unwrap();
        let refusal = host.create_job(draft, JobId::random(), host.now()).await;
        refusal.unwrap_err().to_string()
    };

    let fetcher =
        json!({"name": "A", "stock_ids": ["A"], "schedule_time": "17:00", "fetcher": "yfinanse"});
    let schedule = json!({"name": "A", "stock_ids": ["A"], "schedule": {"kind": "hourly"}});

    assert!(
        create(fetcher)
            .await
            .contains(r#"no fetcher named "yfinanse"; did you mean "yfinance"?"#)
    );
    assert!(
        create(schedule)
            .await
            .contains(r#"no schedule named "hourly"; registered are "after", "cron", "daily""#)
    );
    assert_eq!(world.now(), instant("2025-06-02T16:59:00Z"));
}
