//! Each rule of the Open Cron Pattern Specification, level by level; a test's name begins with the section of its rule.
//!
//! Dates and times are in UTC, where nothing is said of a zone.

mod level_1_0;
mod level_1_1;
mod level_1_2;
mod level_1_3;
mod level_1_4;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_cron::{Cron, CronError};
use stock_scheduler_sdk::{Next, Occurrence, Schedule};

fn instant(text: &str) -> DateTime<Utc> {
    let text = format!("{}Z", text.replace(' ', "T"));
    text.parse().expect("an instant")
}

fn cron(expression: &str) -> Cron {
    cron_in(Tz::UTC, expression)
}

fn cron_in(zone: Tz, expression: &str) -> Cron {
    Cron::parse(expression, zone).unwrap_or_else(|error| panic!("{expression:?}: {error}"))
}

/// Whether `expression` fires at just this second.
fn fires(expression: &str, at: &str) -> bool {
    let at = instant(at);
    let before = at - TimeDelta::nanoseconds(1);
    cron(expression).next_after(before) == Next::from(at)
}

/// The `n` fires after `start`.
fn occurrences(schedule: &Cron, start: &str, n: usize) -> Vec<Occurrence> {
    let next = |at| match schedule.next_after(at) {
        Next::At(fire) => Some(fire),
        _ => None,
    };
    let first = next(instant(start));
    std::iter::successors(first, |fire| next(fire.at))
        .take(n)
        .collect()
}

/// The times of the `n` fires after `start`.
fn times(schedule: &Cron, start: &str, n: usize) -> Vec<String> {
    let fires = occurrences(schedule, start, n).into_iter();
    fires
        .map(|fire| fire.at.format("%Y-%m-%d %H:%M:%S").to_string())
        .collect()
}

/// The dates of the `n` fires after the begin of a date.
fn dates(expression: &str, start: &str, n: usize) -> Vec<String> {
    let times = times(&cron(expression), &format!("{start} 00:00:00"), n);
    times.iter().map(|time| time[..10].to_owned()).collect()
}

/// Whether two expressions have the same fires for a while.
fn are_same(one: &str, other: &str) -> bool {
    let times = |expression| times(&cron(expression), "2025-12-20 07:31:15", 50);
    times(one) == times(other)
}

fn is_refused(expression: &str) -> bool {
    matches!(Cron::parse(expression, Tz::UTC), Err(CronError::Syntax(_)))
}
