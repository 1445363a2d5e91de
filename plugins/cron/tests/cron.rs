//! A cron schedule as a job's JSON has it, and as people read it.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_cron::{Cron, CronFactory};
use stock_scheduler_sdk::{
    Calendar, Calendars, Day, Next, Schedule, ScheduleContext, ScheduleFactory, Session,
};

/// An exchange that trades from Monday to Friday.
struct Weekdays;

impl Calendar for Weekdays {
    fn code(&self) -> &str {
        "XNYS"
    }

    fn name(&self) -> &str {
        "New York Stock Exchange"
    }

    fn zone(&self) -> Tz {
        Tz::America__New_York
    }

    fn covered(&self) -> (NaiveDate, NaiveDate) {
        (NaiveDate::MIN, NaiveDate::MAX)
    }

    fn day(&self, date: NaiveDate) -> Day {
        let noon = date.and_hms_opt(12, 0, 0).expect("a time").and_utc();
        match date.weekday().number_from_monday() {
            6.. => Day::Closed("weekend"),
            _ => Day::Session(Session::new(date, noon, noon)),
        }
    }

    fn shortest_period(&self) -> TimeDelta {
        TimeDelta::days(1)
    }
}

fn build(spec: &Value) -> Result<Box<dyn Schedule>, (String, String)> {
    let calendars = Calendars::from_iter([Arc::new(Weekdays) as Arc<dyn Calendar>]);
    let context = ScheduleContext::new(Tz::Europe__Berlin).with_calendars(calendars);
    let built = CronFactory.build(spec, &context);
    built.map_err(|error| (error.pointer.clone(), error.message.clone()))
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[test]
fn what_is_written_reads_back() {
    for (spec, words, zone) in [
        (
            json!({"kind": "cron", "expression": "0 17 * * MON-FRI", "timezone": "America/New_York"}),
            "at 17:00 on Monday to Friday (America/New_York)",
            Some(Tz::America__New_York),
        ),
        (
            json!({"expression": "@daily"}),
            "at 00:00 every day (Europe/Berlin)",
            None,
        ),
        (
            json!({"expression": " 5  */7 * * *\t", "timezone": "Asia/Calcutta"}),
            "at 00:05, 07:05, 14:05 and 21:05 every day (Asia/Kolkata)",
            Some(Tz::Asia__Kolkata),
        ),
        (
            json!({"expression": "30 9 * * *", "timezone": "America/New_York", "on": "XNYS"}),
            "at 09:30 every day (America/New_York), on trading days of XNYS",
            Some(Tz::America__New_York),
        ),
    ] {
        let schedule = build(&spec).unwrap_or_else(|error| panic!("{spec}: {error:?}"));

        assert_eq!(schedule.describe(), words);
        assert_eq!(schedule.zone(), zone);
    }
}

#[test]
fn without_a_zone_of_its_own_the_given_one_counts() {
    let schedule = build(&json!({"expression": "0 12 * * *"})).expect("a schedule");

    let next = schedule.next_after(time("2027-06-18T00:00:00Z"));

    assert_eq!(next, Next::from(time("2027-06-18T10:00:00Z")));
}

#[test]
fn on_an_exchange_fires_of_other_days_are_skipped() {
    let spec = json!({"expression": "0 12 * * *", "timezone": "UTC", "on": "XNYS"});
    let schedule = build(&spec).expect("a schedule");

    // 18 June 2027 is a Friday.
    let skip = |start| match schedule.next_after(time(start)) {
        Next::At(fire) => fire.skip,
        other => panic!("{other:?}"),
    };

    assert_eq!(skip("2027-06-18T00:00:00Z"), None);
    assert_eq!(
        skip("2027-06-18T12:00:00Z").as_deref(),
        Some("XNYS closed on 2027-06-19 (weekend)")
    );
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (spec, pointer, message) in [
        (
            json!("0 17 * * *"),
            "",
            r#"schedule is "0 17 * * *", expected an object"#,
        ),
        (
            json!({}),
            "",
            r#"`expression` is missing, such as "0 17 * * MON-FRI""#,
        ),
        (
            json!({"expression": 17}),
            "/expression",
            r#"expression is 17, expected text such as "0 17 * * MON-FRI""#,
        ),
        (
            json!({"expression": "0 25 * * *"}),
            "/expression",
            r#"hour "25" is out of range, expected 0 to 23"#,
        ),
        (
            json!({"expression": "@reboot"}),
            "/expression",
            "@reboot is no schedule here, because a scheduler that never misses a fire has no startup event, \
             expected times such as \"0 17 * * MON-FRI\"",
        ),
        (
            json!({"expresion": "0 17 * * *"}),
            "/expresion",
            "unknown field `expresion`, did you mean `expression`?",
        ),
        (
            json!({"expression": "0 17 * * *", "timezone": "Amercia/New_York"}),
            "/timezone",
            r#"unknown time zone "Amercia/New_York", did you mean "America/New_York"?"#,
        ),
        (
            json!({"expression": "0 17 * * *", "on": "XNYX"}),
            "/on",
            r#"unknown exchange "XNYX", did you mean "XNYS"?"#,
        ),
    ] {
        let error = build(&spec).err();

        assert_eq!(error, Some((pointer.into(), message.into())), "{spec}");
    }
}

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = CronFactory.schema();

    let fields: Vec<_> = schema["properties"]
        .as_object()
        .expect("fields")
        .keys()
        .collect();
    assert_eq!(fields, ["expression", "kind", "on", "timezone"]);
    assert_eq!(schema["required"], json!(["kind", "expression"]));
}

