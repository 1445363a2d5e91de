//! Runs by hand, and ending them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Api, has_fields};
use crate::support::service::Options;
use crate::support::{Provider, Script, Service};

/// A service whose provider never answers for `HANG`.
async fn with_provider() -> (Api, Provider) {
    let provider = Provider::start().await;
    provider.script("HANG", Script::Hang);
    let options = Options::store("memory:").provider(&provider.url());
    (Api(Service::start(&options).await), provider)
}

fn id(started: &super::Answer) -> String {
    started.ok()["execution_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_is_accepted_with_its_address_and_moves_no_schedule() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let before = api.call(&format!("GET {path}")).await.ok();

    let started = api.call(&format!("POST {path}/run")).await;

    assert_eq!(started.status, 202);
    has_fields(&started.text, &["message", "execution_id"]);
    let location = started.header("location").unwrap();
    assert_eq!(location, format!("/scheduler/executions/{}", id(&started)));
    assert_eq!(
        api.call(&format!("GET {location}")).await.ok()["job_id"],
        before["job_id"]
    );
    api.0.ended(&id(&started)).await;
    let after = api.call(&format!("GET {path}")).await.ok();
    assert_eq!(after["next_run"], before["next_run"]);
    assert_eq!(
        (&after["status"], &after["revision"]),
        (&json!("completed"), &json!(1))
    );
    let last = &after["last_execution"];
    has_fields(
        &last.to_string(),
        &["end_time", "execution_id", "start_time", "status"],
    );
    assert_eq!(
        (&last["execution_id"], &last["status"]),
        (&json!(id(&started)), &json!("success"))
    );
    assert_eq!(after["last_run"], last["start_time"]);
    assert_eq!(
        api.call(&format!("GET {path}/fires")).await.ok(),
        json!([]),
        "a run by hand is no fire"
    );
}

#[tokio::test]
async fn a_paused_job_may_be_run_and_stays_paused() {
    let api = Api::start().await;
    let path = api.job(json!({"is_active": false})).await;

    let started = api.call(&format!("POST {path}/run")).await;
    let run = api.0.ended(&id(&started)).await;

    assert_eq!(run["status"], "success");
    assert_eq!(
        api.call(&format!("GET {path}")).await.ok()["status"],
        "paused"
    );
}

#[tokio::test]
async fn a_body_narrows_a_run() {
    let api = Api::start().await;
    let path = api
        .job(json!({"stock_ids": ["AAPL", "msft", "TSLA"], "duration_days": 3}))
        .await;
    let body = json!({"stock_ids": ["MSFT", "AAPL"], "start_date": "2024-01-02", "end_date": "2024-01-31"});

    let started = api.send(&format!("POST {path}/run"), body).await;
    let run = api.0.ended(&id(&started)).await;

    assert_eq!(run["fetched_stocks"], json!(["AAPL", "msft"]));
    assert_eq!(run["total_stocks"], 2);
    assert_eq!(
        (&run["metadata"]["start_date"], &run["metadata"]["end_date"]),
        (&json!("2024-01-02"), &json!("2024-01-31"))
    );
    assert_eq!(
        run["symbols"][0]["key"],
        "scheduled_stock_data:AAPL:2024-01-02:2024-01-31"
    );
}

#[tokio::test]
async fn a_run_may_have_no_body_at_all() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;

    for body in [
        "",
        "null",
        "{}",
        r#"{"stock_ids": null, "start_date": null, "end_date": ""}"#,
    ] {
        let started = api
            .raw(
                &format!("POST {path}/run"),
                &[("content-type", "application/json")],
                body,
            )
            .await;
        api.0.ended(&id(&started)).await;
    }
}

