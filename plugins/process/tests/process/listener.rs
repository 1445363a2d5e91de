//! A plugin's listener is told events and says what became of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{
    Delivery, DeliveryErrorKind, Event, EventId, EventKind, Job, JobId, Listener,
};

use crate::support::{bad, good, start};

pub(crate) fn delivery() -> Delivery {
    delivery_of(EventKind::FireMissed {
        scheduled_for: "2025-06-02T21:00:00Z".parse().unwrap(),
        reason: "nobody was there".to_owned(),
    })
}

fn delivery_of(kind: EventKind) -> Delivery {
    let at = "2025-06-02T21:00:00Z".parse().unwrap();
    let job: JobId = "job-1".parse().unwrap();
    let id = EventId { ms: 5, seq: 0 };
    let symbols = vec!["AAPL".parse().unwrap()];
    let about = Job::new(job.clone(), "mine", symbols, json!({"kind": "daily"}), at);
    Delivery::new(Event { id, at, job, kind }).with_job(Arc::new(about))
}

#[tokio::test]
async fn a_delivery_is_taken_or_refused_in_the_plugins_words() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let listener = plugin.handle.listener();

    listener.deliver(&delivery()).await.unwrap();

    let retry_after = Some(Duration::from_secs(7));
    for (id, kind) in [
        ("unavailable", DeliveryErrorKind::Unavailable),
        (
            "rate_limited",
            DeliveryErrorKind::RateLimited { retry_after },
        ),
        ("refused", DeliveryErrorKind::Refused),
        ("gone", DeliveryErrorKind::Gone),
    ] {
        let error = listener.deliver(&delivery().with_id(id)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (kind, format!("it is {id}"))
        );
    }
}

#[tokio::test]
async fn the_host_learns_what_a_listener_wants() {
    let Some(config) = good() else { return };
    let plugin = start(config);

    plugin.handle.describe().await.unwrap();

    let info = plugin.handle.listener().info();
    assert_eq!((info.version.as_str(), info.concurrency), ("1.2.3", 2));
    assert_eq!(
        (info.events, info.timeout),
        (vec!["FireMissed".to_owned()], Duration::from_secs(30))
    );
}

#[tokio::test]
async fn a_plugin_is_told_what_it_wants_and_nothing_else_from_the_first_event_on() {
    let Some(mut config) = good() else { return };
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    config.config = json!({"log": log});
    let plugin = start(config);
    let listener = plugin.handle.listener();
    let created = EventKind::JobCreated {
        job_name: "mine".to_owned(),
        revision: 1,
    };
    let test = EventKind::Test {
        message: "hello".to_owned(),
    };

    listener.deliver(&delivery_of(created)).await.unwrap();
    listener.deliver(&delivery()).await.unwrap();
    listener.deliver(&delivery_of(test)).await.unwrap();

    let log = std::fs::read_to_string(log).unwrap();
    let asked: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<_> = asked
        .iter()
        .filter(|asked| asked["method"] == "deliver")
        .map(|asked| asked["params"]["event"].clone())
        .collect();
    assert_eq!(events, ["FireMissed", "Test"]);
}

#[tokio::test]
async fn an_event_waits_for_a_plugin_that_cannot_be_described() {
    let Some(config) = bad("exits") else { return };
    let plugin = start(config);

    let error = plugin.handle.listener().deliver(&delivery()).await;

    let error = error.unwrap_err();
    assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
    let why = r#"plugin "mine" ended with exit status 3"#;
    assert!(error.to_string().starts_with(why), "{error}");
}
