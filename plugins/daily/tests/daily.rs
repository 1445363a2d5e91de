//! A daily schedule fires at its time on the wall clock, also where clocks change.

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_daily::{Daily, DailyFactory};
use stock_scheduler_sdk::conformance::schedule::check;
use stock_scheduler_sdk::schedule::TimesOfDay;
use stock_scheduler_sdk::{Next, Occurrence, Schedule, ScheduleContext, ScheduleFactory};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn daily(times: &[&str], zone: Tz) -> Daily {
    let mut times = times
        .iter()
        .map(|time| time.parse::<NaiveTime>().expect("a time"));
    let first = times.next().expect("at least one time");
    Daily::at(times.fold(TimesOfDay::at(first, zone), TimesOfDay::and_at))
}

/// The `n` fires after `start`.
fn fires(schedule: &dyn Schedule, start: &str, n: usize) -> Vec<Occurrence> {
    let next = |instant| match schedule.next_after(instant) {
        Next::At(fire) => Some(fire),
        _ => None,
    };
    let first = next(time(start));
    std::iter::successors(first, |fire| next(fire.at))
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
fn each_zone_fires_by_its_own_wall_clock() {
    for (times, zone, start, expected) in [
        (
            &["17:00"][..],
            Tz::UTC,
            "2025-06-01T17:00:00Z",
            ["2025-06-02T17:00", "2025-06-03T17:00"],
        ),
        (
            &["17:00"],
            Tz::UTC,
            "2025-06-01T16:59:59.999Z",
            ["2025-06-01T17:00", "2025-06-02T17:00"],
        ),
        (
            &["16:15", "09:45"],
            Tz::UTC,
            "2025-06-01T09:45:00Z",
            ["2025-06-01T16:15", "2025-06-02T09:45"],
        ),
        // Clocks are put forward on 9 March 2025 and back on 2 November.
        (
            &["17:00"],
            Tz::America__New_York,
            "2025-03-08T12:00:00Z",
            ["2025-03-08T22:00", "2025-03-09T21:00"],
        ),
        (
            &["17:00"],
            Tz::America__New_York,
            "2025-11-01T12:00:00Z",
            ["2025-11-01T21:00", "2025-11-02T22:00"],
        ),
        (
            &["00:00"],
            Tz::Asia__Kolkata,
            "2025-06-01T00:00:00Z",
            ["2025-06-01T18:30", "2025-06-02T18:30"],
        ),
        (
            &["12:00"],
            Tz::Pacific__Kiritimati,
            "2025-06-01T00:00:00Z",
            ["2025-06-01T22:00", "2025-06-02T22:00"],
        ),
        // Half an hour on Lord Howe Island: 02:15 is left out on 5 October 2025.
        (
            &["02:15"],
            Tz::Australia__Lord_Howe,
            "2025-10-03T16:00:00Z",
            ["2025-10-04T15:30", "2025-10-05T15:15"],
        ),
    ] {
        let schedule = daily(times, zone);
        assert_eq!(
            instants(&schedule, start, 2),
            expected,
            "{} after {start}",
            schedule.describe()
        );
    }
}

#[test]
fn a_time_in_a_gap_fires_once_at_its_end_with_a_note() {
    let schedule = daily(&["02:00", "02:30", "03:00", "03:01"], Tz::America__New_York);

    let fires = fires(&schedule, "2025-03-08T09:00:00Z", 3);

    assert_eq!(fires[0].at, time("2025-03-09T07:00:00Z"));
    assert_eq!(
        fires[0].notes,
        [
            "there is no 02:00 on 2025-03-09 in America/New_York, because clocks are put forward: moved to 03:00 on 2025-03-09",
            "there is no 02:30 on 2025-03-09 in America/New_York, because clocks are put forward: moved to 03:00 on 2025-03-09",
        ]
    );
    assert_eq!(fires[1], Occurrence::new(time("2025-03-09T07:01:00Z")));
    assert_eq!(fires[2], Occurrence::new(time("2025-03-10T06:00:00Z")));
}

#[test]
fn a_time_that_comes_twice_fires_when_it_comes_first() {
    let schedule = daily(&["01:30"], Tz::America__New_York);

    let fires = instants(&schedule, "2025-11-01T12:00:00Z", 2);

    assert_eq!(fires, ["2025-11-02T05:30", "2025-11-03T06:30"]);
}

#[test]
fn midnights_that_change_are_kept_apart() {
    // Beirut left 00:00 to 01:00 out on 30 March 2025, and had 23:00 to 00:00 twice on 25 October.
    let schedule = daily(&["00:00", "23:30"], Tz::Asia__Beirut);

    let spring = instants(&schedule, "2025-03-29T12:00:00Z", 3);
    let autumn = instants(&schedule, "2025-10-25T12:00:00Z", 3);

    assert_eq!(
        spring,
        ["2025-03-29T21:30", "2025-03-29T22:00", "2025-03-30T20:30"]
    );
    assert_eq!(
        autumn,
        ["2025-10-25T20:30", "2025-10-25T22:00", "2025-10-26T21:30"]
    );
}

#[test]
fn the_fires_of_a_date_left_out_come_once_at_the_next() {
    let morning = daily(&["09:45", "16:15"], Tz::Pacific__Apia);
    let midnight = daily(&["00:00"], Tz::Pacific__Apia);

    // 29 December 2011 ended at 10:00 UTC, and the 31st began.
    let fires = fires(&morning, "2011-12-29T20:00:00Z", 4);
    let at: Vec<_> = fires.iter().map(|fire| fire.at).collect();

    let expected = [
        "2011-12-30T02:15:00Z",
        "2011-12-30T10:00:00Z",
        "2011-12-30T19:45:00Z",
        "2011-12-31T02:15:00Z",
    ];
    assert_eq!(at, expected.map(time));
    assert_eq!(fires[1].notes.len(), 2);
    assert_eq!(
        instants(&midnight, "2011-12-28T12:00:00Z", 3),
        ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"]
    );
}

#[test]
fn the_laws_of_a_schedule_hold_where_clocks_change() {
    let times = [
        "00:00", "00:30", "02:00", "02:15", "02:30", "03:00", "12:00", "23:45",
    ];
    for (zone, from, to) in [
        (Tz::UTC, "2025-01-01", "2025-01-05"),
        (Tz::America__New_York, "2025-03-07", "2025-03-11"),
        (Tz::America__New_York, "2025-10-31", "2025-11-04"),
        (Tz::America__New_York, "2400-03-01", "2400-03-15"),
        (Tz::Europe__Berlin, "2025-03-28", "2025-04-01"),
        (Tz::Europe__Berlin, "2025-10-24", "2025-10-28"),
        (Tz::Asia__Beirut, "2025-10-24", "2025-10-28"),
        (Tz::America__Sao_Paulo, "2018-11-02", "2018-11-06"),
        (Tz::America__Sao_Paulo, "2019-02-15", "2019-02-19"),
        (Tz::Australia__Lord_Howe, "2025-04-04", "2025-04-08"),
        (Tz::Antarctica__Troll, "2025-03-28", "2025-04-01"),
        (Tz::Africa__Casablanca, "2025-02-21", "2025-02-25"),
        (Tz::Africa__Monrovia, "1972-01-05", "1972-01-09"),
        (Tz::Pacific__Apia, "2011-12-27", "2012-01-02"),
        (Tz::Pacific__Kwajalein, "1993-08-18", "1993-08-24"),
        (Tz::Asia__Manila, "1844-12-28", "1845-01-03"),
        (Tz::America__Juneau, "1867-10-15", "1867-10-21"),
    ] {
        let [from, to] = [from, to].map(|date| time(&format!("{date}T00:00:00Z")));
        let checked = check(&daily(&times, zone), from, to);
        assert_eq!(checked, Ok(()), "{zone}, {from}");
    }
}

#[test]
fn there_is_no_fire_at_the_end_of_time() {
    for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12] {
        let schedule = daily(&["00:00", "23:59"], zone);

        assert_eq!(schedule.next_after(DateTime::<Utc>::MAX_UTC), Next::Never);
        assert!(matches!(
            schedule.next_after(DateTime::<Utc>::MIN_UTC),
            Next::At(_)
        ));
    }
}

