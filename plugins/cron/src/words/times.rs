//! Times of day in words.

use stock_scheduler_sdk::schedule::joined;

use super::runs;
use crate::bits::Bits;
use crate::times::Times;

/// `at 09:00 and 17:00`, `every 15 minutes from 09:00 to 17:45`.
pub(super) fn describe(times: Times) -> Option<String> {
    let count = times.hours.len() * times.minutes.len() * times.seconds.len();
    match times.seconds {
        _ if count <= MOST_TIMES => Some(one_by_one(times)),
        Bits(1) => by_minutes(times.hours, times.minutes),
        seconds if times.hours.len() == 24 && times.minutes.len() == 60 => by_seconds(seconds),
        _ => None,
    }
}

/// So many times are told one by one.
const MOST_TIMES: u32 = 4;

fn one_by_one(times: Times) -> String {
    let mut words = Vec::new();
    for hour in times.hours.numbers() {
        for minute in times.minutes.numbers() {
            words.extend(times.seconds.numbers().map(|second| match second {
                0 => format!("{hour:02}:{minute:02}"),
                second => format!("{hour:02}:{minute:02}:{second:02}"),
            }));
        }
    }
    format!("at {}", joined(&words))
}

fn by_minutes(hours: Bits, minutes: Bits) -> Option<String> {
    let first = minutes.first_from(0)?;
    let last = minutes.numbers().last()?;
    let is_hourly = first == last;
    let hourly = step(hours, 24).filter(|_| is_hourly && first == 0);
    let period = match hourly {
        Some(step) => return Some(every(step, "hour")),
        None if is_hourly => every(1, "hour"),
        None => every(step(minutes, 60)?, "minute"),
    };
    match *runs(hours.numbers()) {
        [(0, 23)] if is_hourly => Some(format!("{period} at minute {first}")),
        [(0, 23)] => Some(period),
        [(begin, end)] => Some(format!(
            "{period} from {begin:02}:{first:02} to {end:02}:{last:02}"
        )),
        _ => None,
    }
}

fn by_seconds(seconds: Bits) -> Option<String> {
    match seconds.len() {
        1 => Some(format!("every minute at second {}", seconds.first_from(0)?)),
        _ => Some(every(step(seconds, 60)?, "second")),
    }
}

fn every(step: u32, unit: &str) -> String {
    match step {
        1 => format!("every {unit}"),
        step => format!("every {step} {unit}s"),
    }
}

/// The distance of all numbers from 0 on, where it is the same, also to those of the next hour or day.
fn step(numbers: Bits, size: u32) -> Option<u32> {
    let step = numbers.first_from(1).unwrap_or(size);
    let all: Bits = (0..size).step_by(step as usize).collect();
    (size.is_multiple_of(step) && numbers == all).then_some(step)
}
