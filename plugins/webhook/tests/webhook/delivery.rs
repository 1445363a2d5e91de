//! What is sent, and what is made of answers.

use std::time::Duration;

use serde_json::{Value, json};
use stock_scheduler_sdk::{Clock, DeliveryError, DeliveryErrorKind, EventKind, SystemClock};
use stock_scheduler_webhook::Secrets;
use tokio::net::TcpListener;

use crate::support::{Receiver, Reply, SECRET, delivery};

async fn error(reply: Reply) -> DeliveryError {
    let receiver = Receiver::answering(reply).await;
    let listener = receiver.listener(json!({"timeout": "1s"}));
    let error = listener.deliver(&delivery()).await.unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains("hush"), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
    error
}

#[tokio::test]
async fn an_event_is_told_by_one_signed_request() {
    let receiver = Receiver::answering(Reply::of("204 No Content", "")).await;
    let listener = receiver.listener(json!({"headers": {"X-Team": "quants"}}));
    let delivery = delivery();
    let before = SystemClock.now().timestamp();

    listener.deliver(&delivery).await.unwrap();

    let [request] = receiver.requests().try_into().unwrap();
    assert!(request.head.starts_with("POST /hush?hush HTTP/1.1\r\n"));
    let version = concat!("stock-scheduler/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", version),
        ("webhook-id", "1750000000123-4"),
        ("x-team", "quants"),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let timestamp: i64 = request.header("webhook-timestamp").parse().unwrap();
    assert!((before..=SystemClock.now().timestamp()).contains(&timestamp));
    let secrets: Secrets = SECRET.parse().unwrap();
    let signature = request.header("webhook-signature");
    assert!(secrets.verify("1750000000123-4", timestamp, &request.body, signature));
    let text = String::from_utf8(request.body).unwrap();
    let start = r#"{"type":"JobFinished","timestamp":"2025-06-15T15:06:40.123+00:00","data":{"#;
    assert!(text.starts_with(start), "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["data"], Value::Object(delivery.event.data()));
}

#[tokio::test]
async fn any_text_arrives_as_it_was_signed() {
    let receiver = Receiver::answering(Reply::of("200 OK", "")).await;
    let listener = receiver.listener(json!({"secret": format!("{SECRET} {SECRET}")}));
    let mut delivery = delivery();
    let reason = "a\"b\\c\n\u{1F600} é \u{0} </script>".to_owned();
    delivery.event.kind = EventKind::FireMissed {
        scheduled_for: delivery.event.at,
        reason: reason.clone(),
    };

    listener.deliver(&delivery).await.unwrap();

    let [request] = receiver.requests().try_into().unwrap();
    let signatures = request.header("webhook-signature");
    assert_eq!(signatures.split(' ').count(), 2);
    let timestamp = request.header("webhook-timestamp").parse().unwrap();
    let secrets: Secrets = SECRET.parse().unwrap();
    assert!(secrets.verify(&delivery.id, timestamp, &request.body, signatures));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["data"]["reason"], reason);
}

#[tokio::test]
async fn an_id_that_no_header_can_hold_is_refused() {
    let receiver = Receiver::answering(Reply::of("200 OK", "")).await;
    let delivery = delivery().with_id("1\r\nhost: example.com");

    let error = receiver.listener(json!({})).deliver(&delivery).await;

    assert_eq!(error.unwrap_err().kind(), DeliveryErrorKind::Refused);
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Receiver::answering(Reply::of("200 OK", "")).await;
    let location = format!("location: http://127.0.0.1:{}/\r\n", other.port);

    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        let error = error(Reply::of(status, &location)).await;

        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable, "{status}");
        assert!(
            error.to_string().contains("redirects are not followed"),
            "{error}"
        );
        assert_eq!(
            error.status().map(|s| s.to_string()),
            Some(status[..3].into())
        );
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn answers_say_what_the_host_does_next() {
    let minute = Some(Duration::from_secs(60));
    for (status, headers, kind) in [
        ("410 Gone", "", DeliveryErrorKind::Gone),
        (
            "429 Too Many Requests",
            "retry-after: 60\r\n",
            DeliveryErrorKind::RateLimited {
                retry_after: minute,
            },
        ),
        ("400 Bad Request", "", DeliveryErrorKind::Unavailable),
        (
            "503 Service Unavailable",
            "",
            DeliveryErrorKind::Unavailable,
        ),
    ] {
        let error = error(Reply::of(status, headers)).await;

        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(
            error.status().map(|s| s.to_string()),
            Some(status[..3].into())
        );
    }
}

#[tokio::test]
async fn who_does_not_answer_is_unavailable() {
    for (reply, message) in [
        (Reply::Silence, "no answer from"),
        (Reply::Close, "cannot tell"),
        (Reply::Text("SSH-2.0\r\n\r\n".into()), "cannot tell"),
    ] {
        let error = error(reply).await;

        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.status(), None);
    }
}

#[tokio::test]
async fn a_closed_port_and_a_server_without_tls_are_unavailable() {
    let receiver = Receiver::answering(Reply::Close).await;
    let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = format!("https://me:hush@{}/hush", hangs_up.local_addr().unwrap());
    let secure = receiver.listener(json!({"url": https}));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = format!("http://me:hush@{}/hush", free.local_addr().unwrap());
    let plain = receiver.listener(json!({"url": http}));
    drop(free);

    let delivery = delivery();
    let (no_tls, ()) = tokio::join!(secure.deliver(&delivery), async {
        drop(hangs_up.accept().await);
    });
    let closed = plain.deliver(&delivery).await;

    for error in [no_tls, closed].map(Result::unwrap_err) {
        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
        assert!(
            error.to_string().starts_with("cannot connect to http"),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_left_unread() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    let receiver = Receiver::answering(Reply::Text(endless.into())).await;

    let delivered = receiver.listener(json!({})).deliver(&delivery()).await;

    assert!(delivered.is_ok());
}

#[tokio::test]
async fn the_host_waits_longer_than_a_request_does() {
    let receiver = Receiver::answering(Reply::Silence).await;

    let info = receiver.listener(json!({"timeout": "20s"})).info();

    assert_eq!(info.concurrency, 8);
    assert_eq!(info.timeout, Duration::from_secs(25));
    assert_eq!(info.events, [""; 0]);
}

#[test]
fn a_listener_tells_from_any_runtime() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let receiver = home.block_on(Receiver::answering(Reply::of("200 OK", "")));
    let listener = receiver.listener(json!({}));

    for _ in 0..3 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let delivered = runtime.block_on(listener.deliver(&delivery()));
        assert!(delivered.is_ok(), "{delivered:?}");
    }

    assert_eq!(receiver.requests().len(), 3);
}
