//! What the Python module got wrong, each as the fact that holds here.

use std::time::Duration;

use chrono::{DateTime, Days, TimeDelta, Utc};
use redis::AsyncCommands;
use reqwest::Method;
use serde_json::{Value, json};
use stock_scheduler::{
    DatasetQuery, EventKind, FetchErrorKind, Host, JobStatus, ManualRun, RunId, RunStatus,
};

use crate::support::service::Options;
use crate::support::world::{Act, World, edit, fates, instant, job, next_run, price, runs};
use crate::support::{Provider, RedisServer, Service, eventually, next_minute};

#[tokio::test]
async fn history_is_saved() {
    let (redis, provider) = (RedisServer::start().await, Provider::start().await);
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("jobs.db").display());
    for store in [redis.url(), sqlite] {
        let options = Options::store(&store).provider(&provider.url());
        let mut service = Service::start(&options).await;
        let job = service.job("Saved", &["AAPL", "MSFT"]).await;
        let run = service.run(&job).await;
        let ended = service.ended(&run).await;
        service.stop().await;

        let service = Service::start(&options).await;

        let history = service.get(&format!("/scheduler/jobs/{job}/history")).await;
        assert_eq!(history, json!([ended]), "{store}");
        let latest = service
            .get(&format!("/scheduler/jobs/{job}/latest-execution"))
            .await;
        assert_eq!(latest["execution_id"], run.as_str());
        assert_eq!(latest["fetched_stocks"], json!(["AAPL", "MSFT"]));
    }
}

#[tokio::test(start_paused = true)]
async fn long_job_does_not_overlap() {
    let world = World::at("2025-06-02T12:00:30Z")
        .limited(|limits| limits.timeout = Some(Duration::from_secs(900)));
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(330)));
    let host = world.host().await;
    let job = job(&host, json!({"schedule": {"kind": "every", "seconds": 60}})).await;

    world.until("2025-06-02T12:06:20Z").await;

    assert_eq!(world.provider.log().len(), 1, "one run at a time");
    assert_eq!(runs(&host, &job).await.len(), 1);
    let fates = fates(&host, &job).await;
    assert_eq!(fates[0], "fired");
    assert_eq!(fates[1..], ["skipped overlap"; 5]);
}

#[tokio::test(start_paused = true)]
async fn failing_job_does_not_refire_each_minute() {
    let world = World::at("2025-06-02T16:59:00Z");
    world.provider.tell(
        "AAPL",
        Act::Fails(FetchErrorKind::UnknownSymbol, usize::MAX),
    );
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;

    world.until("2025-06-02T18:30:00Z").await;

    assert_eq!(world.provider.log().len(), 1);
    let runs = runs(&host, &job).await;
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Failed));
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-03T17:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn symbols_never_mix() {
    let world = World::at("2025-06-02T16:59:50Z");
    let host = world.host().await;
    let mut symbols = Vec::new();
    for job_number in 0..10 {
        let of_job: Vec<_> = (0..20)
            .map(|number| format!("J{job_number}S{number}"))
            .collect();
        for (number, symbol) in of_job.iter().enumerate() {
            let time = Duration::from_millis(1 + (number as u64 * 7 + job_number * 3) % 11);
            world.provider.tell(symbol, Act::Takes(time));
        }
        job(
            &host,
            json!({"schedule_time": "17:00", "stock_ids": of_job}),
        )
        .await;
        symbols.extend(of_job);
    }

    world.until("2025-06-02T17:00:10Z").await;

    for symbol in &symbols {
        let (key, text) = host
            .latest_dataset("scheduled_stock_data", symbol)
            .await
            .unwrap();
        assert_eq!(key.symbol.as_str(), symbol);
        let records: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(records.len(), 31);
        assert!(
            records
                .iter()
                .all(|record| record["Close"] == price(symbol)),
            "{symbol}: {text}"
        );
    }
}

/// A host, and a job whose run goes for half a minute.
async fn during_a_run(world: &World) -> (Host, stock_scheduler::JobId) {
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(30)));
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    world.until("2025-06-02T17:00:10Z").await;
    assert_eq!(
        host.job(&job).await.unwrap().stored.status(),
        JobStatus::Running
    );
    (host, job)
}

#[tokio::test(start_paused = true)]
async fn edit_during_run_survives() {
    let world = World::at("2025-06-02T16:59:00Z");
    let (host, job) = during_a_run(&world).await;

    let change = json!({"name": "Edited", "schedule_time": "18:30", "stock_ids": ["MSFT"]});
    edit(&host, &job, change).await;
    world.until("2025-06-02T17:10:00Z").await;

    let stored = host.job(&job).await.unwrap().stored.clone();
    assert_eq!(
        (stored.job.name.as_str(), stored.job.revision),
        ("Edited", 2)
    );
    assert_eq!(
        stored.state.next.at(),
        Some(instant("2025-06-02T18:30:00Z"))
    );
    let run = &runs(&host, &job).await[0];
    assert_eq!(run.status, RunStatus::Success);
    assert_eq!(
        run.symbols[0].symbol.as_str(),
        "AAPL",
        "the run goes on as it began"
    );
}

