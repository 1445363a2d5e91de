//! Tells the author of a fetcher whether it keeps the promises of [`Fetcher`].
//!
//! The author brings questions that the fetcher can answer; the suite asks them and looks at what comes.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::{Days, NaiveDate, TimeDelta};
use futures_util::FutureExt;

use super::Broken;
use crate::{
    ActionKind, Bar, FetchError, FetchErrorKind, FetchRequest, Fetcher, Finality, Interval, Series,
    Symbol,
};

/// A question of the cases brings a series.
pub const ANSWERED: &str = "a question that has an answer is answered";
/// [`Series::symbol`] and [`Series::interval`] are those of the request.
pub const AS_ASKED: &str = "a series is for the symbol and interval asked";
/// Where there is nothing, [`FetchErrorKind::NoData`] says so.
pub const NOT_EMPTY: &str = "a series has bars";
/// [`FetcherInfo::intervals`](crate::FetcherInfo::intervals) has what is answered.
pub const OFFERED: &str = "an interval that is answered is among those that it says it has";
/// Each bar is at or after the one before it.
pub const OLDEST_FIRST: &str = "bars come oldest first";
/// No two bars have the same date, or the same instant where they are shorter than a session.
pub const ONE_A_SESSION: &str = "there is at most one bar a session";
/// The dates of all bars are from the request's start until before its end.
pub const WITHIN_REQUEST: &str = "no bar is outside the request";
/// A bar of a day or longer has the first instant of its date, from which readers take the date.
pub const BEGINS_WITH_DATE: &str = "a bar of a day or longer begins with its date";
/// No price, amount or ratio is infinite or not a number.
pub const FINITE: &str = "numbers are finite";
/// Bars that are final, and all else but those that are not, come again unchanged.
pub const REPEATABLE: &str = "asking twice gives the same";
/// After a question was dropped, the next is answered as if it had not been asked.
pub const DROPPABLE: &str = "a dropped question leaves nothing behind";
/// A symbol that the provider does not know is [`FetchErrorKind::UnknownSymbol`].
pub const UNKNOWN_SYMBOL: &str = "an unknown symbol is said to be unknown";

/// What the suite asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetcherCases {
    /// Questions that the fetcher can answer with a series.
    pub requests: Vec<FetchRequest>,
    /// A symbol that the provider does not know.
    pub unknown: Option<Symbol>,
    /// A question to which there is no bar.
    pub empty: Option<FetchRequest>,
    /// How long a question may take.
    pub patience: Duration,
}

impl FetcherCases {
    /// Cases with one question that the fetcher can answer.
    pub fn new(request: FetchRequest) -> Self {
        Self {
            requests: vec![request],
            unknown: None,
            empty: None,
            patience: Duration::from_secs(60),
        }
    }

    /// The same cases and another question that the fetcher can answer.
    pub fn and(mut self, request: FetchRequest) -> Self {
        self.requests.push(request);
        self
    }

    /// The same cases and a symbol that the provider does not know.
    pub fn with_unknown(mut self, symbol: Symbol) -> Self {
        self.unknown = Some(symbol);
        self
    }

    /// The same cases and a question to which there is no bar, such as one for a weekend.
    pub fn with_empty(mut self, request: FetchRequest) -> Self {
        self.empty = Some(request);
        self
    }
}

/// Asks `fetcher` all `cases` and answers with the first law that it breaks.
///
/// Each question is asked five times, twice of these without waiting for the answer, and twice for a day less: once up to
/// its last bar, once from after its first, which shows an end that is taken as included.
pub async fn check(fetcher: &dyn Fetcher, cases: FetcherCases) -> Result<(), Broken> {
    for request in &cases.requests {
        let patience = cases.patience;
        let first = answer(fetcher, request, patience).await;
        let first = first.map_err(|why| breach(ANSWERED, request, why))?;
        check_series(&first, request)?;
        check_offered(fetcher, request)?;
        for narrower in narrower(&first, request) {
            match answer(fetcher, &narrower, patience).await {
                Ok(series) => check_series(&series, &narrower)?,
                Err(Unanswered::Panicked(why)) => return Err(breach(ANSWERED, &narrower, why)),
                // There need not be anything on the other days.
                Err(Unanswered::Failed(_)) => {}
            }
        }

        let again = answer(fetcher, request, patience).await;
        let again = again.map_err(|why| breach(REPEATABLE, request, why))?;
        check_same(&first, &again).map_err(|why| breach(REPEATABLE, request, why))?;

        drop_midway(fetcher, request).await;
        let after = answer(fetcher, request, patience).await;
        let after = after.map_err(|why| breach(DROPPABLE, request, why))?;
        check_same(&first, &after).map_err(|why| breach(DROPPABLE, request, why))?;
    }
    check_empty(fetcher, &cases).await?;
    check_unknown(fetcher, &cases).await
}

