//! When a daily schedule fires next.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::TimesOfDay;
use stock_scheduler_sdk::{Next, Schedule};

/// Fires each day at the same times on the wall clock of a zone. Where clocks change, [`TimesOfDay`] says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    times: TimesOfDay,
}

impl Daily {
    /// Every day at `times`.
    pub fn at(times: TimesOfDay) -> Self {
        Self { times }
    }
}

impl Schedule for Daily {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        self.times.next_after(instant, |today| today.iter_days())
    }

    fn describe(&self) -> String {
        format!("daily at {}", self.times)
    }

    fn zone(&self) -> Option<Tz> {
        self.times.named_zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.times.time_of_day()
    }
}
