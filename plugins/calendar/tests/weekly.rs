//! A weekly schedule fires on its days of the week at its times on the wall clock, also where clocks change.

mod support;

use chrono_tz::Tz;
use serde_json::json;
use stock_scheduler_calendar::WeeklyFactory;
use stock_scheduler_sdk::{Occurrence, Schedule};
use support::{build, built, fires, instants, time};

fn weekly(days: &[&str], times: &[&str], zone: Tz) -> Box<dyn Schedule> {
    let spec = json!({"days": days, "times": times, "timezone": zone.name()});
    built(WeeklyFactory, &spec)
}

#[test]
fn it_fires_on_its_days_by_the_wall_clock() {
    for (days, times, zone, start, expected) in [
        // 2 June 2025 is a Monday.
        (
            &["mon", "fri"][..],
            &["17:00"][..],
            Tz::UTC,
            "2025-06-01T00:00:00Z",
            ["2025-06-02T17:00", "2025-06-06T17:00", "2025-06-09T17:00"],
        ),
        (
            &["mon"],
            &["17:00"],
            Tz::UTC,
            "2025-06-02T16:59:59.999Z",
            ["2025-06-02T17:00", "2025-06-09T17:00", "2025-06-16T17:00"],
        ),
        (
            &["mon"],
            &["17:00"],
            Tz::UTC,
            "2025-06-02T17:00:00Z",
            ["2025-06-09T17:00", "2025-06-16T17:00", "2025-06-23T17:00"],
        ),
        (
            &["sun", "wed"],
            &["16:15", "09:45"],
            Tz::UTC,
            "2025-06-01T09:45:00Z",
            ["2025-06-01T16:15", "2025-06-04T09:45", "2025-06-04T16:15"],
        ),
        // The day is that of the zone: Monday begins on Sunday in UTC, or ends on Tuesday.
        (
            &["mon"],
            &["00:00"],
            Tz::Asia__Kolkata,
            "2025-06-01T00:00:00Z",
            ["2025-06-01T18:30", "2025-06-08T18:30", "2025-06-15T18:30"],
        ),
        (
            &["mon"],
            &["23:30"],
            Tz::America__New_York,
            "2025-06-01T00:00:00Z",
            ["2025-06-03T03:30", "2025-06-10T03:30", "2025-06-17T03:30"],
        ),
        // Clocks are put forward on Sunday, 9 March 2025, and back on 2 November.
        (
            &["sun"],
            &["17:00"],
            Tz::America__New_York,
            "2025-03-02T12:00:00Z",
            ["2025-03-02T22:00", "2025-03-09T21:00", "2025-03-16T21:00"],
        ),
        (
            &["sun"],
            &["01:30"],
            Tz::America__New_York,
            "2025-10-26T12:00:00Z",
            ["2025-11-02T05:30", "2025-11-09T06:30", "2025-11-16T06:30"],
        ),
    ] {
        let schedule = weekly(days, times, zone);

        let fires = instants(schedule.as_ref(), start, 3);

        assert_eq!(fires, expected, "{} after {start}", schedule.describe());
    }
}

#[test]
fn times_in_a_gap_fire_once_at_its_end_with_notes() {
    let times = ["02:00", "02:30", "03:00", "03:01"];
    let schedule = weekly(&["sun"], &times, Tz::America__New_York);

    let fires = fires(schedule.as_ref(), "2025-03-08T09:00:00Z", 3);

    assert_eq!(fires[0].at, time("2025-03-09T07:00:00Z"));
    assert_eq!(
        fires[0].notes,
        [
            "there is no 02:00 on 2025-03-09 in America/New_York, because clocks are put forward: moved to 03:00 on 2025-03-09",
            "there is no 02:30 on 2025-03-09 in America/New_York, because clocks are put forward: moved to 03:00 on 2025-03-09",
        ]
    );
    assert_eq!(fires[1], Occurrence::new(time("2025-03-09T07:01:00Z")));
    assert_eq!(fires[2], Occurrence::new(time("2025-03-16T06:00:00Z")));
}

#[test]
fn a_date_left_out_fires_once_at_the_first_instant_after_it() {
    // Samoa had no Friday, 30 December 2011: the 29th ended at 10:00 UTC, and the 31st began.
    let fridays = weekly(&["fri"], &["09:45", "16:15"], Tz::Pacific__Apia);
    let weekend = weekly(&["fri", "sat"], &["00:00"], Tz::Pacific__Apia);

    let on_friday = fires(fridays.as_ref(), "2011-12-24T20:00:00Z", 2);
    let on_weekend = fires(weekend.as_ref(), "2011-12-24T20:00:00Z", 2);

    assert_eq!(on_friday[0].at, time("2011-12-30T10:00:00Z"));
    assert_eq!(on_friday[0].notes.len(), 2);
    assert_eq!(on_friday[1], Occurrence::new(time("2012-01-05T19:45:00Z")));
    // Friday's midnight and Saturday's are one instant there.
    assert_eq!(on_weekend[0].at, time("2011-12-30T10:00:00Z"));
    assert_eq!(on_weekend[0].notes.len(), 1);
    assert_eq!(on_weekend[1], Occurrence::new(time("2012-01-05T10:00:00Z")));
}

