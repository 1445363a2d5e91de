//! Taking over what the Python module, or another writer, left in the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use redis::AsyncCommands;
use serde_json::{Value, json};
use stock_scheduler_redis::{RedisSettings, RedisStore};
use stock_scheduler_sdk::{
    DataStore, DatasetQuery, EventId, EventKind, EventLog, HostId, JobQuery, JobStatus, JobStore,
    NextFire, Poll, RunStore, Store, StoredJob,
};

use crate::support::{Server, job};

const GOOD: &str = "aaaa0000-0000-4000-8000-000000000001";
const ODD: &str = "aaaa0000-0000-4000-8000-000000000002";
const UNLISTED: &str = "aaaa0000-0000-4000-8000-000000000003";

fn document(id: &str) -> Value {
    json!({
        "job_id": id, "name": "Tech", "stock_ids": ["AAPL", " msft", "Msft"], "schedule_time": "17:00",
        "is_active": true, "created_at": "2025-07-01T10:00:00", "last_run": "2025-07-01T17:00:12.345678",
        "next_run": "2025-07-02T17:00:00", "status": "completed", "start_date": null, "end_date": null,
        "duration_days": null, "prefix": "mine",
    })
}

/// Leaves one good job, one with an odd time, one that is not listed, and an id without a document.
async fn leave(server: &Server) {
    let mut client = server.client().await;
    let mut odd = document(ODD);
    odd["schedule_time"] = json!("17:00:30");
    for (id, document) in [
        (GOOD, document(GOOD)),
        (ODD, odd),
        (UNLISTED, document(UNLISTED)),
    ] {
        let _: () = client
            .set(format!("scheduler:job:{id}"), document.to_string())
            .await
            .unwrap();
    }
    let index = json!([GOOD, ODD, "bbbb0000-0000-4000-8000-000000000000"]).to_string();
    let _: () = client.set("scheduler:job_index", index).await.unwrap();
    let _: () = client
        .set(
            "mine:AAPL:2025-06-01:2025-07-01",
            r#"[{"Date":1,"Close":2.50}]"#,
        )
        .await
        .unwrap();
    let wrapped = r#"{"data": [{"Date": 1, "Close": 2.50}], "metadata": {"job_id": "x"}}"#;
    let _: () = client
        .set("mine:msft:2025-06-01:2025-07-01", wrapped)
        .await
        .unwrap();
}

fn settings() -> RedisSettings {
    serde_json::from_value(json!({"timezone": "America/New_York"})).unwrap()
}

async fn stored(store: &RedisStore, id: &str) -> StoredJob {
    let found = store.jobs(&[id.parse().unwrap()]).await.unwrap();
    found
        .into_iter()
        .next()
        .flatten()
        .unwrap_or_else(|| panic!("job {id} is lost"))
}

#[tokio::test]
async fn every_document_becomes_a_job_and_the_odd_one_is_paused() {
    let server = Server::start().await;
    leave(&server).await;
    let store = server.store_with(settings());

    store.reconcile().await.unwrap();

    let good = stored(&store, GOOD).await;
    assert_eq!((good.job.active, &good.job.problem), (true, &None));
    assert_eq!(
        good.job
            .symbols
            .iter()
            .map(|s| s.as_str())
            .collect::<Vec<_>>(),
        ["AAPL", "msft"]
    );
    assert_eq!(good.status(), JobStatus::Completed);
    assert_eq!(
        good.state.last_run.unwrap().to_rfc3339(),
        "2025-07-01T21:00:12.345678+00:00"
    );
    let odd = stored(&store, ODD).await;
    assert_eq!(odd.status(), JobStatus::Paused);
    assert!(odd.job.problem.unwrap().contains("17:00:30"));
    assert_eq!(odd.job.schedule_time.as_deref(), Some("17:00:30"));
    assert!(stored(&store, UNLISTED).await.job.active);
    assert_eq!(store.counts().await.unwrap().total, 3);
}

#[tokio::test]
async fn nothing_fires_for_what_is_past_and_the_next_fire_is_to_be_worked_out() {
    let server = Server::start().await;
    leave(&server).await;
    let store = server.store();

    store.reconcile().await.unwrap();

    let poll = Poll {
        host: HostId::random(),
        lease: Duration::from_secs(1),
        ahead: Duration::ZERO,
        limit: 10,
    };
    let due = store.poll(&poll).await.unwrap().due;
    assert_eq!(due.len(), 2);
    assert!(
        due.iter()
            .all(|due| matches!(due.next, NextFire::Unknown { .. })),
        "{due:?}"
    );
    assert!(due.iter().all(|due| due.last_fire.is_none()));
}

