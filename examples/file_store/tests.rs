//! What the store promises.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use futures_util::FutureExt;
use serde_json::json;
use stock_scheduler::conformance::store::{StoreUnderTest, check};
use stock_scheduler::{
    Claim, Claimed, Grant, HostId, Job, JobId, JobStore, ManualClock, NewRun, NextFire, Overlap,
    Poll, RecordStore, RunId, RunPlan, RunStore, Store, SystemClock, TakeOver, TriggeredBy, Window,
};
use tempfile::TempDir;

use super::store::FileStore;

fn open(path: &Path) -> Result<FileStore, String> {
    FileStore::open(path, Arc::new(SystemClock))
}

/// Starts a run of a new job by hand.
async fn started(store: &FileStore, host: HostId) -> Grant {
    let schedule = json!({"kind": "daily", "time": "17:00"});
    let symbols = vec!["AAPL".parse().unwrap()];
    let now = store.now().await.unwrap();
    let job = Job::new(JobId::random(), "Tech", symbols, schedule, now);
    store.create(job.clone(), NextFire::Never).await.unwrap();
    let date = NaiveDate::from_ymd_opt(2025, 3, 3).unwrap();
    let run = NewRun {
        id: RunId::random(),
        fire_time: None,
        triggered_by: TriggeredBy::ManualTrigger,
        plan: RunPlan::of(
            &job,
            Window {
                start: date,
                end: date,
            },
        ),
        overlap: Overlap::Skip,
    };
    let claim = Claim {
        job: job.id,
        revision: 1,
        advance: None,
        run: Some(run),
    };
    match store.claim(host, vec![claim]).await.unwrap().remove(0) {
        Claimed::Granted(grant) => grant,
        other => panic!("expected a grant, got {other:?}"),
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.journal");
    (folder, path)
}

#[tokio::test]
async fn every_law_of_a_store_holds() {
    let (folder, files) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));

    let kept = check(|| async {
        let number = files.fetch_add(1, Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.journal"));
        let now = "2025-03-03T21:59:30.25Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let reopened = clock.clone();
        let store = Arc::new(FileStore::open(&path, clock.clone()).unwrap());
        StoreUnderTest::with_clock(store, clock).reopened_by(move || async move {
            Arc::new(FileStore::open(&path, reopened).unwrap()) as Arc<dyn Store>
        })
    });

    assert_eq!(kept.await, Ok(()));
}

#[tokio::test]
async fn a_file_serves_one_service_at_a_time() {
    let (_folder, path) = place();
    let first = open(&path).unwrap();

    let refused = open(&path).err().unwrap();
    drop(first);

    assert!(refused.starts_with("another service uses it"), "{refused}");
    assert!(open(&path).is_ok());
}

#[tokio::test]
async fn a_line_that_was_cut_off_by_a_crash_is_forgotten() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    store
        .record_put("n", "k", 0, Some(json!(1)), None)
        .await
        .unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    store
        .record_put("n", "k", 1, Some(json!(2)), None)
        .await
        .unwrap();
    drop(store);
    let both = fs::read_to_string(&path).unwrap();

    for cut in whole.len()..both.len() {
        fs::write(&path, &both[..cut]).unwrap();
        let store = open(&path).unwrap();
        let record = store.record_get("n", "k").await.unwrap().unwrap();
        assert_eq!(
            (record.value, record.revision),
            (json!(1), 1),
            "cut at {cut}"
        );
        store
            .record_put("n", "k", 1, Some(json!(3)), None)
            .await
            .unwrap();
        drop(store);
        let record = open(&path).unwrap().record_get("n", "k").await.unwrap();
        assert_eq!(record.unwrap().value, json!(3), "cut at {cut}");
    }
    for cut in 0..whole.find('\n').unwrap() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(open(&path).is_ok(), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_journal_or_is_damaged_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let header = "stock-scheduler journal 1\n";
    for (text, why) in [
        ("[plugins]".to_owned(), "it is a file of another program"),
        (
            "stock-scheduler journal 2\n".to_owned(),
            "it is a file of another program",
        ),
        (
            format!("{header}{{}}\n"),
            "line 2 cannot be understood: missing field `at`",
        ),
    ] {
        fs::write(&path, &text).unwrap();

        let refused = open(&path).err().expect("a refusal");

        assert!(refused.starts_with(why), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[tokio::test]
async fn a_takeover_that_was_refused_is_refused_when_the_journal_is_opened_again() {
    let (_folder, path) = place();
    let clock = Arc::new(ManualClock::new("2025-03-03T22:00:00Z".parse().unwrap()));
    let store = FileStore::open(&path, clock.clone()).unwrap();
    let (owner, other) = (HostId::random(), HostId::random());
    let lease = Duration::from_secs(60);
    store
        .poll(&Poll {
            host: owner,
            lease,
            ahead: lease,
            limit: 1,
        })
        .await
        .unwrap();
    let grant = started(&store, owner).await;

    let taken = store
        .take_over(other, grant.run, grant.token, TakeOver::Orphaned)
        .await
        .unwrap();
    let before = store.run(grant.run).await.unwrap();
    drop(store);
    let after = FileStore::open(&path, clock)
        .unwrap()
        .run(grant.run)
        .await
        .unwrap();

    assert_eq!(taken, None);
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_made_all_the_same() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();

    for number in 0..50 {
        let key = number.to_string();
        let putting = store.record_put("n", &key, 0, Some(json!(number)), None);
        assert!(putting.now_or_never().is_none());
    }

    let all = async |store: &FileStore| store.record_scan("n", "", None, 100).await.unwrap();
    while all(&store).await.len() < 50 {
        tokio::task::yield_now().await;
    }
    let before = all(&store).await;
    drop(store);
    // The last call lets go of the file a moment after it was made.
    let again = loop {
        if let Ok(store) = open(&path) {
            break store;
        }
    };
    assert_eq!(all(&again).await, before);
}
