//! Results that wait to become rows: nobody who asks the store notices, whatever happens meanwhile.

use std::fs;
use std::time::Duration;

use stock_scheduler_sdk::{
    DataStore, Event, EventId, EventLog, Grant, JobStore, NextFire, Run, RunPlan, RunStatus,
    RunStore, SymbolResult, records,
};
use stock_scheduler_sqlite::SqliteStore;

use crate::support::{Home, by_hand, failed, fetched, granted, job, plan, series};

/// A run that goes, of AAPL, MSFT and GONE.
async fn going(store: &SqliteStore) -> (Grant, RunPlan) {
    let wanted = job("Tech", &["AAPL", "MSFT", "GONE"]);
    let stored = store.create(wanted, NextFire::Never).await.unwrap();
    let plan = plan(&stored, "2025-02-01", "2025-03-03");
    let grant = granted(store, by_hand(&stored, &plan)).await;
    (grant, plan)
}

fn results() -> Vec<SymbolResult> {
    let bars = series("AAPL", "2025-02-27", &[237.3, 241.84]);
    vec![fetched(bars), failed("GONE", "unknown_symbol")]
}

async fn state(store: &SqliteStore, grant: &Grant) -> (Run, Vec<Event>) {
    let run = store.run(grant.run).await.unwrap().expect("the run");
    let log = store.events(EventId::START, 100, Duration::ZERO);
    (run, log.await.unwrap().events)
}

#[tokio::test]
async fn a_run_and_its_events_are_the_same_before_and_after() {
    let home = Home::new();
    let store = home.open();
    let (grant, plan) = going(&store).await;
    store.record(&grant, &plan, results(), None).await.unwrap();

    let waiting = home.count("pending_results");
    let at_once = state(&store, &grant).await;
    home.wait_until_settled();
    let later = state(&store, &grant).await;
    drop(store);
    let reopened = state(&home.open(), &grant).await;

    assert_eq!(waiting, 1);
    assert_eq!(at_once.0.counts(), (1, 1));
    assert_eq!(at_once, later);
    assert_eq!(later, reopened);
}

#[tokio::test]
async fn what_waits_survives_a_crash_with_the_ids_of_its_events() {
    let home = Home::new();
    let store = home.open();
    let (grant, plan) = going(&store).await;
    store.record(&grant, &plan, results(), None).await.unwrap();
    let before = state(&store, &grant).await;

    let crashed = home.next_to("crashed.db".into());
    for ending in ["db", "db-wal"] {
        let from = home.path().with_extension(ending);
        fs::copy(from, crashed.path().with_extension(ending)).unwrap();
    }
    let waiting = crashed.count("pending_results");
    let store = crashed.open();
    let after = state(&store, &grant).await;
    let bars = store.dataset(&plan.key(&"AAPL".parse().unwrap())).await;

    assert_eq!(waiting, 1);
    assert_eq!(after, before);
    let expected = records::render(&series("AAPL", "2025-02-27", &[237.3, 241.84]));
    assert_eq!(bars.unwrap(), Some(expected.json));
    // Told again by who did not hear the answer, with the rest of the run.
    let again = vec![failed("AAPL", "no_data"), failed("MSFT", "no_data")];
    let end = Some(RunStatus::PartialSuccess);
    store.record(&grant, &plan, again, end).await.unwrap();
    let (run, events) = state(&store, &grant).await;
    assert_eq!(run.counts(), (1, 2));
    assert_eq!(run.symbols[0], after.0.symbols[0]);
    assert_eq!(events.len(), after.1.len() + 2);
}

#[tokio::test]
async fn a_closed_file_has_everything_in_its_place() {
    let home = Home::new();
    let store = home.open();
    let (grant, plan) = going(&store).await;
    store.record(&grant, &plan, results(), None).await.unwrap();

    drop(store);

    assert_eq!(home.count("pending_results"), 0);
    assert_eq!(home.count("run_symbols"), 2);
    assert_eq!(home.count("latest_bars"), 2);
    assert_eq!(home.count("all_bars"), 2);
    assert_eq!(home.count("failures"), 1);
}