/// The same question without the day of the last bar, and without that of the first.
fn narrower(series: &Series, request: &FetchRequest) -> Vec<FetchRequest> {
    let date = |bar: &Bar| series.local_time(bar).date();
    let mut narrower = Vec::new();
    if let Some(last) = series
        .bars
        .last()
        .map(date)
        .filter(|last| *last > request.start)
    {
        narrower.push(FetchRequest {
            end: last,
            ..request.clone()
        });
    }
    let second = series
        .bars
        .first()
        .map(date)
        .and_then(|first| first.succ_opt());
    if let Some(second) = second.filter(|second| *second < request.end && *second > request.start) {
        narrower.push(FetchRequest {
            start: second,
            ..request.clone()
        });
    }
    narrower
}

fn check_offered(fetcher: &dyn Fetcher, request: &FetchRequest) -> Result<(), Broken> {
    let offered = fetcher.info().intervals;
    if offered.contains(&request.interval) {
        return Ok(());
    }
    let offered: Vec<_> = offered.iter().map(ToString::to_string).collect();
    let detail = format!("it says that it has {}, and answered", offered.join(", "));
    Err(breach(OFFERED, request, detail))
}

async fn check_empty(fetcher: &dyn Fetcher, cases: &FetcherCases) -> Result<(), Broken> {
    let Some(request) = &cases.empty else {
        return Ok(());
    };
    let detail = match tokio::time::timeout(cases.patience, fetcher.fetch(request)).await {
        Ok(Err(error)) if error.kind() == FetchErrorKind::NoData => return Ok(()),
        Ok(Err(error)) => describe(&error),
        Ok(Ok(series)) => format!("a series of {} bars came", series.bars.len()),
        Err(_) => "no answer came".to_owned(),
    };
    Err(breach(NOT_EMPTY, request, detail))
}

/// Looks whether `series` is a lawful answer to `request`.
pub fn check_series(series: &Series, request: &FetchRequest) -> Result<(), Broken> {
    let broken = |law, detail: String| Err(breach(law, request, detail));
    if series.symbol != request.symbol || series.interval != request.interval {
        return broken(
            AS_ASKED,
            format!("the answer is for {} {}", series.symbol, series.interval),
        );
    }
    if series.bars.is_empty() {
        return broken(NOT_EMPTY, "the series is empty".to_owned());
    }
    for pair in series.bars.windows(2) {
        let [earlier, later] = [session(series, &pair[0]), session(series, &pair[1])];
        if later < earlier {
            return broken(OLDEST_FIRST, format!("{later:?} comes after {earlier:?}"));
        }
        if later == earlier {
            return broken(ONE_A_SESSION, format!("{later:?} comes twice"));
        }
    }
    for bar in &series.bars {
        let local = series.local_time(bar);
        if !(earliest_begin(request)..request.end).contains(&local.date()) {
            return broken(WITHIN_REQUEST, format!("there is a bar of {local}"));
        }
        if !series.interval.is_intraday() && !begins_with_date(series, bar) {
            return broken(
                BEGINS_WITH_DATE,
                format!("the bar of {} begins at {local}", local.date()),
            );
        }
        if !numbers(bar).all(f64::is_finite) {
            return broken(FINITE, format!("the bar of {local} holds {bar:?}"));
        }
    }
    match series
        .actions
        .iter()
        .find(|action| !amount(action.kind).is_finite())
    {
        Some(action) => broken(FINITE, format!("there is {action:?}")),
        None => Ok(()),
    }
}

