//! A monthly schedule fires on its day of the month at its times on the wall clock, also where clocks change.

mod support;

use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_calendar::MonthlyFactory;
use stock_scheduler_sdk::{Occurrence, Schedule, ScheduleFactory};
use support::{build, built, fires, instants, time};

/// On the `day` of a spec, at `times` in `zone`.
fn monthly(mut day: Value, times: &[&str], zone: Tz) -> Box<dyn Schedule> {
    day["times"] = json!(times);
    day["timezone"] = json!(zone.name());
    built(MonthlyFactory, &day)
}

#[test]
fn it_fires_on_its_day_of_each_month_that_has_it() {
    for (day, expected) in [
        (json!({"day": 1}), ["01-01", "02-01", "03-01", "04-01"]),
        (json!({"day": 15}), ["01-15", "02-15", "03-15", "04-15"]),
        (json!({"day": 29}), ["01-29", "02-29", "03-29", "04-29"]),
        (json!({"day": 30}), ["01-30", "03-30", "04-30", "05-30"]),
        (json!({"day": 31}), ["01-31", "03-31", "05-31", "07-31"]),
        (json!({"day": -1}), ["01-31", "02-29", "03-31", "04-30"]),
        (json!({"day": -2}), ["01-30", "02-28", "03-30", "04-29"]),
        (json!({"day": -29}), ["01-03", "02-01", "03-03", "04-02"]),
        (json!({"day": -31}), ["01-01", "03-01", "05-01", "07-01"]),
        (
            json!({"weekday": "mon", "nth": 1}),
            ["01-01", "02-05", "03-04", "04-01"],
        ),
        (
            json!({"weekday": "fri", "nth": 3}),
            ["01-19", "02-16", "03-15", "04-19"],
        ),
        (
            json!({"weekday": "fri", "nth": 5}),
            ["03-29", "05-31", "08-30", "11-29"],
        ),
        (
            json!({"weekday": "Thursday", "nth": 5}),
            ["02-29", "05-30", "08-29", "10-31"],
        ),
        (
            json!({"weekday": "fri", "nth": -1}),
            ["01-26", "02-23", "03-29", "04-26"],
        ),
    ] {
        let schedule = monthly(day, &["06:00"], Tz::UTC);

        let fires = instants(schedule.as_ref(), "2023-12-31T06:00:00Z", 4);

        let expected = expected.map(|date| format!("2024-{date}T06:00"));
        assert_eq!(fires, expected, "{}", schedule.describe());
    }
}

#[test]
fn it_fires_by_the_wall_clock() {
    for (day, times, zone, start, expected) in [
        (
            json!({"day": 29}),
            &["06:00"][..],
            Tz::UTC,
            "2025-01-29T05:59:59.999Z",
            ["2025-01-29T06:00", "2025-03-29T06:00", "2025-04-29T06:00"],
        ),
        (
            json!({"day": -1}),
            &["18:00", "06:00"],
            Tz::UTC,
            "2025-12-31T06:00:00Z",
            ["2025-12-31T18:00", "2026-01-31T06:00", "2026-01-31T18:00"],
        ),
        // The day is that of the zone.
        (
            json!({"day": 1}),
            &["00:00"],
            Tz::Pacific__Kiritimati,
            "2025-01-01T00:00:00Z",
            ["2025-01-31T10:00", "2025-02-28T10:00", "2025-03-31T10:00"],
        ),
        (
            json!({"day": -1}),
            &["23:30"],
            Tz::America__New_York,
            "2025-02-01T04:29:00Z",
            ["2025-02-01T04:30", "2025-03-01T04:30", "2025-04-01T03:30"],
        ),
        // Clocks are put forward on the second Sunday of March and back on the first of November, when 01:30 comes twice.
        (
            json!({"weekday": "sun", "nth": 2}),
            &["02:30"],
            Tz::America__New_York,
            "2025-02-10T00:00:00Z",
            ["2025-03-09T07:00", "2025-04-13T06:30", "2025-05-11T06:30"],
        ),
        (
            json!({"weekday": "sun", "nth": 1}),
            &["01:30"],
            Tz::America__New_York,
            "2025-11-02T05:29:00Z",
            ["2025-11-02T05:30", "2025-12-07T06:30", "2026-01-04T06:30"],
        ),
    ] {
        let schedule = monthly(day, times, zone);

        let fires = instants(schedule.as_ref(), start, 3);

        assert_eq!(fires, expected, "{} after {start}", schedule.describe());
    }
}

#[test]
fn a_date_left_out_fires_once_at_the_first_instant_after_it() {
    // Samoa had no Friday, 30 December 2011: the 29th ended at 10:00 UTC, and the 31st began.
    for day in [
        json!({"day": 30}),
        json!({"day": -2}),
        json!({"weekday": "fri", "nth": 5}),
        json!({"weekday": "fri", "nth": -1}),
    ] {
        let schedule = monthly(day, &["09:45", "16:15"], Tz::Pacific__Apia);

        let fires = fires(schedule.as_ref(), "2011-12-02T12:00:00Z", 2);

        assert_eq!(fires[0].at, time("2011-12-30T10:00:00Z"));
        assert_eq!(fires[0].notes.len(), 2);
        assert!(fires[1].at > time("2012-01-25T00:00:00Z"));
    }
    let day_after = monthly(json!({"day": 31}), &["00:00"], Tz::Pacific__Apia);
    let fires = fires(day_after.as_ref(), "2011-12-02T12:00:00Z", 1);
    assert_eq!(fires, [Occurrence::new(time("2011-12-30T10:00:00Z"))]);
}

