//! A series as a few bytes, until the writer has time to make rows of it.
//!
//! Numbers are as short as they are small, times are told as the distance to the bar before, and a price that was a
//! 32-bit number at the provider's is one here: the fewer pages a step fills, the cheaper is its flush. Every price reads
//! back to its last bit.

use std::collections::BTreeMap;

use chrono::DateTime;
use stock_scheduler_sdk::{Bar, CorporateAction, Finality, Series, Symbol};

/// What a bar's first two bytes say: for each price whether it is there, and whether it is a 32-bit number, and then:
const PRICES: usize = 5;
const IS_FINAL: u16 = 1 << 10;
const HAS_EXTRA: u16 = 1 << 11;
/// Nothing was paid later, so that the adjusted close is the close, which is not told twice.
const IS_UNADJUSTED: u16 = 1 << 12;

fn is_there(price: usize) -> u16 {
    1 << price
}

fn is_short(price: usize) -> u16 {
    1 << (PRICES + price)
}

/// About how many bytes a series takes.
pub(crate) fn room(series: &Series) -> usize {
    32 + 32 * series.bars.len()
}

/// Appends `series` without its symbol.
pub(crate) fn write(series: &Series, bytes: &mut Vec<u8>) {
    write_text(&series.interval.to_string(), bytes);
    write_text(series.zone.name(), bytes);
    bytes.push(series.currency.is_some().into());
    if let Some(currency) = &series.currency {
        write_text(currency, bytes);
    }
    write_number(series.bars.len() as u64, bytes);
    let (mut before, mut line) = (0, Line::new());
    for bar in &series.bars {
        let time = bar.time.timestamp_micros();
        line.clear();
        line.push_signed(time.wrapping_sub(before));
        before = time;
        push_bar(bar, &mut line);
        bytes.extend_from_slice(line.as_bytes());
        write_extra(bar, bytes);
    }
    let actions = actions(series);
    write_number(actions.len() as u64, bytes);
    actions.iter().for_each(|action| write_text(action, bytes));
}

/// Each action as JSON, which has no word for what is not finite.
fn actions(series: &Series) -> Vec<String> {
    let texts = series.actions.iter().map(serde_json::to_string);
    let reads_back = |text: &String| serde_json::from_str::<CorporateAction>(text).is_ok();
    texts.filter_map(Result::ok).filter(reads_back).collect()
}

/// All of a bar but its further columns.
fn push_bar(bar: &Bar, line: &mut Line) {
    let flags_at = line.length;
    let mut flags = 0;
    line.push([0, 0]);
    line.push_number(bar.volume);
    let mut prices = [bar.open, bar.high, bar.low, bar.close, bar.adj_close];
    if bar.adj_close.map(f64::to_bits) == bar.close.map(f64::to_bits) {
        flags |= IS_UNADJUSTED;
        prices[PRICES - 1] = None;
    }
    for (n, price) in prices.into_iter().enumerate() {
        let Some(price) = price else { continue };
        flags |= is_there(n);
        let (short, long) = (price as f32, price.to_bits());
        if f64::from(short).to_bits() == long {
            flags |= is_short(n);
            line.push(short.to_le_bytes());
        } else {
            line.push(long.to_le_bytes());
        }
    }
    if bar.finality == Finality::Final {
        flags |= IS_FINAL;
    }
    if !bar.extra.is_empty() {
        flags |= HAS_EXTRA;
    }
    line.bytes[flags_at..flags_at + 2].copy_from_slice(&flags.to_le_bytes());
}

fn write_extra(bar: &Bar, bytes: &mut Vec<u8>) {
    if !bar.extra.is_empty() {
        write_number(bar.extra.len() as u64, bytes);
        for (name, value) in &bar.extra {
            write_text(name, bytes);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_number(text.len() as u64, bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn write_number(number: u64, bytes: &mut Vec<u8>) {
    let mut line = Line::new();
    line.push_number(number);
    bytes.extend_from_slice(line.as_bytes());
}

/// A bar on its way to the others, put together in a place of its own: that is faster than to let the whole grow piece by
/// piece.
struct Line {
    bytes: [u8; Line::ROOM],
    length: usize,
}

impl Line {
    /// For two long numbers, the flags and five long prices.
    const ROOM: usize = 10 + 2 + 10 + 5 * 8;

    fn new() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            length: 0,
        }
    }

    fn clear(&mut self) {
        self.length = 0;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline]
    fn push<const LENGTH: usize>(&mut self, bytes: [u8; LENGTH]) {
        self.bytes[self.length..self.length + LENGTH].copy_from_slice(&bytes);
        self.length += LENGTH;
    }

    /// Seven bits to a byte, the low ones first.
    fn push_number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push([number as u8 | 0x80]);
            number >>= 7;
        }
        self.push([number as u8]);
    }

    fn push_signed(&mut self, number: i64) {
        self.push_number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }
}

