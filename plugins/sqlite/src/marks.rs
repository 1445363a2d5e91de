//! What came of a run's symbols: made ready by who tells it, and remembered while the run goes.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use serde::{Deserialize, Serialize};
use stock_scheduler_sdk::{
    Bar, EventKind, RunId, RunPlan, Symbol, SymbolOutcome, SymbolResult, SymbolState, records,
};

use crate::fault::Outcome;
use crate::packed;
use crate::pending;
use crate::view::View;

/// What came of one symbol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) symbol: Symbol,
    pub(crate) attempts: u32,
    pub(crate) came: Came,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Came {
    /// How many records readers get.
    Stored(usize),
    Failed {
        kind: String,
        message: String,
    },
}

impl Mark {
    /// The event that tells it; `key` is where its bars are stored.
    pub(crate) fn event(&self, run: RunId, key: String) -> EventKind {
        let (execution_id, stock_id) = (run, self.symbol.as_str().to_owned());
        match &self.came {
            Came::Stored(rows) => EventKind::StockFetched {
                execution_id,
                stock_id,
                rows: *rows,
                key,
            },
            Came::Failed { kind, message } => EventKind::StockFailed {
                execution_id,
                stock_id,
                kind: kind.clone(),
                message: message.clone(),
                attempts: self.attempts,
            },
        }
    }

    /// The symbol's state in its run; `key` is where its bars are stored.
    pub(crate) fn state(self, key: String) -> SymbolState {
        match self.came {
            Came::Stored(rows) => SymbolState::Stored { rows, key },
            Came::Failed { kind, message } => SymbolState::Failed { kind, message },
        }
    }
}

/// What came of some symbols of one run, made ready by its caller so that the writer only writes.
pub(crate) struct Results {
    pub(crate) plan: Plan,
    pub(crate) marks: Vec<Mark>,
    pub(crate) events: Vec<EventKind>,
    /// The bars of each symbol in the order of `marks`, packed.
    pub(crate) windows: Vec<u8>,
    /// `marks` as JSON.
    pub(crate) text: String,
    /// Where in `windows` the bars of each symbol end.
    ends: Vec<usize>,
}

/// What a plan says of where bars are stored.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) prefix: String,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) keep: Option<u32>,
}

impl Results {
    /// Takes what came of symbols of `plan`, which `run` carries out.
    pub(crate) fn of(run: RunId, plan: &RunPlan, results: Vec<SymbolResult>) -> Self {
        let series = results.iter().filter_map(|r| r.outcome.series());
        let room = series.map(packed::room).sum();
        let mut all = Self {
            plan: Plan {
                prefix: plan.prefix.to_string(),
                start: plan.window.start.to_string(),
                end: plan.window.end.to_string(),
                keep: plan.keep,
            },
            marks: Vec::with_capacity(results.len()),
            events: Vec::with_capacity(results.len()),
            windows: Vec::with_capacity(room),
            text: String::new(),
            ends: Vec::with_capacity(results.len()),
        };
        for result in results {
            all.add(run, result);
        }
        all.with_text()
    }

    fn add(&mut self, run: RunId, result: SymbolResult) {
        let is_record = |bar: &&Bar| !records::is_blank(bar);
        let mark = Mark {
            attempts: result.attempts,
            came: match result.outcome {
                SymbolOutcome::Fetched(series) => {
                    packed::write(&series, &mut self.windows);
                    Came::Stored(series.bars.iter().filter(is_record).count())
                }
                SymbolOutcome::Failed { kind, message } => Came::Failed { kind, message },
            },
            symbol: result.symbol,
        };
        self.events
            .push(mark.event(run, self.plan.key(&mark.symbol)));
        self.marks.push(mark);
        self.ends.push(self.windows.len());
    }

    /// Those that `wanted` says, which has a word on each.
    pub(crate) fn only(&self, wanted: &[bool]) -> Self {
        let mut some = Self {
            plan: self.plan.clone(),
            marks: Vec::new(),
            events: Vec::new(),
            windows: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
        };
        let mut start = 0;
        for (n, end) in self.ends.iter().copied().enumerate() {
            if wanted[n] {
                some.marks.push(self.marks[n].clone());
                some.events.push(self.events[n].clone());
                some.windows.extend_from_slice(&self.windows[start..end]);
                some.ends.push(some.windows.len());
            }
            start = end;
        }
        some.with_text()
    }

    fn with_text(self) -> Self {
        let text = serde_json::to_string(&self.marks);
        Self {
            text: text.expect("names and numbers are JSON"),
            ..self
        }
    }
}

impl Plan {
    /// Where the bars of `symbol` are stored, as a data key says it.
    pub(crate) fn key(&self, symbol: &Symbol) -> String {
        [&self.prefix, symbol.as_str(), &self.start, &self.end].join(":")
    }
}

/// The symbols that are marked in runs that go, so that the file need not be asked.
#[derive(Debug, Default)]
pub(crate) struct Marked(HashMap<i64, RunMarks>);

/// The symbols that are marked in a run.
#[derive(Debug, Default)]
pub(crate) struct RunMarks {
    symbols: HashSet<Symbol>,
    pub(crate) stored: u32,
    pub(crate) failed: u32,
}

impl Marked {
    /// The marks of the run with this number, from the file where they are not known yet.
    pub(crate) fn of_run(&mut self, view: &View<'_>, run: i64) -> Outcome<&mut RunMarks> {
        match self.0.entry(run) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(RunMarks::read(view, run)?)),
        }
    }

    /// Forgets a run that goes no longer.
    pub(crate) fn forget(&mut self, run: i64) {
        self.0.remove(&run);
    }

    /// Forgets all that may not have become true.
    pub(crate) fn forget_all(&mut self) {
        self.0.clear();
    }
}

impl RunMarks {
    fn read(view: &View<'_>, run: i64) -> Outcome<Self> {
        let mut marks = Self::default();
        for (symbol, _, state) in pending::progress(view, run)? {
            marks.add(&symbol, matches!(state, SymbolState::Stored { .. }));
        }
        Ok(marks)
    }

    /// Marks a symbol; `false` where it is marked already.
    pub(crate) fn add(&mut self, symbol: &Symbol, is_stored: bool) -> bool {
        let is_new = self.symbols.insert(symbol.clone());
        match is_stored {
            true => self.stored += u32::from(is_new),
            false => self.failed += u32::from(is_new),
        }
        is_new
    }
}
