//! What a person asks of the file with a tool of their own, while the service runs.

use rusqlite::{Connection, OpenFlags};
use std::time::Duration;
use stock_scheduler_sdk::{HostId, Poll, RunStore};

use crate::support::{Home, failed, fetched, job, ran, series};

/// The rows of a query, each as text with its columns between bars, once no results wait to become rows.
fn ask(home: &Home, sql: &str) -> Vec<String> {
    home.wait_until_settled();
    let file = Connection::open_with_flags(home.path(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = file.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let text = |column| match row.get_ref(column).unwrap() {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(value) => value.to_string(),
            rusqlite::types::ValueRef::Real(value) => value.to_string(),
            value => value.as_str().unwrap().to_owned(),
        };
        Ok((0..columns).map(text).collect::<Vec<_>>().join(" | "))
    };
    statement
        .query_map([], row)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[tokio::test]
async fn which_symbols_failed_last_night() {
    let home = Home::new();
    let store = home.open();
    let results = vec![
        fetched(series("AAPL", "2025-02-27", &[240.0])),
        failed("GONE", "unknown_symbol"),
        failed("SLOW", "unavailable"),
    ];
    ran(&store, job("Tech", &["AAPL", "GONE", "SLOW"]), results).await;

    let failures = ask(
        &home,
        "SELECT job_name, symbol, kind, attempts, message FROM failures \
         WHERE started_at > datetime('2025-03-04', '-1 day') ORDER BY symbol",
    );

    assert_eq!(
        failures,
        [
            "Tech | GONE | unknown_symbol | 3 | GONE failed as unknown_symbol",
            "Tech | SLOW | unavailable | 3 | SLOW failed as unavailable",
        ]
    );
    let earlier = "SELECT * FROM failures WHERE started_at > datetime('2025-03-05')";
    assert!(ask(&home, earlier).is_empty());
}

#[tokio::test]
async fn the_latest_close_of_each_symbol() {
    let home = Home::new();
    let store = home.open();
    let results = vec![
        fetched(series("AAPL", "2025-02-27", &[237.3, 241.84])),
        fetched(series("brk-b", "2025-02-28", &[513.83])),
    ];
    ran(&store, job("Tech", &["AAPL", "brk-b"]), results).await;

    let prices =
        "SELECT symbol, date, close, adj_close, currency FROM latest_prices ORDER BY symbol";
    let bars = "SELECT date, close, adj_open, strftime('%H:%M', time) FROM latest_bars WHERE symbol = 'aapl' ORDER BY date";

    assert_eq!(
        ask(&home, prices),
        [
            "AAPL | 2025-02-28 | 241.84 | 120.92 | USD",
            "brk-b | 2025-02-28 | 513.83 | 256.915 | USD"
        ]
    );
    assert_eq!(
        ask(&home, bars),
        [
            "2025-02-27 | 237.3 | 118.65 | 05:00",
            "2025-02-28 | 241.84 | 120.92 | 05:00"
        ]
    );
}

#[tokio::test]
async fn how_the_jobs_are_and_what_happened() {
    let home = Home::new();
    let store = home.open();
    let results = vec![fetched(series("AAPL", "2025-02-27", &[240.0]))];
    ran(&store, job("Tech", &["AAPL"]), results).await;

    let jobs = "SELECT name, is_active, status, next_fire, last_run, runs FROM jobs";
    let definitions = "SELECT definition ->> '$.stock_ids' FROM definitions";
    let events = "SELECT at, event, data ->> '$.stock_id' FROM events ORDER BY ms, seq";

    assert_eq!(
        ask(&home, jobs),
        ["Tech | 1 | completed | NULL | 2025-03-03 21:59:30.000000 | 1"]
    );
    assert_eq!(ask(&home, definitions), [r#"["AAPL"]"#]);
    let at = "2025-03-03 21:59:30.000000";
    assert_eq!(
        ask(&home, events),
        [
            format!("{at} | JobCreated | NULL"),
            format!("{at} | JobStarted | NULL"),
            format!("{at} | StockFetched | AAPL"),
            format!("{at} | JobFinished | NULL"),
        ]
    );
}

#[tokio::test]
async fn an_idle_service_writes_nothing() {
    let home = Home::new();
    let store = home.open();
    ran(&store, job("Tech", &["AAPL"]), vec![]).await;
    let poll = Poll {
        host: HostId::random(),
        lease: Duration::from_secs(5),
        ahead: Duration::ZERO,
        limit: 100,
    };
    let state = || {
        let log = std::fs::metadata(home.path().with_extension("db-wal")).unwrap();
        let file = std::fs::metadata(home.path()).unwrap();
        (log.len(), log.modified().unwrap(), file.modified().unwrap())
    };
    let before = state();

    for _ in 0..100 {
        store.poll(&poll).await.unwrap();
        stock_scheduler_sdk::Store::reconcile(&store).await.unwrap();
    }

    assert_eq!(state(), before);
}
