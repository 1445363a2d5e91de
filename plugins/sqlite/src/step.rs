//! One step of the writer: statements inside its transaction, and the sums that go with them.

use std::ops::Deref;

use chrono::{DateTime, Utc};
use rusqlite::Params;

use stock_scheduler_sdk::Event;

use crate::fault::Outcome;
use crate::ledger::{Ledger, Shared};
use crate::marks::Marked;
use crate::view::View;

/// What a step may use. It reads and decides first and writes then, so that a refusal leaves nothing behind.
pub(crate) struct Step<'a> {
    pub(crate) view: View<'a>,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) shared: &'a Shared,
    /// Which symbols of the runs that go are marked.
    pub(crate) marked: &'a mut Marked,
    /// What the transaction has logged so far.
    pub(crate) told: &'a mut Vec<Event>,
    /// The store's present instant, to the microsecond.
    pub(crate) now: DateTime<Utc>,
}

impl Step<'_> {
    /// Runs a statement and answers how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: impl Params) -> Outcome<usize> {
        Ok(self.file.prepare_cached(sql)?.execute(values)?)
    }

    /// Adds a row and answers its number.
    pub(crate) fn insert(&self, sql: &str, values: impl Params) -> Outcome<i64> {
        Ok(self.file.prepare_cached(sql)?.insert(values)?)
    }
}

impl<'a> Deref for Step<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}
