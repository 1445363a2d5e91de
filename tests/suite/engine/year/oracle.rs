use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use stock_scheduler::{Calendar, Calendars, Day};
use stock_scheduler_exchanges::Exchanges;

use super::jobs::{Order, When};

/// A fire, and why it is to be skipped.
pub(super) type Expected = (DateTime<Utc>, Option<String>);

static CALENDARS: LazyLock<Calendars> = LazyLock::new(Exchanges::shipped);

/// The fires of a job after `begin` and before `end`.
pub(super) fn fires(order: &Order, begin: DateTime<Utc>, end: DateTime<Utc>) -> Vec<Expected> {
    let first = order
        .from
        .map_or(begin + TimeDelta::microseconds(1), |from| from.max(begin));
    let last = order
        .until
        .map_or(end - TimeDelta::microseconds(1), |until| until.min(end));
    let times = instants(&order.when, first, last);
    let times = times
        .into_iter()
        .filter(|at| first <= *at && *at <= last && *at < end);
    times
        .map(|at| (at, order.on.and_then(|on| closed(on, at))))
        .collect()
}

/// The fire times from `first` to `last`, and maybe some around.
fn instants(when: &When, first: DateTime<Utc>, last: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    match when {
        When::Dates(dates, times, zone) => dates_around(first, last)
            .filter(|date| dates.matches(*date))
            .flat_map(|date| times.iter().map(move |time| date.and_time(*time)))
            .map(|local| shown_first(local, *zone))
            .collect(),
        When::HalfHours(hours, zone) => quarters(first, last)
            .filter(|at| {
                let local = at.with_timezone(zone);
                local.minute() % 30 == 0 && hours.contains(&local.hour())
            })
            .collect(),
        When::Minutes(minutes) => quarters(first, last)
            .filter(|at| at.timestamp() % (minutes * 60) == 0)
            .collect(),
        When::Session {
            exchange,
            closes,
            offset,
        } => dates_around(first, last)
            .filter_map(|date| match calendar(exchange).day(date) {
                Day::Session(session) if *closes => Some(session.close + *offset),
                Day::Session(session) => Some(session.open + *offset),
                _ => None,
            })
            .collect(),
    }
}

fn dates_around(first: DateTime<Utc>, last: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> {
    let last = last.date_naive() + TimeDelta::days(3);
    let first = first.date_naive() - TimeDelta::days(3);
    first.iter_days().take_while(move |date| *date <= last)
}

/// Each quarter of an hour: no zone of today has an offset in between.
fn quarters(first: DateTime<Utc>, last: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let begin = first.timestamp().div_euclid(900) * 900;
    let all = (begin..)
        .step_by(900)
        .map(|at| DateTime::from_timestamp(at, 0).unwrap());
    all.take_while(move |at| *at <= last)
}

/// When the clock of `zone` first shows `local` or a later time: tried out with each offset that the zone has then.
fn shown_first(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let around = [-36, 36].map(|hours| local.and_utc() + TimeDelta::hours(hours));
    let offsets = around.map(|at| zone.offset_from_utc_datetime(&at.naive_utc()).fix());
    let candidates = offsets.map(|offset| (local - offset).and_utc());
    let shows = |at: &DateTime<Utc>| at.with_timezone(&zone).naive_local() == local;
    if let Some(first) = candidates.iter().filter(|at| shows(at)).min() {
        return *first;
    }
    // Left out: the quarter of an hour at which the clock jumped over it.
    let mut at = candidates[0].min(candidates[1]) - TimeDelta::hours(6);
    while at.with_timezone(&zone).naive_local() < local {
        at += TimeDelta::minutes(15);
    }
    at
}

fn calendar(code: &str) -> &'static dyn Calendar {
    CALENDARS.get(code).unwrap().as_ref()
}

/// Why an exchange is closed on its date at an instant.
fn closed(exchange: &str, at: DateTime<Utc>) -> Option<String> {
    let calendar = calendar(exchange);
    let date = at.with_timezone(&calendar.zone()).date_naive();
    match calendar.day(date) {
        Day::Closed(why) => Some(format!("{exchange} closed on {date} ({why})")),
        _ => None,
    }
}
