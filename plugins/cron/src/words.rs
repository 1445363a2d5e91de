//! An expression in words, where it has one of the usual shapes.

mod dates;
mod times;

use crate::pattern::Pattern;

/// `in March, at 17:00 on Monday to Friday`; `None` where words would be no easier to read than the expression.
pub(crate) fn describe(pattern: &Pattern) -> Option<String> {
    let years = dates::years(&pattern.dates.years)?;
    let months = dates::months(pattern.dates.months)?;
    let times = times::describe(pattern.times)?;
    let days = match dates::days(&pattern.dates)? {
        days if days.is_empty() && times.starts_with("at") => " every day".to_owned(),
        days => days,
    };
    Some(years + &months + &times + &days)
}

/// A list has at most so many entries to be easy to read.
const MOST_ENTRIES: usize = 5;

/// `a, b and d to f`, of the numbers' names; `None` where that is long.
fn listed(numbers: impl Iterator<Item = u32>, name: impl Fn(u32) -> String) -> Option<Vec<String>> {
    let mut entries = Vec::new();
    for (first, last) in runs(numbers) {
        match last - first {
            0 => entries.push(name(first)),
            1 => entries.extend([name(first), name(last)]),
            _ => entries.push(format!("{} to {}", name(first), name(last))),
        }
    }
    (entries.len() <= MOST_ENTRIES).then_some(entries)
}

/// The first and the last of each run of consecutive numbers.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}
