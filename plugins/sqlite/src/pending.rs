//! Results that wait to become rows: each step of a run appends one row, and `settle` makes all others of it later.
//!
//! Whoever reads a run looks at both, see [`progress`]; whoever reads data or old events lets the writer settle first.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Row, params};
use stock_scheduler_sdk::{
    DataKey, EventId, JobId, Prefix, RunId, Symbol, SymbolState, Window as Dates,
};

use crate::bars::Window;
use crate::fault::{Fault, Outcome};
use crate::marks::{Came, Mark, Plan, Results};
use crate::packed;
use crate::progress::Going;
use crate::step::Step;
use crate::text::{At, Instant, Json, Text};
use crate::view::View;

/// After so many bytes a step that settles ends, so that others need not wait long: some thousands of bars.
const AT_ONCE: u64 = 64 << 10;
/// What a symbol counts besides its bars.
const SYMBOL: u64 = 64;

/// A row of `pending_results`, with its run.
struct Pending {
    seq: i64,
    run: i64,
    id: RunId,
    job: JobId,
    at: DateTime<Utc>,
    first_event: EventId,
    prefix: Prefix,
    dates: Dates,
    keep: Option<u32>,
    marks: Vec<Mark>,
    windows: Vec<u8>,
}

impl Pending {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            run: row.get(1)?,
            id: row.get::<_, Text<_>>(2)?.0,
            job: row.get::<_, Text<_>>(3)?.0,
            at: row.get::<_, At>(4)?.0,
            first_event: EventId {
                ms: row.get::<_, i64>(5)?.cast_unsigned(),
                seq: row.get::<_, i64>(6)?.cast_unsigned(),
            },
            prefix: row.get::<_, Text<_>>(7)?.0,
            dates: Dates {
                start: row.get::<_, Text<NaiveDate>>(8)?.0,
                end: row.get::<_, Text<NaiveDate>>(9)?.0,
            },
            keep: row.get(10)?,
            marks: row.get::<_, Json<_>>(11)?.0,
            windows: row.get(12)?,
        })
    }

    fn weight(&self) -> u64 {
        weight(self.marks.len(), &self.windows)
    }

    fn key(&self, symbol: &Symbol) -> DataKey {
        DataKey {
            prefix: self.prefix.clone(),
            symbol: symbol.clone(),
            window: self.dates,
        }
    }
}

impl Step<'_> {
    /// Writes and logs what came of symbols that are not marked yet.
    pub(crate) fn append(&mut self, run: &Going, results: &Results) -> Outcome<()> {
        let (seq, count) = (self.ledger.appended + 1, results.marks.len());
        let first_event = self.ledger.last_event.next(self.now);
        let plan = &results.plan;
        self.execute(
            "INSERT INTO pending_results (seq, run, at, ms, event, count, prefix, start_date, end_date, keep, marks, bars) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                seq,
                run.seq,
                Instant::new(self.now),
                first_event.ms.cast_signed(),
                first_event.seq.cast_signed(),
                count as i64,
                plan.prefix,
                plan.start,
                plan.end,
                plan.keep,
                results.text,
                results.windows
            ],
        )?;
        self.ledger.appended = seq;
        self.ledger.pending += weight(count, &results.windows);
        for event in &results.events {
            self.announce(&run.job, event.clone());
        }
        Ok(())
    }

    /// Makes rows of the results that have waited longest.
    pub(crate) fn settle(&mut self) -> Outcome<()> {
        let sql = "SELECT p.seq, p.run, runs.id, runs.job, p.at, p.ms, p.event, p.prefix, p.start_date, p.end_date, \
                   p.keep, p.marks, p.bars FROM pending_results p CROSS JOIN runs ON runs.seq = p.run \
                   ORDER BY p.seq LIMIT 1";
        let mut settled = 0;
        while settled < AT_ONCE {
            let Some(pending) = self.one(sql, [], Pending::of)? else {
                self.ledger.settled = self.ledger.appended;
                self.ledger.pending = 0;
                return Ok(());
            };
            settled += pending.weight();
            self.spread(&pending)?;
        }
        Ok(())
    }

    /// Settles all results of a run.
    pub(crate) fn settle_run(&mut self, run: i64) -> Outcome<()> {
        let is_pending = "SELECT 1 FROM pending_results WHERE run = ? LIMIT 1";
        while self.ledger.pending > 0 && self.one(is_pending, [run], |_| Ok(()))?.is_some() {
            self.settle()?;
        }
        Ok(())
    }

    fn spread(&mut self, pending: &Pending) -> Outcome<()> {
        let mut windows = pending.windows.as_slice();
        let mut event = pending.first_event;
        for mark in &pending.marks {
            let key = pending.key(&mark.symbol);
            self.write_mark(pending.run, mark, &key)?;
            self.log(
                event,
                pending.at,
                &pending.job,
                &mark.event(pending.id, key.to_string()),
            )?;
            event.seq += 1;
            if let Came::Stored(_) = mark.came {
                let series = packed::read(mark.symbol.clone(), &mut windows);
                let series = series.ok_or_else(|| unreadable(pending))?;
                let window = Window::of(&key, &series);
                self.put(&window, &pending.job, pending.at)?;
                self.keep(&window, pending.keep)?;
            }
        }
        self.execute("DELETE FROM pending_results WHERE seq = ?", [pending.seq])?;
        self.ledger.settled = pending.seq;
        self.ledger.pending = self.ledger.pending.saturating_sub(pending.weight());
        Ok(())
    }

    fn write_mark(&self, run: i64, mark: &Mark, key: &DataKey) -> Outcome<()> {
        let (status, records, failure) = match &mark.came {
            Came::Stored(records) => ("stored", Some(*records as i64), None),
            Came::Failed { kind, message } => ("failed", None, Some((kind, message))),
        };
        self.execute(
            "INSERT OR IGNORE INTO run_symbols (run, symbol, status, attempts, records, key, kind, message) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                run,
                mark.symbol.as_str(),
                status,
                mark.attempts,
                records,
                records.map(|_| Text(key)),
                failure.map(|(kind, _)| kind),
                failure.map(|(_, message)| message)
            ],
        )?;
        Ok(())
    }
}

