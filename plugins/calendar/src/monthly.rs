//! When a monthly schedule fires next.

use std::iter::successors;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::TimesOfDay;
use stock_scheduler_sdk::{Next, Schedule};

use crate::DayOfMonth;

/// Fires on the same day of each month; months that do not have it are passed over. Where clocks change, [`TimesOfDay`]
/// says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monthly {
    day: DayOfMonth,
    times: TimesOfDay,
}

impl Monthly {
    /// On `day` of every month at `times`.
    pub fn on(day: DayOfMonth, times: TimesOfDay) -> Self {
        Self { day, times }
    }

    /// Its dates from `today` on.
    fn dates_from(&self, today: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<> {
        let day = self.day;
        let months = successors(today.with_day(1), |first| {
            first.checked_add_months(Months::new(1))
        });
        let dates = months.filter_map(move |first| day.in_month_of(first));
        dates.skip_while(move |date| *date < today)
    }
}

impl Schedule for Monthly {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let dates_from = |today| self.dates_from(today);
        self.times.next_after(instant, dates_from)
    }

    fn describe(&self) -> String {
        format!("on {} at {}", self.day, self.times)
    }

    fn zone(&self) -> Option<Tz> {
        self.times.named_zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.times.time_of_day()
    }
}
