//! On which dates an expression fires.

use chrono::{Datelike, NaiveDate};

use crate::bits::Bits;
use crate::day_of_month::DayOfMonth;
use crate::day_of_week::DayOfWeek;
use crate::month::Month;
use crate::years::Years;

/// The dates that match the fields for days, months and years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dates {
    pub(crate) day_of_month: DayOfMonth,
    pub(crate) day_of_week: DayOfWeek,
    pub(crate) combined: Combined,
    pub(crate) months: Bits,
    pub(crate) years: Years,
    /// The kinds of years that have a date, so that rare dates are found and impossible ones given up at once.
    kinds: Bits,
}

/// How the two day fields make one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combined {
    /// A date matches both fields.
    Both,
    /// A date matches one of them.
    Either,
}

/// Years in which each kind of year comes.
const ALL_KINDS: std::ops::Range<i32> = 2000..2028;

impl Dates {
    pub(crate) fn new(
        day_of_month: DayOfMonth,
        day_of_week: DayOfWeek,
        combined: Combined,
        months: Bits,
        years: Years,
    ) -> Self {
        let mut dates = Self {
            day_of_month,
            day_of_week,
            combined,
            months,
            years,
            kinds: Bits::default(),
        };
        let matching = ALL_KINDS.filter(|year| dates.in_year(*year, 1, 1).is_some());
        dates.kinds = matching.filter_map(kind).collect();
        dates
    }

    /// The first date that matches, `date` or a later one.
    pub(crate) fn first_from(&self, date: NaiveDate) -> Option<NaiveDate> {
        if self.kinds.is_empty() {
            return None;
        }
        let has_dates = |year: &i32| kind(*year).is_some_and(|kind| self.kinds.has(kind));
        let mut years = self.years.from(date.year()).filter(has_dates);
        years.find_map(|year| match year == date.year() {
            true => self.in_year(year, date.month(), date.day()),
            false => self.in_year(year, 1, 1),
        })
    }

    /// The first date of `year` from `day` of `month` on, whether or not the year matches.
    fn in_year(&self, year: i32, month: u32, day: u32) -> Option<NaiveDate> {
        let mut months = self.months.numbers().filter(|other| *other >= month);
        months.find_map(|other| {
            let first = NaiveDate::from_ymd_opt(year, other, 1)?;
            let least = if other == month { day } else { 1 };
            let found = self.in_month(Month::of(first)).first_from(least)?;
            first.with_day(found)
        })
    }

    fn in_month(&self, month: Month) -> Bits {
        let by_month = self.day_of_month.in_month(month).0;
        let by_week = self.day_of_week.in_month(month).0;
        Bits(match self.combined {
            Combined::Both => by_month & by_week,
            Combined::Either => by_month | by_week,
        })
    }
}

/// The kind of a year: its length and the weekday on which it begins decide on all weekdays, so there are fourteen.
fn kind(year: i32) -> Option<u32> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1)?;
    let length = u32::from(first.leap_year());
    Some(first.weekday().num_days_from_sunday() + 7 * length)
}
