//! Days, months and years in words.

use stock_scheduler_sdk::schedule::joined;

use super::listed;
use crate::bits::Bits;
use crate::dates::{Combined, Dates};
use crate::day_of_month::DayOfMonth;
use crate::day_of_week::DayOfWeek;
use crate::years::Years;

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// `in 2026 and 2028, `, or nothing.
pub(super) fn years(years: &Years) -> Option<String> {
    match years {
        Years::Every => Some(String::new()),
        Years::Listed(_) => {
            let numbers = years.from(0).map(|year| year as u32);
            Some(within(&listed(numbers, |year| year.to_string())?))
        }
    }
}

/// `from March to May, `, or nothing.
pub(super) fn months(months: Bits) -> Option<String> {
    match months.len() {
        12 => Some(String::new()),
        _ => {
            let name = |month| MONTHS[month as usize - 1].to_owned();
            Some(within(&listed(months.numbers(), name)?))
        }
    }
}

fn within(entries: &[String]) -> String {
    match entries {
        [run] if run.contains(" to ") => format!("from {run}, "),
        entries => format!("in {}, ", joined(entries)),
    }
}

/// ` on the 1st of the month or on Monday`, or nothing.
pub(super) fn days(dates: &Dates) -> Option<String> {
    let by_month = || of_month(&dates.day_of_month);
    let by_week = || of_week(&dates.day_of_week);
    let are_every = (dates.day_of_month.is_every(), dates.day_of_week.is_every());
    Some(match (dates.combined, are_every) {
        (_, (true, true)) | (Combined::Either, (true, _) | (_, true)) => String::new(),
        (Combined::Both, (true, false)) => format!(" on {}", by_week()?),
        (Combined::Both, (false, true)) => format!(" on {}", by_month()?),
        (Combined::Both, _) => format!(" on {}, if that is {}", by_month()?, by_week()?),
        (Combined::Either, _) => format!(" on {} or on {}", by_month()?, by_week()?),
    })
}

fn of_month(days: &DayOfMonth) -> Option<String> {
    let day = match days {
        DayOfMonth::Days { days, last } => {
            let mut words = listed(days.numbers(), ordinal)?;
            words.extend(last.then(|| "last day".to_owned()));
            joined(&words)
        }
        DayOfMonth::NearestWeekday(day) => format!("weekday nearest to the {}", ordinal(*day)),
        DayOfMonth::LastWeekday => "last weekday".to_owned(),
    };
    Some(format!("the {day} of the month"))
}

/// In words a week begins on Monday.
fn of_week(days: &DayOfWeek) -> Option<String> {
    let weekly = (1..=7).filter(|day| days.weekly.has(day % 7));
    let mut words = listed(weekly, weekday)?;
    let which = ORDINALS.into_iter().zip(days.nth);
    let once: Vec<_> = which
        .chain([("last", days.last)])
        .flat_map(|(which, days)| {
            let name = move |day| format!("the {which} {}", weekday(day));
            days.numbers().map(name)
        })
        .collect();
    let of_the_month = if once.is_empty() { "" } else { " of the month" };
    words.extend(once);
    Some(joined(&words) + of_the_month)
}

fn weekday(day: u32) -> String {
    WEEKDAYS[day as usize % 7].to_owned()
}

/// `1st`, `2nd`, `11th`.
fn ordinal(day: u32) -> String {
    let ending = match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}
