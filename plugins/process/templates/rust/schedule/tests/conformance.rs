//! The schedule keeps the promises of a schedule, and is made from a job's JSON.

use stock_scheduler::chrono::{DateTime, Utc};
use stock_scheduler::chrono_tz::Tz;
use stock_scheduler::conformance::schedule::check;
use stock_scheduler::serde_json::{Value, json};
use stock_scheduler::{ConfigError, Next, Schedule, ScheduleContext, ScheduleFactory};

use {{name}}::{Factory, feast};

fn built(spec: &Value) -> Result<Box<dyn Schedule>, ConfigError> {
    Factory.build(spec, &ScheduleContext::new(Tz::America__New_York))
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[test]
fn the_laws_of_a_schedule_hold() {
    for spec in [
        json!({"time": "09:00"}),
        json!({"time": "02:30", "timezone": "Europe/Berlin", "days_after": -50}),
        json!({"time": "00:00", "timezone": "Pacific/Apia", "days_after": 50}),
    ] {
        let schedule = built(&spec).expect("a right schedule");
        for from in [DateTime::<Utc>::MIN_UTC, instant("2025-01-01T00:00:00Z")] {
            let kept = check(schedule.as_ref(), from, DateTime::<Utc>::MAX_UTC);
            assert_eq!(kept, Ok(()), "{spec} from {from}");
        }
    }
}

#[test]
fn it_knows_its_dates() {
    for day in ["1943-04-25", "1981-04-19", "2025-04-20", "2049-04-18"] {
        let year = day[..4].parse().expect("a year");

        assert_eq!(feast(year).map(|day| day.to_string()).as_deref(), Some(day));
    }
}

#[test]
fn it_fires_so_many_days_after() {
    for (days, fire) in [
        (0, "2025-04-20T13:00:00Z"),
        (1, "2025-04-21T13:00:00Z"),
        (-50, "2025-03-01T14:00:00Z"),
    ] {
        let schedule = built(&json!({"time": "09:00", "days_after": days}));
        let schedule = schedule.expect("a right schedule");

        let next = schedule.next_after(instant("2025-01-01T00:00:00Z"));

        assert_eq!(next, Next::from(instant(fire)), "{}", schedule.describe());
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (spec, pointer) in [
        (json!({}), ""),
        (json!({"time": "25:00"}), "/time"),
        (json!({"time": "09:00", "days": 1}), "/days"),
        (json!({"time": "09:00", "days_after": 51}), "/days_after"),
    ] {
        let error = built(&spec).err().expect("an error");

        assert_eq!(error.pointer, pointer, "{error}");
    }
}
