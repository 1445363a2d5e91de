//! What became of a job: runs and fires.

use serde_json::{Value, json};

use super::{Api, has_fields};

const EXECUTION: [&str; 18] = [
    "execution_id",
    "job_id",
    "job_name",
    "start_time",
    "end_time",
    "status",
    "fetched_stocks",
    "failed_stocks",
    "errors",
    "total_stocks",
    "duration_seconds",
    "triggered_by",
    "caused_by",
    "metadata",
    "scheduled_for",
    "attempt",
    "revision",
    "symbols",
];

/// Runs a job by hand so many times, one after the other; answers the runs' ids.
async fn runs(api: &Api, path: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let started = api.call(&format!("POST {path}/run")).await.ok();
        let id = started["execution_id"].as_str().unwrap().to_owned();
        api.0.ended(&id).await;
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn a_run_has_the_fields_that_clients_know() {
    let api = Api::start().await;
    let path = api
        .job(json!({"stock_ids": ["AAPL", "FAIL"], "timezone": "America/New_York"}))
        .await;
    let id = runs(&api, &path, 1).await.remove(0);

    let read = api.call(&format!("GET /scheduler/executions/{id}")).await;

    has_fields(&read.text, &EXECUTION);
    let run = read.ok();
    assert_eq!(run["status"], "partial_success");
    assert_eq!(run["triggered_by"], "manual_trigger");
    assert_eq!(
        (&run["scheduled_for"], &run["attempt"], &run["revision"]),
        (&Value::Null, &json!(1), &json!(1))
    );
    assert_eq!(
        (&run["fetched_stocks"], &run["failed_stocks"]),
        (&json!(["AAPL"]), &json!(["FAIL"]))
    );
    assert_eq!(
        (&run["total_stocks"], &run["job_name"]),
        (&json!(2), &json!("Daily Tech Stocks"))
    );
    assert!(
        run["errors"][0]
            .as_str()
            .unwrap()
            .starts_with("Failed to fetch FAIL: "),
        "{run}"
    );
    assert!(
        run["duration_seconds"].is_number() && run["metadata"].is_object(),
        "{run}"
    );
    for name in ["start_time", "end_time"] {
        let time = run[name].as_str().unwrap();
        assert!(
            time.ends_with("-05:00") || time.ends_with("-04:00"),
            "{time}"
        );
    }
    let (stored, failed) = (&run["symbols"][0], &run["symbols"][1]);
    has_fields(
        &stored.to_string(),
        &["attempts", "error", "key", "rows", "status", "stock_id"],
    );
    assert_eq!(
        (&stored["status"], &stored["error"]),
        (&json!("stored"), &Value::Null)
    );
    assert!(
        stored["rows"].as_u64().unwrap() > 0 && stored["key"].is_string(),
        "{stored}"
    );
    assert_eq!(
        (&failed["status"], &failed["key"], &failed["rows"]),
        (&json!("failed"), &Value::Null, &Value::Null)
    );
    assert!(
        failed["error"]["kind"].is_string() && failed["error"]["message"].is_string(),
        "{failed}"
    );
    assert_eq!(
        api.call(&format!("GET {path}/latest-execution")).await.text,
        read.text
    );
    assert_eq!(
        api.call(&format!("GET {path}/history")).await.ok(),
        json!([run])
    );
}

#[tokio::test]
async fn history_is_newest_first_by_pages_and_by_status() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let mut ids = runs(&api, &path, 7).await;
    ids.reverse();

    let all = api.call(&format!("GET {path}/history")).await.ok();
    let mut walked = Vec::new();
    let mut next = Some(format!("{path}/history?limit=3&status=success"));
    while let Some(page) = next {
        let answer = api.call(&format!("GET {page}")).await;
        walked.extend(answer.ok().as_array().unwrap().clone());
        next = answer
            .header("link")
            .map(|link| link[1..link.find('>').unwrap()].to_owned());
    }

    let of = |runs: &[Value]| {
        runs.iter()
            .map(|run| run["execution_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(all.as_array().unwrap()), ids);
    assert_eq!(of(&walked), ids);
    assert_eq!(
        api.call(&format!("GET {path}/history?status=failed"))
            .await
            .ok(),
        json!([])
    );
    assert_eq!(
        api.call(&format!("GET {path}/latest-execution")).await.ok()["execution_id"],
        ids[0]
    );
    for (query, sentence) in [
        (
            "limit=0",
            "limit must be a whole number from 1 to 500, not \"0\"",
        ),
        (
            "limit=501",
            "limit must be a whole number from 1 to 500, not \"501\"",
        ),
        (
            "status=completed",
            "status must be one of running, success, partial_success, failed, not \"completed\"",
        ),
    ] {
        assert_eq!(
            api.call(&format!("GET {path}/history?{query}"))
                .await
                .refused(400),
            sentence
        );
    }
}

#[tokio::test]
async fn a_job_without_runs_has_an_empty_history_and_no_latest_run() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;

    assert_eq!(api.call(&format!("GET {path}/history")).await.text, "[]");
    assert_eq!(api.call(&format!("GET {path}/fires")).await.text, "[]");
    let latest = api.call(&format!("GET {path}/latest-execution")).await;
    assert_eq!(
        latest.refused(404),
        "No execution history found for this job"
    );
}

#[tokio::test]
async fn a_run_outlives_its_job() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let id = runs(&api, &path, 1).await.remove(0);

    api.call(&format!("DELETE {path}")).await.ok();

    assert_eq!(
        api.call(&format!("GET /scheduler/executions/{id}"))
            .await
            .ok()["status"],
        "success"
    );
}

#[tokio::test]
async fn fires_take_instants_and_refuse_what_is_none() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;

    for query in [
        "since=2025-01-01T00:00:00Z",
        "since=2025-01-01T00:00:00%2B02:00",
        "until=2025-01-01T00:00:00+02:00&limit=1",
        "cursor=",
    ] {
        assert_eq!(
            api.call(&format!("GET {path}/fires?{query}")).await.ok(),
            json!([]),
            "{query}"
        );
    }
    for (query, name) in [
        ("since=yesterday", "since"),
        ("until=2025-01-01", "until"),
        ("cursor=x", "cursor"),
    ] {
        let sentence = api
            .call(&format!("GET {path}/fires?{query}"))
            .await
            .refused(400);
        assert!(
            sentence.starts_with(&format!("{name} must be an instant")),
            "{sentence}"
        );
    }
}