#[tokio::test]
async fn adopting_again_changes_nothing_and_the_list_names_what_exists() {
    let server = Server::start().await;
    leave(&server).await;
    let (store, other) = (server.store(), server.store());

    let (first, second) = tokio::join!(store.reconcile(), other.reconcile());
    first.and(second).unwrap();
    store.reconcile().await.unwrap();

    let created = store
        .events(EventId::START, 100, Duration::ZERO)
        .await
        .unwrap()
        .events;
    assert!(
        created
            .iter()
            .all(|event| matches!(event.kind, EventKind::JobCreated { .. }))
    );
    assert_eq!(created.len(), 3);
    let mut client = server.client().await;
    server.a_second_passes_for_the_list_of_ids().await;
    store.reconcile().await.unwrap();
    let index: String = client.get("scheduler:job_index").await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&index).unwrap(),
        json!([GOOD, ODD, UNLISTED])
    );
    let original: String = client
        .get(format!("{{scheduler}}:original:{ODD}"))
        .await
        .unwrap();
    assert!(original.contains("17:00:30"));
}

#[tokio::test]
async fn old_windows_are_listed_and_read_bare_or_wrapped() {
    let server = Server::start().await;
    leave(&server).await;
    let store = server.store();

    store.reconcile().await.unwrap();

    let page = store
        .datasets(&DatasetQuery {
            limit: 10,
            ..DatasetQuery::default()
        })
        .await
        .unwrap();
    let keys: Vec<_> = page
        .datasets
        .iter()
        .map(|dataset| dataset.key.to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "mine:AAPL:2025-06-01:2025-07-01",
            "mine:msft:2025-06-01:2025-07-01"
        ]
    );
    assert!(
        page.datasets
            .iter()
            .all(|dataset| dataset.record_count.is_none())
    );
    let read = |place: usize| store.dataset(&page.datasets[place].key);
    assert_eq!(
        read(0).await.unwrap().as_deref(),
        Some(r#"[{"Date":1,"Close":2.50}]"#)
    );
    assert_eq!(
        read(1).await.unwrap().as_deref(),
        Some(r#"[{"Date": 1, "Close": 2.50}]"#)
    );
}

#[tokio::test]
async fn a_deleted_job_that_another_writer_writes_back_stays_deleted() {
    let server = Server::start().await;
    leave(&server).await;
    let store = server.store();
    store.reconcile().await.unwrap();
    let id = GOOD.parse().unwrap();

    store
        .delete(&id, None, stock_scheduler_sdk::RequestId::random())
        .await
        .unwrap();
    let mut client = server.client().await;
    let _: () = client
        .set(format!("scheduler:job:{GOOD}"), document(GOOD).to_string())
        .await
        .unwrap();
    store.reconcile().await.unwrap();

    assert_eq!(store.jobs(&[id]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_document_in_our_own_form_is_adopted_as_it_is() {
    let server = Server::start().await;
    let store = server.store();
    let mut restored = job("restored", &["SPY"], store.now().await.unwrap());
    (restored.revision, restored.tags) = (7, vec!["funds".into()]);
    let mut client = server.client().await;
    let text = serde_json::to_string(&restored).unwrap();
    let _: () = client.set("scheduler:job:restored", text).await.unwrap();

    store.reconcile().await.unwrap();

    let mut adopted = stored(&store, "restored").await.job;
    let armed = adopted.armed_at.take();
    assert!(armed.is_some_and(|armed| armed >= restored.created_at));
    assert_eq!(adopted, restored);
    let query = JobQuery {
        tag: Some("funds".into()),
        limit: 10,
        ..JobQuery::default()
    };
    assert_eq!(store.list(&query).await.unwrap().total, Some(1));
}

#[tokio::test]
async fn what_the_python_module_wrote_is_taken_over_whole() {
    let Some(keys) = python_module() else { return };
    let server = Server::start().await;
    let mut client = server.client().await;
    for (key, value) in &keys {
        let _: () = client.set(key, value).await.unwrap();
    }
    let store = server.store_with(settings());

    store.reconcile().await.unwrap();

    let documents = keys
        .keys()
        .filter_map(|key: &String| key.strip_prefix("scheduler:job:"));
    for id in documents {
        let stored = stored(&store, id).await;
        let document: Value = serde_json::from_str(&keys[&format!("scheduler:job:{id}")]).unwrap();
        let is_good = stored.job.problem.is_none();
        assert_eq!(
            stored.job.active,
            is_good && document["is_active"] == true,
            "{document}"
        );
        assert_eq!(stored.job.name, document["name"].as_str().unwrap());
        assert_eq!(stored.state.running, 0);
        let is_odd = document["schedule_time"].as_str().unwrap().len() != 5;
        assert_eq!(is_good, !is_odd, "{:?}", stored.job.problem);
    }
    let windows = keys
        .iter()
        .filter(|(key, _)| !key.starts_with("scheduler:"));
    for (key, value) in windows {
        let text = store.dataset(&key.parse().unwrap()).await.unwrap().unwrap();
        assert!(
            text.starts_with('[') && value.contains(&text),
            "{key}: {text}"
        );
    }
}

/// The keys that a real module left, where the data beside this repository has them.
fn python_module() -> Option<BTreeMap<String, String>> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("STOCK_SCHEDULER_SHARED").map_or_else(default, PathBuf::from);
    let path = shared.join("data/python-module/redis.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}
