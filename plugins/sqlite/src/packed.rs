//! A window's bars as one text, until the writer has time to make rows of them.

use chrono::{DateTime, Days, NaiveDate};
use rusqlite::params;
use serde_json::Value;
use stock_scheduler_sdk::{Bar, Finality, Series};

use crate::bars::Line;
use crate::fault::{Fault, Outcome};
use crate::step::Step;

/// How many windows become rows in one step, so that others need not wait long.
const AT_ONCE: i64 = 16;

/// A bar as `packed_bars` in `schema.sql` says: date, time, the five prices, volume, whether it is final, extra.
type Packed = (i64, i64, Price, Price, Price, Price, Price, i64, u8, Value);
type Price = Option<f64>;

/// The bars as one text; `None` where a number is not finite, for which JSON has no word.
pub(crate) fn text(series: &Series) -> Option<String> {
    let bars: Option<Vec<Packed>> = series.bars.iter().map(|bar| packed(series, bar)).collect();
    serde_json::to_string(&bars?).ok()
}

fn packed(series: &Series, bar: &Bar) -> Option<Packed> {
    let prices = [bar.open, bar.high, bar.low, bar.close, bar.adj_close];
    let is_finite = prices
        .iter()
        .flatten()
        .chain(bar.extra.values())
        .all(|value| value.is_finite());
    let [open, high, low, close, adj_close] = prices;
    let extra = match bar.extra.is_empty() {
        true => Value::Null,
        false => serde_json::to_value(&bar.extra).ok()?,
    };
    let days = series
        .local_time(bar)
        .date()
        .signed_duration_since(NaiveDate::default())
        .num_days();
    let is_final = u8::from(bar.finality == Finality::Final);
    let (time, volume) = (bar.time.timestamp_micros(), bar.volume.cast_signed());
    is_finite.then_some((
        days, time, open, high, low, close, adj_close, volume, is_final, extra,
    ))
}

/// The bars that were packed, each with its date.
pub(crate) fn read(text: &str) -> Outcome<Vec<(NaiveDate, Bar)>> {
    let wrong = |why: String| Fault::corrupt(format!("packed bars cannot be read: {why}"));
    let bars: Vec<Packed> = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
    let bar = |(days, time, open, high, low, close, adj_close, volume, is_final, extra): Packed| {
        let date = NaiveDate::default();
        let date = match u64::try_from(days) {
            Ok(days) => date.checked_add_days(Days::new(days)),
            Err(_) => date.checked_sub_days(Days::new(days.unsigned_abs())),
        };
        let bar = Bar {
            time: DateTime::from_timestamp_micros(time)?,
            open,
            high,
            low,
            close,
            adj_close,
            volume: volume.cast_unsigned(),
            finality: if is_final == 1 {
                Finality::Final
            } else {
                Finality::Provisional
            },
            extra: serde_json::from_value(extra).unwrap_or_default(),
        };
        Some((date?, bar))
    };
    bars.into_iter()
        .map(bar)
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a date is out of range".into()))
}

impl Step<'_> {
    /// Puts packed bars in place of a window's.
    pub(crate) fn pack(&mut self, dataset: i64, text: &str) -> Outcome<()> {
        let is_new = self.execute(
            "INSERT OR IGNORE INTO packed_bars VALUES (?, ?)",
            params![dataset, text],
        )?;
        if is_new == 0 {
            self.execute(
                "UPDATE packed_bars SET bars = ? WHERE dataset = ?",
                params![text, dataset],
            )?;
        }
        self.ledger.packed += is_new as u64;
        Ok(())
    }

    /// Forgets a window's packed bars, if it has any.
    pub(crate) fn unpacked(&mut self, dataset: i64) -> Outcome<()> {
        let gone = self.execute("DELETE FROM packed_bars WHERE dataset = ?", [dataset])?;
        self.ledger.packed = self.ledger.packed.saturating_sub(gone as u64);
        Ok(())
    }

    /// Makes rows of some packed bars. What cannot be read is left as it is, and not tried again in this life.
    pub(crate) fn unpack(&mut self) -> Outcome<()> {
        let some = "SELECT dataset, bars FROM packed_bars ORDER BY dataset LIMIT ?";
        let windows = self.all(some, [AT_ONCE], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })?;
        if windows.is_empty() {
            self.ledger.packed = 0;
        }
        for (dataset, text) in windows {
            let lines: Vec<_> = read(&text)?
                .iter()
                .map(|(date, bar)| Line::of(bar, *date))
                .collect();
            self.clear_bars(dataset)?;
            self.write_bars(dataset, &lines)?;
        }
        Ok(())
    }
}