/// How much work it is to make rows of a row of `pending_results`, in bytes; [`WEIGHT`] tells the same of all.
fn weight(symbols: usize, windows: &[u8]) -> u64 {
    symbols as u64 * SYMBOL + windows.len() as u64
}

fn unreadable(pending: &Pending) -> Fault {
    let message = format!(
        "bars of run {} that wait to be stored cannot be read",
        pending.id
    );
    Fault::corrupt(message)
}

/// The marked symbols of a run, each with how often the provider was asked and its state.
pub(crate) fn progress(view: &View<'_>, run: i64) -> Outcome<Vec<(Symbol, u32, SymbolState)>> {
    let mut marked = view.all(
        "SELECT symbol, attempts, status, records, key, kind, message FROM run_symbols WHERE run = ?",
        [run],
        settled,
    )?;
    let pending = view.all(
        "SELECT prefix, start_date, end_date, marks FROM pending_results WHERE run = ?",
        [run],
        |row| {
            let plan = Plan {
                prefix: row.get(0)?,
                start: row.get(1)?,
                end: row.get(2)?,
                keep: None,
            };
            Ok((plan, row.get::<_, Json<Vec<Mark>>>(3)?.0))
        },
    )?;
    for (plan, marks) in pending {
        marked.extend(marks.into_iter().map(|mark| {
            let key = plan.key(&mark.symbol);
            (mark.symbol.clone(), mark.attempts, mark.state(key))
        }));
    }
    Ok(marked)
}

fn settled(row: &Row<'_>) -> rusqlite::Result<(Symbol, u32, SymbolState)> {
    let state = match row.get_ref(2)?.as_str()? {
        "stored" => SymbolState::Stored {
            rows: row.get::<_, u32>(3)? as usize,
            key: row.get(4)?,
        },
        _ => SymbolState::Failed {
            kind: row.get(5)?,
            message: row.get(6)?,
        },
    };
    Ok((row.get::<_, Text<_>>(0)?.0, row.get(1)?, state))
}

/// The rows of `pending_results`: the newest, the last before the oldest, and how many bytes they are to the writer.
pub(crate) const WEIGHT: &str = "SELECT ifnull(max(seq), 0), ifnull(min(seq) - 1, 0), \
     ifnull(sum(64 * count + length(bars)), 0) FROM pending_results";

/// The oldest event among the results that wait.
pub(crate) const FIRST_EVENT: &str = "SELECT ms, event FROM pending_results ORDER BY seq LIMIT 1";

/// The newest event among the results that wait.
pub(crate) const LAST_EVENT: &str =
    "SELECT ms, event + count - 1 FROM pending_results ORDER BY seq DESC LIMIT 1";
