//! How values are written in columns, for people and for sorting, and read back.
//!
//! An instant is `2026-11-23 18:17:11.000000` in UTC, to the microsecond: SQLite's own form, so that comparing with
//! `datetime('now')` is right.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};
use serde::de::{DeserializeOwned, IntoDeserializer, value};
use serde::{Deserialize, Serialize};

/// An instant in a column. Years before 0 and after 9999 become the first or last instant that sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    digits: [u8; WITH_FRACTION],
    length: usize,
}

const WITH_FRACTION: usize = 26;
const WITHOUT_FRACTION: usize = 19;

impl Instant {
    pub(crate) fn new(at: DateTime<Utc>) -> Self {
        let mut digits = *b"0000-00-00 00:00:00.000000";
        match at.year() {
            ..0 => digits[5..10].copy_from_slice(b"01-01"),
            10_000.. => digits = *b"9999-12-31 23:59:59.999999",
            year => {
                write(&mut digits[0..4], year.unsigned_abs());
                write(&mut digits[5..7], at.month());
                write(&mut digits[8..10], at.day());
                write(&mut digits[11..13], at.hour());
                write(&mut digits[14..16], at.minute());
                write(&mut digits[17..19], at.second());
                write(&mut digits[20..26], micros(at));
            }
        }
        Self {
            digits,
            length: WITH_FRACTION,
        }
    }

    /// Without the fraction where that is 0; still sorts.
    pub(crate) fn short(at: DateTime<Utc>) -> Self {
        let full = Self::new(at);
        match full.digits.ends_with(b".000000") {
            true => Self {
                length: WITHOUT_FRACTION,
                ..full
            },
            false => full,
        }
    }
}

/// `at` as it is read back: to the microsecond.
pub(crate) fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_nanosecond(micros(at) * 1_000).unwrap_or(at)
}

/// Microseconds within the second; a leap second's last.
fn micros(at: DateTime<Utc>) -> u32 {
    at.timestamp_subsec_micros().min(999_999)
}

fn write(digits: &mut [u8], mut value: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let value = |sum, digit: &u8| sum * 10 + u32::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, value))
}

fn instant(text: &[u8]) -> Option<DateTime<Utc>> {
    let fraction = match text.len() {
        WITH_FRACTION => number(&text[20..26])?,
        WITHOUT_FRACTION => 0,
        _ => return None,
    };
    let part = |from, to| number(&text[from..to]);
    let year = i32::try_from(part(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, part(5, 7)?, part(8, 10)?)?;
    let time = date.and_hms_micro_opt(part(11, 13)?, part(14, 16)?, part(17, 19)?, fraction)?;
    Some(time.and_utc())
}

impl ToSql for Instant {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = &self.digits[..self.length];
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(text)))
    }
}

/// An instant read from a column.
pub(crate) struct At(pub(crate) DateTime<Utc>);

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_bytes_or_null()?.unwrap_or_default();
        let wrong = || wrong(format!("{:?} is no time", String::from_utf8_lossy(text)));
        instant(text).map(Self).ok_or_else(wrong)
    }
}

/// Reads an instant that may be missing.
pub(crate) fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<At>>(column)?.map(|at| at.0))
}

/// A value read from its text, or written as it.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl<T: FromStr<Err: Display>> FromSql for Text<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(wrong)
    }
}

/// An enum read from the word that serde writes for it.
pub(crate) struct Word<T>(pub(crate) T);

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?.into_deserializer();
        let word = T::deserialize(text).map_err(|e: value::Error| wrong(e))?;
        Ok(Self(word))
    }
}

/// A value kept as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0);
        text.map(Into::into)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }
}

impl<T: for<'de> Deserialize<'de>> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(wrong)
    }
}

fn wrong(why: impl Display) -> FromSqlError {
    FromSqlError::Other(why.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(instant: &Instant) -> &str {
        std::str::from_utf8(&instant.digits[..instant.length]).unwrap()
    }

    #[test]
    fn instants_sort_as_text_and_read_back_to_the_microsecond() {
        let texts = [
            "0001-01-01T00:00:00Z",
            "1962-01-02T05:00:00.5Z",
            "2026-11-23T18:17:11.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ];
        let instants = texts.map(|text| text.parse::<DateTime<Utc>>().unwrap());

        let written = instants.map(Instant::new);

        assert_eq!(text(&written[2]), "2026-11-23 18:17:11.000001");
        assert!(written.is_sorted_by_key(text));
        for (at, written) in instants.iter().zip(&written) {
            assert_eq!(instant(text(written).as_bytes()), Some(*at));
        }
    }

    #[test]
    fn a_short_instant_has_a_fraction_only_where_there_is_one() {
        let whole: DateTime<Utc> = "2025-10-21T04:00:00Z".parse().unwrap();
        let half = whole + chrono::TimeDelta::milliseconds(500);

        assert_eq!(text(&Instant::short(whole)), "2025-10-21 04:00:00");
        assert_eq!(text(&Instant::short(half)), "2025-10-21 04:00:00.500000");
        assert_eq!(instant(b"2025-10-21 04:00:00"), Some(whole));
    }

    #[test]
    fn instants_that_cannot_sort_become_the_first_or_last() {
        let first = Instant::new(DateTime::<Utc>::MIN_UTC);
        let last = Instant::new(DateTime::<Utc>::MAX_UTC);

        assert_eq!(text(&first), "0000-01-01 00:00:00.000000");
        assert_eq!(text(&last), "9999-12-31 23:59:59.999999");
        assert!(instant(text(&first).as_bytes()).is_some());
    }

    #[test]
    fn nonsense_is_no_instant() {
        for bad in [
            "",
            "2025-13-01 00:00:00",
            "2025-10-21",
            "2025-10-21 04:00:0x",
        ] {
            assert_eq!(instant(bad.as_bytes()), None, "{bad}");
        }
    }
}
