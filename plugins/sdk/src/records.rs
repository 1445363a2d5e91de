//! The records that readers of stored data know: a series with adjusted prices, as pandas
//! `to_json(orient="records")` writes it.
//!
//! How a single number is written is `number`'s business.

mod line;
mod number;

use crate::{Bar, Series};
use line::Line;

/// A rendered series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// A JSON array with one object for each row, oldest first; `[]` when there is none.
    pub json: String,
    /// How many rows the array holds.
    pub rows: usize,
}

/// Renders `series` as a JSON array of records, byte for byte as pandas writes what
/// `yfinance.download(auto_adjust=True)` returns.
///
/// Each record holds `Date` (`Datetime` where bars are shorter than a session), `Close`, `High`, `Low`, `Open` and
/// `Volume`. `Date` is the session's date at midnight as if that were UTC, `Datetime` the true instant, both in
/// milliseconds since 1970. A price that is not known or not finite is `null`; a bar that [`is_blank`] is left out.
///
/// Without [`Bar::adj_close`] no price of a bar can be adjusted and all are `null`: a provider that adjusts nothing
/// repeats the close there.
pub fn render(series: &Series) -> Records {
    let mut text = Vec::new();
    let rows = append(series, &mut text);
    Records {
        json: String::from_utf8(text).expect("only ASCII was written"),
        rows,
    }
}

/// Appends what [`render`] gives to `text`, and answers how many rows it holds.
pub fn append(series: &Series, text: &mut Vec<u8>) -> usize {
    text.reserve(room(series));
    let (mut rows, mut line) = (0, Line::new());
    text.push(b'[');
    for bar in &series.bars {
        let prices = Adjusted::of(bar);
        if prices.are_blank() && bar.volume == 0 {
            continue;
        }
        line.clear();
        if rows > 0 {
            line.push(b",");
        }
        push_record(&mut line, series, bar, &prices);
        text.extend_from_slice(line.as_bytes());
        rows += 1;
    }
    text.push(b']');
    rows
}

/// Whether `bar` holds nothing worth a record: no volume, and no adjusted price that is known and not 0.
pub fn is_blank(bar: &Bar) -> bool {
    bar.volume == 0 && Adjusted::of(bar).are_blank()
}

/// About how many bytes the records of `series` take.
pub fn room(series: &Series) -> usize {
    2 + series.bars.len() * ROOM_FOR_A_RECORD
}

/// The length of a record whose prices have up to four digits and all their ten decimals.
const ROOM_FOR_A_RECORD: usize = 144;

fn push_record(line: &mut Line, series: &Series, bar: &Bar, prices: &Adjusted) {
    if series.interval.is_intraday() {
        line.push(b"{\"Datetime\":");
        number::push_signed(line, bar.time.timestamp_millis());
    } else {
        line.push(b"{\"Date\":");
        let ahead = 1_000 * i64::from(series.offset(bar).local_minus_utc());
        number::push_signed(line, bar.time.timestamp_millis() + ahead);
    }
    line.push(b",\"Close\":");
    number::push_float(line, prices.close);
    line.push(b",\"High\":");
    number::push_float(line, prices.high);
    line.push(b",\"Low\":");
    number::push_float(line, prices.low);
    line.push(b",\"Open\":");
    number::push_float(line, prices.open);
    line.push(b",\"Volume\":");
    number::push_unsigned(line, bar.volume);
    line.push(b"}");
}

/// The prices of a bar, adjusted for later splits and dividends; NaN is unknown.
struct Adjusted {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

impl Adjusted {
    fn of(bar: &Bar) -> Self {
        let known = |price: Option<f64>| price.unwrap_or(f64::NAN);
        let close = known(bar.adj_close);
        // In this order, and never `close * ratio`: the last bit of each price depends on it.
        let ratio = close / known(bar.close);
        Self {
            open: known(bar.open) * ratio,
            high: known(bar.high) * ratio,
            low: known(bar.low) * ratio,
            close,
        }
    }

    fn are_blank(&self) -> bool {
        [self.open, self.high, self.low, self.close]
            .iter()
            .all(|price| price.is_nan() || *price == 0.0)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, TimeZone, Utc};
    use chrono_tz::Tz;

    use super::*;
    use crate::Interval;

    fn series(interval: Interval, zone: Tz, bars: Vec<Bar>) -> Series {
        let mut series = Series::new("X".parse().unwrap(), interval, zone);
        series.bars = bars;
        series
    }

    fn bar(time: DateTime<Utc>, close: f64, adj_close: f64) -> Bar {
        Bar {
            time,
            open: Some(10.0),
            high: Some(12.0),
            low: Some(8.0),
            close: Some(close),
            adj_close: Some(adj_close),
            volume: 100,
            ..Bar::default()
        }
    }

