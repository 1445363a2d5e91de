//! Recording in one transaction, while others interfere.

use std::time::Duration;

use futures_util::future::join_all;
use stock_scheduler_redis::RedisStore;
use stock_scheduler_sdk::{
    DataStore, EventId, EventLog, Grant, JobStore, NextFire, RunPlan, RunStatus, RunStore, Store,
    StoreErrorKind, SymbolResult, SymbolState, TakeOver,
};

use crate::support::{Server, claim, fetched, granted, host, job};

/// A run of these symbols that has begun.
async fn begun(store: &RedisStore, id: &str, symbols: &[&str]) -> (Grant, RunPlan) {
    let now = store.now().await.unwrap();
    let due = NextFire::At(now - chrono::TimeDelta::seconds(1));
    let stored = store.create(job(id, symbols, now), due).await.unwrap();
    let claim = claim(&stored);
    let plan = claim.run.clone().unwrap().plan;
    let claimed = store.claim(host(), vec![claim]).await.unwrap();
    (granted(&claimed[0]), plan)
}

async fn names_of_events(store: &RedisStore) -> Vec<&'static str> {
    let log = store.events(EventId::START, 10_000, Duration::ZERO).await;
    let events = log.unwrap().events;
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
    events.iter().map(|event| event.kind.name()).collect()
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_gets_them_again() {
    let server = Server::start().await;
    let store = server.store();
    let (grant, plan) = begun(&store, "daily", &["SPY"]).await;
    let mut client = server.client().await;
    let mut flush = redis::cmd("SCRIPT");
    flush.arg("FLUSH").exec_async(&mut client).await.unwrap();

    let end = Some(RunStatus::Success);
    let results = vec![fetched("SPY", 1.5)];
    store.record(&grant, &plan, results, end).await.unwrap();

    let run = store.run(grant.run).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Success);
    assert!(
        store
            .dataset(&plan.key(&plan.symbols[0]))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        names_of_events(&store).await,
        ["JobCreated", "JobStarted", "StockFetched", "JobFinished"]
    );
}

#[tokio::test]
async fn records_of_one_run_at_once_count_each_symbol_once() {
    let server = Server::start().await;
    let store = server.store();
    let names: Vec<String> = (0..30).map(|i| format!("S{i}")).collect();
    let symbols: Vec<&str> = names.iter().map(String::as_str).collect();
    let (grant, plan) = begun(&store, "daily", &symbols).await;

    let records = (0..60).map(|i| {
        let some = (i..i + 5).map(|i| fetched(symbols[i % 30], 1.5)).collect();
        store.record(&grant, &plan, some, None)
    });
    for recorded in join_all(records).await {
        recorded.unwrap();
    }
    store
        .record(&grant, &plan, vec![], Some(RunStatus::Success))
        .await
        .unwrap();

    let events = names_of_events(&store).await;
    assert_eq!(
        events
            .iter()
            .filter(|name| **name == "StockFetched")
            .count(),
        30
    );
    assert_eq!(events.last(), Some(&"JobFinished"));
}

#[tokio::test]
async fn what_is_too_much_for_one_step_takes_several_and_ends_the_run_once() {
    let server = Server::start().await;
    let store = server.store();
    let names: Vec<String> = (0..1_203).map(|i| format!("S{i}")).collect();
    let symbols: Vec<&str> = names.iter().map(String::as_str).collect();
    let (grant, plan) = begun(&store, "daily", &symbols).await;

    let results: Vec<SymbolResult> = symbols.iter().map(|name| fetched(name, 1.5)).collect();
    let end = Some(RunStatus::Success);
    store.record(&grant, &plan, results, end).await.unwrap();

    let events = names_of_events(&store).await;
    assert_eq!(events.len(), 2 + 1_203 + 1);
    assert_eq!(events.last(), Some(&"JobFinished"));
}

#[tokio::test]
async fn a_run_that_is_taken_over_meanwhile_is_written_by_one_of_the_two() {
    let server = Server::start().await;
    let store = server.store();
    for round in 0..40 {
        let (old, plan) = begun(&store, &format!("job-{round}"), &["SPY"]).await;
        let late = store.record(&old, &plan, vec![fetched("SPY", 1.5)], None);
        let taken = async {
            tokio::time::sleep(Duration::from_micros(20 * round)).await;
            store
                .take_over(host(), old.run, old.token, TakeOver::Cancelled)
                .await
        };

        let (recorded, taken) = tokio::join!(late, taken);

        let (new, run) = taken.unwrap().unwrap();
        let is_marked = run.symbols[0].state != SymbolState::Pending;
        match recorded {
            Ok(()) => assert!(is_marked, "round {round}"),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Fenced, "{error}");
                assert!(!is_marked, "round {round}");
            }
        }
        // The window is the same in all rounds, so it tells who wrote last.
        store
            .record(
                &new,
                &plan,
                vec![fetched("SPY", 2.5)],
                Some(RunStatus::Success),
            )
            .await
            .unwrap();
        let data = store
            .dataset(&plan.key(&plan.symbols[0]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(data.contains("2.5"), !is_marked, "round {round}");
    }
}
