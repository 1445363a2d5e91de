//! From the wall clock of a zone to instants, where clocks change too: the one rule of all kinds that fire at times of day.
//!
//! A time in a gap, where clocks are put forward, is the first instant after the gap. A time that comes twice, where they
//! are put back, is its first pass.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// The date in `zone` at `instant`; `None` where calendars end.
pub fn date(instant: DateTime<Utc>, zone: Tz) -> Option<NaiveDate> {
    // chrono panics for a local time that is beyond its calendar; a zone is less than two days away.
    let margin = Days::new(2);
    let latest = DateTime::<Utc>::MAX_UTC.checked_sub_days(margin)?;
    let earliest = DateTime::<Utc>::MIN_UTC.checked_add_days(margin)?;
    let instant = instant.max(earliest);
    (instant < latest).then(|| instant.with_timezone(&zone).date_naive())
}

/// The first instant at which the clock of `zone` shows `local` or a later time; `None` where calendars end.
///
/// So a time that is left out becomes the end of its gap, one that comes twice its first pass, and a later time never an
/// earlier instant.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Some(at.to_utc()),
        MappedLocalTime::None => Some(GapInfo::new(&local, &zone)?.end?.to_utc()),
    }
}

/// What a person should know about a fire at `local` in `zone`: that it was moved out of a gap, or that the time comes
/// twice.
pub fn note(local: NaiveDateTime, zone: Tz) -> Option<String> {
    let wanted = local.format("%H:%M on %Y-%m-%d");
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(_) => None,
        MappedLocalTime::Ambiguous(..) => Some(format!(
            "{wanted} comes twice in {zone}, because clocks are put back: this is the first"
        )),
        MappedLocalTime::None => {
            let moved = GapInfo::new(&local, &zone)?.end?;
            let moved = moved.format("%H:%M on %Y-%m-%d");
            Some(format!(
                "there is no {wanted} in {zone}, because clocks are put forward: moved to {moved}"
            ))
        }
    }
}
