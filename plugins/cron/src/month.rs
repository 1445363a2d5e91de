//! A month of the Gregorian calendar as sets of days: bit 1 is its first.

use chrono::{Datelike, NaiveDate};

use crate::bits::Bits;

/// What decides on which of its days a weekday falls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Month {
    /// The weekday of the first day; Sunday is 0.
    first_weekday: u32,
    length: u32,
}

const WEEK: u64 = 0b111_1111;

impl Month {
    /// The month of a date.
    pub(crate) fn of(date: NaiveDate) -> Self {
        let weekday = date.weekday().num_days_from_sunday();
        Self {
            first_weekday: (weekday + 35 - date.day0()) % 7,
            length: u32::from(date.num_days_in_month()),
        }
    }

    pub(crate) fn last_day(self) -> u32 {
        self.length
    }

    pub(crate) fn all_days(self) -> Bits {
        Bits(((1 << self.length) - 1) << 1)
    }

    /// The days that are one of `weekdays`, Sunday being 0.
    pub(crate) fn weekdays(self, weekdays: Bits) -> Bits {
        let week = (weekdays.0 | weekdays.0 << 7) >> self.first_weekday & WEEK;
        let weeks = week | week << 7 | week << 14 | week << 21 | week << 28;
        Bits(weeks << 1 & self.all_days().0)
    }

    /// The days of the `n`th week, counted from the first day: each weekday comes once, for the `n`th time.
    pub(crate) fn nth_week(self, n: u32) -> Bits {
        Bits(WEEK << (7 * n - 6) & self.all_days().0)
    }

    /// The last seven days: each weekday comes once, for the last time.
    pub(crate) fn last_week(self) -> Bits {
        Bits(WEEK << (self.length - 6))
    }

    /// The day from Monday to Friday that is nearest to `day`, in the same month; `None` where the month has no such day.
    pub(crate) fn nearest_weekday(self, day: u32) -> Option<u32> {
        if day > self.length {
            return None;
        }
        Some(match (self.first_weekday + day - 1) % 7 {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        })
    }
}
