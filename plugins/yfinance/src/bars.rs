//! The bars of a chart: which rows are sessions of the request, which of two rows of one session counts, and whether
//! the last of them can still change.
//!
//! The steps and their order are those of `yfinance.download`, so that both store the same. Two differ on purpose:
//! every row outside the request is left out and not only the last, and a bar says whether it is provisional.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::records::is_blank;
use stock_scheduler_sdk::{
    ActionKind, Bar, CorporateAction, FetchError, FetchRequest, Finality, Series,
};

use crate::calendar::{Session, first_instant, instant, session};
use crate::chart::{Answered, Events, Indicators, Meta, Prices, Volume};
use crate::refusal::{malformed, no_bars, one_line};

/// The series that `answered` holds for the dates of `request`.
pub(crate) fn series(
    answered: Answered,
    zone: Tz,
    request: &FetchRequest,
) -> Result<Series, FetchError> {
    let Answered {
        meta,
        timestamp,
        indicators,
        events,
    } = answered;
    check_granularity(&meta, request)?;
    let (times, columns) = match Columns::of(timestamp, indicators) {
        Ok(Some(table)) => table,
        Ok(None) => return Err(no_bars(request)),
        Err(what) => return Err(malformed(request, what)),
    };
    let mut rows = rows_within(request, &times, zone)?;
    let Some(first) = rows.first() else {
        return Err(no_bars(request));
    };
    let actions = actions_from(first.session.begins, events, zone, request)?;
    keep_one_row_a_session(&mut rows, &actions);

    let mut series = Series::new(request.symbol.clone(), request.interval, zone);
    let open_session = open_session(&meta, zone);
    series.bars.reserve_exact(rows.len());
    let bars = rows.iter().map(|row| columns.bar(row, open_session));
    series.bars.extend(bars.filter(|bar| !is_blank(bar)));
    if series.bars.is_empty() {
        return Err(no_bars(request));
    }
    series.actions = actions;
    series.currency = meta.currency;
    Ok(series)
}

/// Yahoo answers with longer bars where it has none of the length asked for.
fn check_granularity(meta: &Meta, request: &FetchRequest) -> Result<(), FetchError> {
    match meta.data_granularity.as_deref() {
        Some(other) if other != request.interval.to_string() => {
            let shown = one_line(other);
            Err(malformed(
                request,
                format!("its bars are of {shown:?}, not of {}", request.interval),
            ))
        }
        _ => Ok(()),
    }
}

/// A row of the table: a session and where its prices are.
struct Row {
    session: Session,
    /// When it is stamped, in seconds since 1970.
    time: i64,
    at: usize,
}

/// The rows whose session is asked for, oldest first.
fn rows_within(request: &FetchRequest, times: &[i64], zone: Tz) -> Result<Vec<Row>, FetchError> {
    let mut rows = Vec::with_capacity(times.len());
    for (at, &time) in times.iter().enumerate() {
        let session = session(zone, time)
            .ok_or_else(|| malformed(request, format!("timestamp {time} is no trading time")))?;
        // Yahoo appends the bar at the end of the span, and the live price, to what was asked for.
        if (request.start..request.end).contains(&session.date) {
            rows.push(Row { session, time, at });
        }
    }
    rows.sort_by_key(|row| (row.session.date, row.time));
    Ok(rows)
}

/// Leaves one row of each session: of the last the live one, of any other the first.
fn keep_one_row_a_session(rows: &mut Vec<Row>, actions: &[CorporateAction]) {
    if let [.., earlier, last] = rows.as_slice() {
        // To yfinance an action after the last bar is a row of its own, which hides that the two before it are a pair.
        let hidden = actions.iter().any(|action| action.date > last.session.date);
        if earlier.session.date == last.session.date && !hidden {
            rows.remove(rows.len() - 2);
        }
    }
    rows.dedup_by_key(|row| row.session.date);
}

/// The session that is still open as far as the provider knows: its last price is older than the session's end.
///
/// Only the answer is asked and no clock, for the data may be delayed or cached. So a stock whose last trade came
/// before the close stays provisional until the provider turns to the next session; without a trading period, all is
/// final.
fn open_session(meta: &Meta, zone: Tz) -> Option<NaiveDate> {
    let regular = meta.current_trading_period.as_ref()?.regular.as_ref()?;
    let open = meta.regular_market_time? < regular.end;
    let start = instant(regular.start).filter(|_| open)?;
    Some(start.with_timezone(&zone).date_naive())
}

