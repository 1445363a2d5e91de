//! How the service is: status, health, pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Api, has_fields};
use crate::support::service::Options;
use crate::support::{RedisServer, Service, eventually};

#[tokio::test]
async fn status_counts_and_names_what_there_is() {
    let api = Api::start().await;
    let empty = api.call("GET /scheduler/status").await;
    let path = api.job(json!({"schedule_time": "17:00"})).await;
    api.job(json!({"is_active": false})).await;

    let status = api.call("GET /scheduler/status").await.ok();

    let fields = [
        "is_running",
        "active_jobs_count",
        "total_jobs_count",
        "version",
        "now",
        "timezone",
        "started_at",
        "store",
        "fetchers",
        "schedules",
        "time_zone_data",
        "warnings",
        "running",
        "next_fire",
    ];
    let flat = empty.text.replace(&empty.ok()["store"].to_string(), "0");
    assert_eq!(
        empty.ok().as_object().unwrap().len(),
        fields.len(),
        "{flat}"
    );
    assert_eq!(
        (&empty.ok()["total_jobs_count"], &empty.ok()["next_fire"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        (
            &status["is_running"],
            &status["active_jobs_count"],
            &status["total_jobs_count"]
        ),
        (&json!(true), &json!(1), &json!(2))
    );
    assert_eq!(
        (&status["timezone"], &status["running"]),
        (&json!("UTC"), &json!(0))
    );
    assert_eq!(status["fetchers"], json!(["demo", "yfinance"]));
    assert_eq!(
        status["schedules"],
        json!([
            "after", "cron", "daily", "interval", "monthly", "session", "weekly"
        ])
    );
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    has_fields(&status["store"].to_string(), &["kind", "latency_ms", "ok"]);
    assert_eq!(
        (&status["store"]["kind"], &status["store"]["ok"]),
        (&json!("memory"), &json!(true))
    );
    assert_eq!(
        status["next_fire"]["job_id"],
        path.rsplit_once('/').unwrap().1
    );
    assert!(
        status["next_fire"]["at"]
            .as_str()
            .unwrap()
            .ends_with("T17:00:00+00:00"),
        "{status}"
    );
    for name in ["now", "started_at"] {
        assert!(
            status[name].as_str().unwrap().ends_with("+00:00"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_instance_that_only_serves_says_so() {
    let options = Options::store("memory:").switch("--api-only");
    let api = Api(Service::start(&options).await);

    assert_eq!(
        api.call("GET /scheduler/status").await.ok()["is_running"],
        false
    );
    let path = api.job(json!({})).await;
    let run = api.call(&format!("POST {path}/run")).await.ok()["execution_id"].clone();
    assert_eq!(
        api.0.ended(run.as_str().unwrap()).await["status"],
        "success"
    );
}

#[tokio::test]
async fn health_is_about_the_process_and_readiness_about_the_store() {
    let mut redis = RedisServer::start().await;
    let api = Api(Service::start(&Options::store(&redis.url())).await);
    api.job(json!({})).await;
    assert_eq!(api.call("GET /readyz").await.status, 200);

    redis.kill();

    let ready = api.call("GET /readyz").await;
    let refused = ready.refused(503);
    assert!(
        refused.starts_with("the store is not available"),
        "{refused}"
    );
    for answer in [
        ready,
        api.call("GET /scheduler/jobs").await,
        api.send("POST /scheduler/jobs", super::order(json!({})))
            .await,
    ] {
        assert_eq!(answer.problem(503)["code"], "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(api.call("GET /healthz").await.status, 200);
    assert!(
        api.call("GET /metrics")
            .await
            .text
            .contains("stock_scheduler_store_up{store=\"redis\"} 0")
    );
    let status = api.call("GET /scheduler/status").await.ok();
    assert_eq!(status["store"]["ok"], false);

    redis.restart().await;
    eventually(
        "the service is itself again",
        Duration::from_secs(10),
        async || {
            let status = api.call("GET /scheduler/status").await.ok();
            let whole = status["store"]["ok"] == true && status["total_jobs_count"] == 1;
            (whole && api.call("GET /readyz").await.status == 200).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn the_pages_are_whole_and_ask_nobody_else() {
    let api = Api::start().await;

    let page = api.call("GET /docs").await;

    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.text.contains("rel=\"icon\"") && page.text.contains("createJob"));
    for tag in ["<script src=\"http", "<link href=\"http", "@import"] {
        assert!(!page.text.contains(tag), "{tag}");
    }
    let kinds = [
        ("/openapi.json", "application/json"),
        ("/openapi.yaml", "application/yaml"),
    ];
    for (path, kind) in kinds {
        let document = api.call(&format!("GET {path}")).await;
        assert_eq!(
            (
                document.header("content-type"),
                document.json()["openapi"].as_str()
            ),
            (Some(kind), Some("3.0.3"))
        );
    }
}
