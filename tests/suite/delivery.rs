//! What happens is told, whatever is killed or goes away in between: at least once, under one id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::{Chance, Durable};
use crate::support::receiver::{Reply, Request};
use crate::support::service::Options;
use crate::support::{Receiver, RedisServer, Service, eventually};

const HOOKS: &str = "/scheduler/webhooks";
/// Requests under way at once to one webhook.
const CONCURRENCY: usize = 8;

/// A service that tells one receiver of each job that is made.
struct Scene {
    options: Options,
    service: Service,
    receiver: Receiver,
    secret: String,
    made: usize,
}

impl Scene {
    async fn new(store: &str) -> Self {
        let options = Options::store(store).switch("--private-webhooks");
        let service = Service::start(&options).await;
        let receiver = Receiver::start().await;
        let order = json!({"url": receiver.url(), "events": ["JobCreated"]});
        let created = service.post(HOOKS, order).await;
        Self {
            secret: created["secret"].as_str().unwrap().to_owned(),
            options,
            service,
            receiver,
            made: 0,
        }
    }

    /// Makes so many jobs at once.
    async fn make(&mut self, count: usize) {
        let numbers = self.made..self.made + count;
        let jobs = numbers.map(async |number| self.service.job(&number.to_string(), &["A"]).await);
        join_all(jobs).await;
        self.made += count;
    }

    async fn kill_and_restart(&mut self) {
        self.service.kill().await;
        self.service = Service::start(&self.options).await;
    }

    /// The ids of all events in the log that are to arrive.
    async fn log(&mut self) -> BTreeSet<String> {
        self.made += 1;
        let end = self.service.job("the end of the log", &["END"]).await;
        let mut events = self.service.events("?since=0-0&types=JobCreated").await;
        let mut ids = BTreeSet::new();
        loop {
            let heard = events.next().await.expect("the log goes on");
            ids.extend(heard.id);
            if heard.data["job_id"] == end.as_str() {
                return ids;
            }
        }
    }

    /// Waits until everything in the log has arrived; answers how many arrived more than once.
    async fn assert_all_arrived(&mut self) -> usize {
        let log = self.log().await;
        assert_eq!(log.len(), self.made);
        let most = Duration::from_secs(90);
        let requests = eventually("every event arrives", most, async || {
            let requests = self.receiver.requests();
            (arrived(&requests).len() == log.len()).then_some(requests)
        })
        .await;
        let mut bodies = BTreeMap::new();
        for request in &requests {
            assert!(log.contains(request.id()), "{}", request.head);
            assert!(request.is_signed(&self.secret), "{}", request.head);
            let body = bodies.entry(request.id()).or_insert(&request.body);
            assert_eq!(**body, request.body);
        }
        let times = requests.iter().filter(|request| request.arrived).count();
        times - log.len()
    }
}

fn arrived(requests: &[Request]) -> BTreeSet<String> {
    let arrived = requests.iter().filter(|request| request.arrived);
    arrived.map(|request| request.id().to_owned()).collect()
}

/// Each kill comes after so many events, at any moment of their delivery.
async fn events_are_told_through_kills(store: Durable, kills: usize, events: usize) {
    let mut chance = Chance::new("events told through kills");
    let mut scene = Scene::new(&store.url()).await;
    // Slow enough that some always wait.
    let slow = Duration::from_millis(80);
    scene.receiver.answers(Reply::NotEvery(20, slow));

    for _ in 0..kills {
        // A place in the log is remembered now and then: not every kill is to come before that.
        let calm = chance.up_to(1_000) as u64;
        tokio::time::sleep(Duration::from_millis(calm)).await;
        let before = scene.receiver.requests().len();
        scene.make(events).await;
        scene
            .receiver
            .received(before + 1 + chance.up_to(events / 2))
            .await;
        scene.kill_and_restart().await;
    }

    scene.receiver.answers_status(200);
    let twice = scene.assert_all_arrived().await;
    println!(
        "{} events through {kills} kills: {twice} arrived more than once",
        scene.made
    );
    assert!(twice <= kills * CONCURRENCY, "{twice}");
}

#[tokio::test]
async fn a_thousand_events_on_sqlite_arrive_through_twenty_kills() {
    events_are_told_through_kills(Durable::sqlite(), 20, 50).await;
}

#[tokio::test]
async fn events_on_redis_arrive_through_kills() {
    // Fewer, because a lost lease takes its seconds to end.
    events_are_told_through_kills(Durable::redis().await, 7, 140).await;
}

#[tokio::test]
async fn a_service_that_is_started_again_on_sqlite_tells_at_once() {
    let store = Durable::sqlite();
    let mut scene = Scene::new(&store.url()).await;
    scene.make(1).await;
    scene.receiver.received(1).await;

    scene.kill_and_restart().await;
    let started = tokio::time::Instant::now();
    scene.make(1).await;
    scene.receiver.received(2).await;

    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_service_that_is_stopped_lets_arrive_what_is_under_way() {
    let store = Durable::sqlite();
    let mut scene = Scene::new(&store.url()).await;
    scene.receiver.answers(Reply::After(Duration::from_secs(1)));
    scene.make(20).await;
    scene.receiver.received(1).await;

    let code = scene.service.stop().await;
    scene.service = Service::start(&scene.options).await;

    assert_eq!(code, Some(0));
    assert_eq!(scene.assert_all_arrived().await, 0);
}

#[tokio::test]
async fn what_happened_before_redis_went_away_is_told_when_it_is_back() {
    let mut redis = RedisServer::start().await;
    let mut scene = Scene::new(&redis.url()).await;
    scene.make(5).await;
    scene.receiver.received(5).await;
    scene
        .receiver
        .answers(Reply::After(Duration::from_millis(300)));
    scene.make(60).await;

    redis.kill();
    tokio::time::sleep(Duration::from_secs(8)).await;
    redis.restart().await;
    scene.receiver.answers_status(200);
    eventually(
        "the service is ready",
        Duration::from_secs(10),
        async || {
            let ready = scene.service.send(Method::GET, "/readyz", None).await;
            (ready.status() == 200).then_some(())
        },
    )
    .await;
    scene.make(5).await;

    let twice = scene.assert_all_arrived().await;
    assert!(twice <= 2 * CONCURRENCY, "{twice}");
}

#[tokio::test]
async fn a_redis_that_was_emptied_has_no_webhooks_and_new_ones_are_told() {
    let redis = RedisServer::start().await;
    let scene = Scene::new(&redis.url()).await;
    let mut connection = redis.connection().await;
    let emptied: () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(emptied, ());

    let order = json!({"url": scene.receiver.url(), "events": ["JobCreated"]});
    let hook = scene.service.post(HOOKS, order).await;
    scene.service.job("After", &["AAPL"]).await;

    let told = scene.receiver.received(1).await;
    assert_eq!(told[0].json()["type"], "JobCreated");
    assert_eq!(told[0].json()["data"]["job_name"], "After");
    assert!(told[0].is_signed(hook["secret"].as_str().unwrap()));
    let hooks = scene.service.get(HOOKS).await;
    assert_eq!(hooks.as_array().map(Vec::len), Some(1), "{hooks}");
    assert_eq!(hooks[0]["problem"], Value::Null);
}