/// Takes the series of `symbol` off `bytes`; `None` where they are not as [`write()`] writes them.
pub(crate) fn read(symbol: Symbol, bytes: &mut &[u8]) -> Option<Series> {
    let interval = read_text(bytes)?.parse().ok()?;
    let zone = read_text(bytes)?.parse().ok()?;
    let mut series = Series::new(symbol, interval, zone);
    if read_bytes::<1>(bytes)? == [1] {
        series.currency = Some(read_text(bytes)?.to_owned());
    }
    let mut time = 0_i64;
    for _ in 0..read_number(bytes)? {
        time = time.wrapping_add(read_signed(bytes)?);
        series.bars.push(read_bar(time, bytes)?);
    }
    for _ in 0..read_number(bytes)? {
        let action = serde_json::from_str(read_text(bytes)?).ok()?;
        series.actions.push(action);
    }
    Some(series)
}

fn read_bar(time: i64, bytes: &mut &[u8]) -> Option<Bar> {
    let flags = u16::from_le_bytes(read_bytes(bytes)?);
    let volume = read_number(bytes)?;
    let mut prices = [None; PRICES];
    for (n, price) in prices.iter_mut().enumerate() {
        if flags & is_there(n) == 0 {
            continue;
        }
        *price = Some(match flags & is_short(n) {
            0 => f64::from_le_bytes(read_bytes(bytes)?),
            _ => f32::from_le_bytes(read_bytes(bytes)?).into(),
        });
    }
    let mut extra = BTreeMap::new();
    if flags & HAS_EXTRA != 0 {
        for _ in 0..read_number(bytes)? {
            let name = read_text(bytes)?.to_owned();
            extra.insert(name, f64::from_le_bytes(read_bytes(bytes)?));
        }
    }
    let [open, high, low, close, adj_close] = prices;
    Some(Bar {
        time: DateTime::from_timestamp_micros(time)?,
        open,
        high,
        low,
        close,
        adj_close: match flags & IS_UNADJUSTED {
            0 => adj_close,
            _ => close,
        },
        volume,
        finality: match flags & IS_FINAL {
            0 => Finality::Provisional,
            _ => Finality::Final,
        },
        extra,
    })
}

fn read_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

fn read_bytes<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = read_bytes(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let number = read_number(bytes)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use stock_scheduler_sdk::{ActionKind, Interval};

    use super::*;

    fn odd_series() -> Series {
        let zone = "America/New_York".parse().unwrap();
        let mut series = Series::new("BRK-B".parse().unwrap(), Interval::Minutes(5), zone);
        series.currency = Some("GBp".into());
        let prices = [None, Some(243.85), Some(243.850_006_103_515_62), Some(-0.0)];
        let odd = [Some(f64::INFINITY), Some(5e-324), Some(f64::MAX), None];
        let times = [i64::MIN / 2, 0, 1_735_828_200_123_456, -1];
        for n in 0..4 {
            series.bars.push(Bar {
                time: DateTime::<Utc>::from_timestamp_micros(times[n]).unwrap_or_default(),
                open: prices[n],
                high: prices[(n + 1) % 4],
                low: odd[n],
                close: odd[(n + 1) % 4],
                adj_close: [prices[0], prices[1], prices[2], odd[0]][n],
                volume: [0, 127, 128, u64::MAX][n],
                finality: [Finality::Final, Finality::Provisional][n % 2],
                extra: BTreeMap::default(),
            });
        }
        series.bars[1].extra = [("vwap".to_owned(), 0.1)].into();
        series.actions = vec![CorporateAction {
            date: "2025-01-03".parse().unwrap(),
            kind: ActionKind::Split { ratio: 4.0 },
        }];
        series
    }

    #[test]
    fn a_series_reads_back_to_its_last_bit() {
        let zone = "Asia/Tokyo".parse().unwrap();
        let empty = Series::new("7203".parse().unwrap(), Interval::Day, zone);
        let (mut bytes, odd) = (Vec::new(), odd_series());

        write(&odd, &mut bytes);
        write(&empty, &mut bytes);
        let mut left = bytes.as_slice();

        assert_eq!(read(odd.symbol.clone(), &mut left), Some(odd));
        assert_eq!(read(empty.symbol.clone(), &mut left), Some(empty));
        assert!(left.is_empty());
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let (mut bytes, odd) = (Vec::new(), odd_series());
        write(&odd, &mut bytes);

        for length in 0..bytes.len() {
            assert_eq!(read(odd.symbol.clone(), &mut &bytes[..length]), None);
        }
    }

    #[test]
    fn prices_of_32_bits_take_half_the_room() {
        let mut series = odd_series();
        series.bars.truncate(1);
        let mut length_with = |price: f64| {
            series.bars[0].open = Some(price);
            let mut bytes = Vec::new();
            write(&series, &mut bytes);
            bytes.len()
        };

        assert_eq!(length_with(243.85) - length_with(243.850_006_103_515_62), 4);
    }
}
