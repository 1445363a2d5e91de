//! What comes of a run's symbols, until the run ends.

use chrono::{DateTime, Utc};
use rusqlite::params;
use stock_scheduler_sdk::{
    EventKind, Grant, HostId, JobId, RunId, RunPlan, RunStatus, StoreErrorKind, SymbolOutcome,
    SymbolResult,
};

use crate::bars::Window;
use crate::fault::{Fault, Outcome};
use crate::job_row::JobRow;
use crate::step::Step;
use crate::text::{At, Instant, Text, Word};

/// What came of one symbol, made ready by its caller so that the writer only writes.
pub(crate) struct Mark {
    symbol: String,
    attempts: u32,
    came: Came,
}

enum Came {
    Bars(Window),
    Failure { kind: String, message: String },
}

impl Mark {
    pub(crate) fn of(result: SymbolResult, plan: &RunPlan) -> Self {
        Self {
            attempts: result.attempts,
            came: match result.outcome {
                SymbolOutcome::Fetched(series) => {
                    Came::Bars(Window::of(&plan.key(&result.symbol), &series))
                }
                SymbolOutcome::Failed { kind, message } => Came::Failure { kind, message },
            },
            symbol: result.symbol.as_str().to_owned(),
        }
    }

    fn event(&self, run: RunId) -> EventKind {
        let (execution_id, stock_id) = (run, self.symbol.clone());
        match &self.came {
            Came::Bars(window) => EventKind::StockFetched {
                execution_id,
                stock_id,
                rows: window.records,
                key: window.key.clone(),
            },
            Came::Failure { kind, message } => EventKind::StockFailed {
                execution_id,
                stock_id,
                kind: kind.clone(),
                message: message.clone(),
                attempts: self.attempts,
            },
        }
    }
}

/// A run as far as its progress needs it.
pub(crate) struct Going {
    seq: i64,
    id: RunId,
    job: JobId,
    status: RunStatus,
    token: u64,
    host: HostId,
    started_at: DateTime<Utc>,
}

impl Going {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get::<_, Text<_>>(1)?.0,
            job: row.get::<_, Text<_>>(2)?.0,
            status: row.get::<_, Word<_>>(3)?.0,
            token: row.get::<_, i64>(4)?.cast_unsigned(),
            host: row.get::<_, Text<_>>(5)?.0,
            started_at: row.get::<_, At>(6)?.0,
        })
    }
}

impl Step<'_> {
    pub(crate) fn record(
        &mut self,
        grant: &Grant,
        keep: Option<u32>,
        marks: &[Mark],
        end: Option<RunStatus>,
    ) -> Outcome<()> {
        let sql = "SELECT seq, id, job, status, token, host, started_at FROM runs WHERE id = ?";
        let run = self.one(sql, [Text(grant.run)], Going::of)?;
        let is_current = |run: &Going| run.token == grant.token && run.job == grant.job;
        let run = run.filter(is_current).ok_or_else(|| fenced(grant))?;
        if run.status != RunStatus::Running {
            // This very grant ended it: the call is a repeat.
            return Ok(());
        }
        for mark in marks {
            self.mark(&run, keep, mark)?;
        }
        if let Some(status) = end {
            let mut job = JobRow::find(self, &run.job)?.ok_or_else(|| fenced(grant))?;
            self.end_run(&mut job, &run, run.token, status)?;
            job.save_runs(self)?;
        }
        Ok(())
    }

    /// Marks a symbol of a run that goes, unless it is marked already.
    fn mark(&mut self, run: &Going, keep: Option<u32>, mark: &Mark) -> Outcome<()> {
        let (status, window, failure) = match &mark.came {
            Came::Bars(window) => ("stored", Some(window), None),
            Came::Failure { kind, message } => ("failed", None, Some((kind, message))),
        };
        let is_new = self.execute(
            "INSERT OR IGNORE INTO run_symbols (run, symbol, status, attempts, records, key, kind, message) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                run.seq,
                mark.symbol,
                status,
                mark.attempts,
                window.map(|window| window.records as i64),
                window.map(|window| &window.key),
                failure.map(|(kind, _)| kind),
                failure.map(|(_, message)| message)
            ],
        )?;
        if is_new == 0 {
            return Ok(());
        }
        if let Some(window) = window {
            self.put(window, &run.job)?;
            self.keep(window, keep)?;
        }
        self.tell(&run.job, &mark.event(run.id))
    }

    /// Ends a run that goes. Its job's row is changed and left to the caller to save.
    pub(crate) fn end_run(
        &mut self,
        job: &mut JobRow,
        run: &Going,
        token: u64,
        status: RunStatus,
    ) -> Outcome<()> {
        let sql = "SELECT count(*) FILTER (WHERE status = 'stored'), count(*) FILTER (WHERE status = 'failed') \
                   FROM run_symbols WHERE run = ?";
        let count = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?));
        let (fetched, failed) = self.one(sql, [run.seq], count)?.unwrap_or_default();
        self.execute(
            "UPDATE runs SET status = ?, ended_at = ?, fetched = ?, failed = ?, token = ? WHERE seq = ?",
            params![
                status.as_str(),
                Instant::new(self.now),
                fetched,
                failed,
                token.cast_signed(),
                run.seq
            ],
        )?;
        self.ledger.remove_run(run.host);
        job.state.running = job.state.running.saturating_sub(1);
        let last = job.state.last_execution.as_mut();
        if let Some(last) = last.filter(|last| last.execution_id == run.id) {
            last.status = status;
            last.end_time = Some(self.now);
        }
        let took = self.now.signed_duration_since(run.started_at);
        let finished = EventKind::JobFinished {
            execution_id: run.id,
            status,
            fetched: fetched as usize,
            failed: failed as usize,
            duration_seconds: took.as_seconds_f64(),
            next_run: job.state.next.at().filter(|_| job.active),
        };
        self.tell(&run.job, &finished)
    }

    /// A job's runs that go, in the order in which they began.
    pub(crate) fn going_of(&self, job: &JobId) -> Outcome<Vec<Going>> {
        self.all(
            "SELECT seq, id, job, status, token, host, started_at FROM runs INDEXED BY runs_of_job \
             WHERE job = ? AND status = 'running' ORDER BY seq",
            [job.as_str()],
            Going::of,
        )
    }
}

fn fenced(grant: &Grant) -> Fault {
    let message = format!(
        "cannot record progress of run {}: token {} was overtaken or its job is gone",
        grant.run, grant.token
    );
    Fault::new(StoreErrorKind::Fenced, message)
}
