//! What the tests of weekly and of monthly schedules have in common.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler_sdk::conformance::schedule::check;
use stock_scheduler_sdk::{Next, Occurrence, Schedule, ScheduleContext, ScheduleFactory};

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The schedule of a job in Berlin, or the pointer and the message of what is wrong.
pub(crate) fn build(
    factory: impl ScheduleFactory,
    spec: &Value,
) -> Result<Box<dyn Schedule>, (String, String)> {
    let context = ScheduleContext::new(Tz::Europe__Berlin);
    let built = factory.build(spec, &context);
    built.map_err(|error| (error.pointer.clone(), error.message.clone()))
}

/// As [`build`], where nothing is wrong.
pub(crate) fn built(factory: impl ScheduleFactory, spec: &Value) -> Box<dyn Schedule> {
    build(factory, spec).unwrap_or_else(|error| panic!("{spec}: {error:?}"))
}

/// The `n` fires after `start`.
pub(crate) fn fires(schedule: &dyn Schedule, start: &str, n: usize) -> Vec<Occurrence> {
    let next = |instant| match schedule.next_after(instant) {
        Next::At(fire) => Some(fire),
        _ => None,
    };
    let first = next(time(start));
    std::iter::successors(first, |fire| next(fire.at))
        .take(n)
        .collect()
}

pub(crate) fn instants(schedule: &dyn Schedule, start: &str, n: usize) -> Vec<String> {
    let fires = fires(schedule, start, n).into_iter();
    fires
        .map(|fire| fire.at.format("%Y-%m-%dT%H:%M").to_string())
        .collect()
}

/// Holds the schedule to the laws in zones and years in which clocks change.
pub(crate) fn check_where_clocks_change(build: impl Fn(Tz) -> Box<dyn Schedule>) {
    for (zone, from, to) in [
        (Tz::UTC, "2024-01-01", "2026-01-01"),
        (Tz::America__New_York, "2024-01-01", "2026-01-01"),
        (Tz::America__New_York, "2400-01-01", "2401-01-01"),
        (Tz::Europe__Berlin, "2025-01-01", "2026-01-01"),
        (Tz::Asia__Beirut, "2025-01-01", "2026-01-01"),
        (Tz::America__Sao_Paulo, "2018-06-01", "2019-06-01"),
        (Tz::Australia__Lord_Howe, "2025-01-01", "2026-01-01"),
        (Tz::Antarctica__Troll, "2025-01-01", "2026-01-01"),
        (Tz::Africa__Casablanca, "2025-01-01", "2026-01-01"),
        (Tz::Africa__Monrovia, "1971-12-01", "1972-03-01"),
        (Tz::Pacific__Apia, "2011-09-01", "2012-05-01"),
        (Tz::Pacific__Kwajalein, "1993-06-01", "1993-11-01"),
        (Tz::Asia__Manila, "1844-10-01", "1845-03-01"),
        (Tz::America__Juneau, "1867-08-01", "1868-01-01"),
    ] {
        let [from, to] = [from, to].map(|date| time(&format!("{date}T00:00:00Z")));
        let schedule = build(zone);
        assert_eq!(check(schedule.as_ref(), from, to), Ok(()), "{zone}, {from}");
    }
}

/// Holds the schedule in zones on both sides of UTC to the laws in the first and the last weeks that there are.
pub(crate) fn check_at_the_ends_of_time(build: impl Fn(Tz) -> Box<dyn Schedule>) {
    let days = TimeDelta::days(100);
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12] {
        let schedule = build(zone);

        assert!(matches!(schedule.next_after(first), Next::At(_)));
        assert_eq!(schedule.next_after(last), Next::Never);
        assert_eq!(check(schedule.as_ref(), first, first + days), Ok(()));
        assert_eq!(check(schedule.as_ref(), last - days, last), Ok(()));
    }
}
