//! Redis goes away, hangs or is full: the service stays up, says so quickly, and goes on where it was.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::service::Options;
use crate::support::sse::Heard;
use crate::support::{Events, Provider, RedisServer, Service, eventually, free_port, next_minute};

/// An answer is due within a second, whatever the store does; the tenth is for a busy machine.
const SOON: Duration = Duration::from_millis(1_100);

async fn start(redis: &str, provider: &Provider) -> Service {
    Service::start(&Options::store(redis).provider(&provider.url())).await
}

/// The status and body of an answer that must come soon.
async fn soon(
    service: &Service,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let asked = Instant::now();
    let response = service.send(method.clone(), path, body).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let took = asked.elapsed();
    assert!(took < SOON, "{method} {path} took {took:?}");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        assert_eq!(
            headers["content-type"], "application/problem+json",
            "{path}"
        );
        assert!(headers.contains_key("retry-after"), "{path}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], 503, "{problem}");
        assert_eq!(problem["code"], "unavailable", "{problem}");
    }
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// What the service answers while its store is away, once it has noticed.
async fn assert_away(service: &Service, job: &str, run: &str) {
    let reads = [
        "/scheduler/jobs".to_owned(),
        "/scheduler/jobs?limit=1".to_owned(),
        format!("/scheduler/jobs/{job}"),
        format!("/scheduler/jobs/{job}/history"),
        format!("/scheduler/jobs/{job}/latest-execution"),
        format!("/scheduler/jobs/{job}/fires"),
        format!("/scheduler/executions/{run}"),
        "/scheduler/datasets".to_owned(),
        "/scheduler/datasets/latest?symbol=AAPL".to_owned(),
        "/scheduler/datasets/p%3AAAPL%3A2025-01-01%3A2025-01-02".to_owned(),
        "/scheduler/events?since=0-0".to_owned(),
        "/readyz".to_owned(),
    ];
    for path in &reads {
        let (status, body) = soon(service, Method::GET, path, None).await;
        assert_eq!(status, 503, "GET {path}: {body}");
    }
    let order = json!({"name": "A", "stock_ids": ["A"], "schedule_time": "17:00"});
    let writes = [
        (Method::POST, "/scheduler/jobs".to_owned(), Some(order)),
        (
            Method::PUT,
            format!("/scheduler/jobs/{job}"),
            Some(json!({"name": "B"})),
        ),
        (
            Method::POST,
            format!("/scheduler/jobs/{job}/run"),
            Some(json!({})),
        ),
        (Method::POST, format!("/scheduler/jobs/{job}/stop"), None),
        (
            Method::POST,
            format!("/scheduler/executions/{run}/cancel"),
            None,
        ),
    ];
    for (method, path, body) in writes {
        let (status, body) = soon(service, method.clone(), &path, body).await;
        assert_eq!(status, 503, "{method} {path}: {body}");
    }
    assert_eq!(soon(service, Method::GET, "/healthz", None).await.0, 200);
    let (status, body) = soon(service, Method::GET, "/scheduler/status", None).await;
    assert_eq!(
        (status, &body["store"]["ok"]),
        (StatusCode::OK, &json!(false)),
        "{body}"
    );
    assert_eq!(
        (&body["total_jobs_count"], &body["active_jobs_count"]),
        (&json!(2), &json!(2))
    );
    let metrics = service.send(Method::GET, "/metrics", None).await;
    assert_eq!(metrics.status(), 200);
}

/// The service, with one job that is due at the next minute and one that runs as the store goes away.
struct Scene {
    redis: RedisServer,
    provider: Provider,
    service: Service,
    due: DateTime<Utc>,
    due_job: String,
    slow_job: String,
    run: String,
    events: Events,
}

impl Scene {
    async fn new() -> Self {
        let redis = RedisServer::start().await;
        let provider = Provider::start().await;
        let service = start(&redis.url(), &provider).await;
        let events = service.events("").await;
        // Near enough that the outage covers it, far enough to begin before it.
        let due = next_minute();
        let order = json!({"name": "Due", "stock_ids": ["AAPL"], "schedule_time": due.format("%H:%M").to_string()});
        let created = service.post("/scheduler/jobs", order).await;
        let slow: Vec<String> = (0..60).map(|number| format!("S{number:02}")).collect();
        let slow: Vec<&str> = slow.iter().map(String::as_str).collect();
        let slow_job = service.job("Slow", &slow).await;
        service.get("/scheduler/status").await;
        Self {
            due_job: created["job_id"].as_str().unwrap().to_owned(),
            run: String::new(),
            redis,
            provider,
            service,
            due,
            slow_job,
            events,
        }
    }

    /// Lets the slow job run until part of it is stored; three seconds before the other job is due.
    async fn begin(&mut self) {
        let before = self.due - chrono::TimeDelta::seconds(3);
        eventually("the minute ends", Duration::from_secs(62), async || {
            (Utc::now() >= before).then_some(())
        })
        .await;
        self.provider.delay(Duration::from_millis(400));
        self.run = self.service.run(&self.slow_job).await;
        eventually("part is stored", Duration::from_secs(5), async || {
            let run = self
                .service
                .get(&format!("/scheduler/executions/{}", self.run))
                .await;
            (!run["fetched_stocks"].as_array()?.is_empty()).then_some(())
        })
        .await;
    }

    async fn until_past_due(&self, seconds: i64) {
        let end = self.due + chrono::TimeDelta::seconds(seconds);
        eventually("the fire is overdue", Duration::from_secs(70), async || {
            (Utc::now() > end).then_some(())
        })
        .await;
    }

    async fn ready(&self) {
        eventually(
            "the service is ready",
            Duration::from_secs(10),
            async || {
                let response = self.service.send(Method::GET, "/readyz", None).await;
                (response.status() == 200).then_some(())
            },
        )
        .await;
    }

    /// After the store's return: the run is complete, the fire is made once, the stream has no gap.
    async fn assert_whole(mut self) {
        self.ready().await;
        let run = self.service.ended(&self.run).await;
        assert_eq!(run["status"], "success", "{run}");
        assert_eq!(run["fetched_stocks"].as_array().unwrap().len(), 60);
        let fire = eventually("the overdue fire", Duration::from_secs(10), async || {
            let fires = self
                .service
                .get(&format!("/scheduler/jobs/{}/fires", self.due_job))
                .await;
            fires.get(0).cloned()
        })
        .await;
        assert_eq!(fire["state"], "fired", "{fire}");
        let fired = fire["execution_id"].as_str().unwrap().to_owned();
        assert_eq!(self.service.ended(&fired).await["status"], "success");
        let fires = self
            .service
            .get(&format!("/scheduler/jobs/{}/fires", self.due_job))
            .await;
        assert_eq!(fires.as_array().unwrap().len(), 1, "{fires}");
        for job in [&self.due_job, &self.slow_job] {
            let history = self
                .service
                .get(&format!("/scheduler/jobs/{job}/history"))
                .await;
            assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
        }
        self.assert_stream_without_gap().await;
        assert_eq!(self.service.stop().await, Some(0));
    }

    /// What the listener heard, resumed where its stream ended, is the log.
    async fn assert_stream_without_gap(&mut self) {
        let end = self.service.job("End", &["END"]).await;
        let is_end = |heard: &Heard| heard.data["job_id"] == end.as_str();
        let mut log = Vec::new();
        let mut whole = self.service.events("?since=0-0").await;
        while let Some(heard) = whole.next().await.filter(|heard| !is_end(heard)) {
            log.push(heard.id);
        }
        let mut heard_live = Vec::new();
        loop {
            match self.events.next().await {
                Some(heard) if is_end(&heard) => break,
                Some(heard) => heard_live.push(heard.id),
                None => {
                    let last = heard_live.last().cloned().flatten();
                    let url = format!("{}/scheduler/events", self.service.url);
                    self.events = Events::open(&url, last.as_deref()).await;
                }
            }
        }
        assert_eq!(heard_live, log);
    }
}

#[tokio::test]
async fn redis_killed_during_a_run_and_over_a_fire_loses_nothing() {
    let mut scene = Scene::new().await;
    scene.begin().await;

    scene.redis.kill();
    assert_away(&scene.service, &scene.due_job, &scene.run).await;
    scene.until_past_due(5).await;
    assert_away(&scene.service, &scene.due_job, &scene.run).await;
    assert_eq!(
        scene.provider.answered("AAPL"),
        0,
        "no fire without a record"
    );
    scene.redis.restart().await;

    scene.assert_whole().await;
}

#[tokio::test]
async fn redis_hanging_during_a_run_and_over_a_fire_loses_nothing() {
    let mut scene = Scene::new().await;
    scene.begin().await;

    let stopped = Instant::now();
    scene.redis.signal("STOP");
    assert_away(&scene.service, &scene.due_job, &scene.run).await;
    scene.until_past_due(2).await;
    assert_eq!(
        scene.provider.answered("AAPL"),
        0,
        "no fire without a record"
    );
    eventually("20 seconds", Duration::from_secs(30), async || {
        (stopped.elapsed() > Duration::from_secs(20)).then_some(())
    })
    .await;
    scene.redis.signal("CONT");

    scene.assert_whole().await;
}

#[tokio::test]
async fn a_full_redis_refuses_writes_and_recovers() {
    let redis = RedisServer::start().await;
    let provider = Provider::start().await;
    let service = start(&redis.url(), &provider).await;
    let job = service.job("Before", &["AAPL"]).await;
    let mut admin = redis.connection().await;
    let mut limit = async |bytes: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(bytes);
        command.query_async::<String>(&mut admin).await.unwrap();
    };

    limit("1").await;
    let order = json!({"name": "A", "stock_ids": ["A"], "schedule_time": "17:00"});
    let create = soon(
        &service,
        Method::POST,
        "/scheduler/jobs",
        Some(order.clone()),
    )
    .await;
    let run = soon(
        &service,
        Method::POST,
        &format!("/scheduler/jobs/{job}/run"),
        Some(json!({})),
    )
    .await;
    let read = soon(
        &service,
        Method::GET,
        &format!("/scheduler/jobs/{job}"),
        None,
    )
    .await;

    assert_eq!(create.0, 503, "{}", create.1);
    assert_eq!(run.0, 503, "{}", run.1);
    assert_eq!(
        (read.0, &read.1["name"]),
        (StatusCode::OK, &json!("Before"))
    );
    assert_eq!(soon(&service, Method::GET, "/healthz", None).await.0, 200);
    limit("0").await;
    let run = service.run(&job).await;
    assert_eq!(service.ended(&run).await["status"], "success");
    let created = soon(&service, Method::POST, "/scheduler/jobs", Some(order)).await;
    assert_eq!(created.0, 200);
    let jobs = service.get("/scheduler/jobs").await;
    assert_eq!(
        jobs.as_array().unwrap().len(),
        2,
        "what was refused is not there"
    );
}