#[test]
fn a_usual_shape_is_told_in_words_and_any_other_as_it_is() {
    for (expression, words) in [
        ("0 17 * * *", "at 17:00 every day"),
        (
            "0,30 9,17 * * *",
            "at 09:00, 09:30, 17:00 and 17:30 every day",
        ),
        ("15 30 9 * * *", "at 09:30:15 every day"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("@hourly", "every hour"),
        ("0 */2 * * *", "every 2 hours"),
        ("7 * * * *", "every hour at minute 7"),
        (
            "0 9-17 * * 1-5",
            "every hour from 09:00 to 17:00 on Monday to Friday",
        ),
        ("*/15 9-16 * * *", "every 15 minutes from 09:00 to 16:45"),
        ("* 2 * * *", "every minute from 02:00 to 02:59"),
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("30 * * * * *", "every minute at second 30"),
        ("0 0 * * 0,6", "at 00:00 on Saturday and Sunday"),
        (
            "0 0 * * MON,FRI#1,TUEL",
            "at 00:00 on Monday, the first Friday and the last Tuesday of the month",
        ),
        (
            "0 0 1,22,L * *",
            "at 00:00 on the 1st, 22nd and last day of the month",
        ),
        (
            "0 0 3W * *",
            "at 00:00 on the weekday nearest to the 3rd of the month",
        ),
        ("0 0 LW * *", "at 00:00 on the last weekday of the month"),
        (
            "0 12 1 * MON",
            "at 12:00 on the 1st of the month or on Monday",
        ),
        (
            "0 12 1-7 * +MON",
            "at 12:00 on the 1st to 7th of the month, if that is Monday",
        ),
        ("0 12 1-31 * MON", "at 12:00 every day"),
        ("@yearly", "in January, at 00:00 on the 1st of the month"),
        (
            "0 8 * MAR-OCT *",
            "from March to October, at 08:00 every day",
        ),
        (
            "0 0 9 * 6,12 FRI#3 2027",
            "in 2027, in June and December, at 09:00 on the third Friday of the month",
        ),
        (
            "0 0 9 * * * 2027-2030",
            "from 2027 to 2030, at 09:00 every day",
        ),
        ("1,2,4,8,16,32 * * * *", "cron 1,2,4,8,16,32 * * * *"),
        ("0-29   * * * *", "cron 0-29 * * * *"),
        ("5 */2 * * *", "cron 5 */2 * * *"),
        ("0 12 */2 * MON", "cron 0 12 */2 * MON"),
        ("0 0 9 * * * */2", "cron 0 0 9 * * * */2"),
    ] {
        let schedule = Cron::parse(expression, Tz::UTC).expect("an expression");

        assert_eq!(
            schedule.describe(),
            format!("{words} (UTC)"),
            "{expression}"
        );
    }
}

#[test]
fn only_a_single_fixed_time_is_a_time_of_day() {
    for (expression, time) in [
        ("0 17 * * MON-FRI", Some("17:00")),
        ("0 5 9 L * ?", Some("09:05")),
        ("@weekly", Some("00:00")),
        ("0,30 17 * * *", None),
        ("0 9,17 * * *", None),
        ("30 0 17 * * *", None),
        ("*/60 17 * * *", None),
        ("0 * * * *", None),
        ("@hourly", None),
    ] {
        let schedule = Cron::parse(expression, Tz::UTC).expect("an expression");

        assert_eq!(schedule.time_of_day().as_deref(), time, "{expression}");
    }
}
