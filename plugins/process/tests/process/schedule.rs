//! A plugin's schedules answer like any other, and say why where they cannot.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::conformance::schedule;
use stock_scheduler_sdk::{ConfigError, Next, Schedule, ScheduleContext, ScheduleFactory};

use crate::support::{Plugin, bad, good, start};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn build(plugin: &Plugin, spec: Value) -> Result<Box<dyn Schedule>, ConfigError> {
    let context = ScheduleContext::new(Tz::America__New_York);
    plugin.handle.schedule("every").build(&spec, &context)
}

/// Why `schedule` cannot say when it fires.
fn unknown(schedule: &dyn Schedule) -> String {
    let instant = at("2025-06-02T00:00:00Z");
    match schedule.next_after(instant) {
        Next::Unknown { from, reason } if from == instant => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_plugin_keeps_the_promises_of_a_schedule() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let [from, to] = ["2024-12-01T00:30:00Z", "2025-12-01T00:00:00Z"].map(at);

    for spec in [
        json!({"hours": 6}),
        json!({"hours": 7, "until": "2025-02-01T00:00:00+00:00"}),
        json!({"hours": 7, "until": "2025-02-01T00:00:00+00:00",
               "ends": {"unknown_from": "2025-02-01T00:00:00+00:00", "reason": "nobody knows"}}),
    ] {
        schedule::check(&*build(&plugin, spec).unwrap(), from, to).unwrap();
    }
}

#[test]
fn a_long_walk_there_and_back_keeps_the_promises_too() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let schedule = build(&plugin, json!({"hours": 1})).unwrap();

    schedule::check(
        &*schedule,
        at("2024-01-01T00:00:00Z"),
        at("2030-01-01T00:00:00Z"),
    )
    .unwrap();
}

#[test]
fn a_schedule_has_the_plugins_words_skips_and_ends() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let ends = json!({"unknown_from": "2026-01-01T00:00:00+00:00", "reason": "no moon"});
    let spec = json!({"hours": 24, "zone": "Asia/Tokyo", "until": "2025-12-26T00:00:00+00:00", "ends": ends});
    let schedule = build(&plugin, spec).unwrap();

    assert_eq!(schedule.describe(), "every 24 hours");
    assert_eq!(schedule.zone(), Some(Tz::Asia__Tokyo));
    let Next::At(fire) = schedule.next_after(at("2025-12-24T12:00:00Z")) else {
        panic!()
    };
    assert_eq!(
        (fire.at, fire.skip.as_deref()),
        (at("2025-12-25T00:00:00Z"), Some("Christmas"))
    );
    let reason = "no moon".to_owned();
    let from = at("2026-01-01T00:00:00Z");
    assert_eq!(schedule.next_after(fire.at), Next::Unknown { from, reason });
}

#[test]
fn what_is_wrong_with_a_schedule_is_pointed_at() {
    let Some(config) = good() else { return };
    let plugin = start(config);

    let error = build(&plugin, json!({"hours": "six"})).err();

    let message = r#"hours is "six", expected a number"#;
    assert_eq!(error, Some(ConfigError::at("/hours", message)));
    let error = build(&plugin, json!({"hours": 6, "zone": "Asia/Tokio"}))
        .err()
        .unwrap();
    let message =
        r#"plugin "mine" says that the schedule's zone is "Asia/Tokio", expected an IANA name"#;
    assert_eq!(error, ConfigError::at("", message));
    let context = ScheduleContext::new(Tz::UTC);
    let error = plugin
        .handle
        .schedule("lunar")
        .build(&json!({}), &context)
        .err()
        .unwrap();
    let message = r#"plugin "mine" has no schedule "lunar", expected one of ["every"]"#;
    assert_eq!(error, ConfigError::at("", message));
}

