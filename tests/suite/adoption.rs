//! A Redis that the Python module has used: every job is taken over, nothing fires at the cut-over, old data is readable.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::AsyncCommands;
use serde_json::{Value, json};

use crate::support::service::Options;
use crate::support::{Provider, RedisServer, Service, eventually, shared};

/// What that module left: keys and their texts.
type Left = BTreeMap<String, String>;

const GOOD: &str = "11111111-0000-4000-8000-000000000001";
const RUNNING: &str = "11111111-0000-4000-8000-000000000002";

/// A job document as that module writes it.
fn document(id: &str, changes: Value) -> String {
    let mut document = json!({
        "job_id": id, "name": "Old", "stock_ids": ["AAPL"], "schedule_time": "17:00", "is_active": true,
        "created_at": "2025-10-21T10:00:00", "last_run": null, "next_run": "2025-10-22T17:00:00",
        "status": "pending", "start_date": null, "end_date": null, "duration_days": null,
        "prefix": "scheduled_stock_data",
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.to_string()
}

/// Made-up documents: two good ones, a stopped one, and several that nobody checked.
fn made_up() -> Left {
    let id = |number: usize| format!("11111111-0000-4000-8000-{number:012}");
    let ran = json!({"status": "running", "last_run": "2025-10-22T17:00:01.5", "stock_ids": ["aapl", " msft"]});
    let changes = [
        json!({}),
        ran,
        json!({"is_active": false, "next_run": null}),
        json!({"schedule_time": "5 pm"}),
        json!({"stock_ids": []}),
        json!({"duration_days": -1}),
        json!({"prefix": "a:b"}),
    ];
    let mut left = Left::new();
    let mut ids = Vec::new();
    for (number, changes) in changes.into_iter().enumerate() {
        let id = id(number + 1);
        left.insert(format!("scheduler:job:{id}"), document(&id, changes));
        ids.push(id);
    }
    ids.push(id(99));
    left.insert("scheduler:job_index".into(), json!(ids).to_string());
    let bars = r#"[{"Date":1758499200000,"Close":256.0799865723,"High":256.6400146484,"Low":248.1199951172,"Open":248.3000030518,"Volume":105517400}]"#;
    let wrapped =
        format!(r#"{{"data": {bars}, "metadata": {{"job_id": "x", "tags": ["scheduled"]}}}}"#);
    left.insert(
        "scheduled_stock_data:AAPL:2025-09-21:2025-10-21".into(),
        bars.into(),
    );
    left.insert("rolling:aapl:2025-08-24:2025-10-23".into(), wrapped);
    left
}

struct Scene {
    redis: RedisServer,
    provider: Provider,
    service: Service,
}

impl Scene {
    /// Puts `left` into a Redis, then starts the service over it and waits until all is taken over.
    async fn after(left: &Left, options: impl FnOnce(Options) -> Options) -> Self {
        let redis = RedisServer::start().await;
        let mut connection = redis.connection().await;
        for (key, text) in left {
            let _: () = connection.set(key, text).await.unwrap();
        }
        let provider = Provider::start().await;
        let plain = Options::store(&redis.url()).provider(&provider.url());
        let service = Service::start(&options(plain)).await;
        let scene = Self {
            redis,
            provider,
            service,
        };
        let jobs = documents(left).count();
        eventually(
            "all jobs are taken over",
            Duration::from_secs(10),
            async || {
                let listed = scene.jobs().await;
                let is_settled =
                    |job: &Value| job["is_active"] == false || !job["next_run"].is_null();
                (listed.len() == jobs && listed.iter().all(is_settled)).then_some(())
            },
        )
        .await;
        scene
    }

    async fn jobs(&self) -> Vec<Value> {
        self.service
            .get("/scheduler/jobs")
            .await
            .as_array()
            .unwrap()
            .clone()
    }

    async fn index(&self) -> Vec<String> {
        let text: String = self
            .redis
            .connection()
            .await
            .get("scheduler:job_index")
            .await
            .unwrap();
        serde_json::from_str(&text).expect("a JSON list of ids")
    }
}

fn documents(left: &Left) -> impl Iterator<Item = (&str, &String)> {
    left.iter()
        .filter_map(|(key, text)| Some((key.strip_prefix("scheduler:job:")?, text)))
}

fn windows(left: &Left) -> impl Iterator<Item = (&String, &String)> {
    left.iter().filter(|(key, _)| key.split(':').count() == 4)
}

/// What holds after the cut-over, whatever was left.
async fn assert_taken_over(left: &Left) {
    let scene = Scene::after(left, |options| options).await;
    let now = Utc::now();
    for job in scene.jobs().await {
        let id = job["job_id"].as_str().unwrap();
        let old: Value = serde_json::from_str(&left[&format!("scheduler:job:{id}")]).unwrap();
        assert_eq!(job["name"], old["name"]);
        if job["problem"].is_null() {
            assert_eq!(job["is_active"], old["is_active"], "{job}");
            assert_eq!(job["prefix"], old["prefix"]);
        } else {
            assert_eq!(
                (&job["is_active"], &job["status"]),
                (&json!(false), &json!("paused")),
                "{job}"
            );
        }
        if job["is_active"] == true {
            let next: DateTime<Utc> = job["next_run"].as_str().unwrap().parse().unwrap();
            assert!(next > now, "{job}");
            assert_ne!(job["status"], "running", "{job}");
        } else {
            assert_eq!(job["next_run"], Value::Null, "{job}");
        }
        for what in ["history", "fires"] {
            let none = scene
                .service
                .get(&format!("/scheduler/jobs/{id}/{what}"))
                .await;
            assert_eq!(none, json!([]), "nothing runs at the cut-over");
        }
    }
    assert_eq!(scene.provider.requests(), 0);
    assert_old_windows(&scene, left).await;
    let known: Vec<&str> = documents(left).map(|(id, _)| id).collect();
    let mut index = scene.index().await;
    index.retain(|id| known.contains(&id.as_str()));
    assert_eq!(
        index.len(),
        known.len(),
        "readers of the index find every job"
    );
}

async fn assert_old_windows(scene: &Scene, left: &Left) {
    let listed = eventually(
        "old windows are listed",
        Duration::from_secs(10),
        async || {
            let listed = scene.service.get("/scheduler/datasets").await;
            let listed = listed.as_array()?.clone();
            (listed.len() == windows(left).count()).then_some(listed)
        },
    )
    .await;
    for (key, text) in windows(left) {
        assert!(listed.iter().any(|one| one["key"] == key.as_str()), "{key}");
        let old: Value = serde_json::from_str(text).unwrap();
        let records = old.get("data").unwrap_or(&old);
        let path = format!("/scheduler/datasets/{}", key.replace(':', "%3A"));
        assert_eq!(scene.service.get(&path).await, *records, "{key}");
    }
}

#[tokio::test]
async fn what_the_python_module_left_is_taken_over_whole() {
    assert_taken_over(&made_up()).await;
}

#[tokio::test]
async fn what_that_modules_own_classes_wrote_is_taken_over_whole() {
    let Some(path) = shared("data/python-module/redis.json") else {
        return;
    };
    let left: Left = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();

    assert_taken_over(&left).await;
}

#[tokio::test]
async fn what_nobody_had_checked_is_paused_and_said() {
    let scene = Scene::after(&made_up(), |options| options).await;

    let problems: Vec<String> = scene
        .jobs()
        .await
        .iter()
        .filter_map(|job| job["problem"].as_str().map(str::to_owned))
        .collect();

    assert_eq!(problems.len(), 4, "{problems:?}");
    for wrong in ["5 pm", "stock_ids", "-1", "a:b"] {
        assert!(
            problems.iter().any(|problem| problem.contains(wrong)),
            "{wrong}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn a_job_that_read_running_runs_again() {
    let scene = Scene::after(&made_up(), |options| options).await;

    let run = scene.service.run(RUNNING).await;
    let run = scene.service.ended(&run).await;

    assert_eq!(
        run["fetched_stocks"],
        json!(["aapl", "msft"]),
        "symbols keep their case"
    );
    let job = scene
        .service
        .get(&format!("/scheduler/jobs/{RUNNING}"))
        .await;
    assert_eq!(job["status"], "completed");
}

#[tokio::test]
async fn a_job_that_another_writer_adds_to_the_list_later_is_taken_over() {
    let left = made_up();
    let scene = Scene::after(&left, |options| options).await;
    let added = "22222222-0000-4000-8000-000000000000";
    let ours = scene.service.job("Ours", &["MSFT"]).await;
    eventually("the list has our job", Duration::from_secs(5), async || {
        scene.index().await.contains(&ours).then_some(())
    })
    .await;

    let mut connection = scene.redis.connection().await;
    let text = document(added, json!({"name": "Added"}));
    let _: () = connection
        .set(format!("scheduler:job:{added}"), text)
        .await
        .unwrap();
    let mut index = scene.index().await;
    index.push(added.to_owned());
    let _: () = connection
        .set("scheduler:job_index", json!(index).to_string())
        .await
        .unwrap();

    let job = eventually(
        "the job is taken over",
        Duration::from_secs(45),
        async || {
            let jobs = scene.jobs().await;
            jobs.into_iter()
                .find(|job| job["job_id"] == added && !job["next_run"].is_null())
        },
    )
    .await;
    assert_eq!(
        (&job["name"], &job["is_active"]),
        (&json!("Added"), &json!(true))
    );
    let index = scene.index().await;
    for id in [GOOD, ours.as_str(), added] {
        assert!(index.iter().any(|one| one == id), "{index:?}");
    }
    assert_eq!(scene.provider.requests(), 0);
}

#[tokio::test]
async fn wrapped_values_are_written_for_readers_who_expect_them() {
    let wrapped = |options: Options| options.with("--value-format", "wrapped");
    let scene = Scene::after(&made_up(), wrapped).await;

    let run = scene.service.run(GOOD).await;
    let run = scene.service.ended(&run).await;

    let key = run["symbols"][0]["key"].as_str().unwrap();
    let text: String = scene.redis.connection().await.get(key).await.unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(
        value["data"]
            .as_array()
            .is_some_and(|records| !records.is_empty()),
        "{text}"
    );
    assert_eq!(value["metadata"]["job_id"], GOOD);
    let path = format!("/scheduler/datasets/{}", key.replace(':', "%3A"));
    assert_eq!(
        scene.service.get(&path).await,
        value["data"],
        "our own readers see the records"
    );
}
