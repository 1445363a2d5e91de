//! What the listener tells, what becomes of it when it cannot, and that it is built from its section of the configuration.
//! There is no suite for listeners, because what they promise shows on the other side.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stock_scheduler::chrono::DateTime;
use stock_scheduler::serde_json::json;
use stock_scheduler::{
    Delivery, DeliveryErrorKind, Event, EventId, EventKind, Listener, ListenerFactory, RunId,
};

use {{name}}::Factory;

fn writing_to(path: &Path) -> Arc<dyn Listener> {
    let built = Factory.build(&json!({"path": path}));
    built.expect("a right section")
}

fn new_path() -> PathBuf {
    std::env::temp_dir().join(RunId::random().to_string())
}

fn delivery(kind: EventKind) -> Delivery {
    Delivery::new(Event {
        id: EventId { ms: 7, seq: 0 },
        at: DateTime::UNIX_EPOCH,
        job: "tech".parse().expect("an id"),
        kind,
    })
}

fn failed(symbol: &str) -> Delivery {
    delivery(EventKind::StockFailed {
        execution_id: RunId::random(),
        stock_id: symbol.into(),
        kind: "no_data".into(),
        message: "no rows".into(),
        attempts: 1,
    })
}

#[tokio::test]
async fn a_failed_symbol_is_a_line_that_says_which_event_it_was() {
    let path = new_path();
    let listener = writing_to(&path);

    for attempt in [1, 2] {
        let told = failed("AAPL").with_attempt(attempt);
        listener.deliver(&told).await.expect("a delivery");
    }

    let line = "7-0 a job that is gone: AAPL failed: no rows\n";
    let told = fs::read_to_string(&path);
    assert_eq!(told.expect("a file"), line.repeat(2));
    fs::remove_file(&path).expect("to clean up");
}

#[tokio::test]
async fn what_is_no_failure_is_not_told() {
    let path = new_path();
    let message = "a test".into();
    let test = delivery(EventKind::Test { message });

    let done = writing_to(&path).deliver(&test).await;

    assert!(done.is_ok() && !path.exists());
}

#[tokio::test]
async fn what_cannot_be_told_is_told_later() {
    let listener = writing_to(&new_path().join("no/such/folder"));

    let error = listener.deliver(&failed("AAPL")).await;

    let kind = error.expect_err("an error").kind();
    assert_eq!(kind, DeliveryErrorKind::Unavailable);
}

#[test]
fn a_wrong_configuration_is_refused() {
    for (section, pointer) in [
        (json!({}), ""),
        (json!({"path": 7}), "/path"),
        (json!({"path": "a", "pth": "b"}), "/pth"),
    ] {
        let error = Factory.build(&section).err().expect("an error");

        assert_eq!(error.pointer, pointer, "{error}");
    }
}
