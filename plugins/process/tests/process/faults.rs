//! Whatever a program does, the host says what it was, and nothing of the program is left.

use std::time::{Duration, Instant};

use serde_json::json;
use stock_scheduler_process::ProcessConfig;
use stock_scheduler_sdk::FetchErrorKind;

use crate::support::{Plugin, bad, good, start, started, until};

/// What people read when the program is started.
async fn described(plugin: &Plugin) -> String {
    let sentence = plugin.handle.describe().await.unwrap_err();
    plugin.assert_gone();
    assert_eq!(
        plugin.fetch().await.unwrap_err().kind(),
        FetchErrorKind::Unavailable
    );
    sentence
}

#[tokio::test]
async fn a_program_that_does_not_describe_itself_is_said_to_be_wrong() {
    for (mode, sentence) in [
        (
            "banner",
            r#"plugin "mine" wrote "Loading model..." to its standard output, which is no message (expected value at line 1 column 1); logs belong on standard error"#,
        ),
        (
            "protocol_2",
            r#"plugin "mine" speaks protocol 2, expected 1"#,
        ),
        (
            "describes_nothing",
            r#"plugin "mine" described itself as nothing, expected a fetcher, schedules or a listener"#,
        ),
        (
            "exits",
            r#"plugin "mine" ended with exit status 3; the last line of its log: "ModuleNotFoundError: No module named 'pandas'""#,
        ),
        ("killed", r#"plugin "mine" was ended by signal 9"#),
    ] {
        let Some(plugin) = started(mode) else { return };

        assert_eq!(
            described(&plugin).await,
            format!("{sentence}; it is started again in 1s")
        );
        assert_eq!(plugin.handle.health().problem.as_deref(), Some(sentence));
    }
}

#[tokio::test]
async fn a_program_that_never_describes_itself_is_given_up() {
    let Some(mut config) = bad("never_described") else {
        return;
    };
    config.start_timeout = Duration::from_millis(300);
    let plugin = start(config);

    let sentence =
        r#"plugin "mine" did not describe itself within 300ms; it is started again in 1s"#;
    assert_eq!(described(&plugin).await, sentence);
}

#[tokio::test]
async fn a_program_that_refuses_its_configuration_says_where() {
    let Some(mut config) = good() else { return };
    config.config = json!({"key": "wrong"});
    let plugin = start(config);

    let sentence = r#"plugin "mine" refuses its configuration at "config/key": the key is not known; it is started again in 1s"#;
    assert_eq!(described(&plugin).await, sentence);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_said_to_be_missing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let mut lost = ProcessConfig::new(["true"]);
    lost.directory = Some("/no/such/place".into());
    for (config, why) in [
        (
            ProcessConfig::new(["no-such-program"]),
            r#"there is no program "no-such-program""#,
        ),
        (
            ProcessConfig::new([path]),
            &format!("{path:?} may not be executed"),
        ),
        (ProcessConfig::new(["/"]), r#""/" may not be executed"#),
        (lost, r#"there is no directory "/no/such/place""#),
    ] {
        let plugin = start(config);

        let sentence = format!(r#"cannot start plugin "mine": {why}; it is started again in 1s"#);
        assert_eq!(described(&plugin).await, sentence);
    }
}

#[tokio::test]
async fn a_program_that_answers_wrongly_is_stopped() {
    for (mode, sentence) in [
        (
            "unasked",
            "answered request 4000000, which it was not asked",
        ),
        ("long_line", "wrote a line of more than 1048576 bytes"),
        (
            "closes_stdout",
            "closed its standard output, and did not end",
        ),
        ("grandchild", "ended with exit status 4"),
    ] {
        let Some(mut config) = bad(mode) else { return };
        config.max_line = 1 << 20;
        let plugin = start(config);

        let failed = plugin.fetch().await.unwrap_err();

        let expected = format!(r#"plugin "mine" {sentence}; it is started again in 1s"#);
        assert_eq!(
            (failed.kind(), failed.to_string()),
            (FetchErrorKind::Unavailable, expected)
        );
        plugin.assert_gone();
    }
}

#[tokio::test]
async fn a_request_is_answered_once() {
    for mode in ["twice", "floods_stdout"] {
        let Some(plugin) = started(mode) else { return };

        let _ = plugin.fetch().await;

        until(|| plugin.handle.health().problem.is_some()).await;
        let problem = plugin.handle.health().problem.unwrap();
        assert_eq!(problem, r#"plugin "mine" answered request 1 a second time"#);
        until(|| plugin.processes().is_empty()).await;
    }
}

#[tokio::test]
async fn a_program_that_wants_no_more_requests_is_stopped() {
    let Some(plugin) = started("closes_stdin") else {
        return;
    };
    assert!(plugin.fetch().await.is_ok());

    let sentence =
        r#"plugin "mine" closed its standard input, and did not end; it is started again in 1s"#;
    assert_eq!(plugin.failure().await, sentence);
    plugin.assert_gone();
}

#[tokio::test]
async fn three_requests_without_an_answer_are_a_hang() {
    let Some(mut config) = bad("mute") else {
        return;
    };
    config.timeout = Duration::from_millis(300);
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();

    for _ in 0..3 {
        assert_eq!(
            plugin.failure().await,
            r#"plugin "mine" did not answer "fetch" within 300ms"#
        );
    }

    let hangs = r#"plugin "mine" hangs: 3 requests were not answered within 300ms"#;
    until(|| plugin.handle.health().problem.as_deref() == Some(hangs)).await;
    let health = plugin.handle.health();
    assert_eq!(
        (health.counters["timeouts"], health.counters["failures"]),
        (3, 3)
    );
}

#[tokio::test]
async fn requests_that_were_dropped_and_are_not_answered_are_a_hang_when_there_are_many() {
    let Some(mut config) = bad("mute") else {
        return;
    };
    config.timeout = Duration::from_millis(100);
    config.in_flight = 2;
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();

    let start = Instant::now();
    while plugin.handle.health().problem.is_none() && start.elapsed() < Duration::from_secs(5) {
        let _ = tokio::time::timeout(Duration::from_millis(20), plugin.fetch()).await;
    }

    let problem = plugin.handle.health().problem.unwrap();
    assert_eq!(
        problem,
        r#"plugin "mine" hangs: 4 requests were not answered within 100ms"#
    );
}

#[tokio::test]
async fn an_answer_that_comes_too_late_does_no_harm() {
    let Some(mut config) = bad("mute_once") else {
        return;
    };
    config.timeout = Duration::from_millis(200);
    let plugin = start(config);

    assert_eq!(
        plugin.failure().await,
        r#"plugin "mine" did not answer "fetch" within 200ms"#
    );

    for _ in 0..3 {
        assert!(plugin.fetch().await.is_ok());
    }
    assert_eq!(plugin.handle.health().counters["restarts"], 0);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_fails_its_request_alone() {
    let Some(plugin) = started("wrong_types") else {
        return;
    };
    for sentence in [
        r#"plugin "mine" answered "fetch" with neither a result nor an error"#,
        r#"plugin "mine" answered wrongly for AAPL: invalid length 0, expected struct Table with 4 elements at line 1 column 2"#,
        r#"plugin "mine" answered "fetch" with an error that is none: invalid type: string "boom", expected struct Refusal at line 1 column 6"#,
        r#"plugin "mine" answered the error "boom", which a fetch does not have: it went boom"#,
    ] {
        let failed = plugin.fetch().await.unwrap_err();

        assert_eq!(
            (failed.kind(), failed.to_string().as_str()),
            (FetchErrorKind::Malformed, sentence)
        );
    }
    assert_eq!(plugin.handle.health().counters["restarts"], 0);
}

#[tokio::test]
async fn a_number_that_is_none_is_said_with_its_bar() {
    let Some(plugin) = started("not_a_number") else {
        return;
    };

    let sentence = r#"plugin "mine" answered wrongly for AAPL: bar 1 of 2025-06-02: close is "NaN": invalid type: string "NaN", expected f64"#;
    let failed = plugin.fetch().await.unwrap_err();
    assert_eq!(
        (failed.kind(), failed.to_string().as_str()),
        (FetchErrorKind::Malformed, sentence)
    );
}

#[tokio::test]
async fn all_that_is_under_way_fails_at_once_with_the_program() {
    let Some(mut config) = bad("dies_midway") else {
        return;
    };
    config.first_wait = Duration::from_secs(5);
    config.longest_wait = Duration::from_secs(5);
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();

    let start = Instant::now();
    let failures = futures_all((0..12).map(|_| plugin.failure())).await;

    let sentence = r#"plugin "mine" ended with exit status 7; the last line of its log: "out of memory"; it is started again in 5s"#;
    assert!(
        failures.iter().all(|failure| failure == sentence),
        "{failures:?}"
    );
    // Until it is started again, who asks is told at once.
    assert!(plugin.failure().await.starts_with(&sentence[..60]));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(plugin.handle.health().counters["restarts"], 0);
}

#[tokio::test]
async fn an_answer_of_a_program_that_ends_still_counts() {
    let Some(plugin) = started("answers_and_dies") else {
        return;
    };
    let mut answered = 0;

    while answered < 3 {
        match plugin.fetch().await {
            Ok(_) => answered += 1,
            Err(error) => {
                let expected =
                    r#"plugin "mine" ended with exit status 0; it is started again in 1s"#;
                assert_eq!(error.to_string(), expected);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    assert!(plugin.handle.health().counters["restarts"] >= 2);
}

#[tokio::test]
async fn a_program_that_fails_again_is_left_alone_for_longer_unless_it_worked_in_between() {
    for (mode, waits) in [("exits", ["1s", "2s"]), ("answers_and_dies", ["1s", "1s"])] {
        let Some(mut config) = bad(mode) else { return };
        (config.first_wait, config.longest_wait) =
            (Duration::from_millis(600), Duration::from_secs(60));
        let plugin = start(config);
        for wait in waits {
            let sentence = loop {
                if let Err(error) = plugin.fetch().await {
                    break error.to_string();
                }
            };
            assert!(
                sentence.ends_with(&format!("; it is started again in {wait}")),
                "{sentence}"
            );
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_holds_nobody_up() {
    let Some(plugin) = started("floods_stderr") else {
        return;
    };

    assert!(plugin.fetch().await.is_ok());

    let dropped = || plugin.handle.health().counters["log_lines_dropped"];
    until(|| dropped() > 2_000).await;
    assert!(dropped() < 3_000);
}

#[tokio::test]
async fn a_program_gets_no_more_memory_than_it_may_have() {
    let Some(mut config) = bad("hungry") else {
        return;
    };
    config.memory = Some(512_000_000);
    let plugin = start(config);

    let sentence = r#"plugin "mine" ended with exit status 5; the last line of its log: "MemoryError"; it is started again in 1s"#;
    assert_eq!(plugin.failure().await, sentence);
}

/// All of `futures` at once, in their order.
async fn futures_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
