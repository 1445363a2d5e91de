//! A symbol's window: how it is written, and how it is read back as the series that it was.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Row, params};
use stock_scheduler_sdk::{Bar, DataKey, Finality, Interval, JobId, Series, records};

use crate::fault::{Fault, Outcome};
use crate::step::Step;
use crate::text::{At, Instant, Json, Text};
use crate::view::View;

/// A series under its key, made ready to be written.
pub(crate) struct Window {
    key: String,
    prefix: String,
    symbol: String,
    start: String,
    end: String,
    currency: Option<String>,
    zone: String,
    interval: Interval,
    /// How many of the bars readers get as records.
    records: usize,
    bars: Vec<Line>,
    actions: Vec<Action>,
}

/// A bar, ready to be written as a row.
struct Line {
    date: String,
    time: Instant,
    prices: [Option<f64>; 5],
    volume: u64,
    is_final: bool,
    extra: Option<String>,
}

struct Action {
    date: NaiveDate,
    kind: String,
    value: f64,
}

impl Window {
    pub(crate) fn of(key: &DataKey, series: &Series) -> Self {
        let is_record = |bar: &&Bar| !records::is_blank(bar);
        Self {
            key: key.to_string(),
            prefix: key.prefix.to_string(),
            symbol: key.symbol.to_string(),
            start: key.window.start.to_string(),
            end: key.window.end.to_string(),
            currency: series.currency.clone(),
            zone: series.zone.name().to_owned(),
            interval: series.interval,
            records: series.bars.iter().filter(is_record).count(),
            bars: series
                .bars
                .iter()
                .map(|bar| Line::of(bar, series.local_time(bar).date()))
                .collect(),
            actions: actions(series),
        }
    }
}

impl Line {
    fn of(bar: &Bar, date: NaiveDate) -> Self {
        Self {
            date: date.to_string(),
            time: Instant::short(bar.time),
            prices: [bar.open, bar.high, bar.low, bar.close, bar.adj_close],
            volume: bar.volume,
            is_final: bar.finality == Finality::Final,
            extra: extra(bar),
        }
    }
}

/// Further columns as JSON, which has no word for what is not finite.
fn extra(bar: &Bar) -> Option<String> {
    let finite = bar.extra.iter().filter(|(_, value)| value.is_finite());
    let columns: serde_json::Map<_, _> = finite
        .map(|(name, value)| (name.clone(), (*value).into()))
        .collect();
    (!columns.is_empty()).then(|| serde_json::Value::Object(columns).to_string())
}

/// Each action as its word and its one number.
fn actions(series: &Series) -> Vec<Action> {
    let action = |action: &stock_scheduler_sdk::CorporateAction| {
        let json = serde_json::to_value(action.kind).ok()?;
        Some(Action {
            date: action.date,
            kind: json["kind"].as_str()?.to_owned(),
            value: json
                .as_object()?
                .values()
                .find_map(serde_json::Value::as_f64)?,
        })
    };
    series.actions.iter().filter_map(action).collect()
}

