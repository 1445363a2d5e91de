//! A day of the month, by its number or by its day of the week.

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, Weekday};

use crate::weekday::full_name;

/// A day that each month has once, or that short months do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOfMonth(Rule);

/// Both count from the first, 1, or from the last, -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Day(i8),
    Weekday { nth: i8, weekday: Weekday },
}

impl DayOfMonth {
    /// The day with this number, 1 to 31, or counted from the end, -1 for the last to -31. `None` for other numbers.
    ///
    /// A month that is too short does not have it.
    pub fn numbered(day: i64) -> Option<Self> {
        let day = i8::try_from(day).ok()?;
        matches!(day, 1..=31 | -31..=-1).then_some(Self(Rule::Day(day)))
    }

    /// The first to fifth `weekday`, 1 to 5, or the last, -1. `None` for other numbers.
    ///
    /// Many months do not have a fifth.
    pub fn nth(nth: i64, weekday: Weekday) -> Option<Self> {
        let nth = i8::try_from(nth).ok()?;
        matches!(nth, 1..=5 | -1).then_some(Self(Rule::Weekday { nth, weekday }))
    }

    /// Its date in the month in which `date` is, if that month has it.
    pub fn in_month_of(self, date: NaiveDate) -> Option<NaiveDate> {
        let length = date.num_days_in_month();
        match self.0 {
            Rule::Day(day) => {
                let from_first = match day {
                    1.. => day,
                    _ => i8::try_from(length).ok()? + 1 + day,
                };
                date.with_day(u32::try_from(from_first).ok()?)
            }
            Rule::Weekday { nth, weekday } => match u8::try_from(nth) {
                Ok(nth) => {
                    NaiveDate::from_weekday_of_month_opt(date.year(), date.month(), weekday, nth)
                }
                Err(_) => last_before(date.with_day(length.into())?, weekday),
            },
        }
    }

    /// Whether the shortest month has it too.
    fn is_in_all_months(self) -> bool {
        match self.0 {
            Rule::Day(day) => day.abs() <= 28,
            Rule::Weekday { nth, .. } => nth <= 4,
        }
    }
}

/// The last `weekday` up to `date`.
fn last_before(date: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let days = date.weekday().days_since(weekday);
    date.checked_sub_days(Days::new(days.into()))
}

impl fmt::Display for DayOfMonth {
    /// Writes `the third Friday of the month`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rule::Day(-1) => f.write_str("the last day")?,
            Rule::Day(day @ 1..) => write!(f, "the {}", ordinal(day))?,
            Rule::Day(day) => write!(f, "the {}-to-last day", ordinal(-day))?,
            Rule::Weekday { nth, weekday } => {
                write!(f, "the {} {}", in_words(nth), full_name(weekday))?;
            }
        }
        f.write_str(" of the month")?;
        match self.is_in_all_months() {
            true => Ok(()),
            false => f.write_str(", where there is one,"),
        }
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st`.
fn ordinal(number: i8) -> String {
    let ending = match (number % 10, number / 10) {
        (1, 0 | 2 | 3) => "st",
        (2, 0 | 2 | 3) => "nd",
        (3, 0 | 2 | 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn in_words(nth: i8) -> &'static str {
    match nth {
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        5 => "fifth",
        _ => "last",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_found_as_by_counting_through_the_month() {
        let first = NaiveDate::from_ymd_opt(1999, 1, 1).unwrap();
        for month in 0..12 * 30 {
            let first = first + chrono::Months::new(month);
            let dates: Vec<_> = first
                .iter_days()
                .take_while(|date| date.month() == first.month())
                .collect();
            for number in 1..=31_usize {
                let day = |number| DayOfMonth::numbered(number).unwrap().in_month_of(first);
                let number_from_end = dates.len().checked_sub(number);
                let from_end = number_from_end.map(|place| dates[place]);
                assert_eq!(day(number as i64), dates.get(number - 1).copied());
                assert_eq!(day(-(number as i64)), from_end);
            }
            for date in &dates[..7] {
                let weekday = date.weekday();
                let such = dates.iter().filter(|date| date.weekday() == weekday);
                let such: Vec<_> = such.copied().collect();
                let day = |nth| DayOfMonth::nth(nth, weekday).unwrap().in_month_of(first);
                assert_eq!(
                    [1, 2, 3, 4, 5].map(day)[..such.len()],
                    such.iter().copied().map(Some).collect::<Vec<_>>()
                );
                assert_eq!(day(5), such.get(4).copied());
                assert_eq!(day(-1), such.last().copied());
            }
        }
    }

    #[test]
    fn a_day_reads_as_a_sentence_would_have_it() {
        let day = |number| DayOfMonth::numbered(number).unwrap().to_string();
        let nth = |nth| DayOfMonth::nth(nth, Weekday::Fri).unwrap().to_string();

        assert_eq!(day(1), "the 1st of the month");
        assert_eq!(day(12), "the 12th of the month");
        assert_eq!(day(23), "the 23rd of the month");
        assert_eq!(day(31), "the 31st of the month, where there is one,");
        assert_eq!(day(-1), "the last day of the month");
        assert_eq!(day(-2), "the 2nd-to-last day of the month");
        assert_eq!(
            day(-29),
            "the 29th-to-last day of the month, where there is one,"
        );
        assert_eq!(nth(3), "the third Friday of the month");
        assert_eq!(nth(5), "the fifth Friday of the month, where there is one,");
        assert_eq!(nth(-1), "the last Friday of the month");
    }

    #[test]
    fn other_numbers_are_no_days() {
        for number in [0, 32, -32, 257, i64::MIN, i64::MAX] {
            assert_eq!(DayOfMonth::numbered(number), None);
        }
        for nth in [0, 6, -2, 261, i64::MIN, i64::MAX] {
            assert_eq!(DayOfMonth::nth(nth, Weekday::Fri), None);
        }
    }
}
