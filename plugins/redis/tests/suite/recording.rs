//! Recording in one transaction, while others interfere.

use std::time::Duration;

use futures_util::future::join_all;
use stock_scheduler_redis::RedisStore;
use stock_scheduler_sdk::{
    DataStore, EventId, EventLog, Grant, JobStore, NextFire, RequestId, RunPlan, RunStatus,
    RunStore, Store, StoreErrorKind, SymbolResult, SymbolState, TakeOver,
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

#[tokio::test]
async fn whatever_happens_between_two_steps_each_symbol_is_stored_and_told_once() {
    let server = Server::start().await;
    let store = server.store();
    let mut client = server.client().await;
    for (job, between) in [
        ("quiet", ""),
        ("forgotten", "SCRIPT FLUSH"),
        ("cut-off", "CLIENT KILL TYPE normal SKIPME yes"),
        ("touched", "EXPIRE RUN 1000"),
    ] {
        let before = names_of_events(&store).await.len();
        let (grant, plan) = begun(&store, job, &["A", "B", "C"]).await;
        for step in [["A", "B"], ["B", "C"], ["C", "A"]] {
            let some = step.map(|symbol| fetched(symbol, 1.5)).to_vec();
            store.record(&grant, &plan, some, None).await.unwrap();
            let run = format!("{{scheduler}}:run:{}", grant.run);
            let words = between.split_whitespace();
            let mut disturbed = redis::Cmd::new();
            disturbed.arg(
                words
                    .map(|word| if word == "RUN" { run.as_str() } else { word })
                    .collect::<Vec<_>>(),
            );
            if !between.is_empty() {
                disturbed.exec_async(&mut client).await.unwrap();
            }
        }
        let end = Some(RunStatus::Success);
        store.record(&grant, &plan, vec![], end).await.unwrap();

        let run = store.run(grant.run).await.unwrap().unwrap();
        let stored = |symbol: &&stock_scheduler_sdk::SymbolProgress| {
            matches!(symbol.state, SymbolState::Stored { .. })
        };
        assert_eq!(run.symbols.iter().filter(stored).count(), 3, "{job}");
        assert_eq!(
            names_of_events(&store).await[before..],
            [
                "JobCreated",
                "JobStarted",
                "StockFetched",
                "StockFetched",
                "StockFetched",
                "JobFinished"
            ],
            "{job}"
        );
    }
}

#[tokio::test]
async fn runs_that_are_recorded_by_turns_do_not_disturb_each_other() {
    let server = Server::start().await;
    let store = server.store();
    let names: Vec<String> = (0..6).map(|i| format!("S{i}")).collect();
    let symbols: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut runs = Vec::new();
    for i in 0..9 {
        runs.push(begun(&store, &format!("job-{i}"), &symbols).await);
    }

    for symbol in &symbols {
        for (grant, plan) in &runs {
            store
                .record(grant, plan, vec![fetched(symbol, 1.5)], None)
                .await
                .unwrap();
        }
    }
    let at_once = runs
        .iter()
        .map(|(grant, plan)| store.record(grant, plan, vec![], Some(RunStatus::Success)));
    for ended in join_all(at_once).await {
        ended.unwrap();
    }

    let events = names_of_events(&store).await;
    let count = |wanted| events.iter().filter(|name| **name == wanted).count();
    assert_eq!((count("StockFetched"), count("JobFinished")), (54, 9));
}

#[tokio::test]
async fn a_job_that_is_deleted_between_two_steps_gets_nothing_more() {
    let server = Server::start().await;
    let store = server.store();
    let (grant, plan) = begun(&store, "daily", &["A", "B"]).await;
    store
        .record(&grant, &plan, vec![fetched("A", 1.5)], None)
        .await
        .unwrap();

    store
        .delete(&grant.job, None, RequestId::random())
        .await
        .unwrap();
    let late = store
        .record(&grant, &plan, vec![fetched("B", 1.5)], None)
        .await;

    assert_eq!(late.unwrap_err().kind(), StoreErrorKind::Fenced);
    assert!(
        store
            .dataset(&plan.key(&plan.symbols[1]))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        names_of_events(&store)
            .await
            .iter()
            .filter(|name| **name == "StockFetched")
            .count(),
        1
    );
}
