//! What the wall clock of a zone shows when, where clocks change too.
//!
//! Everything here is in whole seconds, as zones change in whole seconds.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{GapInfo, Tz};
use stock_scheduler_sdk::schedule::wall_clock;

/// The first and the last instant at which a clock shows a time: one, but where it is put back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passes {
    pub(crate) first: DateTime<Utc>,
    pub(crate) last: DateTime<Utc>,
}

impl Passes {
    /// The first after `instant` of passes of which one is.
    pub(crate) fn after(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        match self.first > instant {
            true => self.first,
            false => self.last,
        }
    }
}

/// More than any clock was ever put back; Alaska's was by a day in 1867.
const MOST_PUT_BACK: i64 = 2 * 86_400;

/// The second that the clock shows at `instant`.
pub(crate) fn shown(instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let local = instant.with_timezone(&zone).naive_local();
    local.with_nanosecond(0).unwrap_or(local)
}

/// When the clock shows `local`; where never, what it shows next instead.
pub(crate) fn passes(local: NaiveDateTime, zone: Tz) -> Result<Passes, Option<NaiveDateTime>> {
    let (first, last) = match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) => (at, at),
        MappedLocalTime::Ambiguous(first, last) => (first, last),
        MappedLocalTime::None => {
            let end = GapInfo::new(&local, &zone).and_then(|gap| gap.end);
            return Err(end.map(|end| end.naive_local()));
        }
    };
    Ok(Passes {
        first: first.to_utc(),
        last: last.to_utc(),
    })
}

/// The last instant at which the clock shows `local`, or the end of the gap that leaves it out.
pub(crate) fn last_pass(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match passes(local, zone) {
        Ok(passes) => Some(passes.last),
        Err(_) => wall_clock::instant(local, zone),
    }
}

/// The first time that the clock has not yet shown at `instant`, when it shows `shown` not for the first time.
pub(crate) fn first_ahead(shown: NaiveDateTime, instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let has_passed = |local| wall_clock::instant(local, zone).is_some_and(|at| at <= instant);
    first_not(has_passed, shown)
}

/// The first time that the clock will show after `instant`, when it shows `shown` not for the last time.
pub(crate) fn first_back(shown: NaiveDateTime, instant: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let is_over = |local| last_pass(local, zone).is_some_and(|at| at <= instant);
    first_not(is_over, shown - TimeDelta::seconds(MOST_PUT_BACK))
}

/// The first time from `start` on for which `is_past` does not hold; it holds for all times before and none after that.
fn first_not(is_past: impl Fn(NaiveDateTime) -> bool, start: NaiveDateTime) -> NaiveDateTime {
    let after = |seconds| start + TimeDelta::seconds(seconds);
    let (mut low, mut high) = (0, MOST_PUT_BACK);
    while low < high {
        let middle = (low + high) / 2;
        match is_past(after(middle)) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    after(low)
}

/// The begin of the minute after that of `local`.
pub(crate) fn next_minute(local: NaiveDateTime) -> NaiveDateTime {
    local + TimeDelta::seconds(60 - i64::from(local.second()))
}
