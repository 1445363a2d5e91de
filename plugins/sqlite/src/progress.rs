//! What comes of a run's symbols, until the run ends.

use chrono::{DateTime, Utc};
use rusqlite::params;
use stock_scheduler_sdk::{EventKind, Grant, HostId, JobId, RunId, RunStatus, StoreErrorKind};

use crate::fault::{Fault, Outcome};
use crate::job_row::JobRow;
use crate::marks::{Came, Mark, Results};
use crate::step::Step;
use crate::text::{At, Instant, Text, Word};

/// A run as far as its progress needs it.
pub(crate) struct Going {
    pub(crate) seq: i64,
    id: RunId,
    pub(crate) job: JobId,
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
        results: &Results,
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
        let is_new = self.mark(&run, &results.marks)?;
        match is_new.iter().filter(|is_new| **is_new).count() {
            0 => {}
            count if count == is_new.len() => self.append(&run, results)?,
            _ => self.append(&run, &results.only(&is_new))?,
        }
        if let Some(status) = end {
            let mut job = JobRow::find(self, &run.job)?.ok_or_else(|| fenced(grant))?;
            self.end_run(&mut job, &run, run.token, status)?;
            job.save_runs(self)?;
        }
        Ok(())
    }

    /// Which of these symbols were not marked yet; from now on they are.
    fn mark(&mut self, run: &Going, marks: &[Mark]) -> Outcome<Vec<bool>> {
        let marked = self.marked.of_run(&self.view, run.seq)?;
        let is_new = |mark: &Mark| marked.add(&mark.symbol, matches!(mark.came, Came::Stored(_)));
        Ok(marks.iter().map(is_new).collect())
    }

    /// Ends a run that goes. Its job's row is changed and left to the caller to save.
    pub(crate) fn end_run(
        &mut self,
        job: &mut JobRow,
        run: &Going,
        token: u64,
        status: RunStatus,
    ) -> Outcome<()> {
        let marks = self.marked.of_run(&self.view, run.seq)?;
        let (fetched, failed) = (marks.stored, marks.failed);
        self.marked.forget(run.seq);
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
