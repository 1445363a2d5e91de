//! kill -9 at any moment of a run: after the next start it goes on, and nothing is lost or happens twice.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::service::{Options, signal};
use crate::support::sse::Heard;
use crate::support::{Provider, RedisServer, Service, next_minute};

const SYMBOLS: usize = 200;
/// Requests under way at once.
const CONCURRENCY: usize = 8;

/// Random numbers (xorshift) from a seed that is told, so that a failure can be repeated with `CRASH_SEED`.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(what: &str) -> Self {
        let given = std::env::var("CRASH_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed: u64 = given.unwrap_or_else(|| RandomState::new().build_hasher().finish() | 1);
        println!("{what}: CRASH_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % (most as u64 + 1)) as usize
    }
}

/// Where everything is kept while services come and go.
pub(crate) enum Durable {
    Sqlite(TempDir),
    Redis(RedisServer),
}

impl Durable {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    pub(crate) async fn redis() -> Self {
        Self::Redis(RedisServer::start().await)
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(dir) => format!("sqlite:{}", dir.path().join("jobs.db").display()),
            Self::Redis(redis) => redis.url(),
        }
    }
}

/// A kill: what was stored by then is not asked for again.
struct Kill {
    clock: DateTime<Utc>,
    instant: Instant,
}

/// A service that is killed and started again, over one store and one provider.
struct Scene {
    _store: Durable,
    provider: Provider,
    options: Options,
    service: Service,
    kills: Vec<Kill>,
    /// From how many requests on the next are counted.
    counted: usize,
}

impl Scene {
    async fn new(store: Durable, delay: Duration) -> Self {
        let provider = Provider::start().await;
        provider.delay(delay);
        provider.answer_first(Some(0));
        let options = Options::store(&store.url())
            .with("--yfinance-url", &provider.url())
            .with("--yfinance-requests-per-second", "0")
            .with("--yfinance-requests-per-hour", "0")
            .with("--yfinance-concurrency", &CONCURRENCY.to_string());
        Self {
            service: Service::start(&options).await,
            _store: store,
            provider,
            options,
            kills: Vec::new(),
            counted: 0,
        }
    }

    /// Counts requests from here on, and answers none until [`Self::asked_more`] lets it: however slow this machine is, no
    /// run gets further before it is killed than it should.
    fn hold(&mut self) {
        self.counted = self.provider.requests();
        self.provider.answer_first(Some(self.counted));
    }

