//! The store keeps the promises of a store, but for the one that it outlives the process.

use std::sync::Arc;

use stock_scheduler::conformance::store::{StoreUnderTest, check};
use stock_scheduler::serde_json::{Value, json};
use stock_scheduler::{Clock, ConfigError, ManualClock, Store, StoreFactory, SystemClock};

use {{name}}::Factory;

async fn opened(
    url: &str,
    section: Value,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, ConfigError> {
    Factory.open(url, &section, clock).await
}

#[tokio::test]
async fn the_laws_of_a_store_hold() {
    let kept = check(|| async {
        let now = "2025-03-03T21:59:30Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::new(now));
        let store = opened("{{name}}:", json!({}), clock.clone()).await;
        let store = store.expect("a right address");
        // A store that lasts adds `.reopened_by(…)`, which opens it again as after a crash: only then is that tried.
        StoreUnderTest::with_clock(store, clock)
    });

    assert_eq!(kept.await, Ok(()));
}

#[tokio::test]
async fn it_says_what_it_is() {
    let clock = Arc::new(SystemClock);

    let store = opened("{{name}}:", Value::Null, clock).await;

    assert_eq!(store.expect("a right address").kind(), "{{name}}");
}

#[tokio::test]
async fn another_address_and_settings_are_refused() {
    for (url, section, pointer) in [
        ("{{name}}:somewhere", json!({}), ""),
        ("{{name}}:", json!({"size": 1}), "/size"),
    ] {
        let opened = opened(url, section, Arc::new(SystemClock)).await;
        let error = opened.err().expect("an error");

        assert_eq!(error.pointer, pointer, "{error}");
    }
}
