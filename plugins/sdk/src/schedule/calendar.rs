//! When an exchange trades.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// The trading days of one exchange. Pure, like a schedule: facts, no clock.
pub trait Calendar: Send + Sync + 'static {
    /// Its code: the exchange's MIC (ISO 10383), or a name such as `24/7`.
    fn code(&self) -> &str;

    /// What people call it.
    fn name(&self) -> &str;

    /// The zone of its dates and times.
    fn zone(&self) -> Tz;

    /// The first and the last date about which it knows.
    fn covered(&self) -> (NaiveDate, NaiveDate);

    /// What it knows about a date.
    fn day(&self, date: NaiveDate) -> Day;

    /// The shortest time from one opening to the next, or from one close to the next, of all that it knows.
    fn shortest_period(&self) -> chrono::TimeDelta;
}

/// What a calendar knows about a date.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Day {
    /// The exchange trades.
    Session(Session),
    /// It does not, and why: `weekend`, `holiday`.
    Closed(&'static str),
    /// Nothing: the date is outside of what the calendar covers. Never to be taken for open or closed.
    Unknown,
}

/// A trading day.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The date by which the exchange calls it.
    pub date: NaiveDate,
    /// When trading begins. Of exchanges that open in the evening it is on the date before.
    pub open: DateTime<Utc>,
    /// When trading ends.
    pub close: DateTime<Utc>,
    /// Breaks in between, each with begin and end.
    pub breaks: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// What is unusual about the day, for people: `early close 13:00`.
    pub notes: Vec<String>,
}

impl Session {
    /// A usual day without breaks.
    pub fn new(date: NaiveDate, open: DateTime<Utc>, close: DateTime<Utc>) -> Self {
        Self {
            date,
            open,
            close,
            breaks: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Calendars by code. Clones share them.
#[derive(Clone, Default)]
pub struct Calendars(Arc<BTreeMap<String, Arc<dyn Calendar>>>);

impl Calendars {
    /// The calendar with this code.
    pub fn get(&self, code: &str) -> Option<&Arc<dyn Calendar>> {
        self.0.get(code)
    }

    /// All codes, in order.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All calendars, in the order of their codes.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Calendar>> {
        self.0.values()
    }
}

impl FromIterator<Arc<dyn Calendar>> for Calendars {
    /// Of two with one code the later counts.
    fn from_iter<I: IntoIterator<Item = Arc<dyn Calendar>>>(calendars: I) -> Self {
        let by_code = calendars
            .into_iter()
            .map(|calendar| (calendar.code().to_owned(), calendar));
        Self(Arc::new(by_code.collect()))
    }
}

impl fmt::Debug for Calendars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.codes()).finish()
    }
}
