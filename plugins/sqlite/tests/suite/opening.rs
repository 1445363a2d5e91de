//! Which files are opened, and which are refused with what sentence.

use std::fs;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use stock_scheduler_sdk::{Clock, JobStore, ManualClock, NextFire, StoreFactory};
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