#[tokio::test(start_paused = true)]
async fn stop_during_run_survives() {
    let world = World::at("2025-06-02T16:59:00Z");
    let (host, job) = during_a_run(&world).await;

    host.set_active(&job, false).await.unwrap();
    world.until("2025-06-02T17:10:00Z").await;

    let stored = host.job(&job).await.unwrap().stored.clone();
    assert_eq!(
        (stored.job.active, stored.status()),
        (false, JobStatus::Paused)
    );
    assert_eq!(stored.state.next.at(), None);
    assert_eq!(runs(&host, &job).await[0].status, RunStatus::Success);
    let finished = world
        .events()
        .await
        .into_iter()
        .find_map(|event| match event.kind {
            EventKind::JobFinished { next_run, .. } => Some(next_run),
            _ => None,
        });
    assert_eq!(finished, Some(None), "a stopped job has no next run");
}

#[tokio::test]
async fn index_survives_two_instances() {
    let (redis, provider) = (RedisServer::start().await, Provider::start().await);
    let options = Options::store(&redis.url()).provider(&provider.url());
    let (first, second) = (
        Service::start(&options).await,
        Service::start(&options).await,
    );
    let create = async |service: &Service| {
        let mut ids = Vec::new();
        for number in 0..50 {
            ids.push(service.job(&format!("Job {number}"), &["AAPL"]).await);
        }
        for id in ids.iter().step_by(5) {
            service
                .send(Method::DELETE, &format!("/scheduler/jobs/{id}"), None)
                .await;
        }
        ids.into_iter()
            .enumerate()
            .filter(|(number, _)| number % 5 != 0)
            .map(|(_, id)| id)
            .collect()
    };

    let (mut wanted, of_second): (Vec<String>, Vec<String>) =
        tokio::join!(create(&first), create(&second));

    wanted.extend(of_second);
    wanted.sort();
    let mut connection = redis.connection().await;
    eventually(
        "the index has every job",
        Duration::from_secs(5),
        async || {
            let text: String = connection.get("scheduler:job_index").await.ok()?;
            let mut index: Vec<String> = serde_json::from_str(&text).expect("a JSON list");
            index.sort();
            (index == wanted).then_some(())
        },
    )
    .await;
    for service in [&first, &second] {
        let listed = service.get("/scheduler/jobs").await;
        assert_eq!(listed.as_array().unwrap().len(), wanted.len());
    }
}

#[tokio::test(start_paused = true)]
async fn dst_and_zone() {
    let world = World::at("2025-03-29T16:59:59Z");
    let host = world.host().await;
    let new_york = json!({"schedule_time": "17:00", "timezone": "America/New_York"});
    let berlin = json!({"schedule_time": "17:00", "timezone": "Europe/Berlin"});
    let (new_york, berlin) = (job(&host, new_york).await, job(&host, berlin).await);
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(next_run(&host, &berlin).await.unwrap());
        world.set_clock(TimeDelta::hours(24));
        world.pass(2).await;
    }

    // The clocks of Berlin go forward in the night to 30 March, those of New York went three weeks before.
    assert_eq!(
        seen,
        [
            instant("2025-03-30T15:00:00Z"),
            instant("2025-03-31T15:00:00Z")
        ]
    );
    assert_eq!(
        next_run(&host, &new_york).await,
        Some(instant("2025-03-31T21:00:00Z"))
    );
    let started: Vec<_> = runs(&host, &new_york)
        .await
        .iter()
        .map(|run| run.fire_time)
        .collect();
    assert_eq!(
        started,
        [
            Some(instant("2025-03-29T21:00:00Z")),
            Some(instant("2025-03-30T21:00:00Z"))
        ]
    );
}

#[tokio::test]
async fn todays_bar_is_stored() {
    let provider = Provider::start().await;
    let service = Service::start(&Options::store("memory:").provider(&provider.url())).await;
    // A weekday, because the provider has no bars at weekends; its bars are at 14:30 UTC.
    let today: DateTime<Utc> = "2025-06-03T00:00:00Z".parse().unwrap();
    let order = json!({"name": "Today", "stock_ids": ["AAPL"], "schedule_time": "17:00",
        "start_date": "2025-06-02", "end_date": today.date_naive()});

    let created = service.post("/scheduler/jobs", order).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;
    let run = service.ended(&run).await;

    let key = run["symbols"][0]["key"].as_str().unwrap();
    assert!(key.ends_with(":2025-06-02:2025-06-03"), "{key}");
    let records = service.get("/scheduler/datasets/latest?symbol=AAPL").await;
    let dates: Vec<_> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["Date"].clone())
        .collect();
    assert_eq!(dates.len(), 2, "{records}");
    assert_eq!(dates[1], today.timestamp_millis());
}

