//! An interval schedule fires at whole multiples of its length, whatever clocks do.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_interval::{Interval, IntervalFactory};
use stock_scheduler_sdk::conformance::schedule::check;
use stock_scheduler_sdk::{Next, Occurrence, Schedule, ScheduleContext, ScheduleFactory};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn build(spec: &Value) -> Result<Box<dyn Schedule>, (String, String)> {
    let context = ScheduleContext::new(Tz::Europe__Berlin);
    let built = IntervalFactory.build(spec, &context);
    built.map_err(|error| (error.pointer.clone(), error.message.clone()))
}

fn built(spec: &Value) -> Box<dyn Schedule> {
    build(spec).unwrap_or_else(|error| panic!("{spec}: {error:?}"))
}

/// The two fires after `start`.
fn fires(schedule: &dyn Schedule, start: &str) -> [DateTime<Utc>; 2] {
    let next = |instant| match schedule.next_after(instant) {
        Next::At(Occurrence {
            at,
            skip: None,
            notes,
            ..
        }) if notes.is_empty() => at,
        other => panic!("{other:?}"),
    };
    let first = next(time(start));
    [first, next(first)]
}

#[test]
fn it_fires_at_whole_multiples_since_its_anchor_and_before_it() {
    let fractional = "2026-01-01T00:00:00.250Z";
    for (every, anchor, start, expected) in [
        (
            "15m",
            None,
            "2026-01-01T00:00:00Z",
            ["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
        ),
        (
            "15m",
            None,
            "2026-01-01T00:14:59.999999999Z",
            ["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
        ),
        (
            "15m",
            None,
            "2026-01-01T00:15:00.000000001Z",
            ["2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z"],
        ),
        (
            "1s",
            None,
            "2026-12-31T23:59:59.5Z",
            ["2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z"],
        ),
        (
            "1d",
            None,
            "2026-02-28T00:00:00Z",
            ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"],
        ),
        // Multiples since 1970, not since midnight: 7 hours do not divide a day.
        (
            "7h",
            None,
            "1970-01-01T20:00:00Z",
            ["1970-01-01T21:00:00Z", "1970-01-02T04:00:00Z"],
        ),
        (
            "7h",
            None,
            "1969-12-31T20:00:00Z",
            ["1970-01-01T00:00:00Z", "1970-01-01T07:00:00Z"],
        ),
        (
            "7h",
            None,
            "1969-12-31T00:00:00Z",
            ["1969-12-31T03:00:00Z", "1969-12-31T10:00:00Z"],
        ),
        (
            "366d",
            None,
            "1970-01-01T00:00:00Z",
            ["1971-01-02T00:00:00Z", "1972-01-03T00:00:00Z"],
        ),
        (
            "1h30m",
            Some("2026-01-01T09:30:00-05:00"),
            "2026-01-01T14:00:00Z",
            ["2026-01-01T14:30:00Z", "2026-01-01T16:00:00Z"],
        ),
        (
            "1h30m",
            Some("2026-01-01T09:30:00-05:00"),
            "2026-01-01T14:30:00Z",
            ["2026-01-01T16:00:00Z", "2026-01-01T17:30:00Z"],
        ),
        (
            "1h30m",
            Some("2026-01-01T09:30:00-05:00"),
            "2025-12-31T23:59:00Z",
            ["2026-01-01T01:00:00Z", "2026-01-01T02:30:00Z"],
        ),
        (
            "10s",
            Some(fractional),
            "2026-01-01T00:00:00Z",
            ["2026-01-01T00:00:00.250Z", "2026-01-01T00:00:10.250Z"],
        ),
        (
            "10s",
            Some(fractional),
            "2026-01-01T00:00:00.250Z",
            ["2026-01-01T00:00:10.250Z", "2026-01-01T00:00:20.250Z"],
        ),
        (
            "10s",
            Some(fractional),
            "2025-12-31T23:59:30.240Z",
            ["2025-12-31T23:59:30.250Z", "2025-12-31T23:59:40.250Z"],
        ),
        // Computers do not count leap seconds.
        (
            "10s",
            Some("2016-12-31T23:59:60Z"),
            "2016-12-31T23:59:55Z",
            ["2017-01-01T00:00:00Z", "2017-01-01T00:00:10Z"],
        ),
        (
            "1s",
            None,
            "2016-12-31T23:59:60.5Z",
            ["2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"],
        ),
    ] {
        let schedule = match anchor {
            Some(anchor) => built(&json!({"every": every, "anchor": anchor})),
            None => built(&json!({"every": every})),
        };

        let fires = fires(schedule.as_ref(), start);

        assert_eq!(
            fires,
            expected.map(time),
            "{} after {start}",
            schedule.describe()
        );
    }
}

#[test]
fn clocks_that_change_do_not_move_it() {
    let schedule = built(&json!({"every": "30m", "timezone": "America/New_York"}));

    // Clocks are put forward at 07:00 UTC on 9 March 2025, and back at 06:00 UTC on 2 November.
    let spring = fires(schedule.as_ref(), "2025-03-09T06:30:00Z");
    let autumn = fires(schedule.as_ref(), "2025-11-02T05:30:00Z");

    assert_eq!(
        spring,
        ["2025-03-09T07:00:00Z", "2025-03-09T07:30:00Z"].map(time)
    );
    assert_eq!(
        autumn,
        ["2025-11-02T06:00:00Z", "2025-11-02T06:30:00Z"].map(time)
    );
}

#[test]
fn the_laws_of_a_schedule_hold_also_at_the_ends_of_time() {
    let days = TimeDelta::days(1_000);
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for spec in [
        json!({"every": "1s"}),
        json!({"every": "7h", "timezone": "Pacific/Apia"}),
        json!({"every": "1h30m", "anchor": "2026-01-01T09:30:00.25-05:00"}),
        json!({"every": "366d", "anchor": "9999-12-31T23:59:59-23:59"}),
        json!({"every": "1d", "anchor": "0000-01-01T00:00:00+23:59"}),
    ] {
        let schedule = built(&spec);
        for start in [
            first,
            time("1969-06-01T00:00:00Z"),
            time("2025-01-01T00:00:00Z"),
            last - days,
        ] {
            assert_eq!(
                check(schedule.as_ref(), start, start + days),
                Ok(()),
                "{spec}, {start}"
            );
        }
        assert!(matches!(schedule.next_after(first), Next::At(_)));
        assert_eq!(schedule.next_after(last), Next::Never);
    }
    let anchored_at_an_end = |end| {
        let hourly = Interval::every(TimeDelta::hours(1)).expect("a length");
        check(
            &hourly.anchored_at(end),
            time("2025-01-01T00:00:00Z"),
            time("2025-02-01T00:00:00Z"),
        )
    };
    assert_eq!(anchored_at_an_end(first), Ok(()));
    assert_eq!(anchored_at_an_end(last), Ok(()));
}

#[test]
fn other_lengths_are_no_interval() {
    let millis = TimeDelta::milliseconds;
    for length in [
        millis(0),
        millis(999),
        millis(1_500),
        TimeDelta::days(-1),
        TimeDelta::days(367),
        TimeDelta::MAX,
        TimeDelta::MIN,
    ] {
        assert_eq!(Interval::every(length), None, "{length}");
    }
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone) in [
        (
            json!({"kind": "interval", "every": "15m"}),
            "every 15 min",
            None,
        ),
        (json!({"every": "90s"}), "every 1 min 30 s", None),
        (json!({"every": "1d12h"}), "every 1 d 12 h", None),
        (
            json!({"every": "366d", "timezone": "Asia/Calcutta"}),
            "every 366 d",
            Some(Tz::Asia__Kolkata),
        ),
        (
            json!({"every": "4h", "anchor": "2026-01-01T09:30:00-05:00", "timezone": "America/New_York"}),
            "every 4 h, counted from 2026-01-01T14:30:00Z",
            Some(Tz::America__New_York),
        ),
    ] {
        let schedule = built(&spec);

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), zone);
        assert_eq!(schedule.time_of_day(), None);
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let duration = "expected one such as 90s, 15m, 1h30m or 2d";
    let instant = r#"expected an instant with its offset such as "2026-01-01T09:30:00-05:00""#;
    for (spec, pointer, message) in [
        (
            json!("15m"),
            "",
            r#"schedule is "15m", expected an object"#.to_owned(),
        ),
        (json!({}), "", r#"`every` is missing, such as "15m""#.into()),
        (
            json!({"every": 15}),
            "/every",
            r#"every is 15, expected text such as "15m""#.into(),
        ),
        (
            json!({"every": "15"}),
            "/every",
            format!(r#"every: "15" is no duration, {duration}"#),
        ),
        (
            json!({"every": "-15m"}),
            "/every",
            format!(r#"every: "-15m" is no duration, {duration}"#),
        ),
        (
            json!({"every": ""}),
            "/every",
            format!(r#"every: "" is no duration, {duration}"#),
        ),
        (
            json!({"every": "0s"}),
            "/every",
            r#"every is "0s", expected 1s to 366d"#.into(),
        ),
        (
            json!({"every": "366d1s"}),
            "/every",
            r#"every is "366d1s", expected 1s to 366d"#.into(),
        ),
        (
            json!({"every": "99999999d"}),
            "/every",
            r#"every is "99999999d", expected 1s to 366d"#.into(),
        ),
        (
            json!({"every": "15m", "anchor": 0}),
            "/anchor",
            r#"anchor is 0, expected text such as "2026-01-01T09:30:00-05:00""#.into(),
        ),
        (
            json!({"every": "15m", "anchor": "2026-01-01"}),
            "/anchor",
            format!(r#"anchor is "2026-01-01", {instant}"#),
        ),
        (
            json!({"every": "15m", "anchor": "2026-01-01T09:30:00"}),
            "/anchor",
            format!(r#"anchor is "2026-01-01T09:30:00", {instant}"#),
        ),
        (
            json!({"every": "15m", "anchor": "2026-02-30T09:30:00Z"}),
            "/anchor",
            format!(r#"anchor is "2026-02-30T09:30:00Z", {instant}"#),
        ),
        (
            json!({"every": "15m", "ancor": "2026-01-01T09:30:00Z"}),
            "/ancor",
            "unknown field `ancor`, did you mean `anchor`?".into(),
        ),
        (
            json!({"every": "15m", "time": "17:00"}),
            "/time",
            "unknown field `time`, expected `every`, `anchor`, `timezone` or `on`".into(),
        ),
        (
            json!({"every": "15m", "timezone": "New York"}),
            "/timezone",
            r#"unknown time zone "New York", did you mean "America/New_York"?"#.into(),
        ),
        (
            json!({"every": "15m", "on": 1}),
            "/on",
            r#"on is 1, expected text such as "XNYS""#.into(),
        ),
    ] {
        let error = build(&spec).err();

        assert_eq!(error, Some((pointer.into(), message)), "{spec}");
    }
}
