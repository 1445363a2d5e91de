//! The fetcher `{{name}}`: made-up prices, until you ask your vendor for real ones.

use std::sync::Arc;

use stock_scheduler::chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use stock_scheduler::chrono_tz::Tz;
use stock_scheduler::serde_json::{Value, json};
use stock_scheduler::{
    Bar, ConfigError, FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherFactory,
    FetcherInfo, Interval, Registry, Series, async_trait,
};

/// The zone of the exchange, in which dates are meant.
const ZONE: Tz = Tz::America__New_York;

/// A symbol that this vendor does not know.
pub const UNKNOWN: &str = "NO-SUCH";

/// Makes up one bar for each weekday, the same ones whenever it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// The price around which all others are.
    pub level: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self { level: 100.0 }
    }
}

#[async_trait]
impl Fetcher for Prices {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        // Here you would ask your vendor. Ask once and say what came: the host waits, limits and asks again.
        let symbol = request.symbol.to_upper();
        if symbol == UNKNOWN {
            let message = format!("there is no symbol {symbol}");
            return Err(FetchError::new(FetchErrorKind::UnknownSymbol, message));
        }
        let mut series = Series::new(request.symbol.clone(), request.interval, ZONE);
        series.currency = Some("USD".into());
        let days = request.start.iter_days();
        let days = days.take_while(|day| *day < request.end).filter(is_weekday);
        series.bars = days.filter_map(|day| self.bar(&symbol, day)).collect();
        if series.bars.is_empty() {
            let message = format!(
                "no bars of {symbol} from {} until {}",
                request.start, request.end
            );
            return Err(FetchError::new(FetchErrorKind::NoData, message));
        }
        Ok(series)
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.intervals = vec![Interval::Day];
        info.limits.concurrency = Some(8);
        info
    }
}

impl Prices {
    /// The bar of `day`, which begins at midnight in the exchange's zone; `None` where the zone has no such instant.
    fn bar(&self, symbol: &str, day: NaiveDate) -> Option<Bar> {
        let midnight = day.and_time(NaiveTime::MIN);
        let time = ZONE.from_local_datetime(&midnight).earliest()?.to_utc();
        let open = self.price(symbol, day.num_days_from_ce() - 1);
        let close = self.price(symbol, day.num_days_from_ce());
        Some(Bar {
            time,
            open: Some(open),
            high: Some(open.max(close) + 0.5),
            low: Some(open.min(close) - 0.5),
            close: Some(close),
            // The close adjusted for later splits and dividends, of which there are none.
            adj_close: Some(close),
            volume: 1_000_000,
            ..Bar::default()
        })
    }

    fn price(&self, symbol: &str, day: i32) -> f64 {
        let seed: i32 = symbol.bytes().map(i32::from).sum();
        let wave = f64::from((day + seed).rem_euclid(50) - 25).abs();
        self.level + wave / 4.0
    }
}

fn is_weekday(day: &NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Tells a host what this crate has.
pub fn register(registry: &mut dyn Registry) {
    registry.fetcher("{{name}}", Arc::new(factory()));
}

/// Builds [`Prices`] from their section of the configuration: `{"level": 100.0}`.
pub fn factory() -> impl FetcherFactory {
    Factory
}

struct Factory;

impl FetcherFactory for Factory {
    fn build(&self, section: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> {
        let mut prices = Prices::default();
        for (name, value) in section.as_object().into_iter().flatten() {
            match (name.as_str(), value.as_f64()) {
                ("level", Some(level)) if level > 1.0 => prices.level = level,
                ("level", _) => {
                    let message = format!("level is {value}, expected a number above 1");
                    return Err(ConfigError::at("/level", message));
                }
                _ => {
                    let message = format!("unknown key `{name}`, expected `level`");
                    return Err(ConfigError::at(format!("/{name}"), message));
                }
            }
        }
        Ok(Arc::new(prices))
    }

    fn schema(&self) -> Value {
        let level = json!({"type": "number", "exclusiveMinimum": 1});
        json!({"type": "object", "properties": {"level": level}, "additionalProperties": false})
    }
}
