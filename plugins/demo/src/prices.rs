//! Prices that look as if they wandered, each made from its symbol and date alone.
//!
//! A true random walk would have to be walked from its beginning. Waves of random heights, of which each is twice as long
//! and about half as much higher than the one before, look the same and can be asked for any day.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use stock_scheduler_sdk::Bar;

/// How far the logarithm of a price moves by the shortest wave.
const DAILY_MOVE: f64 = 0.009;

/// Lengths of the waves, in weekdays: from a day to about eight years.
const WAVES: u32 = 12;

/// The weekdays from `start` until the day before `end`, from 1970 until 2100.
pub(crate) fn weekdays(start: NaiveDate, end: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let first = start.max(year(1970));
    let last = end.min(year(2100));
    let days = first.iter_days().take_while(move |date| *date < last);
    days.filter(|date| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun))
}

fn year(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).expect("every year begins")
}

/// The wanderings of one symbol.
pub(crate) struct Walk {
    seed: u64,
    start: f64,
}

impl Walk {
    pub(crate) fn of(symbol: &str) -> Self {
        let fold = |seed, byte| mix(seed ^ u64::from(byte));
        let seed = symbol.bytes().fold(0, fold);
        let start = 20.0 + 280.0 * unit(mix(seed ^ 1));
        Self { seed, start }
    }

    /// The bar of `date`, which begins at `time`.
    pub(crate) fn bar(&self, date: NaiveDate, time: DateTime<Utc>) -> Bar {
        let day = weekday_number(date);
        let before = self.close(day - 1);
        let close = self.close(day);
        let open = before * (1.0 + 0.004 * self.chance(day, 101));
        let high = open.max(close) * (1.0 + 0.006 * self.chance(day, 102).abs());
        let low = open.min(close) * (1.0 - 0.006 * self.chance(day, 103).abs());
        let busy = 1.0 + 20.0 * ((close - before) / before).abs() + 0.5 * self.chance(day, 104);
        Bar {
            time,
            open: Some(cents(open)),
            high: Some(cents(high)),
            low: Some(cents(low)),
            close: Some(cents(close)),
            adj_close: Some(cents(close)),
            volume: (busy * 8_000_000.0) as u64,
            ..Bar::default()
        }
    }

    fn close(&self, day: i64) -> f64 {
        let waves = (0..WAVES).map(|wave| self.wave(day, wave));
        self.start * (DAILY_MOVE * waves.sum::<f64>()).exp()
    }

    /// The height of one wave: between two random heights, on a straight line.
    fn wave(&self, day: i64, wave: u32) -> f64 {
        let length = 1_i64 << wave;
        let part = day.rem_euclid(length) as f64 / length as f64;
        let from = self.chance(day.div_euclid(length), wave);
        let to = self.chance(day.div_euclid(length) + 1, wave);
        (from + (to - from) * part) * (length as f64).sqrt()
    }

    /// A number from -1 to 1 for a place and a purpose.
    fn chance(&self, place: i64, purpose: u32) -> f64 {
        let number = mix(self.seed ^ mix(place as u64 ^ mix(u64::from(purpose))));
        2.0 * unit(number) - 1.0
    }
}

/// Counts the weekdays, so that a weekend is no gap in the walk.
fn weekday_number(date: NaiveDate) -> i64 {
    let days = i64::from(date.num_days_from_ce());
    // Day 1 was a Monday.
    (days - 1).div_euclid(7) * 5 + (days - 1).rem_euclid(7).min(4)
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

/// A number from 0 to 1.
fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finaliser of SplitMix64: similar numbers become different ones.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_look_like_prices() {
        for symbol in ["AAPL", "MSFT", "BRK-B", "^GSPC", "A"] {
            let walk = Walk::of(symbol);
            let bars: Vec<_> = weekdays(year(1970), year(2100))
                .map(|date| walk.bar(date, DateTime::UNIX_EPOCH))
                .collect();
            assert!(bars.len() > 33_000);
            for bar in &bars {
                let [open, high, low, close] =
                    [bar.open, bar.high, bar.low, bar.close].map(Option::unwrap);
                assert!(0.5 < low && low <= open.min(close), "{symbol} {bar:?}");
                assert!(
                    open.max(close) <= high && high < 20_000.0,
                    "{symbol} {bar:?}"
                );
                assert!(bar.volume > 1_000_000, "{symbol} {bar:?}");
            }
            let closes = bars.iter().filter_map(|bar| bar.close).collect::<Vec<_>>();
            let moves = closes
                .windows(2)
                .map(|pair| (pair[1] / pair[0] - 1.0).abs());
            assert!(moves.fold(0.0, f64::max) < 0.15, "{symbol}");
        }
    }

    #[test]
    fn only_weekdays_have_bars() {
        let dates = |start: &str, end: &str| {
            weekdays(start.parse().unwrap(), end.parse().unwrap())
                .map(|date| date.to_string())
                .collect::<Vec<_>>()
        };

        assert_eq!(
            dates("2025-02-28", "2025-03-04"),
            ["2025-02-28", "2025-03-03"]
        );
        assert_eq!(dates("2025-03-01", "2025-03-03"), [""; 0]);
        assert_eq!(
            dates("1969-01-01", "1970-01-03"),
            ["1970-01-01", "1970-01-02"]
        );
        assert_eq!(dates("2025-03-04", "2025-03-01"), [""; 0]);
    }

    #[test]
    fn weekdays_are_counted_without_gaps() {
        let dates = weekdays(year(1970), year(1972));
        let numbers: Vec<_> = dates.map(weekday_number).collect();

        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
}
