//! A session schedule fires at the open or the close of each session, and on no other day.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_exchanges::Exchanges;
use stock_scheduler_sdk::conformance::schedule::check;
use stock_scheduler_sdk::{Calendar, Next, Occurrence, Schedule, ScheduleContext, ScheduleFactory};
use stock_scheduler_session::{Moment, SessionFactory, SessionSchedule};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn try_build(spec: &Value) -> Result<Box<dyn Schedule>, (String, String)> {
    let context = ScheduleContext::new(Tz::Europe__Berlin).with_calendars(Exchanges::shipped());
    let built = SessionFactory.build(spec, &context);
    built.map_err(|error| (error.pointer.clone(), error.message.clone()))
}

fn build(spec: Value) -> Box<dyn Schedule> {
    try_build(&spec).unwrap_or_else(|error| panic!("{spec}: {error:?}"))
}

/// The `n` fires after `start`.
fn fires(schedule: &dyn Schedule, start: &str, n: usize) -> Vec<Occurrence> {
    let next = |instant| match schedule.next_after(instant) {
        Next::At(fire) => Some(fire),
        _ => None,
    };
    std::iter::successors(next(time(start)), |fire| next(fire.at))
        .take(n)
        .collect()
}

fn instants(schedule: &dyn Schedule, start: &str, n: usize) -> Vec<String> {
    let fires = fires(schedule, start, n).into_iter();
    fires
        .map(|fire| fire.at.format("%Y-%m-%dT%H:%M").to_string())
        .collect()
}

#[test]
fn a_half_day_moves_the_fire_and_a_holiday_has_none() {
    let schedule =
        build(json!({"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+30m"}));

    let fires = fires(schedule.as_ref(), "2026-11-25T00:00:00Z", 3);

    let half_day = Occurrence::new(time("2026-11-27T18:30:00Z")).with_note("early close 13:00");
    assert_eq!(fires[0], Occurrence::new(time("2026-11-25T21:30:00Z")));
    assert_eq!(fires[1], half_day);
    assert_eq!(fires[2], Occurrence::new(time("2026-11-30T21:30:00Z")));
}

#[test]
fn fires_follow_the_wall_clock_of_the_exchange() {
    for (spec, start, expected) in [
        // Clocks are put forward on 8 March 2026 and back on 1 November.
        (
            json!({"exchange": "XNYS", "at": "open"}),
            "2026-03-06T00:00:00Z",
            ["2026-03-06T14:30", "2026-03-09T13:30"],
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "-15m"}),
            "2026-10-30T00:00:00Z",
            ["2026-10-30T19:45", "2026-11-02T20:45"],
        ),
        (
            json!({"exchange": "XTKS", "at": "close"}),
            "2024-11-01T00:00:00Z",
            ["2024-11-01T06:00", "2024-11-05T06:30"],
        ),
        // Opens on Sunday evening.
        (
            json!({"exchange": "CMES", "at": "open", "offset": "-5m"}),
            "2026-11-20T12:00:00Z",
            ["2026-11-22T22:55", "2026-11-23T22:55"],
        ),
        // The zone is for showing alone.
        (
            json!({"exchange": "XNYS", "at": "open", "timezone": "Asia/Tokyo"}),
            "2026-11-24T14:30:00Z",
            ["2026-11-25T14:30", "2026-11-27T14:30"],
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "+20h59m59s"}),
            "2026-11-24T21:00:00Z",
            ["2026-11-25T17:59", "2026-11-26T17:59"],
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "-0s"}),
            "2026-11-24T21:00:00Z",
            ["2026-11-25T21:00", "2026-11-27T18:00"],
        ),
        (
            json!({"exchange": "24/7", "at": "close"}),
            "2026-11-27T23:59:59.999999999Z",
            ["2026-11-28T00:00", "2026-11-29T00:00"],
        ),
        (
            json!({"exchange": "24/5", "at": "close"}),
            "2026-11-28T00:00:00Z",
            ["2026-12-01T00:00", "2026-12-02T00:00"],
        ),
    ] {
        let schedule = build(spec.clone());
        assert_eq!(instants(schedule.as_ref(), start, 2), expected, "{spec}");
    }
}

#[test]
fn nothing_is_guessed_beyond_what_the_calendar_covers() {
    let schedule = build(json!({"exchange": "XSHG", "at": "close", "offset": "+1h"}));
    let unknown = Next::Unknown {
        from: time("2026-12-31T16:00:00Z"),
        reason: "the calendar of XSHG covers 2000-01-01 to 2026-12-31".into(),
    };

    let last = schedule.next_after(time("2026-12-31T07:59:59Z"));

    assert_eq!(last, Next::from(time("2026-12-31T08:00:00Z")));
    for instant in [
        time("2026-12-31T08:00:00Z"),
        time("2030-01-01T00:00:00Z"),
        time("1999-12-31T00:00:00Z"),
        time("2000-01-03T12:00:00Z"),
        DateTime::<Utc>::MIN_UTC,
        DateTime::<Utc>::MAX_UTC,
    ] {
        assert_eq!(schedule.next_after(instant), unknown, "{instant}");
    }
    // From the fourth date on, nothing unknown can come first.
    let first = schedule.next_after(time("2000-01-03T17:00:00Z"));
    assert_eq!(first, Next::from(time("2000-01-04T08:00:00Z")));
}