#[test]
fn the_laws_of_a_schedule_hold_where_clocks_change() {
    for day in [
        json!({"day": 1}),
        json!({"day": 31}),
        json!({"day": -2}),
        json!({"weekday": "sun", "nth": -1}),
        json!({"weekday": "fri", "nth": 5}),
    ] {
        let times = ["00:00", "02:00", "02:30", "23:45"];
        support::check_where_clocks_change(|zone| monthly(day.clone(), &times, zone));
    }
}

#[test]
fn the_laws_of_a_schedule_hold_at_the_ends_of_time() {
    for day in [
        json!({"day": 1}),
        json!({"day": 31}),
        json!({"weekday": "fri", "nth": 5}),
    ] {
        let times = ["00:00", "23:59"];
        support::check_at_the_ends_of_time(|zone| monthly(day.clone(), &times, zone));
    }
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone, time_of_day) in [
        (
            json!({"kind": "monthly", "day": 1, "time": "06:00"}),
            "on the 1st of the month at 06:00 (Europe/Berlin)",
            None,
            Some("06:00"),
        ),
        (
            json!({"day": -1, "time": "06:00", "timezone": "UTC"}),
            "on the last day of the month at 06:00 (UTC)",
            Some(Tz::UTC),
            Some("06:00"),
        ),
        (
            json!({"day": 31, "times": ["18:00", "06:00"]}),
            "on the 31st of the month, where there is one, at 06:00 and 18:00 (Europe/Berlin)",
            None,
            None,
        ),
        (
            json!({"weekday": "FRI", "nth": 3, "time": "17:00", "timezone": "America/New_York"}),
            "on the third Friday of the month at 17:00 (America/New_York)",
            Some(Tz::America__New_York),
            Some("17:00"),
        ),
    ] {
        let schedule = built(MonthlyFactory, &spec);

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), zone);
        assert_eq!(schedule.time_of_day().as_deref(), time_of_day);
    }
}

#[test]
fn a_number_that_is_no_day_is_pointed_at() {
    for day in [
        json!(0),
        json!(32),
        json!(-32),
        json!(1.0),
        json!(257),
        json!("1"),
        json!(null),
        json!(u64::MAX),
    ] {
        let error = build(MonthlyFactory, &json!({"day": day, "time": "06:00"})).err();

        let message = format!("day is {day}, expected 1 to 31, or -1 (the last) to -31");
        assert_eq!(error, Some(("/day".into(), message)));
    }
    for nth in [
        json!(0),
        json!(6),
        json!(-2),
        json!(3.0),
        json!(259),
        json!("third"),
        json!(null),
    ] {
        let spec = json!({"weekday": "fri", "nth": nth, "time": "06:00"});
        let error = build(MonthlyFactory, &spec).err();

        let message = format!("nth is {nth}, expected 1 to 5, or -1 (the last)");
        assert_eq!(error, Some(("/nth".into(), message)));
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let either = r#"expected `day`, such as 1, or `weekday` with `nth`, such as "fri" with 3"#;
    for (spec, pointer, message) in [
        (json!([]), "", "schedule is [], expected an object".to_owned()),
        (json!({"time": "06:00"}), "", format!("the day is missing, {either}")),
        (
            json!({"day": 1, "weekday": "fri", "nth": 3, "time": "06:00"}),
            "/weekday",
            format!("`day` and `weekday` are both given, {either}"),
        ),
        (
            json!({"day": 1, "weekday": "fri", "time": "06:00"}),
            "/weekday",
            format!("`day` and `weekday` are both given, {either}"),
        ),
        (
            json!({"day": 1, "nth": 3, "time": "06:00"}),
            "/nth",
            format!("`day` and `nth` are both given, {either}"),
        ),
        (
            json!({"weekday": "fri", "time": "06:00"}),
            "",
            format!("`nth` is missing beside `weekday`, {either}"),
        ),
        (
            json!({"nth": 3, "time": "06:00"}),
            "",
            format!("`weekday` is missing beside `nth`, {either}"),
        ),
        (
            json!({"weekday": "fir", "nth": 3, "time": "06:00"}),
            "/weekday",
            r#""fir" is no day of the week, expected mon, tue, wed, thu, fri, sat or sun"#.into(),
        ),
        (
            json!({"day": 1}),
            "",
            r#"`time`, such as "17:00", or `times` is missing"#.into(),
        ),
        (
            json!({"day": 1, "time": "06:00", "on": ["XNYS"]}),
            "/on",
            r#"on is ["XNYS"], expected text such as "XNYS""#.into(),
        ),
        (
            json!({"day": 1, "times": ["06:00", "6:00"]}),
            "/times/1",
            r#""6:00" is no time of day, expected HH:MM from 00:00 to 23:59"#.into(),
        ),
        (
            json!({"day": 1, "time": "06:00", "months": [1]}),
            "/months",
            "unknown field `months`, expected `day`, `weekday`, `nth`, `time`, `times`, `timezone` or `on`".into(),
        ),
        (
            json!({"days": 1, "time": "06:00"}),
            "/days",
            "unknown field `days`, did you mean `day`?".into(),
        ),
    ] {
        let error = build(MonthlyFactory, &spec).err();

        assert_eq!(error, Some((pointer.into(), message)), "{spec}");
    }
}

#[test]
fn each_shape_is_described_with_the_fields_that_it_needs() {
    let schema = MonthlyFactory.schema();
    let shapes = schema["oneOf"].as_array().expect("shapes").iter();

    let needed: Vec<_> = shapes
        .map(|shape| (&shape["title"], &shape["required"]))
        .collect();

    assert_eq!(
        json!(needed),
        json!([
            ["Monthly", ["kind", "day", "time"]],
            ["MonthlyTimes", ["kind", "day", "times"]],
            ["MonthlyWeekday", ["kind", "weekday", "nth", "time"]],
            ["MonthlyWeekdayTimes", ["kind", "weekday", "nth", "times"]],
        ])
    );
}
