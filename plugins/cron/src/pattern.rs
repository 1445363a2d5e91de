//! What an expression says, apart from any zone: dates and times on a wall clock.

use chrono::{Days, NaiveDateTime, NaiveTime};

use crate::CronError;
use crate::bits::Bits;
use crate::dates::{Combined, Dates};
use crate::day_of_month::DayOfMonth;
use crate::day_of_week::DayOfWeek;
use crate::field::{HOUR, MINUTE, MONTH, SECOND};
use crate::times::Times;
use crate::years::Years;

/// An expression that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) times: Times,
    pub(crate) dates: Dates,
    /// Whether it follows elapsed time where clocks change, and does not keep to fixed times.
    pub(crate) is_elapsed: bool,
}

/// OCPS 1.1, section 7.1; `@reboot` stands for no times.
const NICKNAMES: [(&str, Option<[&str; 7]>); 8] = [
    ("@yearly", Some(["0", "0", "0", "1", "1", "*", "*"])),
    ("@annually", Some(["0", "0", "0", "1", "1", "*", "*"])),
    ("@monthly", Some(["0", "0", "0", "1", "*", "*", "*"])),
    ("@weekly", Some(["0", "0", "0", "*", "*", "0", "*"])),
    ("@daily", Some(["0", "0", "0", "*", "*", "*", "*"])),
    ("@midnight", Some(["0", "0", "0", "*", "*", "*", "*"])),
    ("@hourly", Some(["0", "0", "*", "*", "*", "*", "*"])),
    ("@reboot", None),
];

impl Pattern {
    /// Reads five to seven fields, or a nickname.
    pub(crate) fn parse(expression: &str) -> Result<Self, CronError> {
        let words = expression
            .split([' ', '\t'])
            .filter(|word| !word.is_empty());
        let words: Vec<_> = words.collect();
        Self::read(match *words.as_slice() {
            [name] if name.starts_with('@') => nickname(name)?,
            [name, ..] if name.starts_with('@') => {
                let message = format!("nickname {name:?} is not alone, expected nothing else");
                return Err(CronError::Syntax(message));
            }
            [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday, "*"],
            [second, minute, hour, day, month, weekday] => {
                [second, minute, hour, day, month, weekday, "*"]
            }
            [second, minute, hour, day, month, weekday, year] => {
                [second, minute, hour, day, month, weekday, year]
            }
            _ => return Err(field_count(expression, words.len())),
        })
    }

    fn read(fields: [&str; 7]) -> Result<Self, CronError> {
        let [second, minute, hour, day, month, weekday, year] = fields;
        let times = Times {
            seconds: SECOND.values(second)?,
            minutes: MINUTE.values(minute)?,
            hours: HOUR.values(hour)?,
        };
        let day_of_month = DayOfMonth::parse(day)?;
        let months = MONTH.values(month)?;
        let day_of_week = DayOfWeek::parse(weekday.strip_prefix('+').unwrap_or(weekday))?;
        let combined = combined(day, weekday);
        let years = Years::parse(year)?;
        Ok(Self {
            times,
            dates: Dates::new(day_of_month, day_of_week, combined, months, years),
            is_elapsed: minute.starts_with('*') || hour.starts_with('*'),
        })
    }

    /// The time of day, where it has a single fixed one without seconds.
    pub(crate) fn only_time(&self) -> Option<NaiveTime> {
        let Times {
            hours,
            minutes,
            seconds,
        } = self.times;
        let is_single = hours.len() == 1 && minutes.len() == 1 && seconds == Bits(1);
        let time = self.times.first()?;
        (is_single && !self.is_elapsed).then_some(time)
    }

    /// The first time on the clock that matches, `local` or a later one.
    pub(crate) fn first_from(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = self.dates.first_from(local.date())?;
        if date > local.date() {
            return Some(date.and_time(self.times.first()?));
        }
        if let Some(time) = self.times.first_from(local.time()) {
            return Some(date.and_time(time));
        }
        let later = self
            .dates
            .first_from(date.checked_add_days(Days::new(1))?)?;
        Some(later.and_time(self.times.first()?))
    }
}

/// How the day fields go together (OCPS 1.1, 6.1, and 1.4, 4.1): one whose first entry is a bare wildcard restricts nothing,
/// so that the other decides; of two that restrict either suffices.
fn combined(day_of_month: &str, day_of_week: &str) -> Combined {
    let is_wild = |field: &str| matches!(field.split(',').next(), Some("*" | "?"));
    match is_wild(day_of_month) || is_wild(day_of_week) || day_of_week.starts_with('+') {
        true => Combined::Both,
        false => Combined::Either,
    }
}

/// The fields for which a nickname stands, in any case: OCPS 1.1 as a draft demanded that, and its final text does not.
fn nickname(name: &str) -> Result<[&'static str; 7], CronError> {
    let found = NICKNAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((_, fields)) = found else {
        let names: Vec<_> = NICKNAMES
            .iter()
            .filter(|(_, fields)| fields.is_some())
            .collect();
        let names: Vec<_> = names.into_iter().map(|(name, _)| *name).collect();
        let message = format!("unknown nickname {name:?}, known are {}", names.join(", "));
        return Err(CronError::Syntax(message));
    };
    fields.ok_or(CronError::Startup)
}

fn field_count(expression: &str, count: usize) -> CronError {
    CronError::Syntax(format!(
        "expression {expression:?} has {count} fields, expected 5 (minute, hour, day of month, month, day of week), \
         6 with second first, or 7 with second first and year last"
    ))
}
