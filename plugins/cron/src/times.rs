//! At which times of a day an expression fires.

use chrono::{NaiveTime, Timelike};

use crate::bits::Bits;

/// The times that match the fields for hours, minutes and seconds; none of the sets is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) hours: Bits,
    pub(crate) minutes: Bits,
    pub(crate) seconds: Bits,
}

impl Times {
    /// The first time that matches, `time` or a later one of the same day.
    pub(crate) fn first_from(&self, time: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute) = (time.hour(), time.minute());
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.first_from(time.second())
            {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(later) = self.minutes.first_from(minute + 1) {
                return NaiveTime::from_hms_opt(hour, later, self.seconds.first_from(0)?);
            }
        }
        self.first_of(self.hours.first_from(hour + 1)?)
    }

    /// The first time of a day.
    pub(crate) fn first(&self) -> Option<NaiveTime> {
        self.first_of(self.hours.first_from(0)?)
    }

    fn first_of(&self, hour: u32) -> Option<NaiveTime> {
        NaiveTime::from_hms_opt(
            hour,
            self.minutes.first_from(0)?,
            self.seconds.first_from(0)?,
        )
    }
}