#[tokio::test(start_paused = true)]
async fn keys_bounded() {
    let world = World::at("2025-06-02T16:59:59Z");
    let host = world.host().await;
    let order = json!({"schedule_time": "17:00", "duration_days": 30, "keep": 2});
    let job = job(&host, order).await;
    for _ in 0..10 {
        world.pass(2).await;
        world.set_clock(TimeDelta::days(1) - TimeDelta::seconds(2));
    }

    assert!(runs(&host, &job).await.len() >= 9);
    let query = DatasetQuery {
        limit: 100,
        ..DatasetQuery::default()
    };
    let windows = host.datasets(&query).await.unwrap().datasets;
    let ends: Vec<_> = windows.iter().map(|one| one.key.window.end).collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert_eq!(ends[1], ends[0] + Days::new(1), "the newest are kept");
    let newest = runs(&host, &job).await.last().unwrap().plan.window.end;
    assert_eq!(ends[1], newest);
}

#[tokio::test(start_paused = true)]
async fn time_edit_moves_next_run() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-02T17:00:00Z"))
    );

    edit(&host, &job, json!({"schedule_time": "12:05"})).await;

    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-02T12:05:00Z"))
    );
    world.until("2025-06-02T12:06:00Z").await;
    let runs = runs(&host, &job).await;
    assert_eq!(runs[0].fire_time, Some(instant("2025-06-02T12:05:00Z")));
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-03T12:05:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn start_with_past_next_run_obeys_policy() {
    let world = World::at("2025-06-02T16:00:00Z");
    let before = world.host().await;
    let once = job(&before, json!({"schedule_time": "17:00"})).await;
    let skips = job(
        &before,
        json!({"schedule_time": "17:00", "misfire": "skip"}),
    )
    .await;
    let stopped = job(&before, json!({"schedule_time": "17:00"})).await;
    before.set_active(&stopped, false).await.unwrap();
    before.stop().await;
    world.set_clock(TimeDelta::hours(2));

    let after = world.host().await;
    after.set_active(&stopped, true).await.unwrap();
    world.pass(5).await;

    assert_eq!(fates(&after, &once).await, ["fired"]);
    assert_eq!(fates(&after, &skips).await, ["missed down"]);
    assert!(fates(&after, &stopped).await.is_empty());
    for job in [&once, &skips, &stopped] {
        assert_eq!(
            next_run(&after, job).await,
            Some(instant("2025-06-03T17:00:00Z"))
        );
    }
    after
        .run_now(&skips, RunId::random(), ManualRun::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn restart_recovers_running() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let provider = Provider::start().await;
    let options = Options::store(&store).provider(&provider.url());
    provider.delay(Duration::from_secs(1));
    let mut service = Service::start(&options).await;
    let job = service.job("Killed", &["AAPL", "MSFT"]).await;
    let run = service.run(&job).await;
    assert_eq!(
        service.get(&format!("/scheduler/jobs/{job}")).await["status"],
        "running"
    );

    service.kill().await;
    let service = Service::start(&options).await;

    let run = service.ended(&run).await;
    assert_eq!(
        (&run["status"], &run["attempt"]),
        (&json!("success"), &json!(2))
    );
    assert_eq!(
        service.get(&format!("/scheduler/jobs/{job}")).await["status"],
        "completed"
    );
    service.run(&job).await;
}

#[tokio::test]
async fn three_instances_one_fire() {
    let (redis, provider) = (RedisServer::start().await, Provider::start().await);
    let options = Options::store(&redis.url()).provider(&provider.url());
    let mut services = Vec::new();
    for _ in 0..3 {
        services.push(Service::start(&options).await);
    }
    let due = next_minute().format("%H:%M").to_string();
    let mut jobs = Vec::new();
    for number in 0..30 {
        let order =
            json!({"name": "One", "stock_ids": [format!("S{number}")], "schedule_time": due});
        let created = services[number % 3].post("/scheduler/jobs", order).await;
        jobs.push(created["job_id"].as_str().unwrap().to_owned());
    }

    let mut started = 0;
    let mut finished = 0;
    let mut events = services[0].events("?since=0-0").await;
    while finished < jobs.len() {
        let heard = events.next().await.expect("the stream goes on");
        started += usize::from(heard.name == "JobStarted");
        finished += usize::from(heard.name == "JobFinished");
    }

    assert_eq!(started, jobs.len());
    for (number, job) in jobs.iter().enumerate() {
        let fires = services[(number + 1) % 3]
            .get(&format!("/scheduler/jobs/{job}/fires"))
            .await;
        assert_eq!(fires.as_array().unwrap().len(), 1, "{fires}");
        assert_eq!(fires[0]["state"], "fired");
        assert_eq!(provider.answered(&format!("S{number}")), 1);
        let history = services[(number + 2) % 3]
            .get(&format!("/scheduler/jobs/{job}/history"))
            .await;
        assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
    }
}