#[tokio::test]
async fn a_run_that_cannot_be_is_refused_with_a_sentence() {
    let api = Api::start().await;
    let path = api.job(json!({"stock_ids": ["AAPL"]})).await;
    let cases = [
        (
            r#"{"stock_ids": ["MSFT"]}"#,
            "/stock_ids/0",
            "\"MSFT\" is not one of the job's symbols",
        ),
        (
            r#"{"stock_ids": []}"#,
            "/stock_ids",
            "stock_ids must have 1 to 5000 symbols, not 0",
        ),
        (
            r#"{"stock_ids": [1]}"#,
            "/stock_ids/0",
            "stock_ids must be a string, not a number",
        ),
        (
            r#"{"stock_ids": "AAPL"}"#,
            "/stock_ids",
            "stock_ids must be a list, not a string",
        ),
        (
            r#"{"start_date": "2025-02-02", "end_date": "2025-01-01"}"#,
            "/start_date",
            "start_date 2025-02-02 is after end_date 2025-01-01",
        ),
        (
            r#"{"end_date": "2025-02-30"}"#,
            "/end_date",
            "end_date must be a date YYYY-MM-DD, not \"2025-02-30\"",
        ),
        (
            r#"{"stocks": ["AAPL"]}"#,
            "/stocks",
            "unknown field \"stocks\"; did you mean \"stock_ids\"?",
        ),
        ("[]", "", "the body must be a JSON object, not a list"),
    ];

    for (body, pointer, sentence) in cases {
        let answer = api
            .raw(
                &format!("POST {path}/run"),
                &[("content-type", "application/json")],
                body,
            )
            .await;
        assert_eq!(answer.refused(422), sentence);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(
        api.call(&format!("GET {path}/history")).await.ok(),
        json!([])
    );
}

#[tokio::test]
async fn a_second_run_waits_unless_overlap_is_allowed() {
    let (api, _provider) = with_provider().await;
    let single = api
        .job(json!({"stock_ids": ["HANG"], "fetcher": "yfinance"}))
        .await;
    let double = api
        .job(json!({"stock_ids": ["HANG"], "fetcher": "yfinance", "overlap": "allow"}))
        .await;
    for path in [&single, &double] {
        assert_eq!(api.call(&format!("POST {path}/run")).await.status, 202);
    }

    let (refused, allowed) = (
        api.call(&format!("POST {single}/run")).await,
        api.call(&format!("POST {double}/run")).await,
    );

    assert_eq!(
        refused.refused(409),
        "a run of this job still goes; wait for it or cancel it"
    );
    assert_eq!(allowed.status, 202);
    assert_eq!(
        api.call(&format!("GET {single}")).await.ok()["status"],
        "running"
    );
}

#[tokio::test]
async fn a_cancelled_run_ends_as_failed_and_keeps_what_was_stored() {
    let (api, provider) = with_provider().await;
    let path = api
        .job(json!({"stock_ids": ["AAPL", "HANG"], "fetcher": "yfinance"}))
        .await;
    let run = id(&api.call(&format!("POST {path}/run")).await);
    crate::support::eventually(
        "one is stored, one is asked",
        Duration::from_secs(20),
        async || {
            let body = api
                .call(&format!("GET /scheduler/executions/{run}"))
                .await
                .ok();
            let asked = provider.log().iter().any(|asked| asked.symbol == "HANG");
            (asked && body["fetched_stocks"] == json!(["AAPL"])).then_some(())
        },
    )
    .await;

    let cancelled = api
        .call(&format!("POST /scheduler/executions/{run}/cancel"))
        .await;
    let again = api
        .call(&format!("POST /scheduler/executions/{run}/cancel"))
        .await;

    assert_eq!((cancelled.status, again.status), (202, 200));
    let body = api
        .call(&format!("GET /scheduler/executions/{run}"))
        .await
        .ok();
    assert_eq!(body["status"], "failed");
    assert_eq!(
        (&body["fetched_stocks"], &body["failed_stocks"]),
        (&json!(["AAPL"]), &json!(["HANG"]))
    );
    assert_eq!(body["symbols"][1]["error"]["kind"], "cancelled");
    assert_eq!(
        body["errors"],
        json!(["Failed to fetch HANG: the run was cancelled"])
    );
    assert_ne!(body["end_time"], Value::Null);
    assert_eq!(
        api.call(&format!("GET {path}")).await.ok()["status"],
        "failed"
    );
    assert_eq!(
        api.call(&format!("POST {path}/run")).await.status,
        202,
        "it may run again"
    );
}

#[tokio::test]
async fn what_is_no_run_is_not_found() {
    let api = Api::start().await;

    for id in [
        "00000000-0000-4000-8000-000000000000",
        "nothing",
        "%F0%9F%92%A9",
        "a%2Fb",
        "1",
    ] {
        for call in [
            "GET /scheduler/executions/{}",
            "POST /scheduler/executions/{}/cancel",
        ] {
            let answer = api.call(&call.replace("{}", id)).await;
            assert_eq!(
                answer.refused(404),
                "Execution record not found",
                "{call} {id}"
            );
        }
    }
}