#[test]
fn the_laws_of_a_schedule_hold_where_clocks_change() {
    for days in [&["sun"][..], &["tue", "fri", "sat"]] {
        support::check_where_clocks_change(|zone| {
            weekly(days, &["00:00", "02:00", "02:30", "23:45"], zone)
        });
    }
}

#[test]
fn the_laws_of_a_schedule_hold_at_the_ends_of_time() {
    support::check_at_the_ends_of_time(|zone| weekly(&["mon", "thu"], &["00:00", "23:59"], zone));
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone, time_of_day) in [
        (
            json!({"kind": "weekly", "days": ["mon", "fri"], "time": "17:00", "timezone": "America/New_York"}),
            "every Monday and Friday at 17:00 (America/New_York)",
            Some(Tz::America__New_York),
            Some("17:00"),
        ),
        (
            json!({"days": ["SUNDAY", "Sat", "wednesday"], "times": ["16:15", "09:45"]}),
            "every Wednesday, Saturday and Sunday at 09:45 and 16:15 (Europe/Berlin)",
            None,
            None,
        ),
        (
            json!({"days": ["tue"], "times": ["00:00"]}),
            "every Tuesday at 00:00 (Europe/Berlin)",
            None,
            Some("00:00"),
        ),
    ] {
        let schedule = built(WeeklyFactory, &spec);

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), zone);
        assert_eq!(schedule.time_of_day().as_deref(), time_of_day);
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let days = "expected mon, tue, wed, thu, fri, sat or sun";
    for (spec, pointer, message) in [
        (
            json!("mon"),
            "",
            r#"schedule is "mon", expected an object"#.to_owned(),
        ),
        (
            json!({"time": "17:00"}),
            "",
            r#"`days` is missing, such as ["mon", "fri"]"#.into(),
        ),
        (
            json!({"days": "mon", "time": "17:00"}),
            "/days",
            r#"days is "mon", expected a list such as ["mon", "fri"]"#.into(),
        ),
        (
            json!({"days": null, "time": "17:00"}),
            "/days",
            r#"days is null, expected a list such as ["mon", "fri"]"#.into(),
        ),
        (
            json!({"days": [], "time": "17:00"}),
            "/days",
            "days has 0 entries, expected 1 to 7".into(),
        ),
        (
            json!({"days": ["mon", "firday"], "time": "17:00"}),
            "/days/1",
            format!(r#""firday" is no day of the week, {days}"#),
        ),
        (
            json!({"days": ["tues"], "time": "17:00"}),
            "/days/0",
            format!(r#""tues" is no day of the week, {days}"#),
        ),
        (
            json!({"days": [" mon"], "time": "17:00"}),
            "/days/0",
            format!(r#"" mon" is no day of the week, {days}"#),
        ),
        (
            json!({"days": [1], "time": "17:00"}),
            "/days/0",
            format!("1 is no day of the week, {days}"),
        ),
        (
            json!({"days": ["mon", "fri", "Monday"], "time": "17:00"}),
            "/days/2",
            "Monday is given twice".into(),
        ),
        (
            json!({"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon"], "time": "17:00"}),
            "/days/7",
            "Monday is given twice".into(),
        ),
        (
            json!({"days": ["mon"]}),
            "",
            r#"`time`, such as "17:00", or `times` is missing"#.into(),
        ),
        (
            json!({"days": ["mon"], "time": "25:00"}),
            "/time",
            r#""25:00" is no time of day, expected HH:MM from 00:00 to 23:59"#.into(),
        ),
        (
            json!({"day": ["mon"], "time": "17:00"}),
            "/day",
            "unknown field `day`, did you mean `days`?".into(),
        ),
        (
            json!({"days": ["mon"], "time": "17:00", "on": 1}),
            "/on",
            r#"on is 1, expected text such as "XNYS""#.into(),
        ),
        (
            json!({"days": ["mon"], "time": "17:00", "timezone": "New York"}),
            "/timezone",
            r#"unknown time zone "New York", did you mean "America/New_York"?"#.into(),
        ),
    ] {
        let error = build(WeeklyFactory, &spec).err();

        assert_eq!(error, Some((pointer.into(), message)), "{spec}");
    }
}