#[test]
fn a_schedule_of_more_than_64_kib_is_refused_before_anybody_is_asked() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let spec = |letters: usize| json!({"hours": 6, "note": "x".repeat(letters)});
    let least = spec(0).to_string().len();
    let most = 64 * 1024 - least;

    let error = build(&plugin, spec(most + 1)).err().unwrap();

    let message = "the schedule has 65537 bytes as JSON, expected 65536 at most";
    assert_eq!(error, ConfigError::at("", message));
    assert_eq!(plugin.handle.health().counters["calls"], 0);
    assert!(build(&plugin, spec(most)).is_ok());
}

#[test]
fn fires_that_cannot_be_are_not_believed() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let fires =
        |times: [&str; 2]| json!({"fires": times.map(|at| json!({"at": at})), "ends": "never"});
    for (answer, reason) in [
        (
            fires(["2025-06-04T00:00:00Z", "2025-06-03T00:00:00Z"]),
            r#"plugin "mine" told the fire 2025-06-03 00:00:00 UTC after 2025-06-04 00:00:00 UTC, expected a later one"#,
        ),
        (
            fires(["2025-06-01T00:00:00Z", "2025-06-03T00:00:00Z"]),
            r#"plugin "mine" told the fire 2025-06-01 00:00:00 UTC after 2025-06-02 00:00:00 UTC, expected a later one"#,
        ),
        (
            json!({"fires": []}),
            r#"plugin "mine" told 0 fires of 64, and not how that ends"#,
        ),
    ] {
        let schedule = build(&plugin, json!({"hours": 1, "answer": answer})).unwrap();

        assert_eq!(unknown(&*schedule), reason);
        assert_eq!(unknown(&*schedule), reason);
    }
    assert_eq!(plugin.handle.health().counters["restarts"], 0);
}

#[test]
fn a_schedule_of_a_plugin_that_is_down_is_made_and_cannot_say() {
    let Some(config) = bad("exits") else { return };
    let plugin = start(config);

    let schedule = build(&plugin, json!({"hours": 6})).unwrap();

    assert_eq!(schedule.describe(), r#"every (plugin "mine")"#);
    let reason = unknown(&*schedule);
    assert!(
        reason.starts_with(r#"plugin "mine" ended with exit status 3"#),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_plugin_is_waited_for_once_and_believed_later() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let schedules: Vec<_> = (0..20)
        .map(|_| build(&plugin, json!({"hours": 6, "slow": 0.8})).unwrap())
        .collect();

    let start = Instant::now();
    for schedule in &schedules {
        let reason = unknown(&**schedule);
        assert_eq!(
            reason,
            r#"plugin "mine" did not answer "fires" within 500ms"#
        );
    }
    assert!(
        start.elapsed() < Duration::from_millis(750),
        "{:?}",
        start.elapsed()
    );

    let first = || schedules[0].next_after(at("2025-06-02T00:00:00Z"));
    crate::support::until(|| matches!(first(), Next::At(_))).await;
    // It has answered, so that the others wait again and are not sent away.
    let reason = unknown(&*schedules[1]);
    assert!(reason.contains("500ms") && start.elapsed() > Duration::from_millis(1_200));
    let second = || schedules[1].next_after(at("2025-06-02T00:00:00Z"));
    crate::support::until(|| matches!(second(), Next::At(_))).await;
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_schedule_goes_on_from_what_it_knows_while_its_plugin_is_gone() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let schedule = build(&plugin, json!({"hours": 6})).unwrap();
    let before = schedule.next_after(at("2025-06-02T00:00:00Z"));

    plugin.handle.stop().await;

    assert_eq!(schedule.next_after(at("2025-06-02T00:00:00Z")), before);
    let Next::Unknown { reason, .. } = schedule.next_after(at("2026-06-02T00:00:00Z")) else {
        panic!()
    };
    assert_eq!(reason, r#"plugin "mine" has been stopped"#);
}

#[tokio::test]
async fn the_schema_is_the_plugins_with_the_kind() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();
    let factory = plugin.handle.schedule("every");

    let kind = json!({"type": "string", "enum": ["every"]});
    let schema = json!({"type": "object", "properties": {"kind": kind}, "required": ["kind"]});
    assert_eq!(factory.schema(), schema);
    assert_eq!(factory.version(), "1.2.3");
}
