//! Dates of an exchange and the instants at which they begin.

use chrono::{
    DateTime, LocalResult, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;
use stock_scheduler_sdk::{DayMemory, FetchRequest};

/// The span of time that a request means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first instant of the first date wanted.
    pub(crate) from: DateTime<Utc>,
    /// The first instant of the first date no longer wanted.
    pub(crate) until: DateTime<Utc>,
}

impl Window {
    pub(crate) fn of(request: &FetchRequest, zone: Tz) -> Self {
        Self {
            from: first_instant(zone, request.start),
            until: first_instant(zone, request.end),
        }
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && self.until >= other.until
    }
}

/// The first instant of `date` in `zone`: midnight, the earlier of two, or the end of the gap that swallowed it.
pub(crate) fn first_instant(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let midnight = date.clamp(EARLIEST, LATEST).and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.to_utc(),
        LocalResult::None => {
            let day_before = zone.offset_from_utc_datetime(&(midnight - TimeDelta::days(1)));
            (midnight - day_before.fix()).and_utc()
        }
    }
}

/// The date of the session whose bar is stamped `time`.
fn session_date(zone: Tz, time: DateTime<Utc>) -> NaiveDate {
    let local = time.with_timezone(&zone);
    // After a change of its clocks Yahoo stamps daily bars an hour or two before the midnight that it means.
    if local.minute() == 0 && local.hour() >= 22 {
        let midnight = time + TimeDelta::hours(24 - i64::from(local.hour()));
        return midnight.with_timezone(&zone).date_naive();
    }
    local.date_naive()
}

/// A trading day in its exchange's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) date: NaiveDate,
    /// The first instant of the date.
    pub(crate) begins: DateTime<Utc>,
}

/// The session whose bar is stamped `seconds` after 1970, if that is in a year in which anything is traded.
pub(crate) fn session(zone: Tz, seconds: i64) -> Option<Session> {
    thread_local! {
        static KNOWN: DayMemory<Option<Session>> = const { DayMemory::new() };
    }
    let work_out = || {
        let date = session_date(zone, instant(seconds)?);
        let begins = first_instant(zone, date);
        Some(Session { date, begins })
    };
    KNOWN.with(|known| known.get(zone, seconds, work_out))
}

/// The instant `seconds` after 1970, if it is in a year in which anything is traded.
pub(crate) fn instant(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
        .filter(|time| (EARLIEST..LATEST).contains(&time.date_naive()))
}

const EARLIEST: NaiveDate = NaiveDate::from_ymd_opt(1800, 1, 1).expect("a date");
const LATEST: NaiveDate = NaiveDate::from_ymd_opt(2200, 1, 1).expect("a date");

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_begins_at_its_first_valid_instant() {
        for (zone, day, expected) in [
            (Tz::America__New_York, "2020-03-08", "2020-03-08T05:00:00Z"),
            (Tz::America__New_York, "2020-03-09", "2020-03-09T04:00:00Z"),
            (Tz::Asia__Tokyo, "2020-03-09", "2020-03-08T15:00:00Z"),
            // Midnight was skipped, and happened twice.
            (Tz::America__Sao_Paulo, "2018-11-04", "2018-11-04T03:00:00Z"),
            (Tz::America__Havana, "2023-11-05", "2023-11-05T04:00:00Z"),
        ] {
            assert_eq!(first_instant(zone, date(day)), at(expected), "{zone} {day}");
        }
    }

    #[test]
    fn dates_beyond_all_trading_do_not_overflow() {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::America__Adak] {
                let _ = first_instant(zone, day);
            }
        }
        assert_eq!(instant(i64::MAX), None);
        assert_eq!(instant(1_714_570_200_000), None, "milliseconds");
    }

    #[test]
    fn bars_stamped_shortly_before_midnight_belong_to_the_next_date() {
        let zone = Tz::America__Sao_Paulo;
        for (time, expected) in [
            ("2022-01-04T02:00:00Z", "2022-01-04"),
            ("2022-01-04T01:00:00Z", "2022-01-04"),
            ("2022-01-04T02:30:00Z", "2022-01-03"),
            ("2022-01-04T00:00:00Z", "2022-01-03"),
        ] {
            assert_eq!(session_date(zone, at(time)), date(expected), "{time}");
        }
    }

    #[test]
    fn a_session_is_the_same_whatever_was_asked_before() {
        let start = at("2022-03-01T13:30:00Z");
        for _ in 0..2 {
            for zone in [
                Tz::America__New_York,
                Tz::America__Sao_Paulo,
                Tz::Asia__Tokyo,
            ] {
                for hours in 0..24 * 200 {
                    let time = start + TimeDelta::hours(hours);
                    let date = session_date(zone, time);
                    let begins = first_instant(zone, date);
                    assert_eq!(
                        session(zone, time.timestamp()),
                        Some(Session { date, begins }),
                        "{zone} {time}"
                    );
                }
            }
        }
    }
}
