//! What a fetcher brings: the bars of one symbol, raw and adjusted, with the corporate actions among them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{DayMemory, Symbol};

/// The length of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Interval {
    /// A number of minutes: `1m`, `5m`.
    Minutes(u16),
    /// A number of hours: `1h`.
    Hours(u16),
    /// One session: `1d`.
    #[default]
    Day,
    /// A number of weeks: `1wk`.
    Weeks(u16),
    /// A number of months: `1mo`, `3mo`.
    Months(u16),
}

impl Interval {
    /// Whether a bar is shorter than a session, so that it is named by an instant and not by a date.
    pub fn is_intraday(self) -> bool {
        matches!(self, Self::Minutes(_) | Self::Hours(_))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minutes(n) => write!(f, "{n}m"),
            Self::Hours(n) => write!(f, "{n}h"),
            Self::Day => write!(f, "1d"),
            Self::Weeks(n) => write!(f, "{n}wk"),
            Self::Months(n) => write!(f, "{n}mo"),
        }
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("interval {text:?} is none of 1m 5m 15m 30m 1h 1d 1wk 1mo 3mo and the like");
        let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u16 = text[..unit].parse().map_err(|_| wrong())?;
        match (count, &text[unit..]) {
            (1.., "m") => Ok(Self::Minutes(count)),
            (1.., "h") => Ok(Self::Hours(count)),
            (1, "d") => Ok(Self::Day),
            (1.., "wk") => Ok(Self::Weeks(count)),
            (1.., "mo") => Ok(Self::Months(count)),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: serde::Serializer>(&self, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Whether a bar can still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finality {
    /// The session has ended and the provider has settled the bar.
    #[default]
    Final,
    /// The session was still open, or not settled, when the bar was fetched.
    Provisional,
}

/// Open, high, low, close and volume of one interval.
///
/// Prices are raw, in [`Series::currency`]; `None` is a price that the provider does not know. `adj_close` is the close
/// adjusted for all later splits and dividends; open, high and low are adjusted by the ratio `adj_close / close`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bar {
    /// When the bar begins: for a day, a week or a month the first instant of its first date in [`Series::zone`].
    pub time: DateTime<Utc>,
    /// First price.
    pub open: Option<f64>,
    /// Highest price.
    pub high: Option<f64>,
    /// Lowest price.
    pub low: Option<f64>,
    /// Last price.
    pub close: Option<f64>,
    /// Last price adjusted for later splits and dividends.
    pub adj_close: Option<f64>,
    /// Units traded; unknown is 0.
    pub volume: u64,
    /// Whether the bar can still change.
    pub finality: Finality,
    /// Further columns that a provider knows, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, f64>,
}

/// A split or a payment to holders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorporateAction {
    /// The date from which the price is without it, in [`Series::zone`].
    pub date: NaiveDate,
    /// What happened.
    #[serde(flatten)]
    pub kind: ActionKind,
}

/// What a corporate action did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionKind {
    /// Cash for each share, in [`Series::currency`].
    Dividend {
        /// Amount for one share.
        amount: f64,
    },
    /// `ratio` new shares for one old share: 4.0 for a 4:1 split.
    Split {
        /// New shares for one old share.
        ratio: f64,
    },
    /// A fund's payment of realised gains for each share, in [`Series::currency`].
    CapitalGain {
        /// Amount for one share.
        amount: f64,
    },
}

/// The bars of one symbol, oldest first, at most one for each session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Series {
    /// Whose bars these are.
    pub symbol: Symbol,
    /// How long a bar is.
    pub interval: Interval,
    /// The exchange's zone, in which dates are meant.
    pub zone: Tz,
    /// Code of the currency of all prices as the provider gives it (`USD`, `GBp` for pence).
    pub currency: Option<String>,
    /// The bars, oldest first.
    pub bars: Vec<Bar>,
    /// Splits and payments within the bars' time, oldest first.
    pub actions: Vec<CorporateAction>,
}

impl Series {
    /// A series with nothing in it yet.
    pub fn new(symbol: Symbol, interval: Interval, zone: Tz) -> Self {
        Self {
            symbol,
            interval,
            zone,
            currency: None,
            bars: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// The wall-clock time at which `bar` begins in this series' zone; its date is the session's date.
    pub fn local_time(&self, bar: &Bar) -> NaiveDateTime {
        bar.time.with_timezone(&self.offset(bar)).naive_local()
    }

    /// How far this series' zone is ahead of UTC where `bar` begins.
    pub(crate) fn offset(&self, bar: &Bar) -> FixedOffset {
        thread_local! {
            static KNOWN: DayMemory<FixedOffset> = const { DayMemory::new() };
        }
        let look_up = || {
            self.zone
                .offset_from_utc_datetime(&bar.time.naive_utc())
                .fix()
        };
        KNOWN.with(|known| known.get(self.zone, bar.time.timestamp(), look_up))
    }
}
