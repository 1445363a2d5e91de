//! The event stream: every event once, in order, to whoever wants it.

use serde_json::{Value, json};

use super::Api;
use crate::support::Events;
use crate::support::sse::Heard;

/// Listens with `query`, after the event `last`.
pub(super) async fn listen(api: &Api, query: &str, last: Option<&str>) -> Events {
    Events::open(&format!("{}/scheduler/events{query}", api.0.url), last).await
}

pub(super) fn names(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|event| event.name.as_str()).collect()
}

pub(super) fn ids(heard: &[Heard]) -> Vec<(u64, u64)> {
    let id = |event: &Heard| {
        let (ms, seq) = event.id.as_deref().unwrap().split_once('-').unwrap();
        (ms.parse().unwrap(), seq.parse().unwrap())
    };
    heard.iter().map(id).collect()
}

/// A job's life: created, renamed, stopped, started, run, deleted.
pub(super) async fn life(api: &Api) -> String {
    let path = api.job(json!({"stock_ids": ["AAPL", "FAIL"]})).await;
    api.send(&format!("PUT {path}"), json!({"name": "renamed"}))
        .await
        .ok();
    api.call(&format!("POST {path}/stop")).await.ok();
    api.call(&format!("POST {path}/start")).await.ok();
    let started = api.call(&format!("POST {path}/run")).await.ok();
    api.0.ended(started["execution_id"].as_str().unwrap()).await;
    api.call(&format!("DELETE {path}")).await.ok();
    path.rsplit_once('/').unwrap().1.to_owned()
}

#[tokio::test]
async fn a_jobs_life_is_heard_in_order_with_its_facts() {
    let api = Api::start().await;
    let mut events = listen(&api, "", None).await;

    let job = life(&api).await;
    let heard = events.until("JobDeleted").await;

    let told = names(&heard);
    assert_eq!(
        told[..5],
        [
            "JobCreated",
            "JobUpdated",
            "JobDeactivated",
            "JobActivated",
            "JobStarted"
        ]
    );
    assert_eq!(told[7..], ["JobFinished", "JobDeleted"]);
    let mut middle = told[5..7].to_vec();
    middle.sort_unstable();
    assert_eq!(middle, ["StockFailed", "StockFetched"]);
    assert!(ids(&heard).is_sorted_by(|a, b| a < b), "{heard:?}");
    let fields = [
        ("JobCreated", &["job_name", "revision"][..]),
        (
            "JobStarted",
            &[
                "attempt",
                "execution_id",
                "job_name",
                "scheduled_for",
                "total_stocks",
                "triggered_by",
            ],
        ),
        ("StockFetched", &["execution_id", "key", "rows", "stock_id"]),
        (
            "StockFailed",
            &["attempts", "execution_id", "kind", "message", "stock_id"],
        ),
        (
            "JobFinished",
            &[
                "duration_seconds",
                "execution_id",
                "failed",
                "fetched",
                "next_run",
                "status",
            ],
        ),
        ("JobDeleted", &["job_name", "revision"]),
    ];
    for (name, fields) in fields {
        let data = &heard.iter().find(|event| event.name == name).unwrap().data;
        let mut expected: Vec<_> = fields.iter().chain(&["at", "job_id"]).collect();
        expected.sort_unstable();
        let mut told: Vec<_> = data.as_object().unwrap().keys().collect();
        told.sort_unstable();
        assert_eq!(told, expected, "{name}");
        assert_eq!(data["job_id"], job.as_str());
        assert!(data["at"].as_str().unwrap().ends_with("+00:00"), "{data}");
    }
    let finished = &heard[7].data;
    assert_eq!(
        (&finished["fetched"], &finished["failed"]),
        (&json!(1), &json!(1))
    );
    assert!(
        finished["next_run"]
            .as_str()
            .unwrap()
            .ends_with("T17:00:00+00:00"),
        "{finished}"
    );
}

#[tokio::test]
async fn filters_pass_what_they_name() {
    let api = Api::start().await;
    let mut all = listen(&api, "", None).await;
    let (first, second) = (life(&api).await, life(&api).await);
    let mut events = all.until("JobDeleted").await;
    events.extend(all.until("JobDeleted").await);
    let begin = "since=2020-01-01T00:00:00Z";
    let passing = |passes: &dyn Fn(&Heard) -> bool| {
        let passing: Vec<_> = events
            .iter()
            .filter(|event| passes(event))
            .cloned()
            .collect();
        ids(&passing)
    };

    let mut of_second = listen(&api, &format!("?{begin}&job_id={second}"), None).await;
    let mut ends = listen(
        &api,
        &format!("?{begin}&types=JobFinished,%20JobDeleted"),
        None,
    )
    .await;
    let mut end = listen(
        &api,
        &format!("?{begin}&types=JobDeleted,Tick&job_id={first}"),
        None,
    )
    .await;

    assert_eq!(
        ids(&of_second.until("JobDeleted").await),
        passing(&|event| event.data["job_id"] == second.as_str())
    );
    let mut heard = ends.until("JobDeleted").await;
    heard.extend(ends.until("JobDeleted").await);
    assert_eq!(
        ids(&heard),
        passing(&|event| ["JobFinished", "JobDeleted"].contains(&event.name.as_str()))
    );
    assert_eq!(ids(&end.until("JobDeleted").await).len(), 1);
}

#[tokio::test]
async fn a_listener_to_nothing_is_refused() {
    let api = Api::start().await;
    let job = life(&api).await;

    for (query, status, sentence) in [
        (format!("job_id={job}"), 404, "Job not found"),
        ("job_id=%20".into(), 404, "Job not found"),
        (
            "types=JobStart".into(),
            400,
            "types must be names of events",
        ),
        (
            "types=jobstarted".into(),
            400,
            "types must be names of events",
        ),
        ("since=yesterday".into(), 400, "since must be an"),
    ] {
        let refused = api
            .call(&format!("GET /scheduler/events?{query}"))
            .await
            .refused(status);
        assert!(refused.starts_with(sentence), "{query}: {refused}");
    }
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let mut api = Api::start().await;
    let (mut idle, mut filtered) = (
        listen(&api, "", None).await,
        listen(&api, "?types=Tick", None).await,
    );
    let began = tokio::time::Instant::now();

    assert_eq!(api.0.stop().await, Some(0));

    assert!(idle.next().await.is_none() && filtered.next().await.is_none());
    assert!(
        began.elapsed() < std::time::Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_stream_is_one_that_browsers_and_proxies_understand() {
    let api = Api::start().await;

    let response = api.request("GET /scheduler/events").send().await.unwrap();

    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache");
    assert_eq!(header("x-accel-buffering"), "no");
    let status: Value = api.call("GET /scheduler/status").await.ok();
    assert_eq!(status["is_running"], true);
}