#[test]
fn the_laws_of_a_schedule_hold_for_every_exchange() {
    for calendar in Exchanges::shipped().all() {
        let most = calendar.shortest_period() - TimeDelta::seconds(1);
        let last = calendar.covered().1;
        for moment in [Moment::Open, Moment::Close] {
            for offset in [TimeDelta::zero(), most, -most] {
                let schedule = SessionSchedule::new(calendar.clone(), moment).with_offset(offset);
                for (from, to) in [
                    (time("2026-02-20T00:00:00Z"), time("2026-04-10T00:00:00Z")),
                    (
                        last.and_time(Default::default()).and_utc() - TimeDelta::days(9),
                        DateTime::<Utc>::MAX_UTC,
                    ),
                ] {
                    let checked = check(&schedule, from, to);
                    assert_eq!(checked, Ok(()), "{} from {from}", schedule.describe());
                }
            }
        }
    }
}

#[test]
fn any_offset_and_any_instant_have_an_answer() {
    let calendars = Exchanges::shipped();
    let calendar = calendars.get("XNYS").expect("it is shipped");
    for offset in [TimeDelta::MAX, TimeDelta::MIN, TimeDelta::days(-400)] {
        let schedule = SessionSchedule::new(calendar.clone(), Moment::Open).with_offset(offset);
        let checked = check(
            &schedule,
            time("2025-01-01T00:00:00Z"),
            time("2025-03-01T00:00:00Z"),
        );
        assert_eq!(checked, Ok(()), "{offset}");
    }
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone) in [
        (
            json!({"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+30m"}),
            "30m after the close of XNYS (New York Stock Exchange)",
            Tz::America__New_York,
        ),
        (
            json!({"exchange": "XNYS", "at": "open", "offset": "-1h30m"}),
            "1h30m before the open of XNYS (New York Stock Exchange)",
            Tz::America__New_York,
        ),
        (
            json!({"exchange": "XTKS", "at": "open", "timezone": "Asia/Calcutta"}),
            "at the open of XTKS (Tokyo)",
            Tz::Asia__Kolkata,
        ),
        (
            json!({"exchange": "24/7", "at": "close", "offset": "+0s"}),
            "at the close of 24/7 (always open (crypto))",
            Tz::UTC,
        ),
    ] {
        let schedule = build(spec);

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), Some(zone));
        assert_eq!(schedule.time_of_day(), None);
        assert!(
            schedule
                .exchange()
                .is_some_and(|exchange: Arc<dyn Calendar>| words.contains(exchange.code()))
        );
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (spec, pointer, message) in [
        (json!([]), "", "schedule is [], expected an object"),
        (
            json!({"at": "close"}),
            "",
            r#"`exchange` is missing, such as "XNYS""#,
        ),
        (
            json!({"exchange": "XNYS"}),
            "",
            r#"`at` is missing, such as "close""#,
        ),
        (
            json!({"exchange": "XNYSX", "at": "close"}),
            "/exchange",
            r#"unknown exchange "XNYSX", did you mean "XNYS"?"#,
        ),
        (
            json!({"exchange": "xnys", "at": "close"}),
            "/exchange",
            r#"unknown exchange "xnys", did you mean "XNYS"?"#,
        ),
        (
            json!({"exchange": 1, "at": "close"}),
            "/exchange",
            r#"exchange is 1, expected text such as "XNYS""#,
        ),
        (
            json!({"exchange": "XNYS", "at": "closed"}),
            "/at",
            r#"at is "closed", did you mean "close"?"#,
        ),
        (
            json!({"exchange": "XNYS", "at": "noon"}),
            "/at",
            r#"at is "noon", expected `open` or `close`"#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "30m"}),
            "/offset",
            r#"offset is "30m", expected a sign and a duration such as "+30m" or "-15m""#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": ""}),
            "/offset",
            r#"offset is "", expected a sign and a duration such as "+30m" or "-15m""#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "+"}),
            "/offset",
            r#"offset: "" is no duration, expected one such as 90s, 15m, 1h30m or 2d"#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "+-30m"}),
            "/offset",
            r#"offset: "-30m" is no duration, expected one such as 90s, 15m, 1h30m or 2d"#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": 30}),
            "/offset",
            r#"offset is 30, expected text such as "+30m""#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "offset": "+21h"}),
            "/offset",
            r#"offset is "+21h", expected less than 21h, the shortest time from session to session of XNYS"#,
        ),
        (
            json!({"exchange": "24/7", "at": "open", "offset": "-2d"}),
            "/offset",
            r#"offset is "-2d", expected less than 1d, the shortest time from session to session of 24/7"#,
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "on": "XNYS"}),
            "/on",
            "unknown field `on`, expected `exchange`, `at`, `offset` or `timezone`",
        ),
        (
            json!({"exchange": "XNYS", "at": "close", "timezone": "Tokyoo"}),
            "/timezone",
            r#"unknown time zone "Tokyoo", did you mean "Asia/Tokyo"?"#,
        ),
    ] {
        let error = try_build(&spec).err();

        assert_eq!(error, Some((pointer.into(), message.into())), "{spec}");
    }
}

#[test]
fn the_schema_names_every_field() {
    let schema = SessionFactory.schema();

    let fields = schema["properties"].as_object().expect("properties").keys();
    assert_eq!(
        fields.collect::<Vec<_>>(),
        ["at", "exchange", "kind", "offset", "timezone"]
    );
    assert_eq!(schema["required"], json!(["kind", "exchange", "at"]));
}