async fn check_unknown(fetcher: &dyn Fetcher, cases: &FetcherCases) -> Result<(), Broken> {
    let (Some(symbol), Some(request)) = (&cases.unknown, cases.requests.first()) else {
        return Ok(());
    };
    let mut request = request.clone();
    request.symbol = symbol.clone();
    match tokio::time::timeout(cases.patience, fetcher.fetch(&request)).await {
        Ok(Err(error)) if error.kind() == FetchErrorKind::UnknownSymbol => Ok(()),
        Ok(Err(error)) => Err(breach(UNKNOWN_SYMBOL, &request, describe(&error))),
        Ok(Ok(_)) => Err(breach(UNKNOWN_SYMBOL, &request, "a series came".to_owned())),
        Err(_) => Err(breach(
            UNKNOWN_SYMBOL,
            &request,
            "no answer came".to_owned(),
        )),
    }
}

/// Why no series came.
enum Unanswered {
    Failed(String),
    Panicked(String),
}

impl From<Unanswered> for String {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Failed(why) | Unanswered::Panicked(why) => why,
        }
    }
}

async fn answer(
    fetcher: &dyn Fetcher,
    request: &FetchRequest,
    patience: Duration,
) -> Result<Series, Unanswered> {
    let fetched = AssertUnwindSafe(fetcher.fetch(request)).catch_unwind();
    match tokio::time::timeout(patience, fetched).await {
        Ok(Ok(answer)) => answer.map_err(|error| Unanswered::Failed(describe(&error))),
        Ok(Err(_)) => Err(Unanswered::Panicked("the fetcher panicked".to_owned())),
        Err(_) => Err(Unanswered::Failed(format!(
            "no answer came within {patience:?}"
        ))),
    }
}

/// Drops one question as soon as it waits for the first time, and one a little later.
async fn drop_midway(fetcher: &dyn Fetcher, request: &FetchRequest) {
    let _ = fetcher.fetch(request).now_or_never();
    let _ = tokio::time::timeout(Duration::from_millis(2), fetcher.fetch(request)).await;
}

/// What can still change may differ: a bar that is provisional in either answer.
fn check_same(first: &Series, again: &Series) -> Result<(), String> {
    let settled = |series: &Series| {
        let mut settled = series.clone();
        settled.bars.retain(|bar| {
            let provisional =
                |other: &Bar| other.time == bar.time && other.finality == Finality::Provisional;
            !first.bars.iter().chain(&again.bars).any(provisional)
        });
        settled
    };
    let (first, again) = (settled(first), settled(again));
    if first == again {
        return Ok(());
    }
    Err(format!("first came {first:?}, then {again:?}"))
}

/// What names a bar: its date, or its instant where there are several a day.
fn session(series: &Series, bar: &Bar) -> chrono::NaiveDateTime {
    if series.interval.is_intraday() {
        return bar.time.naive_utc();
    }
    series
        .local_time(bar)
        .date()
        .and_time(chrono::NaiveTime::MIN)
}

/// A week or month that has begun before the request may reach into it.
fn earliest_begin(request: &FetchRequest) -> NaiveDate {
    let days = match request.interval {
        Interval::Weeks(n) => 7 * u64::from(n) - 1,
        Interval::Months(n) => 31 * u64::from(n) - 1,
        _ => 0,
    };
    request
        .start
        .checked_sub_days(Days::new(days))
        .unwrap_or(NaiveDate::MIN)
}

fn begins_with_date(series: &Series, bar: &Bar) -> bool {
    let just_before = Bar {
        time: bar.time - TimeDelta::seconds(1),
        ..Bar::default()
    };
    series.local_time(&just_before).date() < series.local_time(bar).date()
}

fn numbers(bar: &Bar) -> impl Iterator<Item = f64> {
    let prices = [bar.open, bar.high, bar.low, bar.close, bar.adj_close];
    prices
        .into_iter()
        .flatten()
        .chain(bar.extra.values().copied())
}

fn amount(kind: ActionKind) -> f64 {
    match kind {
        ActionKind::Dividend { amount } | ActionKind::CapitalGain { amount } => amount,
        ActionKind::Split { ratio } => ratio,
    }
}

fn describe(error: &FetchError) -> String {
    format!("the error {} came, {error}", error.kind().as_str())
}

fn breach(law: &'static str, request: &FetchRequest, detail: impl Into<String>) -> Broken {
    let detail = detail.into();
    let FetchRequest {
        symbol,
        start,
        end,
        interval,
        ..
    } = request;
    Broken::new(
        law,
        format!("asked for {symbol} {interval} from {start} until {end}: {detail}"),
    )
}
