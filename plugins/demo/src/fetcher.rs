//! A provider that needs no network.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{
    FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherInfo, Interval, Series,
};

use crate::prices::{self, Walk};

/// The symbol that no provider knows.
const UNKNOWN: &str = "FAIL";

const ZONE: Tz = Tz::America__New_York;

/// Makes up daily bars for any symbol, one for each weekday from 1970 until 2100.
///
/// Asking for the same date again gives the same bar, whatever else is asked. The symbol `FAIL` always fails as
/// [`UnknownSymbol`](FetchErrorKind::UnknownSymbol), so that people can see what a failure looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    delay: Duration,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(200),
        }
    }
}

impl Demo {
    /// The same fetcher, which takes `delay` for each answer.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[async_trait]
impl Fetcher for Demo {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        tokio::time::sleep(self.delay).await;
        series(request)
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info
    }
}

fn series(request: &FetchRequest) -> Result<Series, FetchError> {
    let symbol = request.symbol.to_upper();
    if symbol == UNKNOWN {
        let message = format!("there is no symbol {symbol}: it fails on purpose");
        return Err(FetchError::new(FetchErrorKind::UnknownSymbol, message));
    }
    if request.interval != Interval::Day {
        let message = format!("cannot make up bars of {}, only of 1d", request.interval);
        return Err(FetchError::new(FetchErrorKind::NoData, message));
    }
    let walk = Walk::of(&symbol);
    let days = prices::weekdays(request.start, request.end);
    let mut series = Series::new(request.symbol.clone(), Interval::Day, ZONE);
    series.currency = Some("USD".into());
    series.bars = days
        .filter_map(|date| Some(walk.bar(date, midnight(date)?)))
        .collect();
    if series.bars.is_empty() {
        let message = format!(
            "no weekday of {symbol} from {} until {}",
            request.start, request.end
        );
        return Err(FetchError::new(FetchErrorKind::NoData, message));
    }
    Ok(series)
}

fn midnight(date: NaiveDate) -> Option<DateTime<Utc>> {
    let midnight = ZONE.from_local_datetime(&date.and_time(NaiveTime::MIN));
    midnight.earliest().map(|at| at.to_utc())
}