/// The splits and payments from `first` until the end of the request, oldest first.
fn actions_from(
    first: DateTime<Utc>,
    events: Option<Events>,
    zone: Tz,
    request: &FetchRequest,
) -> Result<Vec<CorporateAction>, FetchError> {
    let Some(events) = events else {
        return Ok(Vec::new());
    };
    let span = first..first_instant(zone, request.end);
    let mut actions = Vec::new();
    let dividends = events
        .dividends
        .0
        .into_iter()
        .map(|d| (d.date, ActionKind::Dividend { amount: d.amount }));
    let splits = events.splits.0.into_iter().map(|s| {
        (
            s.date,
            ActionKind::Split {
                ratio: s.numerator / s.denominator,
            },
        )
    });
    let gains = events
        .capital_gains
        .0
        .into_iter()
        .map(|g| (g.date, ActionKind::CapitalGain { amount: g.amount }));
    for (seconds, kind) in dividends.chain(splits).chain(gains) {
        if let ActionKind::Split { ratio } = kind
            && !(ratio.is_finite() && ratio > 0.0)
        {
            return Err(malformed(
                request,
                format!("a split of ratio {ratio} is none"),
            ));
        }
        let time = instant(seconds).ok_or_else(|| {
            malformed(request, format!("event date {seconds} is no trading time"))
        })?;
        if span.contains(&time) {
            actions.push(CorporateAction {
                date: time.with_timezone(&zone).date_naive(),
                kind,
            });
        }
    }
    actions.sort_by_key(|action| action.date);
    Ok(actions)
}

/// The columns of the table, all of them there and of one length.
struct Columns {
    open: Prices,
    high: Prices,
    low: Prices,
    close: Prices,
    /// `None` where the provider adjusts nothing.
    adj_close: Option<Prices>,
    volume: Vec<Option<Volume>>,
}

impl Columns {
    /// The times and columns of an answer; `None` when it holds neither, an error when it holds only some of them.
    fn of(
        timestamp: Option<Vec<i64>>,
        indicators: Indicators,
    ) -> Result<Option<(Vec<i64>, Self)>, String> {
        let quote = indicators.quote.into_iter().next().unwrap_or_default();
        let Some(times) = timestamp else {
            let any = [&quote.open, &quote.high, &quote.low, &quote.close]
                .into_iter()
                .flatten()
                .any(|c| !c.is_empty());
            return if any {
                Err("it has prices without timestamps".to_owned())
            } else {
                Ok(None)
            };
        };
        if times.is_empty() {
            return Ok(None);
        }
        let adj_close = match indicators.adjclose {
            None => None,
            Some(lists) => {
                let column = lists.into_iter().next().and_then(|list| list.adjclose);
                Some(whole("adjclose", column, times.len())?)
            }
        };
        let columns = Self {
            open: whole("open", quote.open, times.len())?,
            high: whole("high", quote.high, times.len())?,
            low: whole("low", quote.low, times.len())?,
            close: whole("close", quote.close, times.len())?,
            adj_close,
            volume: whole("volume", quote.volume, times.len())?,
        };
        Ok(Some((times, columns)))
    }

    fn bar(&self, row: &Row, open_session: Option<NaiveDate>) -> Bar {
        let at = row.at;
        let provisional = open_session.is_some_and(|open| row.session.date >= open);
        Bar {
            time: row.session.begins,
            open: self.open[at],
            high: self.high[at],
            low: self.low[at],
            close: self.close[at],
            adj_close: self.adj_close.as_ref().unwrap_or(&self.close)[at],
            volume: self.volume[at].map_or(0, |volume| volume.0),
            finality: if provisional {
                Finality::Provisional
            } else {
                Finality::Final
            },
            extra: BTreeMap::new(),
        }
    }
}

/// The column `name`, which must be there with a value or a null for each of `rows` rows.
fn whole<T>(name: &str, column: Option<Vec<T>>, rows: usize) -> Result<Vec<T>, String> {
    let column = column.ok_or_else(|| format!("column {name:?} is missing"))?;
    if column.len() != rows {
        let length = column.len();
        return Err(format!(
            "column {name:?} has {length} rows, timestamp has {rows}"
        ));
    }
    Ok(column)
}
