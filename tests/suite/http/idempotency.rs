//! `Idempotency-Key`: what is repeated happens once.

use serde_json::json;

use super::{Answer, Api, order};
use crate::support::Service;
use crate::support::service::Options;

async fn keyed(api: &Api, call: &str, key: &str, body: serde_json::Value) -> Answer {
    let headers = [
        ("idempotency-key", key),
        ("content-type", "application/json"),
    ];
    api.raw(call, &headers, body.to_string()).await
}

#[tokio::test]
async fn a_repeated_creation_gets_the_first_answer() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("jobs.db").display());
    for store in ["memory:", &sqlite] {
        let api = Api(Service::start(&Options::store(store)).await);
        let key = "k".repeat(255);

        let first = keyed(&api, "POST /scheduler/jobs", &key, order(json!({}))).await;
        let id = first.ok()["job_id"].as_str().unwrap().to_owned();
        api.send(
            &format!("PUT /scheduler/jobs/{id}"),
            json!({"name": "changed"}),
        )
        .await
        .ok();
        let again = keyed(&api, "POST /scheduler/jobs", &key, order(json!({}))).await;

        assert_eq!(
            (again.status, &again.text),
            (first.status, &first.text),
            "{store}"
        );
        for name in ["etag", "location", "content-type"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        assert_eq!(first.header("idempotency-replayed"), None);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let list = api.call("GET /scheduler/jobs").await;
        assert_eq!(list.header("x-total-count"), Some("1"));
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let api = Api::start().await;
    keyed(&api, "POST /scheduler/jobs", "a", order(json!({})))
        .await
        .ok();

    let other = keyed(
        &api,
        "POST /scheduler/jobs",
        "a",
        order(json!({"name": "b"})),
    )
    .await;

    assert_eq!(other.problem(422)["code"], "idempotency_key_reused");
    assert_eq!(
        api.call("GET /scheduler/jobs")
            .await
            .header("x-total-count"),
        Some("1")
    );
}

#[tokio::test]
async fn a_refused_request_may_be_mended_under_its_key() {
    let api = Api::start().await;

    let refused = keyed(
        &api,
        "POST /scheduler/jobs",
        "a",
        order(json!({"fetcher": "nobody"})),
    )
    .await;
    let mended = keyed(&api, "POST /scheduler/jobs", "a", order(json!({}))).await;

    refused.problem(422);
    assert_eq!(
        (mended.status, mended.header("idempotency-replayed")),
        (200, None)
    );
}

#[tokio::test]
async fn a_repeated_run_is_one_run() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let call = format!("POST {path}/run");

    let first = keyed(&api, &call, "a", json!({})).await;
    api.0
        .ended(first.ok()["execution_id"].as_str().unwrap())
        .await;
    let again = keyed(&api, &call, "a", json!({})).await;
    let other = keyed(&api, &call, "a", json!({"start_date": "2025-01-01"})).await;
    let creation = keyed(&api, "POST /scheduler/jobs", "a", order(json!({}))).await;

    assert_eq!((again.status, &again.text), (202, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(other.problem(422)["code"], "idempotency_key_reused");
    assert_eq!(creation.status, 200, "keys of different requests are apart");
    let history = api.call(&format!("GET {path}/history")).await.ok();
    assert_eq!(history.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn twins_at_the_same_time_create_one_job() {
    let api = Api::start().await;

    let twins = (0..8).map(|_| keyed(&api, "POST /scheduler/jobs", "a", order(json!({}))));
    let answers = futures_util::future::join_all(twins).await;

    let ids: std::collections::HashSet<_> = answers
        .iter()
        .map(|a| a.ok()["job_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    assert_eq!(
        api.call("GET /scheduler/jobs")
            .await
            .header("x-total-count"),
        Some("1")
    );
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused_and_an_empty_one_is_none() {
    let api = Api::start().await;

    let long = keyed(
        &api,
        "POST /scheduler/jobs",
        &"k".repeat(256),
        order(json!({})),
    )
    .await;
    for _ in 0..2 {
        keyed(&api, "POST /scheduler/jobs", "", order(json!({})))
            .await
            .ok();
    }

    assert_eq!(
        long.refused(400),
        "Idempotency-Key must have at most 255 characters, not 256"
    );
    assert_eq!(
        api.call("GET /scheduler/jobs")
            .await
            .header("x-total-count"),
        Some("2")
    );
}
