//! When a weekly schedule fires next.

use chrono::{DateTime, Datelike, Utc, Weekday, WeekdaySet};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::{TimesOfDay, joined};
use stock_scheduler_sdk::{Next, Schedule};

use crate::weekday::full_name;

/// Fires on the same days of each week. Where clocks change, [`TimesOfDay`] says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// At least one.
    days: WeekdaySet,
    times: TimesOfDay,
}

impl Weekly {
    /// Every `day` at `times`.
    pub fn on(day: Weekday, times: TimesOfDay) -> Self {
        Self {
            days: WeekdaySet::single(day),
            times,
        }
    }

    /// The same schedule on a further day of the week.
    pub fn and_on(mut self, day: Weekday) -> Self {
        self.days.insert(day);
        self
    }
}

impl Schedule for Weekly {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let days = self.days;
        self.times.next_after(instant, |today| {
            let dates = today.iter_days();
            dates.filter(move |date| days.contains(date.weekday()))
        })
    }

    fn describe(&self) -> String {
        let days = self.days.iter(Weekday::Mon).map(full_name);
        let days: Vec<_> = days.map(str::to_owned).collect();
        format!("every {} at {}", joined(&days), self.times)
    }

    fn zone(&self) -> Option<Tz> {
        self.times.named_zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.times.time_of_day()
    }
}