fn build(spec: Value) -> Result<Box<dyn Schedule>, (String, String)> {
    let context = ScheduleContext::new(Tz::Europe__Berlin);
    let built = DailyFactory.build(&spec, &context);
    built.map_err(|error| (error.pointer.clone(), error.message.clone()))
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone, time_of_day) in [
        (
            json!({"kind": "daily", "time": "17:00"}),
            "daily at 17:00 (Europe/Berlin)",
            None,
            Some("17:00"),
        ),
        (
            json!({"time": "00:00", "timezone": "UTC"}),
            "daily at 00:00 (UTC)",
            Some(Tz::UTC),
            Some("00:00"),
        ),
        (
            json!({"times": ["16:15", "09:45"], "timezone": "America/New_York"}),
            "daily at 09:45 and 16:15 (America/New_York)",
            Some(Tz::America__New_York),
            None,
        ),
        (
            json!({"times": ["23:59"]}),
            "daily at 23:59 (Europe/Berlin)",
            None,
            Some("23:59"),
        ),
        (
            json!({"times": ["12:00", "06:00", "18:00"]}),
            "daily at 06:00, 12:00 and 18:00 (Europe/Berlin)",
            None,
            None,
        ),
    ] {
        let schedule = build(spec.clone()).unwrap_or_else(|error| panic!("{spec}: {error:?}"));

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), zone);
        assert_eq!(schedule.time_of_day().as_deref(), time_of_day);
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let half_hours: Vec<_> = (0..49)
        .map(|n| format!("{:02}:{:02}", n / 2, n % 2))
        .collect();
    for (spec, pointer, message) in [
        (
            json!("17:00"),
            "",
            r#"schedule is "17:00", expected an object"#,
        ),
        (
            json!({}),
            "",
            r#"`time`, such as "17:00", or `times` is missing"#,
        ),
        (
            json!({"time": "24:00"}),
            "/time",
            r#""24:00" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": "5 pm"}),
            "/time",
            r#""5 pm" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": "17:00:30"}),
            "/time",
            r#""17:00:30" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": "9:45"}),
            "/time",
            r#""9:45" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": "+9:45"}),
            "/time",
            r#""+9:45" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": "12:60"}),
            "/time",
            r#""12:60" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"time": 17}),
            "/time",
            "17 is no time of day, expected HH:MM from 00:00 to 23:59",
        ),
        (
            json!({"time": null}),
            "/time",
            "null is no time of day, expected HH:MM from 00:00 to 23:59",
        ),
        (
            json!({"time": "17:00", "times": ["17:00"]}),
            "/times",
            "`time` and `times` are both given, expected one of them",
        ),
        (
            json!({"times": "17:00"}),
            "/times",
            r#"times is "17:00", expected a list such as ["09:45", "16:15"]"#,
        ),
        (
            json!({"times": []}),
            "/times",
            "times has 0 entries, expected 1 to 48",
        ),
        (
            json!({"times": half_hours}),
            "/times",
            "times has 49 entries, expected 1 to 48",
        ),
        (
            json!({"times": ["09:45", "17:61"]}),
            "/times/1",
            r#""17:61" is no time of day, expected HH:MM from 00:00 to 23:59"#,
        ),
        (
            json!({"times": ["09:45", "09:45"]}),
            "/times/1",
            r#""09:45" is given twice"#,
        ),
        (
            json!({"tiem": "17:00"}),
            "/tiem",
            "unknown field `tiem`, did you mean `time`?",
        ),
        (
            json!({"time": "17:00", "timeZone": "UTC"}),
            "/timeZone",
            "unknown field `timeZone`, did you mean `timezone`?",
        ),
        (
            json!({"time": "17:00", "a/b~": 1}),
            "/a~1b~0",
            "unknown field `a/b~`, expected `time`, `times`, `timezone` or `on`",
        ),
        (
            json!({"time": "17:00", "timezone": 1}),
            "/timezone",
            r#"timezone is 1, expected text such as "America/New_York""#,
        ),
        (
            json!({"time": "17:00", "timezone": "Amercia/New_York"}),
            "/timezone",
            r#"unknown time zone "Amercia/New_York", did you mean "America/New_York"?"#,
        ),
        (
            json!({"time": "17:00", "timezone": "europe/berlin"}),
            "/timezone",
            r#"unknown time zone "europe/berlin", did you mean "Europe/Berlin"?"#,
        ),
        (
            json!({"time": "17:00", "timezone": "New York"}),
            "/timezone",
            r#"unknown time zone "New York", did you mean "America/New_York"?"#,
        ),
        (
            json!({"time": "17:00", "timezone": ""}),
            "/timezone",
            r#"unknown time zone "", expected an IANA name such as "America/New_York""#,
        ),
        (
            json!({"time": "17:00", "timezone": "qqqqqqqqqqqq"}),
            "/timezone",
            r#"unknown time zone "qqqqqqqqqqqq", expected an IANA name such as "America/New_York""#,
        ),
    ] {
        let error = build(spec.clone()).err();

        assert_eq!(error, Some((pointer.into(), message.into())), "{spec}");
    }
}
