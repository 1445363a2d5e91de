//! Which files are opened, and which are refused with what sentence.

use std::fs;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use stock_scheduler_sdk::{Clock, DataStore, JobStore, ManualClock, NextFire, StoreFactory};
use stock_scheduler_sqlite::{Settings, SqliteStore, SqliteStores};

use crate::support::{Home, job};

fn refusal(home: &Home) -> String {
    let opened = SqliteStore::open(home.path(), &Settings::default(), home.clock.clone());
    opened.expect_err("the file is refused").message
}

#[tokio::test]
async fn a_second_service_is_refused_until_the_first_has_ended() {
    let home = Home::new();
    let first = home.open();

    let refused = refusal(&home);
    drop(first);
    let second = home.open();

    assert!(refused.contains("another service"), "{refused}");
    assert!(
        refused.contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    assert_eq!(second.counts().await.unwrap().total, 0);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let home = Home::new();
    let other = Connection::open(home.path()).unwrap();
    other
        .execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);")
        .unwrap();
    drop(other);
    let before = fs::read(home.path()).unwrap();

    let refused = refusal(&home);

    assert!(refused.contains("another program"), "{refused}");
    assert_eq!(fs::read(home.path()).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let home = Home::new();
    let text = "Date,Close\n2025-01-02,243.85\n".repeat(100);
    fs::write(home.path(), &text).unwrap();

    let refused = refusal(&home);

    assert!(refused.contains("not a SQLite database"), "{refused}");
    assert_eq!(fs::read_to_string(home.path()).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let home = Home::new();
    let store = home.open();
    for n in 0..50 {
        store
            .create(job(&format!("Job {n}"), &["AAPL"]), NextFire::Never)
            .await
            .unwrap();
    }
    drop(store);
    let mut bytes = fs::read(home.path()).unwrap();
    bytes[4_096..].fill(0xAA);
    fs::write(home.path(), bytes).unwrap();

    let refused = refusal(&home);

    assert!(refused.contains("damaged"), "{refused}");
}

#[test]
fn a_file_of_a_newer_release_is_refused() {
    let home = Home::new();
    drop(home.open());
    Connection::open(home.path())
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();

    let refused = refusal(&home);

    assert!(refused.contains("newer release"), "{refused}");
}

/// A file as the first version left it: with a window whose bars are packed, and an older one under the same key.
const VERSION_1: &str = r#"
    PRAGMA journal_mode = WAL;
    PRAGMA application_id = 0x53745363;
    PRAGMA user_version = 1;
    INSERT INTO datasets VALUES
        (7, 'stock:AAPL:1969-12-01:2025-03-03', 'stock', 'AAPL', '1969-12-01', '2025-03-03', 'USD', 'America/New_York',
         '1d', 2, '2025-03-03 21:59:30.000000', 'a');
    INSERT INTO bars VALUES (7, 0, '2025-02-26', '2025-02-26 05:00:00', 1, 1, 1, 1, 1, 1, 1, NULL);
    INSERT INTO packed_bars VALUES
        (7, '[[-2,-122400500000,null,2.0,3.0,0.1,0.2,5,1,{"vwap":1.5}],[20146,1740632400000000,1.0,2.0,3.0,241.84,241.84,6,0,null]]');
"#;

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_to_this_one() {
    let home = Home::new();
    let old = Connection::open(home.path()).unwrap();
    old.execute_batch(include_str!("../../src/schema.sql"))
        .unwrap();
    old.execute_batch(VERSION_1).unwrap();
    drop(old);

    let store = home.open();

    let key = "stock:AAPL:1969-12-01:2025-03-03".parse().unwrap();
    let text = store.dataset(&key).await.unwrap().unwrap();
    let records: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(records[0]["Close"], json!(0.2));
    assert_eq!(records[1]["Close"], json!(241.84));
    assert_eq!(records.as_array().map(Vec::len), Some(2));
    let bars = "bars WHERE date = '1969-12-30' AND time = '1969-12-30 13:59:59.500000' AND extra = '{\"vwap\":1.5}' \
                OR date = '2025-02-27' AND time = '2025-02-27 05:00:00' AND extra IS NULL";
    assert_eq!(home.count(bars), 2);
    assert_eq!(home.count("latest_bars"), 2);
}

#[tokio::test]
async fn a_missing_directory_is_made_and_the_file_is_its_owners_alone() {
    let home = Home::new().next_to("a/b/jobs.db".into());
    let url = format!("sqlite:{}", home.path().display());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(home.clock.now()));

    let store = SqliteStores.open(&url, &Value::Null, clock).await.unwrap();

    assert_eq!(store.kind(), "sqlite");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(home.path()).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn an_unknown_setting_is_refused_before_a_file_is_made() {
    let home = Home::new();
    let url = format!("sqlite:{}", home.path().display());

    let opened = SqliteStores
        .open(&url, &json!({"sync": 1}), home.clock.clone())
        .await;

    let refused = opened.err().expect("the setting is refused").message;
    assert!(refused.contains("`sync`"), "{refused}");
    assert!(!home.path().exists());
}

#[tokio::test]
async fn a_write_that_was_asked_for_is_done_although_its_caller_went_away() {
    let home = Home::new();
    let store = home.open();
    let wanted = job("Tech", &["AAPL"]);

    {
        let asked = store.create(wanted.clone(), NextFire::Never);
        tokio::select! {
            biased;
            _ = asked => {}
            () = std::future::ready(()) => {}
        }
    }
    drop(store);

    let found = home.open().jobs(&[wanted.id]).await.unwrap();
    assert!(found[0].is_some());
}

#[tokio::test]
async fn a_closed_store_is_its_file_alone() {
    let home = Home::new();
    let store = home.open();
    store
        .create(job("Tech", &["AAPL"]), NextFire::Never)
        .await
        .unwrap();
    store.counts().await.unwrap();

    drop(store);

    assert!(!home.path().with_extension("db-wal").exists());
    let copy = home.next_to("copy.db".into());
    fs::copy(home.path(), copy.path()).unwrap();
    assert_eq!(copy.open().counts().await.unwrap().total, 1);
}
