//! What is made of a server's answers; nobody's password is in any of it.

use serde_json::json;
use stock_scheduler_sdk::{DeliveryError, DeliveryErrorKind};

use crate::support::{CLOSE, MailServer, SILENCE, Script, delivery, finished};

const PLAIN: &[&str] = &["AUTH PLAIN LOGIN"];

/// What comes of a mail by a server that speaks so, and what the server heard.
async fn sent(script: Script, query: &str) -> (Result<(), DeliveryError>, Vec<String>) {
    let server = MailServer::start(script).await;
    let smtp = format!("smtp://me:hush%21@127.0.0.1:{}{query}", server.port);
    let listener = server.listener(json!({"smtp": smtp}));
    let failure = delivery("Nightly", finished(3));
    let mut sending = listener.deliver(&failure);
    let sent = tokio::select! {
        sent = &mut sending => sent,
        () = server.silence() => {
            // From here on only time goes by.
            tokio::time::pause();
            let sent = sending.await;
            tokio::time::resume();
            sent
        }
    };
    if let Err(error) = &sent {
        for secret in ["hush", "aHVzaC", "AG1lAGh1c2gh"] {
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
    }
    (sent, server.lines())
}

#[tokio::test]
async fn user_and_password_are_shown_to_the_server() {
    let script = Script {
        extensions: PLAIN,
        answers: &[],
    };

    let (sent, lines) = sent(script, "").await;

    assert!(sent.is_ok());
    // NUL me NUL hush!
    assert!(
        lines.contains(&"AUTH PLAIN AG1lAGh1c2gh".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn answers_say_what_the_host_does_next() {
    use DeliveryErrorKind::{Refused, Unavailable};
    for (answers, kind, status, message) in [
        (
            &[("RCPT", "550 5.1.1 no such user")],
            Refused,
            Some(550),
            "did not take the mail: it answered 550 5.1.1 no such user",
        ),
        (
            &[("MAIL", "552 too\ttall")],
            Refused,
            Some(552),
            "it answered 552 too tall",
        ),
        (
            &[(".", "554 spam")],
            Refused,
            Some(554),
            "it answered 554 spam",
        ),
        (
            &[("RCPT", "450 later")],
            Unavailable,
            Some(450),
            "it answered 450 later",
        ),
        (
            &[(".", "451 later")],
            Unavailable,
            Some(451),
            "it answered 451 later",
        ),
        (
            &[("HELLO", "554 go away")],
            Unavailable,
            Some(554),
            "cannot talk to mail server 127.0.0.1:",
        ),
        (
            &[("AUTH", "535 AUTH PLAIN AG1lAGh1c2gh is wrong")],
            Unavailable,
            Some(535),
            "cannot log in to mail server 127.0.0.1:",
        ),
        (
            &[("AUTH", "454 later")],
            Unavailable,
            Some(454),
            "it answered 454",
        ),
        (
            &[("HELLO", "hello")],
            Unavailable,
            None,
            "cannot talk to mail server",
        ),
        (
            &[("HELLO", CLOSE)],
            Unavailable,
            None,
            "cannot talk to mail server",
        ),
        (
            &[("AUTH", CLOSE)],
            Unavailable,
            None,
            "cannot log in to mail server",
        ),
        (
            &[("DATA", CLOSE)],
            Unavailable,
            None,
            "did not take the mail",
        ),
        (&[(".", CLOSE)], Unavailable, None, "did not take the mail"),
    ] {
        let script = Script {
            extensions: PLAIN,
            answers,
        };

        let error = sent(script, "").await.0.unwrap_err();

        assert_eq!(
            (error.kind(), error.status()),
            (kind, status),
            "{answers:?}"
        );
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    for answers in [
        &[("HELLO", SILENCE)],
        &[("RCPT", SILENCE)],
        &[(".", SILENCE)],
    ] {
        let script = Script {
            extensions: PLAIN,
            answers,
        };

        let error = sent(script, "").await.0.unwrap_err();

        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable, "{answers:?}");
        assert!(
            error
                .to_string()
                .starts_with("no answer from mail server 127.0.0.1:"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_mail_is_sent_though_the_server_does_not_say_goodbye() {
    for answers in [&[("QUIT", SILENCE)], &[("QUIT", CLOSE)]] {
        let script = Script {
            extensions: PLAIN,
            answers,
        };

        let (sent, _) = sent(script, "").await;
        assert!(sent.is_ok(), "{answers:?}: {sent:?}");
    }
}

#[tokio::test]
async fn nothing_is_said_in_clear_where_encryption_is_required() {
    for extensions in [PLAIN, &["STARTTLS", "AUTH PLAIN LOGIN"]] {
        let script = Script {
            extensions,
            // Speaks on in clear.
            answers: &[("STARTTLS", "220 go on")],
        };

        let (sent, lines) = sent(script, "?tls=required").await;

        let error = sent.unwrap_err();
        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
        assert!(
            error.to_string().starts_with("cannot talk to mail server"),
            "{error}"
        );
        let said = ["AUTH", "MAIL", "RCPT", "DATA"];
        assert!(
            !lines
                .iter()
                .any(|line| said.iter().any(|said| line.starts_with(said)))
        );
    }
}

#[tokio::test]
async fn a_server_that_knows_no_login_is_not_told_the_password() {
    let (sent, lines) = sent(Script::default(), "").await;

    assert_eq!(sent.unwrap_err().kind(), DeliveryErrorKind::Unavailable);
    assert!(!lines.iter().any(|line| line.starts_with("AUTH")));
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_closed_port_is_unavailable() {
    let server = MailServer::start(Script::default()).await;
    let port = free_port();
    let listener = server.listener(json!({"smtp": format!("smtp://127.0.0.1:{port}")}));

    let error = listener
        .deliver(&delivery("Nightly", finished(3)))
        .await
        .unwrap_err();

    assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
    assert!(error.to_string().contains("onnection refused"), "{error}");
}
