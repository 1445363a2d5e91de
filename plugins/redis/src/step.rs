//! One step of a run: what came of some of its symbols, rendered as it is stored.

use std::borrow::Cow;
use std::ops::Range;

use stock_scheduler_sdk::{
    EventKind, Grant, RunPlan, RunStatus, Series, StoreError, Symbol, SymbolOutcome, SymbolResult,
    Window, records,
};

use crate::event;
use crate::gather::Weigh;
use crate::run::Mark;

/// One step takes no further results beyond these, so that each is answered in time however much there is to store.
const RESULTS: usize = 500;
const BYTES: usize = 1 << 20;

/// Some results of a run, and how it ends.
pub(crate) struct RecordStep {
    pub(crate) run: String,
    pub(crate) job: String,
    pub(crate) token: String,
    /// What its events have in common.
    head: String,
    pub(crate) keep: Option<u32>,
    pub(crate) prefix: String,
    /// How the keys of its windows end.
    dates: String,
    pub(crate) end: Option<RunStatus>,
    pub(crate) results: Vec<Ready>,
    /// Its windows, one after the other: one piece of memory is written and read faster than one for each.
    pub(crate) text: Vec<u8>,
    bytes: usize,
}

/// A result, as it is written.
pub(crate) struct Ready {
    pub(crate) symbol: Symbol,
    /// What the run is marked with, where its event does not tell all.
    pub(crate) mark: Option<String>,
    pub(crate) came: Came,
}

pub(crate) enum Came {
    Data {
        rows: usize,
        key: String,
        text: Range<usize>,
    },
    Failure {
        event: String,
    },
}

impl Ready {
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.came, Came::Data { .. })
    }
}

impl Weigh for RecordStep {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl RecordStep {
    /// A step without results, for about `room` bytes of windows.
    pub(crate) fn new(grant: &Grant, plan: &RunPlan, room: usize) -> Self {
        let Window { start, end } = plan.window;
        Self {
            run: grant.run.to_string(),
            job: grant.job.to_string(),
            token: grant.token.to_string(),
            head: event::stored_head(grant.run, plan),
            keep: plan.keep,
            prefix: plan.prefix.to_string(),
            dates: format!(":{start}:{end}"),
            end: None,
            results: Vec::new(),
            text: Vec::with_capacity(room.min(BYTES)),
            bytes: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.results.len() >= RESULTS || self.bytes >= BYTES
    }

    pub(crate) fn add(
        &mut self,
        result: SymbolResult,
        grant: &Grant,
        metadata: Option<&str>,
    ) -> Result<(), StoreError> {
        let SymbolResult {
            symbol,
            attempts,
            outcome,
        } = result;
        let (mark, came) = match outcome {
            SymbolOutcome::Fetched(series) => {
                let (rows, text) = self.render(&series, metadata);
                let key = [&self.prefix, ":", symbol.as_str(), &self.dates].concat();
                self.bytes += text.len();
                let mark = (attempts != 1).then(|| Mark::Stored(attempts, rows).to_text());
                (mark, Came::Data { rows, key, text })
            }
            SymbolOutcome::Failed { kind, message } => {
                let failed = EventKind::StockFailed {
                    execution_id: grant.run,
                    stock_id: symbol.to_string(),
                    kind: kind.clone(),
                    message: message.clone(),
                    attempts,
                };
                let event = event::json(&failed)?;
                self.bytes += event.len();
                let mark = Mark::Failed(attempts, kind.into(), message.into());
                (Some(mark.to_text()), Came::Failure { event })
            }
        };
        self.results.push(Ready { symbol, mark, came });
        Ok(())
    }

    /// Writes a window: how many rows it has, and where it stands.
    fn render(&mut self, series: &Series, metadata: Option<&str>) -> (usize, Range<usize>) {
        let start = self.text.len();
        let rows = match metadata {
            None => records::append(series, &mut self.text),
            Some(metadata) => {
                self.text.extend_from_slice(br#"{"data": "#);
                let rows = records::append(series, &mut self.text);
                self.text.extend_from_slice(br#", "metadata": "#);
                self.text.extend_from_slice(metadata.as_bytes());
                self.text.push(b'}');
                rows
            }
        };
        (rows, start..self.text.len())
    }

    pub(crate) fn has(&self, symbol: &Symbol) -> bool {
        self.results.iter().any(|result| result.symbol == *symbol)
    }

    /// The events of these results in their order, each with its shape and how many it is: what was stored one after the
    /// other is told together.
    pub(crate) fn events<'a>(
        &'a self,
        results: &[&'a Ready],
    ) -> Vec<(&'static str, Cow<'a, str>, usize)> {
        let mut events: Vec<(&'static str, Cow<'a, str>, usize)> = Vec::new();
        for result in results {
            match (&result.came, events.last_mut()) {
                (Came::Failure { event }, _) => events.push(("k", event.into(), 1)),
                (Came::Data { rows, .. }, Some(("b", text, count))) => {
                    event::push_stored(text.to_mut(), &result.symbol, *rows);
                    *count += 1;
                }
                (Came::Data { rows, .. }, _) => {
                    let mut text = self.head.clone();
                    event::push_stored(&mut text, &result.symbol, *rows);
                    events.push(("b", text.into(), 1));
                }
            }
        }
        events
    }
}