#[tokio::test]
async fn a_redis_that_fills_up_during_a_run_does_not_fail_the_run() {
    let redis = RedisServer::start().await;
    let provider = Provider::start().await;
    provider.delay(Duration::from_millis(100));
    let service = start(&redis.url(), &provider).await;
    let symbols: Vec<String> = (0..40).map(|number| format!("S{number:02}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let job = service.job("Fills", &symbols).await;
    let mut admin = redis.connection().await;
    let mut limit = async |bytes: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(bytes);
        command.query_async::<String>(&mut admin).await.unwrap();
    };

    let run = service.run(&job).await;
    limit("1").await;
    eventually("all is fetched", Duration::from_secs(20), async || {
        (provider.requests() >= 40).then_some(())
    })
    .await;
    limit("0").await;

    let run = service.ended(&run).await;
    assert_eq!(run["status"], "success", "{run}");
    assert_eq!(provider.requests(), 40, "nothing is asked for twice");
}

#[tokio::test]
async fn a_stop_while_redis_is_away_ends_in_time() {
    let mut redis = RedisServer::start().await;
    let provider = Provider::start().await;
    provider.delay(Duration::from_millis(300));
    let mut service = start(&redis.url(), &provider).await;
    let symbols: Vec<String> = (0..60).map(|number| format!("S{number:02}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let job = service.job("Going", &symbols).await;
    let run = service.run(&job).await;
    redis.kill();

    let asked = Instant::now();
    let code = service.stop().await;
    let took = asked.elapsed();
    redis.restart().await;
    let next = start(&redis.url(), &provider).await;

    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(next.ended(&run).await["status"], "success");
}

#[tokio::test]
async fn a_stop_while_redis_hangs_ends_in_time() {
    let redis = RedisServer::start().await;
    let provider = Provider::start().await;
    provider.delay(Duration::from_millis(300));
    let mut service = start(&redis.url(), &provider).await;
    let job = service.job("Going", &["A", "B", "C"]).await;
    service.run(&job).await;
    redis.signal("STOP");

    let asked = Instant::now();
    let code = service.stop().await;
    let took = asked.elapsed();
    redis.signal("CONT");

    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_service_that_starts_without_redis_comes_up_and_waits_for_it() {
    let mut redis = RedisServer::start().await;
    let provider = Provider::start().await;
    redis.kill();

    let service = start(&redis.url(), &provider).await;

    let (status, body) = soon(&service, Method::GET, "/scheduler/jobs", None).await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(soon(&service, Method::GET, "/healthz", None).await.0, 200);
    assert_eq!(soon(&service, Method::GET, "/readyz", None).await.0, 503);
    let (status, body) = soon(&service, Method::GET, "/scheduler/status", None).await;
    assert_eq!(
        (status, &body["store"]["ok"]),
        (StatusCode::OK, &json!(false)),
        "{body}"
    );
    redis.restart().await;
    let job = eventually("a job is taken", Duration::from_secs(10), async || {
        let order = json!({"name": "A", "stock_ids": ["AAPL"], "schedule_time": "17:00"});
        let (status, body) = soon(&service, Method::POST, "/scheduler/jobs", Some(order)).await;
        (status == 200).then(|| body["job_id"].as_str().unwrap().to_owned())
    })
    .await;
    let run = service.run(&job).await;
    assert_eq!(service.ended(&run).await["status"], "success");
    assert_eq!(soon(&service, Method::GET, "/readyz", None).await.0, 200);
}

#[tokio::test]
async fn a_service_whose_redis_never_was_stays_up() {
    let provider = Provider::start().await;
    let nobody = format!("redis://127.0.0.1:{}/0", free_port());

    let mut service = start(&nobody, &provider).await;

    assert_eq!(
        soon(&service, Method::GET, "/scheduler/jobs", None).await.0,
        503
    );
    assert_eq!(soon(&service, Method::GET, "/healthz", None).await.0, 200);
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_served_as_it_is() {
    let mut redis = RedisServer::with(&["--save", ""]).await;
    let provider = Provider::start().await;
    let service = start(&redis.url(), &provider).await;
    let lost = service.job("Lost", &["AAPL"]).await;
    let path = format!("/scheduler/jobs/{lost}");
    service.get(&path).await;
    service.get("/scheduler/status").await;

    redis.kill();
    redis.restart().await;
    eventually("the job is gone", Duration::from_secs(10), async || {
        let response = service.send(Method::GET, &path, None).await;
        (response.status() == 404).then_some(())
    })
    .await;

    let status = service.get("/scheduler/status").await;
    assert_eq!(status["total_jobs_count"], 0, "{status}");
    let mut events = service.events("").await;
    let job = service.job("New", &["MSFT"]).await;
    let run = service.run(&job).await;
    assert_eq!(service.ended(&run).await["status"], "success");
    events.until("JobFinished").await;
}
