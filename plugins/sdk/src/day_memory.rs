//! What was worked out last for a day, kept.

use std::cell::Cell;

use chrono_tz::Tz;

/// How many days are kept: two months, which is more than most jobs ask for.
const DAYS: usize = 64;

/// Remembers for some days what was last worked out for a second of theirs in a zone.
///
/// The symbols of a job have the same days, and looking a zone up takes longer than all else that is done with a bar. One
/// such memory for each thread serves them all:
///
/// ```
/// # use chrono::{DateTime, NaiveDate, Utc};
/// # use chrono_tz::Tz;
/// # use stock_scheduler_sdk::DayMemory;
/// fn local_date(zone: Tz, time: DateTime<Utc>) -> NaiveDate {
///     thread_local! {
///         static KNOWN: DayMemory<NaiveDate> = const { DayMemory::new() };
///     }
///     let look_up = || time.with_timezone(&zone).date_naive();
///     KNOWN.with(|known| known.get(zone, time.timestamp(), look_up))
/// }
/// # let time = "2025-06-02T01:00:00Z".parse().unwrap();
/// # assert_eq!(local_date(Tz::America__New_York, time).to_string(), "2025-06-01");
/// # assert_eq!(local_date(Tz::Asia__Tokyo, time).to_string(), "2025-06-02");
/// ```
#[derive(Debug)]
pub struct DayMemory<T: Copy>([Known<T>; DAYS]);

type Known<T> = Cell<Option<(Tz, i64, T)>>;

impl<T: Copy> DayMemory<T> {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self([const { Cell::new(None) }; DAYS])
    }

    /// What is known for the second `time` after 1970 in `zone`, or else what `work_out` answers, which must depend on
    /// these two alone.
    pub fn get(&self, zone: Tz, time: i64, work_out: impl FnOnce() -> T) -> T {
        let day = time.div_euclid(24 * 60 * 60);
        let known = &self.0[day.rem_euclid(DAYS as i64) as usize];
        match known.get() {
            Some((same_zone, same_time, value)) if same_zone == zone && same_time == time => value,
            _ => {
                let value = work_out();
                known.set(Some((zone, time, value)));
                value
            }
        }
    }
}

impl<T: Copy> Default for DayMemory<T> {
    fn default() -> Self {
        Self::new()
    }
}
