//! Days of which the truth is known: half-days, late opens, breaks, storms, evenings before, and the ends of what is known.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use stock_scheduler_exchanges::Exchanges;
use stock_scheduler_sdk::{Day, Session};

fn day(code: &str, date: &str) -> Day {
    let calendars = Exchanges::shipped();
    let calendar = calendars.get(code).expect("it is shipped");
    calendar.day(date.parse().expect("a date"))
}

fn session(code: &str, date: &str) -> Session {
    match day(code, date) {
        Day::Session(session) => session,
        other => panic!("{code} on {date}: {other:?}"),
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("an instant")
}

#[test]
fn unusual_days_have_their_own_times_and_say_so() {
    for (code, date, open, close, notes) in [
        // New York is at UTC-5 in winter, at UTC-4 in summer.
        (
            "XNYS",
            "2026-11-25",
            "2026-11-25T14:30:00Z",
            "2026-11-25T21:00:00Z",
            &[][..],
        ),
        (
            "XNYS",
            "2026-11-27",
            "2026-11-27T14:30:00Z",
            "2026-11-27T18:00:00Z",
            &["early close 13:00"],
        ),
        (
            "XNYS",
            "2026-07-02",
            "2026-07-02T13:30:00Z",
            "2026-07-02T20:00:00Z",
            &[],
        ),
        (
            "XLON",
            "2026-12-24",
            "2026-12-24T08:00:00Z",
            "2026-12-24T12:30:00Z",
            &["early close 12:30"],
        ),
        (
            "XTKS",
            "2024-11-01",
            "2024-11-01T00:00:00Z",
            "2024-11-01T06:00:00Z",
            &[],
        ),
        (
            "XTKS",
            "2024-11-05",
            "2024-11-05T00:00:00Z",
            "2024-11-05T06:30:00Z",
            &[],
        ),
        (
            "XHKG",
            "2021-06-28",
            "2021-06-28T05:30:00Z",
            "2021-06-28T08:00:00Z",
            &["late open 13:30", "no lunch break"],
        ),
        (
            "XHKG",
            "2026-12-24",
            "2026-12-24T01:30:00Z",
            "2026-12-24T04:00:00Z",
            &["early close 12:00", "no lunch break"],
        ),
        // The day of the university entrance exam.
        (
            "XKRX",
            "2020-12-03",
            "2020-12-03T01:00:00Z",
            "2020-12-03T07:30:00Z",
            &["late open 10:00", "late close 16:30"],
        ),
        // A Sunday with the budget.
        (
            "XNSE",
            "2026-02-01",
            "2026-02-01T03:45:00Z",
            "2026-02-01T10:00:00Z",
            &["special session"],
        ),
        (
            "CMES",
            "2026-11-23",
            "2026-11-22T23:00:00Z",
            "2026-11-23T23:00:00Z",
            &[],
        ),
        (
            "CMES",
            "2026-11-26",
            "2026-11-25T23:00:00Z",
            "2026-11-26T18:00:00Z",
            &["early close 12:00"],
        ),
        // Clocks were put forward on the Sunday in between.
        (
            "CMES",
            "2026-03-09",
            "2026-03-08T22:00:00Z",
            "2026-03-09T22:00:00Z",
            &[],
        ),
        (
            "XSAU",
            "2026-11-22",
            "2026-11-22T07:00:00Z",
            "2026-11-22T12:00:00Z",
            &[],
        ),
        (
            "24/7",
            "2026-11-28",
            "2026-11-28T00:00:00Z",
            "2026-11-29T00:00:00Z",
            &[],
        ),
        (
            "24/5",
            "2026-11-27",
            "2026-11-27T00:00:00Z",
            "2026-11-28T00:00:00Z",
            &[],
        ),
    ] {
        let session = session(code, date);

        let found = (session.open, session.close);
        assert_eq!(found, (at(open), at(close)), "{code} on {date}");
        assert_eq!(session.notes, notes, "{code} on {date}");
    }
}

#[test]
fn days_without_trading_say_why() {
    for (code, date, why) in [
        ("XNYS", "2026-11-26", "holiday"),
        ("XNYS", "2025-01-09", "holiday"),
        ("XNYS", "2001-09-11", "holiday"),
        ("XNYS", "2026-11-28", "weekend"),
        ("XHKG", "2023-09-01", "holiday"),
        ("XHKG", "2023-09-08", "holiday"),
        ("XTKS", "2020-10-01", "holiday"),
        ("XSAU", "2026-11-27", "weekend"),
        ("24/5", "2026-11-28", "weekend"),
    ] {
        assert_eq!(day(code, date), Day::Closed(why), "{code} on {date}");
    }
}

#[test]
fn nothing_is_said_about_other_dates() {
    for (code, date) in [
        ("XNYS", "1999-12-31"),
        ("XNYS", "2028-01-03"),
        ("XSHG", "2027-01-04"),
        ("XSAU", "2020-12-31"),
        ("24/7", "2200-01-01"),
    ] {
        assert_eq!(day(code, date), Day::Unknown, "{code} on {date}");
    }
    let calendars = Exchanges::shipped();
    for calendar in calendars.all() {
        assert_eq!(calendar.day(NaiveDate::MIN), Day::Unknown);
        assert_eq!(calendar.day(NaiveDate::MAX), Day::Unknown);
    }
}

#[test]
fn lunch_is_in_between() {
    let tokyo = session("XTKS", "2026-11-27");
    let half = session("XHKG", "2026-12-24");
    let new_york = session("XNYS", "2026-11-25");

    let lunch = (at("2026-11-27T02:30:00Z"), at("2026-11-27T03:30:00Z"));
    assert_eq!(tokyo.breaks, [lunch]);
    assert_eq!(half.breaks, []);
    assert_eq!(new_york.breaks, []);
}

#[test]
fn the_shortest_period_is_that_before_a_half_day_or_a_change_of_clocks() {
    let calendars = Exchanges::shipped();
    let shortest = |code: &str| {
        calendars
            .get(code)
            .expect("it is shipped")
            .shortest_period()
    };

    assert_eq!(shortest("XNYS"), TimeDelta::hours(21));
    assert_eq!(shortest("XHKG"), TimeDelta::hours(20));
    assert_eq!(shortest("CMES"), TimeDelta::hours(19));
    assert_eq!(shortest("XSAU"), TimeDelta::hours(24));
    assert_eq!(shortest("24/7"), TimeDelta::hours(24));
}