    fn midnight(zone: Tz, year: i32, month: u32, day: u32) -> DateTime<Utc> {
        zone.with_ymd_and_hms(year, month, day, 0, 0, 0)
            .unwrap()
            .to_utc()
    }

    #[test]
    fn prices_are_adjusted_by_the_ratio_of_adjusted_to_raw_close() {
        let bars = vec![bar(midnight(Tz::America__New_York, 2020, 1, 2), 10.5, 5.25)];

        let records = render(&series(Interval::Day, Tz::America__New_York, bars));

        assert_eq!(
            records.json,
            r#"[{"Date":1577923200000,"Close":5.25,"High":6.0,"Low":4.0,"Open":5.0,"Volume":100}]"#
        );
        assert_eq!(records.rows, 1);
    }

    #[test]
    fn a_date_is_the_local_date_in_every_zone() {
        for zone in [Tz::America__New_York, Tz::Europe__London, Tz::Asia__Tokyo] {
            let bars = vec![bar(midnight(zone, 1962, 1, 2), 1.0, 1.0)];

            let json = render(&series(Interval::Day, zone, bars)).json;

            assert!(
                json.starts_with(r#"[{"Date":-252374400000,"#),
                "{zone}: {json}"
            );
        }
    }

    #[test]
    fn a_day_without_midnight_is_dated_by_its_first_instant() {
        let first_instant = Tz::America__Sao_Paulo
            .with_ymd_and_hms(2018, 11, 4, 1, 0, 0)
            .unwrap()
            .to_utc();

        let json = render(&series(
            Interval::Day,
            Tz::America__Sao_Paulo,
            vec![bar(first_instant, 1.0, 1.0)],
        ))
        .json;

        assert!(json.starts_with(r#"[{"Date":1541293200000,"#), "{json}");
    }

    #[test]
    fn intraday_bars_are_named_by_their_instant() {
        let time = NaiveDate::from_ymd_opt(2024, 5, 1)
            .unwrap()
            .and_hms_opt(13, 30, 0)
            .unwrap()
            .and_utc();

        let json = render(&series(
            Interval::Minutes(5),
            Tz::America__New_York,
            vec![bar(time, 1.0, 1.0)],
        ))
        .json;

        assert!(json.starts_with(r#"[{"Datetime":1714570200000,"#), "{json}");
    }

    #[test]
    fn unknown_prices_are_null_and_volume_keeps_the_row() {
        let time = midnight(Tz::UTC, 2024, 5, 1);
        let only_volume = Bar {
            time,
            volume: 7,
            ..Bar::default()
        };
        let without_adjusted = Bar {
            adj_close: None,
            ..bar(time, 10.5, 0.0)
        };
        let zero_close = bar(time, 0.0, 0.0);
        let infinite_ratio = bar(time, 0.0, 1.0);

        for (bar, expected) in [
            (
                only_volume,
                r#""Close":null,"High":null,"Low":null,"Open":null,"Volume":7}"#,
            ),
            (
                without_adjusted,
                r#""Close":null,"High":null,"Low":null,"Open":null,"Volume":100}"#,
            ),
            (
                zero_close,
                r#""Close":0.0,"High":null,"Low":null,"Open":null,"Volume":100}"#,
            ),
            (
                infinite_ratio,
                r#""Close":1.0,"High":null,"Low":null,"Open":null,"Volume":100}"#,
            ),
        ] {
            let json = render(&series(Interval::Day, Tz::UTC, vec![bar])).json;
            assert_eq!(json, format!(r#"[{{"Date":1714521600000,{expected}]"#));
        }
    }

    #[test]
    fn blank_bars_are_left_out() {
        let time = midnight(Tz::UTC, 2024, 5, 1);
        let zero = Some(0.0);
        let zeros = Bar {
            time,
            open: zero,
            high: zero,
            low: zero,
            close: zero,
            adj_close: zero,
            ..Bar::default()
        };
        let unknown = Bar {
            time,
            ..Bar::default()
        };
        let not_adjustable = Bar {
            adj_close: None,
            volume: 0,
            ..bar(time, 1.0, 1.0)
        };
        assert!(
            [&zeros, &unknown, &not_adjustable]
                .into_iter()
                .all(is_blank)
        );

        let kept = bar(midnight(Tz::UTC, 2024, 5, 2), 1.0, 1.0);
        let records = render(&series(
            Interval::Day,
            Tz::UTC,
            vec![zeros, unknown, kept.clone(), not_adjustable],
        ));

        assert_eq!(records, render(&series(Interval::Day, Tz::UTC, vec![kept])));
        assert_eq!(records.rows, 1);
        assert_eq!(render(&series(Interval::Day, Tz::UTC, vec![])).json, "[]");
    }
}
