//! `/metrics`: the numbers that the contract names.

use std::time::Duration;

use chrono::{TimeDelta, Timelike, Utc};
use serde_json::json;

use super::Api;
use crate::support::service::Options;
use crate::support::{Provider, Script, Service, eventually};

/// The value of the sample that begins so.
fn sample(text: &str, begins: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(begins))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
async fn metrics_have_the_names_of_the_contract() {
    let provider = Provider::start().await;
    provider.script("LIMIT", Script::Limited(0, 1));
    let api = Api(Service::start(&Options::store("memory:").provider(&provider.url())).await);
    let due = (Utc::now() + TimeDelta::seconds(62))
        .with_second(0)
        .unwrap();
    let order = json!({"stock_ids": ["AAPL", "LIMIT"], "fetcher": "yfinance", "schedule_time": due.format("%H:%M").to_string()});
    let mut events = api.0.events("").await;
    let id = api.job(order).await.rsplit_once('/').unwrap().1.to_owned();
    events.until("JobFinished").await;

    let answer = api.call("GET /metrics").await;

    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain"),
        "{answer:?}"
    );
    let text = answer.text;
    let at_least = [
        (format!("build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
        ("jobs{status=\"completed\"}".into(), 1.0),
        ("job_executions_total{status=\"success\"}".into(), 1.0),
        ("job_execution_duration_seconds_count".into(), 1.0),
        ("job_execution_duration_seconds_bucket{le=\"0.1\"}".into(), 0.0),
        (format!("job_last_success_timestamp_seconds{{job_id=\"{id}\"}}"), due.timestamp() as f64),
        (format!("job_next_run_timestamp_seconds{{job_id=\"{id}\"}}"), (due.timestamp() + 80_000) as f64),
        ("fire_lateness_seconds_count".into(), 1.0),
        ("fires_total{state=\"fired\",reason=\"\"}".into(), 1.0),
        ("symbol_fetches_total{fetcher=\"yfinance\",outcome=\"stored\"}".into(), 2.0),
        ("fetch_duration_seconds_count{fetcher=\"yfinance\"}".into(), 2.0),
        ("fetch_rate_limited_total{fetcher=\"yfinance\"}".into(), 1.0),
        ("store_up{store=\"memory\"}".into(), 1.0),
        ("store_operation_duration_seconds_count{op=\"create\"}".into(), 1.0),
        ("store_operation_duration_seconds_count{op=\"record\"}".into(), 1.0),
        ("store_operation_duration_seconds_bucket{op=\"claim\",le=\"+Inf\"}".into(), 1.0),
        ("sse_clients".into(), 1.0),
        ("http_request_duration_seconds_count{route=\"/scheduler/jobs\",method=\"POST\",status=\"200\"}".into(), 1.0),
    ];
    for (name, least) in at_least {
        let value = sample(&text, &format!("stock_scheduler_{name} "));
        assert!(
            value.is_some_and(|value| value >= least),
            "{name} is {value:?} in\n{text}"
        );
    }
    for name in [
        "cpu_seconds_total",
        "resident_memory_bytes",
        "virtual_memory_bytes",
        "open_fds",
        "max_fds",
        "start_time_seconds",
    ] {
        assert!(
            sample(&text, &format!("process_{name} ")).is_some_and(|value| value > 0.0),
            "{name} in\n{text}"
        );
    }
    assert!(
        !text.contains("AAPL") && !text.contains("LIMIT"),
        "no symbol is a label"
    );
    drop(events);
    eventually(
        "the listener's end is counted",
        Duration::from_secs(40),
        async || {
            let text = api.call("GET /metrics").await.text;
            (sample(&text, "stock_scheduler_sse_clients ") == Some(0.0)).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn a_jobs_last_success_outlives_failures_but_not_the_job() {
    let provider = Provider::start().await;
    let api = Api(Service::start(&Options::store("memory:").provider(&provider.url())).await);
    let path = api.job(json!({"fetcher": "yfinance"})).await;
    let id = path.rsplit_once('/').unwrap().1.to_owned();
    let name = format!("stock_scheduler_job_last_success_timestamp_seconds{{job_id=\"{id}\"}} ");
    let run = async || {
        let started = api.call(&format!("POST {path}/run")).await.ok();
        api.0.ended(started["execution_id"].as_str().unwrap()).await
    };
    assert_eq!(sample(&api.call("GET /metrics").await.text, &name), None);

    assert_eq!(run().await["status"], "success");
    let succeeded = sample(&api.call("GET /metrics").await.text, &name).unwrap();
    provider.script("AAPL", Script::Fixed(404, "", "{}".into()));
    assert_eq!(run().await["status"], "failed");

    for _ in 0..2 {
        assert_eq!(
            sample(&api.call("GET /metrics").await.text, &name),
            Some(succeeded)
        );
    }
    api.call(&format!("POST {path}/stop")).await.ok();
    let text = api.call("GET /metrics").await.text;
    assert!(
        !text.contains(&format!("next_run_timestamp_seconds{{job_id=\"{id}\"}}")),
        "{text}"
    );
    api.call(&format!("DELETE {path}")).await.ok();
    assert!(!api.call("GET /metrics").await.text.contains(&id));
}

#[tokio::test]
async fn metrics_of_single_jobs_can_be_switched_off() {
    let options = Options::store("memory:").with("--job-metrics", "off");
    let api = Api(Service::start(&options).await);
    let path = api.job(json!({})).await;

    let text = api.call("GET /metrics").await.text;

    assert!(!text.contains("job_id="), "{text}");
    assert_eq!(
        sample(&text, "stock_scheduler_jobs{status=\"pending\"} "),
        Some(1.0)
    );
    assert_eq!(api.call(&format!("GET {path}")).await.status, 200);
}
