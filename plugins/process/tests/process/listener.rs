//! A plugin's listener is told events and says what became of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{
    Delivery, DeliveryErrorKind, Event, EventId, EventKind, Job, JobId, Listener,
};

use crate::support::{good, start};

pub(crate) fn delivery() -> Delivery {
    let at = "2025-06-02T21:00:00Z".parse().unwrap();
    let job: JobId = "job-1".parse().unwrap();
    let kind = EventKind::FireMissed {
        scheduled_for: at,
        reason: "nobody was there".to_owned(),
    };
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
        (vec!["JobFinished".to_owned()], Duration::from_secs(30))
    );
}
