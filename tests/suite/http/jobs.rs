//! The endpoints that existing clients use, word for word.

use serde_json::{Value, json};

use super::{Api, has_fields, order};
use crate::support::Service;
use crate::support::service::Options;

const FIELDS: [&str; 28] = [
    "job_id",
    "name",
    "stock_ids",
    "schedule_time",
    "is_active",
    "created_at",
    "last_run",
    "next_run",
    "status",
    "start_date",
    "end_date",
    "duration_days",
    "prefix",
    "timezone",
    "schedule",
    "fetcher",
    "interval",
    "misfire",
    "overlap",
    "jitter",
    "paused_until",
    "active_until",
    "max_fires",
    "tags",
    "keep",
    "revision",
    "last_execution",
    "problem",
];

#[tokio::test]
async fn a_job_is_created_and_read_back_with_every_field() {
    let api = Api::start().await;
    let body = json!({"name": "Daily Tech Stocks", "stock_ids": ["AAPL", "MSFT"], "schedule_time": "17:00"});

    let created = api.send("POST /scheduler/jobs", body).await;
    let reply = created.ok();
    let id = reply["job_id"].as_str().unwrap();
    let read = api.call(&format!("GET /scheduler/jobs/{id}")).await;

    assert_eq!(created.status, 200);
    has_fields(&created.text, &["message", "job_id", "job"]);
    assert_eq!(reply["message"], "Job created successfully");
    assert_eq!(
        created.header("location"),
        Some(format!("/scheduler/jobs/{id}").as_str())
    );
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(read.header("etag"), Some("\"1\""));
    has_fields(&read.text, &FIELDS);
    let job = read.ok();
    assert_eq!(job, reply["job"]);
    let expected = json!({"name": "Daily Tech Stocks", "stock_ids": ["AAPL", "MSFT"], "schedule_time": "17:00",
        "is_active": true, "status": "pending", "last_run": null, "start_date": null, "end_date": null,
        "duration_days": null, "prefix": "scheduled_stock_data", "timezone": "UTC",
        "schedule": {"kind": "daily", "time": "17:00"}, "fetcher": "yfinance", "interval": "1d", "misfire": "fire_once",
        "overlap": "skip", "jitter": null, "paused_until": null, "active_until": null, "max_fires": null,
        "tags": [], "keep": null, "revision": 1, "last_execution": null, "problem": null});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&job[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_job_keeps_everything_that_was_ordered() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let api = Api(Service::start(&Options::store(&store)).await);
    let wish = json!({"name": "Ünïcödé ✓ \"quoted\" \\ 日本", "stock_ids": [" aapl ", "AAPL", "^GSPC", "BRK-B", "GBPUSD=X"],
        "schedule": {"kind": "daily", "times": ["09:45", "16:15"], "timezone": "America/New_York"},
        "start_date": "2024-02-29", "end_date": "2025-01-31", "duration_days": 36525, "prefix": "my prefix/日本",
        "misfire": "skip", "overlap": "allow", "tags": ["a", "b", "a"], "keep": 3, "is_active": false,
        "fetcher": {"name": "demo"}, "timezone": "Europe/Berlin"});

    let path = api.job(wish.clone()).await;
    let job = api.call(&format!("GET {path}")).await.ok();

    let shown = json!({"stock_ids": ["aapl", "^GSPC", "BRK-B", "GBPUSD=X"], "tags": ["a", "b"], "fetcher": "demo",
        "timezone": "America/New_York", "schedule_time": null, "status": "paused", "next_run": null});
    for (name, value) in wish.as_object().unwrap() {
        let value = shown.get(name).unwrap_or(value);
        if name != "schedule_time" {
            assert_eq!(&job[name], value, "{name}");
        }
    }
    assert_eq!(job["status"], "paused");
    assert_eq!(job["next_run"], Value::Null);
}

#[tokio::test]
async fn the_list_is_a_bare_array_of_whole_jobs() {
    let api = Api::start().await;
    let empty = api.call("GET /scheduler/jobs").await;
    let (first, second) = (api.job(json!({})).await, api.job(json!({})).await);

    let list = api.call("GET /scheduler/jobs").await.ok();

    assert_eq!(
        (empty.text.as_str(), empty.header("x-total-count")),
        ("[]", Some("0"))
    );
    for (place, path) in [first, second].iter().enumerate() {
        assert_eq!(list[place], api.call(&format!("GET {path}")).await.ok());
    }
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_deleted_job_is_gone() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;

    let deleted = api.call(&format!("DELETE {path}")).await;

    assert_eq!(
        (deleted.status, deleted.text.as_str()),
        (200, r#"{"message":"Job deleted successfully"}"#)
    );
    for call in [
        "GET {}",
        "DELETE {}",
        "POST {}/start",
        "POST {}/stop",
        "GET {}/history",
        "GET {}/fires",
        "GET {}/latest-execution",
        "POST {}/run",
    ] {
        let answer = api.call(&call.replace("{}", &path)).await;
        assert_eq!(answer.refused(404), "Job not found", "{call}");
    }
    for call in ["PUT", "PATCH"] {
        let answer = api
            .send(&format!("{call} {path}"), json!({"name": "b"}))
            .await;
        assert_eq!(answer.refused(404), "Job not found", "{call}");
    }
    assert_eq!(api.call("GET /scheduler/jobs").await.text, "[]");
}

#[tokio::test]
async fn start_and_stop_may_be_repeated() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let steps = [
        ("start", "Job started successfully", 1, "pending"),
        ("stop", "Job stopped successfully", 2, "paused"),
        ("stop", "Job stopped successfully", 2, "paused"),
        ("start", "Job started successfully", 3, "pending"),
        ("start", "Job started successfully", 3, "pending"),
    ];

    for (step, message, revision, status) in steps {
        let answer = api.call(&format!("POST {path}/{step}")).await;

        has_fields(&answer.text, &["message", "job_id", "job"]);
        let reply = answer.ok();
        assert_eq!((answer.status, &reply["message"]), (200, &json!(message)));
        let job = &reply["job"];
        assert_eq!(
            (&job["revision"], &job["status"]),
            (&json!(revision), &json!(status))
        );
        assert_eq!(job["is_active"], step == "start");
        assert_eq!(job["next_run"].is_null(), step == "stop");
        assert_eq!(
            answer.header("etag"),
            Some(format!("\"{revision}\"").as_str())
        );
        assert_eq!(job, &api.call(&format!("GET {path}")).await.ok());
    }
}

#[tokio::test]
async fn times_carry_the_offset_of_the_jobs_zone() {
    let api = Api::start().await;
    let zones = [
        ("UTC", &["+00:00"][..]),
        ("America/New_York", &["-05:00", "-04:00"]),
        ("Asia/Kolkata", &["+05:30"]),
        ("Pacific/Chatham", &["+12:45", "+13:45"]),
    ];

    for (zone, offsets) in zones {
        let path = api.job(json!({"timezone": zone})).await;
        let job = api.call(&format!("GET {path}")).await.ok();

        for name in ["created_at", "next_run"] {
            let time = job[name].as_str().unwrap();
            assert!(
                offsets.iter().any(|offset| time.ends_with(offset)),
                "{zone}: {time}"
            );
            let digits = time
                .split_once('.')
                .map_or(0, |(_, rest)| rest.find(['+', '-']).unwrap());
            assert!(digits <= 6 && !time.contains('Z'), "{time}");
        }
        assert!(
            job["next_run"].as_str().unwrap().contains("T17:00:00"),
            "{job}"
        );
    }
}

#[tokio::test]
async fn an_empty_date_is_none() {
    let api = Api::start().await;

    let path = api.job(json!({"start_date": "", "end_date": ""})).await;
    let prefix = api
        .send("POST /scheduler/jobs", order(json!({"prefix": ""})))
        .await;

    let job = api.call(&format!("GET {path}")).await.ok();
    assert_eq!(
        (&job["start_date"], &job["end_date"]),
        (&Value::Null, &Value::Null)
    );
    assert!(prefix.refused(422).starts_with("prefix"));
}
