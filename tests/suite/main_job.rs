//! Create a job, it fires, every stock is fetched and stored, listeners hear.

use std::time::Duration;

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::service::Options;
use crate::support::{Provider, RedisServer, Script, Service, next_minute};

/// The main job on a store: five symbols, one of which fails, due at the next minute.
async fn fires_at_its_minute(store: &str) {
    let provider = Provider::start().await;
    provider.script("NOPE", Script::Fixed(404, "", not_found()));
    let mut service = Service::start(&Options::store(store).provider(&provider.url())).await;
    let mut events = service.events("").await;
    let due = next_minute();
    let body = json!({"name": "Daily Tech Stocks", "stock_ids": ["AAPL", "MSFT", "NOPE", "AMZN", "TSLA"],
        "schedule_time": due.format("%H:%M").to_string()});

    let created = service.post("/scheduler/jobs", body).await;
    let heard = events.until("JobFinished").await;
    let late = Utc::now() - due;

    assert_eq!(created["message"], "Job created successfully");
    assert!(
        late < chrono::TimeDelta::seconds(1),
        "finished {late} after its minute"
    );
    let names: Vec<_> = heard.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names.first(), Some(&"JobCreated"));
    assert_eq!(names[1], "JobStarted");
    assert_eq!(
        names.iter().filter(|n| **n == "StockFetched").count(),
        4,
        "{names:?}"
    );
    assert_eq!(
        names.iter().filter(|n| **n == "StockFailed").count(),
        1,
        "{names:?}"
    );
    let finished = &heard.last().unwrap().data;
    assert_eq!(
        (
            &finished["status"],
            &finished["fetched"],
            &finished["failed"]
        ),
        (&json!("partial_success"), &json!(4), &json!(1))
    );
    let id = created["job_id"].as_str().unwrap();
    let job = service.get(&format!("/scheduler/jobs/{id}")).await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["last_execution"]["status"], "partial_success");
    let latest = service.get("/scheduler/datasets/latest?symbol=AAPL").await;
    assert!(
        latest.as_array().is_some_and(|rows| rows.len() > 15),
        "{latest}"
    );
    let keys: Vec<Value> =
        serde_json::from_value(service.get("/scheduler/datasets").await).unwrap();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let fires = service.get(&format!("/scheduler/jobs/{id}/fires")).await;
    assert_eq!(
        (fires.as_array().unwrap().len(), &fires[0]["state"]),
        (1, &json!("fired"))
    );
    assert_eq!(service.stop().await, Some(0));
}

fn not_found() -> String {
    r#"{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}"#.into()
}

#[tokio::test]
async fn a_job_fires_at_its_minute_with_nothing_installed() {
    let dir = tempfile::tempdir().unwrap();

    fires_at_its_minute(&format!("sqlite:{}", dir.path().join("jobs.db").display())).await;
}

#[tokio::test]
async fn a_job_fires_at_its_minute_with_redis() {
    let redis = RedisServer::start().await;

    fires_at_its_minute(&redis.url()).await;
}

#[tokio::test]
async fn the_demo_lives_without_a_network() {
    let service = Service::start(&Options::store("memory:").switch("--demo")).await;

    let jobs = service.get("/scheduler/jobs").await;
    let first = jobs[0]["job_id"].as_str().unwrap().to_owned();
    let run = crate::support::eventually("a first run", Duration::from_secs(10), async || {
        let response = service
            .send(
                Method::GET,
                &format!("/scheduler/jobs/{first}/latest-execution"),
                None,
            )
            .await;
        let run: Value = serde_json::from_str(&response.text().await.ok()?).ok()?;
        (run["status"] == "partial_success").then_some(run)
    })
    .await;

    assert_eq!(run["failed_stocks"], json!(["FAIL"]));
}
