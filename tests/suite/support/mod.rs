//! Real parts: the service as a process, redis-server, a provider over HTTP, a listener to the event stream.

mod example;
#[path = "../../../plugins/redis/tests/suite/port.rs"]
mod port;
pub(crate) mod provider;
pub(crate) mod receiver;
pub(crate) mod redis;
pub(crate) mod service;
pub(crate) mod sse;
pub(crate) mod world;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};

pub(crate) use example::example;
pub(crate) use port::free_port;
pub(crate) use provider::{Provider, Script};
pub(crate) use receiver::Receiver;
pub(crate) use redis::RedisServer;
pub(crate) use service::Service;
pub(crate) use sse::Events;

/// Waits for a condition, looking often; fails with `what` after `most`.
pub(crate) async fn eventually<T>(
    what: &str,
    most: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = tokio::time::Instant::now() + most;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited {most:?} in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An HTTP client.
pub(crate) fn client() -> reqwest::Client {
    // Whoever comes second finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .build()
        .expect("a client")
}

/// A whole minute that is at least two seconds away.
pub(crate) fn next_minute() -> DateTime<Utc> {
    let soon = Utc::now() + TimeDelta::seconds(62);
    soon.with_second(0)
        .and_then(|at| at.with_nanosecond(0))
        .expect("a whole minute")
}

/// The folder of shared test data, where it is there; says so where it is not.
pub(crate) fn shared(path: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("STOCK_SCHEDULER_SHARED")
        .map(std::path::PathBuf::from)
        .unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there", path.display());
    None
}
