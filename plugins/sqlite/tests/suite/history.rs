//! How long history is kept.

use std::time::Duration;

use chrono::TimeDelta;
use stock_scheduler_sdk::{
    Claimed, HostId, JobStore, NextFire, RecordStore, RequestId, RunQuery, RunStatus, RunStore,
    Store, retention,
};

use crate::support::{Home, by_hand, failed, job, plan};

#[tokio::test]
async fn the_newest_runs_are_kept_and_those_that_go() {
    let home = Home::new();
    let store = home.open();
    let stored = store
        .create(job("Tech", &["AAPL"]), NextFire::Never)
        .await
        .unwrap();
    let plan = plan(&stored, "2025-01-01", "2025-01-31");
    let claims = |count| {
        (0..count)
            .map(|_| by_hand(&stored, &plan))
            .collect::<Vec<_>>()
    };
    let host = HostId::random();

    let first = store.claim(host, claims(1)).await.unwrap();
    for claimed in store.claim(host, claims(150)).await.unwrap() {
        let Claimed::Granted(grant) = claimed else {
            panic!("expected a grant, got {claimed:?}");
        };
        let results = vec![failed("AAPL", "no_data")];
        store
            .record(&grant, &plan, results, Some(RunStatus::Failed))
            .await
            .unwrap();
    }
    store
        .claim(host, claims(retention::RUNS + 49))
        .await
        .unwrap();

    let Claimed::Granted(grant) = &first[0] else {
        panic!("expected a grant, got {first:?}");
    };
    let kept = store.run(grant.run).await.unwrap();
    assert_eq!(kept.map(|run| run.status), Some(RunStatus::Running));
    assert_eq!(home.count("runs WHERE status = 'failed'"), 0);
    assert_eq!(home.count("run_symbols"), 0);
    let query = RunQuery {
        job: stored.job.id,
        status: None,
        after: None,
        limit: 1_000,
    };
    assert_eq!(
        store.runs(&query).await.unwrap().runs.len(),
        retention::RUNS + 50
    );
}

#[tokio::test]
async fn what_time_has_made_useless_is_tidied() {
    let home = Home::new();
    let store = home.open();
    let stored = store
        .create(job("Tech", &["AAPL"]), NextFire::Never)
        .await
        .unwrap();
    let plan = plan(&stored, "2025-01-01", "2025-01-31");
    let host = HostId::random();
    store
        .claim(host, vec![by_hand(&stored, &plan)])
        .await
        .unwrap();
    store
        .delete(&stored.job.id, None, RequestId::random())
        .await
        .unwrap();
    let value = Some(serde_json::json!(1));
    store
        .record_put("n", "k", 0, value, Some(Duration::from_secs(60)))
        .await
        .unwrap();

    home.clock.advance(TimeDelta::days(29));
    store.reconcile().await.unwrap();
    assert_eq!((home.count("records"), home.count("runs")), (0, 1));
    home.clock.advance(TimeDelta::days(2));
    store.reconcile().await.unwrap();

    assert_eq!(home.count("runs"), 0);
    let again = store.create(stored.job, NextFire::Never).await;
    assert!(again.is_err(), "a deleted id stays deleted");
}
