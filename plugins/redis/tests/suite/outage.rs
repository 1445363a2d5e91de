//! A server that is away, hangs, refuses or comes back.

use std::future::Future;
use std::time::{Duration, Instant};

use stock_scheduler_redis::{RedisSettings, RedisStore};
use stock_scheduler_sdk::{
    EventId, EventLog, JobStore, NextFire, Store, StoreError, StoreErrorKind,
};

use crate::support::{Server, job};

/// Within this the caller can still answer within a second.
const PROMISED: Duration = Duration::from_millis(980);

async fn fails_in_time<T>(call: impl Future<Output = Result<T, StoreError>>) {
    let started = Instant::now();
    let error = call.await.err().expect("the server is away");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(
        started.elapsed() < PROMISED,
        "failed only after {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_server_that_was_never_there_fails_every_call_in_time() {
    let store = RedisStore::open("redis://:s3cret@127.0.0.1:1", RedisSettings::default()).unwrap();

    fails_in_time(store.now()).await;
    fails_in_time(store.counts()).await;
    fails_in_time(store.events(EventId::START, 1, Duration::ZERO)).await;
    let message = store.now().await.unwrap_err().to_string();
    assert!(
        message.contains("127.0.0.1:1") && !message.contains("s3cret"),
        "{message}"
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_server_was_killed() {
    let mut server = Server::start_durable().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    let kept = store
        .create(job("kept", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();

    server.kill();
    fails_in_time(store.now()).await;
    fails_in_time(store.create(job("new", &["SPY"], now), NextFire::Never)).await;
    server.restart().await;

    assert_eq!(
        store
            .jobs(std::slice::from_ref(&kept.job.id))
            .await
            .unwrap(),
        [Some(kept)]
    );
    store
        .create(job("new", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Server::start().await;
    let store = server.store();
    store.now().await.unwrap();

    server.kill();
    server.restart().await;

    store.now().await.unwrap();
    let page = store
        .events(EventId::START, 1, Duration::from_millis(20))
        .await
        .unwrap();
    assert_eq!(page.events, []);
}

#[tokio::test]
async fn a_server_that_hangs_fails_calls_in_time_and_repeating_them_does_no_harm() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();

    server.signal("STOP");
    let new = job("ambiguous", &["SPY"], now);
    fails_in_time(store.create(new.clone(), NextFire::Never)).await;
    fails_in_time(store.now()).await;
    server.signal("CONT");

    let stored = store.create(new.clone(), NextFire::Never).await.unwrap();
    assert_eq!(stored.job, new);
    assert_eq!(store.counts().await.unwrap().total, 1);
    let page = store
        .events(EventId::START, 10, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(page.events.len(), 1);
}

#[tokio::test]
async fn who_waits_for_events_learns_within_two_seconds_that_the_server_hangs() {
    let server = Server::start().await;
    let store = server.store();
    store.now().await.unwrap();

    let started = Instant::now();
    let waiting = store.events(EventId::START, 1, Duration::from_secs(60));
    let stopping = async {
        server.clients_wait(1).await;
        server.signal("STOP");
    };
    let (page, ()) = tokio::join!(waiting, stopping);
    server.signal("CONT");

    assert_eq!(page.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(
        started.elapsed() < Duration::from_millis(2_100),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn waiting_for_events_holds_nobody_up() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();

    let waiting = async {
        let first = store.events(EventId::START, 1, Duration::from_secs(10));
        let second = store.events(EventId::START, 1, Duration::from_secs(10));
        tokio::join!(first, second)
    };
    let working = async {
        server.clients_wait(2).await;
        let started = Instant::now();
        store
            .create(job("new", &["SPY"], now), NextFire::Never)
            .await
            .unwrap();
        started.elapsed()
    };
    let ((first, second), took) = tokio::join!(waiting, working);

    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(first.unwrap().events.len(), 1);
    assert_eq!(second.unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_full_or_read_only_server_is_unavailable_until_it_is_not() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();
    let mut client = server.client().await;
    let mut set = async |name: &str, value: &str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        command.exec_async(&mut client).await.unwrap();
    };

    set("maxmemory", "1").await;
    fails_in_time(store.create(job("full", &["SPY"], now), NextFire::Never)).await;
    set("maxmemory", "0").await;
    set("min-replicas-to-write", "1").await;
    fails_in_time(store.create(job("alone", &["SPY"], now), NextFire::Never)).await;
    set("min-replicas-to-write", "0").await;

    store
        .create(job("full", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
}

#[tokio::test]
async fn many_callers_of_a_server_that_hangs_all_fail_in_time() {
    let server = Server::start().await;
    let store = server.store();
    let now = store.now().await.unwrap();

    server.signal("STOP");
    let creations = (0..500).map(|n| {
        let new = job(&format!("job-{n}"), &["SPY"], now);
        fails_in_time(store.create(new, NextFire::Never))
    });
    futures_util::future::join_all(creations).await;
    server.signal("CONT");

    store
        .create(job("after", &["SPY"], now), NextFire::Never)
        .await
        .unwrap();
}
