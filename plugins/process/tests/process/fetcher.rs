//! A plugin's fetcher does what any fetcher does.

use std::time::Duration;

use serde_json::{Value, json};
use stock_scheduler_sdk::conformance::fetcher::{self, FetcherCases};
use stock_scheduler_sdk::{FetchErrorKind, Fetcher, FetcherFactory, Interval};

use crate::support::{good, request, start, until};

#[tokio::test]
async fn a_good_plugin_keeps_the_promises_of_a_fetcher() {
    let Some(config) = good() else { return };
    let plugin = start(config);

    let cases = FetcherCases::new(request("AAPL"))
        .and(request("^GSPC").with_interval(Interval::Hours(1)))
        .with_unknown("NO-SUCH".parse().unwrap());
    fetcher::check(&plugin.handle.fetcher(), cases)
        .await
        .unwrap();

    plugin.handle.stop().await;
    plugin.assert_gone();
}

#[tokio::test]
async fn the_host_learns_what_was_described() {
    let Some(mut config) = good() else { return };
    config.in_flight = 3;
    let plugin = start(config);
    let before = plugin.handle.fetcher().info();

    let described = plugin.handle.describe().await.unwrap();

    assert_eq!(
        (before.version.as_str(), before.limits.concurrency),
        ("", Some(3))
    );
    let info = plugin.handle.fetcher().info();
    assert_eq!(info.version, "1.2.3");
    assert_eq!(info.intervals, [Interval::Day, Interval::Hours(1)]);
    assert_eq!(info.limits.concurrency, Some(3));
    assert_eq!(
        (info.limits.per_second, info.limits.burst),
        (Some(5.0), Some(6))
    );
    assert_eq!(info.limits.timeout, Some(Duration::from_secs(20)));
    assert_eq!(
        plugin.handle.described().borrow().as_ref(),
        Some(&described)
    );
    let factory = plugin.handle.fetcher_factory();
    assert_eq!(
        factory.options_schema().unwrap()["properties"]["error"]["type"],
        "string"
    );
    assert!(factory.check_options(&json!({"any": "thing"})).is_ok());
    assert!(factory.check_options(&json!([])).is_err());
    assert!(factory.build(&Value::Null).is_ok() && factory.build(&json!({"delay": 1})).is_err());
}

#[tokio::test]
async fn each_error_is_of_its_kind() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let instant = "2025-06-02T21:00:00Z";
    let at = Some(instant.parse().unwrap());
    for (error, kind) in [
        (json!({"kind": "no_data"}), FetchErrorKind::NoData),
        (json!({"kind": "denied"}), FetchErrorKind::Denied),
        (
            json!({"kind": "not_ready", "retry_at": instant}),
            FetchErrorKind::NotReady { retry_at: at },
        ),
        (json!({"kind": "malformed"}), FetchErrorKind::Malformed),
        (
            json!({"kind": "rate_limited", "retry_after": 1.2}),
            FetchErrorKind::RateLimited {
                retry_after: Some(2),
            },
        ),
        (
            json!({"kind": "rate_limited", "retry_after": -5}),
            FetchErrorKind::RateLimited {
                retry_after: Some(0),
            },
        ),
        (
            json!({"kind": "quota_exhausted", "until": instant}),
            FetchErrorKind::QuotaExhausted { until: at },
        ),
        (json!({"kind": "unavailable"}), FetchErrorKind::Unavailable),
    ] {
        let mut error = error;
        error["message"] = "because".into();
        let request = request("AAPL").with_options(json!({"error": error}));

        let failed = plugin.handle.fetcher().fetch(&request).await.unwrap_err();

        assert_eq!(
            (failed.kind(), failed.to_string().as_str()),
            (kind, "because")
        );
    }
}

#[tokio::test]
async fn many_are_answered_on_runtimes_of_their_own() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let fetcher = plugin.handle.fetcher();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for _ in 0..20 {
                        assert_eq!(fetcher.fetch(&request("AAPL")).await.unwrap().bars.len(), 3);
                    }
                });
            })
        })
        .collect();

    for thread in threads {
        thread.join().unwrap();
    }

    let health = plugin.handle.health();
    assert_eq!(
        (health.counters["calls"], health.counters["failures"]),
        (160, 0)
    );
    assert_eq!((health.counters["restarts"], health.problem), (0, None));
}

#[tokio::test]
async fn a_dropped_request_is_cancelled_and_gives_its_place_back() {
    let Some(mut config) = good() else { return };
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    config.in_flight = 1;
    config.config = json!({"log": log});
    let plugin = start(config);
    let was_told = |what: &str| {
        std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains(what)
    };
    let fetcher = plugin.handle.fetcher();
    let waiting = tokio::spawn(async move { fetcher.fetch(&request("WAIT")).await });
    until(|| was_told("WAIT")).await;

    waiting.abort();

    assert!(plugin.fetch().await.is_ok());
    assert!(was_told(r#"{"method":"cancel","params":{"id":1}}"#));
}
