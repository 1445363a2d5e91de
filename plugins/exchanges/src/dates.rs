//! Reads dates and days of the week.

use chrono::{Datelike, NaiveDate, Weekday, WeekdaySet};

use crate::error::FileError;
use crate::words::{Words, two_numbers};

/// No date of a file is in another year.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

impl Words<'_> {
    pub(crate) fn date(&mut self) -> Result<NaiveDate, FileError> {
        let word = self.next("a date as YYYY-MM-DD")?;
        self.whole_date(word)
    }

    fn whole_date(&self, word: &str) -> Result<NaiveDate, FileError> {
        let date = match word.split_at_checked(4) {
            Some((year, rest)) => {
                number(year).and_then(|year| month_and_day(year, rest.strip_prefix('-')?))
            }
            None => None,
        };
        date.ok_or_else(|| {
            let message = format!("`{word}` is no date, expected YYYY-MM-DD from 1900 to 2199");
            self.wrong(message)
        })
    }

    /// `from DATE`, if it is there.
    pub(crate) fn from(&mut self) -> Result<Option<NaiveDate>, FileError> {
        match self.take("from") {
            true => self.date().map(Some),
            false => Ok(None),
        }
    }

    /// All dates that remain, in order, at least one.
    pub(crate) fn dates(mut self) -> Result<Vec<NaiveDate>, FileError> {
        let mut dates = Vec::new();
        let mut year = None;
        while !self.is_empty() {
            let word = self.next("a date")?;
            let date = match (word.len(), year) {
                (4, _) => {
                    year = Some(self.year(word)?);
                    continue;
                }
                (5, Some(year)) => self.date_in(year, word)?,
                _ => self.whole_date(word)?,
            };
            if let Some(before) = dates.last().filter(|before| **before >= date) {
                let message = format!(
                    "{date} comes after {before}: the dates of a line are in order, each once"
                );
                return Err(self.wrong(message));
            }
            dates.push(date);
        }
        match dates.is_empty() {
            true => Err(self.wrong("a date is missing, such as 2026-12-24, or 2026 11-27 12-24")),
            false => Ok(dates),
        }
    }

    fn year(&self, word: &str) -> Result<i32, FileError> {
        let year = number(word).filter(|year| YEARS.contains(year));
        year.ok_or_else(|| self.wrong(format!("`{word}` is no year, expected 1900 to 2199")))
    }

    fn date_in(&self, year: i32, word: &str) -> Result<NaiveDate, FileError> {
        let wrong = || self.wrong(format!("`{word}` is no date of {year}, expected MM-DD"));
        month_and_day(year, word).ok_or_else(wrong)
    }

    pub(crate) fn weekdays(mut self) -> Result<WeekdaySet, FileError> {
        let mut days = WeekdaySet::EMPTY;
        for word in self.all("days such as mon tue wed")? {
            let day: Weekday = word.parse().map_err(|_| {
                let message = format!(
                    "`{word}` is no day of the week, expected mon, tue, wed, thu, fri, sat or sun"
                );
                self.wrong(message)
            })?;
            if !days.insert(day) {
                return Err(self.wrong(format!("`{word}` is given twice")));
            }
        }
        Ok(days)
    }
}

fn number(digits: &str) -> Option<i32> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().ok()).flatten()
}

fn month_and_day(year: i32, text: &str) -> Option<NaiveDate> {
    let (month, day) = two_numbers(text, b'-')?;
    let date = NaiveDate::from_ymd_opt(year, month.into(), day.into())?;
    YEARS.contains(&date.year()).then_some(date)
}
