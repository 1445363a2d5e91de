//! When an interval schedule fires next: arithmetic on seconds, no calendar.

use std::ops::RangeInclusive;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Next, Schedule};

/// How short and how long an interval may be.
pub(crate) const LENGTHS: RangeInclusive<TimeDelta> = TimeDelta::seconds(1)..=TimeDelta::days(366);

/// Fires at an anchor and at each whole multiple of an interval before and after it, for ever. Without an anchor of its
/// own that is 1970-01-01T00:00:00Z.
///
/// It measures time as it passes: where clocks change, its fires are as far apart as ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// Seconds, one of [`LENGTHS`].
    every: i64,
    anchor: DateTime<Utc>,
    zone: Option<Tz>,
}

impl Interval {
    /// Every so often, which is 1 second to 366 days in whole seconds. `None` for other lengths.
    pub fn every(length: TimeDelta) -> Option<Self> {
        let is_good = LENGTHS.contains(&length) && length.subsec_nanos() == 0;
        is_good.then(|| Self {
            every: length.num_seconds(),
            anchor: DateTime::UNIX_EPOCH,
            zone: None,
        })
    }

    /// The same schedule, one of whose fires is at `anchor`.
    pub fn anchored_at(mut self, anchor: DateTime<Utc>) -> Self {
        // A leap second is a fraction of one second or more. It is taken for the second after it, as computers count.
        let whole = DateTime::from_timestamp(anchor.timestamp(), 0);
        let fraction = TimeDelta::nanoseconds(anchor.timestamp_subsec_nanos().into());
        let counted = whole.and_then(|whole| whole.checked_add_signed(fraction));
        self.anchor = counted.unwrap_or(anchor);
        self
    }

    /// The same schedule, whose times are shown in `zone`. It fires no other way.
    pub fn shown_in(mut self, zone: Tz) -> Self {
        self.zone = Some(zone);
        self
    }
}

impl Schedule for Interval {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let fraction = self.anchor.timestamp_subsec_nanos();
        let is_before_fraction = instant.timestamp_subsec_nanos() < fraction;
        let passed = instant.timestamp() - self.anchor.timestamp() - i64::from(is_before_fraction);
        let multiple = passed.div_euclid(self.every) + 1;
        let seconds = self.anchor.timestamp() + multiple * self.every;
        DateTime::from_timestamp(seconds, fraction).into()
    }

    fn describe(&self) -> String {
        let every = format!("every {}", in_words(self.every));
        if self.anchor == DateTime::UNIX_EPOCH {
            return every;
        }
        let anchor = self.anchor.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        format!("{every}, counted from {anchor}")
    }

    fn zone(&self) -> Option<Tz> {
        self.zone
    }
}

/// `1 h 30 min`.
fn in_words(seconds: i64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    parts.join(" ")
}