    /// Waits until the provider was asked so many times more than when it was held, and answers so many.
    async fn asked_more(&self, times: usize) {
        let wanted = self.counted + times;
        self.provider.answer_first(Some(wanted));
        let deadline = Instant::now() + Duration::from_secs(90);
        while self.provider.requests() < wanted {
            assert!(
                Instant::now() < deadline,
                "the provider is not asked any more"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn kill_and_restart(&mut self) {
        self.service.kill().await;
        self.quiet().await;
        self.hold();
        self.kills.push(Kill {
            clock: Utc::now(),
            instant: Instant::now(),
        });
        self.service = Service::start(&self.options).await;
    }

    /// The run's end, now that nothing holds it up.
    async fn ended(&self, run: &str) -> Value {
        self.provider.answer_first(None);
        self.service.ended(run).await
    }

    /// Waits until no request of a dead service is on its way to the provider any more.
    async fn quiet(&self) {
        let mut before = usize::MAX;
        while before != self.provider.requests() {
            before = self.provider.requests();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The whole event log.
    async fn log(&self) -> Vec<Heard> {
        let end = self.service.job("the end of the log", &["END"]).await;
        let mut events = self.service.events("?since=0-0").await;
        let mut log = Vec::new();
        loop {
            let heard = events.next().await.expect("the log goes on");
            if heard.data["job_id"] == end.as_str() {
                return log;
            }
            log.push(heard);
        }
    }
}

fn symbols() -> Vec<String> {
    (0..SYMBOLS).map(|number| format!("S{number:03}")).collect()
}

/// The job that is killed while it runs, by hand or when it is due.
async fn job(service: &Service, due: Option<DateTime<Utc>>) -> String {
    let time = due.map_or("00:00".to_owned(), |due| due.format("%H:%M").to_string());
    let order = json!({"name": "Crash", "stock_ids": symbols(), "schedule_time": time});
    let created = service.post("/scheduler/jobs", order).await;
    created["job_id"].as_str().unwrap().to_owned()
}

/// Holds one ended run against the log and the provider's own witness.
fn assert_once(run: &Value, log: &[Heard], scene: &Scene, asked: std::ops::Range<Instant>) {
    assert_eq!(run["status"], "success", "{run}");
    assert_eq!(run["fetched_stocks"].as_array().unwrap().len(), SYMBOLS);
    let of_run: Vec<_> = log
        .iter()
        .filter(|heard| heard.data["execution_id"] == run["execution_id"])
        .collect();
    let named = |name: &'static str| of_run.iter().filter(move |heard| heard.name == name);
    assert_eq!(named("JobFinished").count(), 1);
    assert_eq!(named("StockFailed").count(), 0);
    let attempts: Vec<_> = named("JobStarted")
        .map(|heard| heard.data["attempt"].clone())
        .collect();
    let last = run["attempt"].as_u64().unwrap();
    assert_eq!(attempts, (1..=last).map(Value::from).collect::<Vec<_>>());
    let stored: HashMap<&str, DateTime<Utc>> = named("StockFetched")
        .map(|heard| {
            let at = heard.data["at"].as_str().unwrap().parse().unwrap();
            (heard.data["stock_id"].as_str().unwrap(), at)
        })
        .collect();
    assert_eq!(stored.len(), SYMBOLS);
    assert_eq!(
        named("StockFetched").count(),
        SYMBOLS,
        "each symbol is stored once"
    );
    let requests = scene.provider.log();
    let requests: Vec<_> = requests
        .iter()
        .filter(|one| asked.contains(&one.at))
        .collect();
    for kill in scene
        .kills
        .iter()
        .filter(|kill| asked.contains(&kill.instant))
    {
        let again: BTreeSet<_> = requests
            .iter()
            .filter(|one| one.at > kill.instant && stored[one.symbol.as_str()] < kill.clock)
            .map(|one| &one.symbol)
            .collect();
        assert!(
            again.is_empty(),
            "stored before the kill and asked for after it: {again:?}"
        );
    }
    let more = requests.len() - SYMBOLS;
    println!("{} attempts, {more} requests repeated", last);
}

async fn history(service: &Service, job: &str) -> Vec<Value> {
    let history = service
        .get(&format!("/scheduler/jobs/{job}/history?limit=500"))
        .await;
    history.as_array().unwrap().clone()
}

async fn one_run_killed_again_and_again(store: Durable) {
    let mut chance = Chance::new("one run killed again and again");
    let mut scene = Scene::new(store, Duration::from_millis(30)).await;
    let job = job(&scene.service, None).await;
    let begin = Instant::now();
    let run = scene.service.run(&job).await;

    for _ in 0..11 {
        scene.asked_more(1 + chance.up_to(15)).await;
        scene.kill_and_restart().await;
    }
    let run = scene.ended(&run).await;

    assert!(run["attempt"].as_u64().unwrap() > 10, "{}", run["attempt"]);
    assert_once(&run, &scene.log().await, &scene, begin..Instant::now());
    assert_eq!(history(&scene.service, &job).await.len(), 1);
}

async fn runs_killed_once_each(store: Durable, runs: usize) {
    let mut chance = Chance::new("runs killed once each");
    let mut scene = Scene::new(store, Duration::from_millis(5)).await;
    let job = job(&scene.service, None).await;
    let mut ended = Vec::new();

    for _ in 0..runs {
        let begin = Instant::now();
        scene.hold();
        let run = scene.service.run(&job).await;
        scene
            .asked_more(chance.up_to(SYMBOLS - 2 * CONCURRENCY))
            .await;
        scene.kill_and_restart().await;
        ended.push((scene.ended(&run).await, begin..Instant::now()));
    }

    let log = scene.log().await;
    for (run, asked) in &ended {
        assert_once(run, &log, &scene, asked.clone());
    }
    assert_eq!(history(&scene.service, &job).await.len(), runs);
    let fires = scene
        .service
        .get(&format!("/scheduler/jobs/{job}/fires"))
        .await;
    assert_eq!(fires, json!([]), "runs by hand are no fires");
}

async fn a_fire_killed_in_its_first_moments(store: Durable) {
    let mut chance = Chance::new("a fire killed in its first moments");
    let mut scene = Scene::new(store, Duration::from_millis(10)).await;
    let due = next_minute();
    let job = job(&scene.service, Some(due)).await;
    let begin = Instant::now();

    scene.asked_more(1).await;
    scene.kill_and_restart().await;
    scene.asked_more(chance.up_to(60)).await;
    scene.kill_and_restart().await;
    let run = scene
        .service
        .get(&format!("/scheduler/jobs/{job}/latest-execution"))
        .await;
    let run = scene.ended(run["execution_id"].as_str().unwrap()).await;

    assert_once(&run, &scene.log().await, &scene, begin..Instant::now());
    assert_eq!(run["triggered_by"], "scheduler_auto");
    assert_eq!(history(&scene.service, &job).await.len(), 1);
    let fires = scene
        .service
        .get(&format!("/scheduler/jobs/{job}/fires"))
        .await;
    assert_eq!(fires.as_array().unwrap().len(), 1, "{fires}");
    let fire = &fires[0];
    assert_eq!(
        (&fire["state"], &fire["execution_id"]),
        (&json!("fired"), &run["execution_id"])
    );
    let at: DateTime<Utc> = fire["scheduled_for"].as_str().unwrap().parse().unwrap();
    assert_eq!(at, due);
}

#[tokio::test]
async fn a_run_on_sqlite_survives_being_killed_again_and_again() {
    one_run_killed_again_and_again(Durable::sqlite()).await;
}

#[tokio::test]
async fn a_run_on_redis_survives_being_killed_again_and_again() {
    one_run_killed_again_and_again(Durable::redis().await).await;
}

#[tokio::test]
async fn twenty_runs_on_sqlite_survive_a_kill_each() {
    runs_killed_once_each(Durable::sqlite(), 20).await;
}

#[tokio::test]
async fn twenty_runs_on_redis_survive_a_kill_each() {
    // Side by side, because a lost lease takes its seconds to end.
    let lane = async || runs_killed_once_each(Durable::redis().await, 5).await;
    tokio::join!(lane(), lane(), lane(), lane());
}

#[tokio::test]
async fn a_fire_on_sqlite_survives_kills_in_its_first_moments() {
    a_fire_killed_in_its_first_moments(Durable::sqlite()).await;
}

#[tokio::test]
async fn a_fire_on_redis_survives_kills_in_its_first_moments() {
    a_fire_killed_in_its_first_moments(Durable::redis().await).await;
}

#[tokio::test]
async fn an_instance_that_was_frozen_writes_nothing_when_it_wakes() {
    let mut scene = Scene::new(Durable::redis().await, Duration::from_millis(50)).await;
    let other = Service::start(&scene.options).await;
    let job = job(&scene.service, None).await;
    let begin = Instant::now();
    let run = scene.service.run(&job).await;
    scene.asked_more(3 * CONCURRENCY).await;

    signal(scene.service.pid(), "STOP");
    scene.provider.answer_first(None);
    let frozen = other.ended(&run).await;
    signal(scene.service.pid(), "CONT");
    // What it had on its way is refused by the time that it hears of the run's end and works for others again.
    let next = scene.service.run(&job).await;
    scene.service.ended(&next).await;

    assert_eq!(
        (&frozen["attempt"], &frozen["status"]),
        (&json!(2), &json!("success"))
    );
    let after = other.get(&format!("/scheduler/executions/{run}")).await;
    assert_eq!(after, frozen, "a late holder changes nothing");
    scene.kills.clear();
    let log = scene.log().await;
    let of_run = log
        .iter()
        .filter(|heard| heard.data["execution_id"] == run.as_str());
    let names: Vec<_> = of_run.map(|heard| heard.name.as_str()).collect();
    let count = |name| names.iter().filter(|one| **one == name).count();
    assert_eq!(
        (
            count("JobStarted"),
            count("StockFetched"),
            count("JobFinished")
        ),
        (2, SYMBOLS, 1)
    );
    assert!(begin.elapsed() < Duration::from_secs(60));
}

/// A run of the largest job, stopped in its middle.
async fn the_largest_run_stopped(store: Durable) {
    let scene = Scene::new(store, Duration::from_millis(10)).await;
    scene.provider.quiet();
    let Scene {
        mut service,
        options,
        ..
    } = scene;
    let symbols: Vec<String> = (0..5_000).map(|number| format!("S{number}")).collect();
    let order = json!({"name": "Largest", "stock_ids": symbols, "schedule_time": "00:00"});
    let job = service.post("/scheduler/jobs", order).await["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = service.run(&job).await;
    // Told by events: reading a run of this size again and again would be most of the work.
    let mut events = service.events("?types=StockFetched&since=0-0").await;
    for _ in 0..100 {
        events.next().await.expect("part is stored");
    }

    assert_eq!(service.stop().await, Some(0));
    let next = Service::start(&options).await;
    let mut events = next.events("?types=JobFinished&since=0-0").await;
    events.until("JobFinished").await;

    let run = next.ended(&run).await;
    assert_eq!(run["status"], "success");
    assert_eq!(run["fetched_stocks"].as_array().unwrap().len(), 5_000);
    assert!(run["attempt"].as_u64().unwrap() <= 2, "{}", run["attempt"]);
    assert_eq!(history(&next, &job).await.len(), 1);
}

#[tokio::test]
async fn the_largest_run_on_sqlite_is_gone_on_with_after_a_stop() {
    the_largest_run_stopped(Durable::sqlite()).await;
}

#[tokio::test]
async fn the_largest_run_on_redis_is_gone_on_with_after_a_stop() {
    the_largest_run_stopped(Durable::redis().await).await;
}
