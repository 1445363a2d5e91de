//! Any schedule, on the trading days of an exchange only.

use std::sync::Arc;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::{Calendar, Day, Next, Schedule, wall_clock};

/// A schedule whose fires are to be skipped, with the reason, on days when an exchange is closed.
///
/// The day of a fire is its date at the exchange. Where the calendar ends, so does what the schedule knows.
pub struct TradingDays<S> {
    schedule: S,
    calendar: Arc<dyn Calendar>,
}

impl<S> TradingDays<S> {
    /// `schedule` on the days of `calendar`.
    pub fn new(schedule: S, calendar: Arc<dyn Calendar>) -> Self {
        Self { schedule, calendar }
    }
}

impl<S: Schedule> Schedule for TradingDays<S> {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let mut fire = match self.schedule.next_after(instant) {
            Next::At(fire) => fire,
            other => return other,
        };
        let calendar = &self.calendar;
        let Some(date) = wall_clock::date(fire.at, calendar.zone()) else {
            return Next::Never;
        };
        match calendar.day(date) {
            Day::Session(session) => fire.notes.extend(session.notes),
            Day::Closed(why) => {
                fire.skip = Some(format!("{} closed on {date} ({why})", calendar.code()));
            }
            Day::Unknown => return out_of_coverage(calendar.as_ref()),
        }
        Next::At(fire)
    }

    fn describe(&self) -> String {
        format!(
            "{}, on trading days of {}",
            self.schedule.describe(),
            self.calendar.code()
        )
    }

    fn zone(&self) -> Option<Tz> {
        self.schedule.zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.schedule.time_of_day()
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        Some(self.calendar.clone())
    }
}

/// That a calendar's coverage does not reach.
pub fn out_of_coverage(calendar: &dyn Calendar) -> Next {
    let (first, last) = calendar.covered();
    let day_after = last.succ_opt().unwrap_or(last).and_time(NaiveTime::MIN);
    Next::Unknown {
        from: wall_clock::instant(day_after, calendar.zone()).unwrap_or_default(),
        reason: format!(
            "the calendar of {} covers {first} to {last}",
            calendar.code()
        ),
    }
}
