//! What is written, and when.

use std::collections::HashMap;

use serde_json::json;
use stock_scheduler_sdk::{EventKind, RunStatus};

use crate::support::{MailServer, Script, delivery, finished};

/// The headers of the mail that came, unfolded, by their names.
fn headers(server: &MailServer) -> HashMap<String, String> {
    let lines = server.lines();
    let start = lines.iter().position(|line| line == "DATA").unwrap() + 1;
    let head = lines[start..].iter().take_while(|line| !line.is_empty());
    let head = head
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\n ", " ");
    let headers = head.lines().map(|line| line.split_once(": ").unwrap());
    headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_failure_is_one_mail_to_all() {
    let server = MailServer::start(Script::default()).await;
    let failure = delivery("Nightly", finished(3));

    server.listener(json!({})).deliver(&failure).await.unwrap();

    assert_eq!(server.lines_of("EHLO"), ["EHLO example.com"]);
    assert_eq!(
        server.lines_of("MAIL"),
        ["MAIL FROM:<scheduler@example.com>"]
    );
    assert_eq!(
        server.lines_of("RCPT"),
        ["RCPT TO:<me@example.com>", "RCPT TO:<zoe@example.com>"]
    );
    assert_eq!(server.lines_of("QUIT").len(), 1);
    let headers = headers(&server);
    for (name, value) in [
        ("From", "Scheduler <scheduler@example.com>"),
        (
            "To",
            "me@example.com, =?utf-8?b?Wm/Dqw==?= <zoe@example.com>",
        ),
        (
            "Subject",
            "[stock-scheduler] \"Nightly\" failed: 3 of 500 symbols",
        ),
        ("Message-ID", "<1750000000123-4@example.com>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Type", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["Date"].ends_with(" +0000"));
    let symbols = server.lines_of("Stored:");
    assert_eq!(symbols, ["Stored:   497"]);
}

#[tokio::test]
async fn only_news_is_written() {
    for (previous, failed, mails) in [
        (RunStatus::Success, 500, 1),
        (RunStatus::Failed, 500, 0),
        (RunStatus::Failed, 0, 1),
        (RunStatus::Success, 0, 0),
    ] {
        let server = MailServer::start(Script::default()).await;
        let delivery = delivery("Nightly", finished(failed)).with_previous(previous);

        server.listener(json!({})).deliver(&delivery).await.unwrap();

        assert_eq!(
            server.lines_of("DATA").len(),
            mails,
            "{previous:?}, {failed}"
        );
    }
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_written() {
    let missed = EventKind::FireMissed {
        scheduled_for: "2025-06-15T15:00:00Z".parse().unwrap(),
        reason: "the service was down".into(),
    };
    for (on, mails) in [("missed", 1), ("failure", 0), ("recovery", 0)] {
        let server = MailServer::start(Script::default()).await;
        let listener = server.listener(json!({"on": [on]}));

        listener
            .deliver(&delivery("Nightly", missed.clone()))
            .await
            .unwrap();

        assert_eq!(server.lines_of("DATA").len(), mails, "{on}");
    }
}

#[tokio::test]
async fn no_name_of_a_job_breaks_the_headers() {
    let long = "長い名前 ".repeat(40);
    for name in [
        "a\r\nBcc: spy@example.com\r\n\r\nbody",
        "a\nBcc: spy@example.com",
        "a\rBcc: spy@example.com",
        "a\u{0}\u{7f}\u{85}\u{2028}b",
        "Nächtlich \"quoted\" <x@example.com>",
        "=?utf-8?q?=0D=0ABcc=3A_spy?=",
        ".",
        "",
        &"x".repeat(200),
        &long,
    ] {
        let server = MailServer::start(Script::default()).await;
        let failure = delivery(name, finished(3));

        server.listener(json!({})).deliver(&failure).await.unwrap();

        let headers = headers(&server);
        let names = [
            "Auto-Submitted",
            "Content-Transfer-Encoding",
            "Content-Type",
            "Date",
            "From",
            "Message-ID",
            "Subject",
            "To",
        ];
        let mut found: Vec<_> = headers.keys().map(String::as_str).collect();
        found.sort_unstable();
        let found: Vec<_> = found
            .into_iter()
            .filter(|name| *name != "MIME-Version")
            .collect();
        assert_eq!(found, names, "{name:?}");
        assert_eq!(server.lines_of("RCPT").len(), 2);
        let lines = server.lines();
        assert!(
            lines
                .iter()
                .all(|line| line.is_ascii() && line.len() <= 998),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn an_event_that_is_told_twice_has_one_message_id() {
    let server = MailServer::start(Script::default()).await;
    let listener = server.listener(json!({}));
    let failure = delivery("Nightly", finished(3)).with_id("mail/1-0");

    listener.deliver(&failure).await.unwrap();
    listener.deliver(&failure.with_attempt(2)).await.unwrap();

    let ids = server.lines_of("Message-ID");
    assert_eq!(ids, ["Message-ID: <mail=2F1-0@example.com>"; 2]);
}