impl Step<'_> {
    /// Writes a window that `job` fetched at `at` in place of what was under its key.
    pub(crate) fn put(&self, window: &Window, job: &JobId, at: DateTime<Utc>) -> Outcome<()> {
        let sql = "SELECT id FROM datasets WHERE key = ?";
        let known = self.one(sql, [&window.key], |row| row.get(0))?;
        let dataset = match known {
            Some(dataset) => self.replace(dataset, window, job, at)?,
            None => self.add(window, job, at)?,
        };
        self.write_bars(dataset, &window.bars)?;
        for (position, action) in (0_i64..).zip(&window.actions) {
            self.execute(
                "INSERT INTO actions VALUES (?, ?, ?, ?, ?)",
                params![
                    dataset,
                    position,
                    Text(action.date),
                    action.kind,
                    action.value
                ],
            )?;
        }
        Ok(())
    }

    fn add(&self, window: &Window, job: &JobId, at: DateTime<Utc>) -> Outcome<i64> {
        self.insert(
            "INSERT INTO datasets (currency, zone, interval, record_count, updated_at, job, \
             key, prefix, symbol, start_date, end_date) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                window.currency,
                window.zone,
                Text(window.interval),
                window.records as i64,
                Instant::new(at),
                job.as_str(),
                window.key,
                window.prefix,
                window.symbol,
                window.start,
                window.end
            ],
        )
    }

    fn replace(
        &self,
        dataset: i64,
        window: &Window,
        job: &JobId,
        at: DateTime<Utc>,
    ) -> Outcome<i64> {
        self.clear(dataset)?;
        self.execute(
            "UPDATE datasets SET currency = ?, zone = ?, interval = ?, record_count = ?, updated_at = ?, job = ? \
             WHERE id = ?",
            params![
                window.currency,
                window.zone,
                Text(window.interval),
                window.records as i64,
                Instant::new(at),
                job.as_str(),
                dataset
            ],
        )?;
        Ok(dataset)
    }

    fn clear(&self, dataset: i64) -> Outcome<()> {
        self.execute("DELETE FROM bars WHERE dataset = ?", [dataset])?;
        self.execute("DELETE FROM actions WHERE dataset = ?", [dataset])?;
        Ok(())
    }

    fn write_bars(&self, dataset: i64, lines: &[Line]) -> Outcome<()> {
        let sql = "INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let mut insert = self.file.prepare_cached(sql)?;
        for (position, line) in (0_i64..).zip(lines) {
            let [open, high, low, close, adj_close] = line.prices;
            insert.execute(params![
                dataset,
                position,
                line.date,
                line.time,
                open,
                high,
                low,
                close,
                adj_close,
                // Bit for bit: what no market trades in a session shows as negative and reads back as it was.
                line.volume.cast_signed(),
                line.is_final,
                line.extra
            ])?;
        }
        Ok(())
    }

    /// Drops the windows of this prefix and symbol that end first, until no more than `keep` are left.
    pub(crate) fn keep(&self, window: &Window, keep: Option<u32>) -> Outcome<()> {
        let Some(keep) = keep else { return Ok(()) };
        let surplus: Vec<i64> = self.all(
            "SELECT id FROM datasets WHERE symbol = ?1 AND symbol = ?1 COLLATE BINARY AND prefix = ?2 \
             ORDER BY end_date DESC, start_date DESC LIMIT -1 OFFSET ?3",
            params![window.symbol, window.prefix, keep.max(1)],
            |row| row.get(0),
        )?;
        for dataset in surplus {
            self.clear(dataset)?;
            self.execute("DELETE FROM datasets WHERE id = ?", [dataset])?;
        }
        Ok(())
    }
}

/// The records of the window under `key`.
pub(crate) fn records(view: &View<'_>, key: &DataKey) -> Outcome<Option<String>> {
    let sql = "SELECT id, interval, zone FROM datasets WHERE key = ?";
    let found = view.one(sql, [Text(key)], |row| {
        let interval = row.get::<_, Text<Interval>>(1)?.0;
        Ok((row.get::<_, i64>(0)?, interval, row.get::<_, String>(2)?))
    })?;
    let Some((dataset, interval, zone)) = found else {
        return Ok(None);
    };
    let no_zone = |e| Fault::corrupt(format!("window {key} is in zone {zone:?}: {e}"));
    let mut series = Series::new(key.symbol.clone(), interval, zone.parse().map_err(no_zone)?);
    series.bars = view.all(
        "SELECT time, open, high, low, close, adj_close, volume, is_final, extra FROM bars \
         WHERE dataset = ? ORDER BY position",
        [dataset],
        bar,
    )?;
    Ok(Some(records::render(&series).json))
}

fn bar(row: &Row<'_>) -> rusqlite::Result<Bar> {
    Ok(Bar {
        time: row.get::<_, At>(0)?.0,
        open: row.get(1)?,
        high: row.get(2)?,
        low: row.get(3)?,
        close: row.get(4)?,
        adj_close: row.get(5)?,
        volume: row.get::<_, i64>(6)?.cast_unsigned(),
        finality: match row.get(7)? {
            true => Finality::Final,
            false => Finality::Provisional,
        },
        extra: row
            .get::<_, Option<Json<_>>>(8)?
            .map(|json| json.0)
            .unwrap_or_default(),
    })
}
