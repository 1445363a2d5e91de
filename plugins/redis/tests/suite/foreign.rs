//! What other programs do to the same server, on purpose or not.

use std::time::Duration;

use redis::AsyncCommands;
use serde_json::{Value, json};
use stock_scheduler_sdk::{
    DataStore, DatasetQuery, JobQuery, JobStore, NextFire, Poll, RunStore, Store,
};

use crate::support::{Server, host, job};

#[tokio::test]
async fn an_id_that_another_writer_lists_is_adopted_and_nobody_elses_is_lost() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    store
        .create(job("ours", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
    let mut client = server.client().await;
    let theirs = json!({"job_id": "theirs", "name": "T", "stock_ids": ["QQQ"], "schedule_time": "09:30",
        "is_active": true, "created_at": "2025-01-01T00:00:00", "prefix": "p"});

    // The other writer rewrites the whole list from what it knew: its own job alone.
    let _: () = client
        .set("scheduler:job:theirs", theirs.to_string())
        .await
        .unwrap();
    let _: () = client
        .set("scheduler:job_index", r#"["theirs"]"#)
        .await
        .unwrap();
    server.a_second_passes_for_the_list_of_ids().await;
    store
        .create(job("later", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
    let between: String = client.get("scheduler:job_index").await.unwrap();
    server.a_second_passes_for_the_list_of_ids().await;
    store.reconcile().await.unwrap();

    assert_eq!(between, r#"["ours", "later", "theirs"]"#);
    let after: String = client.get("scheduler:job_index").await.unwrap();
    assert_eq!(after, r#"["ours", "later", "theirs"]"#);
    assert_eq!(store.counts().await.unwrap().total, 3);
}

#[tokio::test]
async fn a_document_that_another_writer_edits_is_an_edit_and_one_it_deletes_is_gone() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    for id in ["edited", "deleted"] {
        store
            .create(job(id, &["SPY"], now), NextFire::At(now))
            .await
            .unwrap();
    }
    let mut client = server.client().await;

    let text: String = client.get("scheduler:job:edited").await.unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["name"] = json!("By hand");
    let _: () = client
        .set("scheduler:job:edited", document.to_string())
        .await
        .unwrap();
    let _: () = client.del("scheduler:job:deleted").await.unwrap();
    store.reconcile().await.unwrap();

    let found = store
        .jobs(&["edited".parse().unwrap(), "deleted".parse().unwrap()])
        .await
        .unwrap();
    let edited = found[0].as_ref().unwrap();
    assert_eq!(
        (edited.job.name.as_str(), edited.job.revision),
        ("By hand", 2)
    );
    assert!(matches!(edited.state.next, NextFire::Unknown { .. }));
    assert_eq!(found[1], None);
    assert_eq!(store.counts().await.unwrap().total, 1);
}

#[tokio::test]
async fn keys_of_another_kind_under_our_names_break_nothing() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    store
        .create(job("ours", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
    let mut client = server.client().await;
    let _: () = client.rpush("scheduler:job:a-list", "x").await.unwrap();
    let _: () = client
        .rpush("p:SPY:2025-01-01:2025-01-02", "x")
        .await
        .unwrap();
    let _: () = client.set("scheduler:job:not an id", "{}").await.unwrap();
    let _: () = client
        .set(b"scheduler:job:\xff\xfe".as_slice(), "{}")
        .await
        .unwrap();
    let _: () = client
        .set("q:SPY:2025-01-01:2025-01-02", "hello")
        .await
        .unwrap();
    let _: () = client.del("scheduler:job_index").await.unwrap();
    let _: () = client.hset("scheduler:job_index", "x", 1).await.unwrap();

    store.reconcile().await.unwrap();
    server.a_second_passes_for_the_list_of_ids().await;
    store.reconcile().await.unwrap();

    assert_eq!(
        store
            .list(&JobQuery {
                limit: 10,
                ..JobQuery::default()
            })
            .await
            .unwrap()
            .jobs
            .len(),
        1
    );
    let read = async |key: &str| store.dataset(&key.parse().unwrap()).await;
    assert_eq!(read("p:SPY:2025-01-01:2025-01-02").await.unwrap(), None);
    assert!(read("q:SPY:2025-01-01:2025-01-02").await.is_err());
    store
        .datasets(&DatasetQuery {
            limit: 10,
            ..DatasetQuery::default()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn scripts_and_hints_that_are_lost_are_restored() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    store
        .create(job("due", &["SPY"], now), NextFire::At(now))
        .await
        .unwrap();
    let mut client = server.client().await;

    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec_async(&mut client)
        .await
        .unwrap();
    let _: () = client.del("{scheduler}:due").await.unwrap();
    store.reconcile().await.unwrap();

    let poll = Poll {
        host: host(),
        lease: Duration::from_secs(1),
        ahead: Duration::ZERO,
        limit: 1,
    };
    assert_eq!(store.poll(&poll).await.unwrap().due.len(), 1);
}

#[tokio::test]
async fn a_window_that_another_program_drops_is_no_longer_listed() {
    let server = Server::start().await;
    let store = server.store();
    let mut client = server.client().await;
    let key = "p:SPY:2025-01-01:2025-01-02";
    let _: () = client.set(key, "[]").await.unwrap();
    store.reconcile().await.unwrap();
    assert_eq!(
        store.latest("p", "SPY").await.unwrap().unwrap().to_string(),
        key
    );

    let _: () = client.del(key).await.unwrap();

    assert_eq!(store.latest("p", "SPY").await.unwrap(), None);
    let query = DatasetQuery {
        limit: 10,
        ..DatasetQuery::default()
    };
    assert_eq!(store.datasets(&query).await.unwrap().datasets, []);
}
