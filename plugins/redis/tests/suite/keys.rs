//! The names and values that other programs read.

use std::time::Duration;

use chrono::TimeDelta;
use redis::AsyncCommands;
use serde_json::{Value, json};
use stock_scheduler_sdk::{
    Claim, EventId, EventLog, JobStore, NextFire, RecordStore, RequestId, RunStatus, RunStore,
    Store, StoredJob, records,
};

use crate::support::{Server, claim, fetched, granted, host, job};

#[tokio::test]
async fn a_job_and_its_data_lie_under_the_names_that_readers_know() {
    let server = Server::start().await;
    let store = server.store();
    let stored = ran(&store, "SPY").await;
    let mut client = server.client().await;

    let text: String = client.get("scheduler:job:daily").await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["job_id"], "daily");
    assert_eq!(document["stock_ids"], json!(["SPY"]));
    assert!(document.get("last_run").is_none());
    let window = stored
        .job
        .window(stored.state.next.at().unwrap().date_naive());
    let key = format!("scheduled_stock_data:SPY:{}:{}", window.start, window.end);
    let data: String = client.get(&key).await.unwrap();
    let stock_scheduler_sdk::SymbolOutcome::Fetched(series) = fetched("SPY", 10.5).outcome else {
        panic!("it was fetched");
    };
    assert_eq!(data, records::render(&series).json);
}

#[tokio::test]
async fn every_other_key_lies_in_one_slot() {
    let server = Server::start().await;
    let store = server.store();
    ran(&store, "SPY").await;
    let ttl = Some(Duration::from_secs(60));
    store
        .record_put("a:b", "c", 0, Some(json!(1)), ttl)
        .await
        .unwrap();
    let mut client = server.client().await;

    let keys: Vec<String> = client.keys("*").await.unwrap();

    let own = |key: &&String| !key.starts_with("{scheduler}:");
    let mut others: Vec<_> = keys
        .iter()
        .filter(own)
        .map(|key| key.split(":20").next().unwrap())
        .collect();
    others.sort_unstable();
    assert_eq!(
        others,
        [
            "scheduled_stock_data:SPY",
            "scheduler:job:daily",
            "scheduler:job_index"
        ]
    );
}

#[tokio::test]
async fn the_list_of_ids_follows_within_a_second() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    let mut client = server.client().await;
    for id in ["a", "b", "c"] {
        store
            .create(job(id, &["SPY"], now), NextFire::Never)
            .await
            .unwrap();
    }
    store
        .delete(&"b".parse().unwrap(), None, RequestId::random())
        .await
        .unwrap();

    server.a_second_passes_for_the_list_of_ids().await;
    let poll = stock_scheduler_sdk::Poll {
        host: host(),
        lease: Duration::from_secs(1),
        ahead: Duration::ZERO,
        limit: 1,
    };
    store.poll(&poll).await.unwrap();

    let index: String = client.get("scheduler:job_index").await.unwrap();
    assert_eq!(index, r#"["a", "c"]"#);
}

#[tokio::test]
async fn a_wrapped_window_holds_the_same_array() {
    let server = Server::start().await;
    let settings = serde_json::from_value(json!({"value_format": "wrapped"})).unwrap();
    let store = server.store_with(settings);
    let stored = ran(&store, "SPY").await;
    let mut client = server.client().await;

    let window = stored
        .job
        .window(stored.state.next.at().unwrap().date_naive());
    let key = format!("scheduled_stock_data:SPY:{}:{}", window.start, window.end);
    let text: String = client.get(&key).await.unwrap();
    let wrapped: Value = serde_json::from_str(&text).unwrap();

    assert_eq!(wrapped["metadata"]["job_name"], "Tech");
    let array = stock_scheduler_sdk::DataStore::dataset(&store, &key.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(text.contains(&array));
    assert_eq!(
        serde_json::from_str::<Value>(&array).unwrap(),
        wrapped["data"]
    );
}

#[tokio::test]
async fn a_trimmed_log_says_that_an_id_is_too_old() {
    let server = Server::start().await;
    let store = server.store();
    ran(&store, "SPY").await;
    let untrimmed = store
        .events(EventId::START, 10, Duration::ZERO)
        .await
        .unwrap();
    let mut client = server.client().await;

    // As after a hundred thousand more events, but for one step.
    let end = "for i = 1, 100 do redis.call('RPUSH', '{scheduler}:event_marks', ARGV[1]) end \
               redis.call('SET', '{scheduler}:unmarked_events', 999)";
    let mut script = redis::cmd("EVAL");
    let script = script.arg(end).arg(0).arg(untrimmed.last.to_string());
    script.exec_async(&mut client).await.unwrap();
    let now = store.now().await.unwrap();
    let another = job("another", &["QQQ"], now);
    store.create(another, NextFire::Never).await.unwrap();
    let trimmed = store
        .events(EventId::START, 10, Duration::ZERO)
        .await
        .unwrap();
    let newest = store
        .events(trimmed.last, 10, Duration::ZERO)
        .await
        .unwrap();

    assert!(!untrimmed.too_old && trimmed.too_old && !newest.too_old);
    assert!(trimmed.events.len() < untrimmed.events.len() + 1);
    assert_eq!(trimmed.last, newest.last);
}

/// Lets a job run once for `symbol`.
async fn ran(store: &stock_scheduler_redis::RedisStore, symbol: &str) -> StoredJob {
    let now = store.now().await.unwrap();
    let due = NextFire::At(now - TimeDelta::seconds(1));
    let stored = store
        .create(job("daily", &[symbol], now), due)
        .await
        .unwrap();
    let claim: Claim = claim(&stored);
    let plan = claim.run.clone().unwrap().plan;
    let claimed = store.claim(host(), vec![claim]).await.unwrap();
    let results = vec![fetched(symbol, 10.5)];
    store
        .record(
            &granted(&claimed[0]),
            &plan,
            results,
            Some(RunStatus::Success),
        )
        .await
        .unwrap();
    stored
}
