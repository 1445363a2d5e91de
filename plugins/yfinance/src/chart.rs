//! The chart document as Yahoo writes it; what we do not use is skipped unread.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The whole document; other endpoints' gateways say `finance` where this one says `chart`.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    #[serde(alias = "finance")]
    pub(crate) chart: Chart,
}

/// Either a result or an error.
#[derive(Debug, Deserialize)]
pub(crate) struct Chart {
    pub(crate) result: Option<Vec<Answered>>,
    pub(crate) error: Option<Problem>,
}

/// Why there is no result, in the provider's words.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: Option<String>,
    pub(crate) description: Option<String>,
}

/// What is known of one symbol.
#[derive(Debug, Deserialize)]
pub(crate) struct Answered {
    pub(crate) meta: Meta,
    pub(crate) timestamp: Option<Vec<i64>>,
    #[serde(default)]
    pub(crate) indicators: Indicators,
    pub(crate) events: Option<Events>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) currency: Option<String>,
    pub(crate) exchange_timezone_name: Option<String>,
    pub(crate) data_granularity: Option<String>,
    pub(crate) regular_market_time: Option<i64>,
    pub(crate) current_trading_period: Option<TradingPeriods>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TradingPeriods {
    pub(crate) regular: Option<Period>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Period {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

#[derive(Debug, Deserialize, Default)]
pub(crate) struct Indicators {
    #[serde(default)]
    pub(crate) quote: Vec<Quote>,
    pub(crate) adjclose: Option<Vec<AdjustedClose>>,
}

pub(crate) type Prices = Vec<Option<f64>>;

/// One column for each price; a column that is missing is not one of nulls.
#[derive(Debug, Deserialize, Default)]
pub(crate) struct Quote {
    pub(crate) open: Option<Prices>,
    pub(crate) high: Option<Prices>,
    pub(crate) low: Option<Prices>,
    pub(crate) close: Option<Prices>,
    pub(crate) volume: Option<Vec<Option<Volume>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AdjustedClose {
    pub(crate) adjclose: Option<Prices>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Events {
    #[serde(default)]
    pub(crate) dividends: Values<Payment>,
    #[serde(default)]
    pub(crate) splits: Values<Split>,
    #[serde(default)]
    pub(crate) capital_gains: Values<Payment>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Payment {
    pub(crate) date: i64,
    pub(crate) amount: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Split {
    pub(crate) date: i64,
    pub(crate) numerator: f64,
    pub(crate) denominator: f64,
}

/// Units traded: a whole number that is not negative, at times written with a decimal point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Volume(pub(crate) u64);

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(VolumeVisitor)
    }
}

struct VolumeVisitor;

impl Visitor<'_> for VolumeVisitor {
    type Value = Volume;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume from 0 to 9223372036854775807")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Volume, E> {
        match i64::try_from(value) {
            Ok(_) => Ok(Volume(value)),
            Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Volume, E> {
        match value {
            0.0..9.2e18 => Ok(Volume(value as u64)),
            _ => Err(E::invalid_value(de::Unexpected::Float(value), &self)),
        }
    }
}

/// The values of an object whose keys only repeat what the values say.
#[derive(Debug)]
pub(crate) struct Values<T>(pub(crate) Vec<T>);

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(ValuesVisitor(PhantomData))
    }
}

struct ValuesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ValuesVisitor<T> {
    type Value = Values<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of events")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Values<T>, M::Error> {
        let mut values = Vec::new();
        while let Some((_, value)) = map.next_entry::<de::IgnoredAny, T>()? {
            values.push(value);
        }
        Ok(Values(values))
    }
}
