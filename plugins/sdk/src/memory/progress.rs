//! What comes of a run's symbols, in memory, until the run ends.

use chrono::{DateTime, Utc};

use super::state::State;
use crate::{
    EventKind, Grant, JobId, Run, RunId, RunPlan, RunStatus, StoreError, StoreErrorKind,
    SymbolOutcome, SymbolResult, SymbolState, records,
};

impl State {
    pub(super) fn record(
        &mut self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if !self.is_current(grant) {
            return Err(fenced(grant));
        }
        for result in results {
            self.mark(grant, plan, result, now);
        }
        if let Some(status) = end {
            self.end(grant.run, status, now);
        }
        Ok(())
    }

    fn is_current(&self, grant: &Grant) -> bool {
        let is_newest = |run: &Run| run.token == grant.token && run.job == grant.job;
        self.jobs.get(&grant.job).is_some() && self.runs.get(&grant.run).is_some_and(is_newest)
    }

    /// Marks a symbol of a run that goes, unless it is marked already.
    fn mark(&mut self, grant: &Grant, plan: &RunPlan, result: SymbolResult, now: DateTime<Utc>) {
        let Some(run) = self.runs.get_mut(&grant.run) else {
            return;
        };
        let is_open = |state: &SymbolState| *state == SymbolState::Pending;
        let mut symbols = run.symbols.iter_mut();
        let open = symbols.find(|s| s.symbol == result.symbol && is_open(&s.state));
        let Some(progress) = open.filter(|_| run.status == RunStatus::Running) else {
            return;
        };
        progress.attempts = result.attempts;
        progress.state = match result.outcome {
            SymbolOutcome::Fetched(series) => {
                let records = records::render(&series);
                let (rows, key) = (records.rows, plan.key(&result.symbol));
                let state = SymbolState::Stored {
                    rows,
                    key: key.to_string(),
                };
                self.data.put(key, records, &grant.job, now);
                self.data.keep(&plan.prefix, &result.symbol, plan.keep);
                state
            }
            SymbolOutcome::Failed { kind, message } => SymbolState::Failed { kind, message },
        };
        let event = marked(
            grant.run,
            result.symbol.as_str(),
            result.attempts,
            &progress.state,
        );
        self.log.append(now, grant.job.clone(), event);
    }

    /// Ends a run, unless it has ended.
    pub(super) fn end(&mut self, id: RunId, status: RunStatus, now: DateTime<Utc>) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if run.status != RunStatus::Running || status == RunStatus::Running {
            return;
        }
        run.status = status;
        run.ended_at = Some(now);
        let (job, host) = (run.job.clone(), run.host);
        let (fetched, failed) = run.counts();
        let took = now.signed_duration_since(run.started_at);
        self.let_go(host, id);
        let finished = EventKind::JobFinished {
            execution_id: id,
            status,
            fetched,
            failed,
            duration_seconds: took.as_seconds_f64(),
            next_run: self.note_end(&job, id, status, now),
        };
        self.tell(now, &job, finished);
    }

    /// Writes the end of a run into its job, and answers when the job is due next.
    fn note_end(
        &mut self,
        job: &JobId,
        run: RunId,
        status: RunStatus,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let next = self.jobs.change(job, |entry| {
            let state = &mut entry.stored.state;
            state.running = state.running.saturating_sub(1);
            if let Some(last) = state
                .last_execution
                .as_mut()
                .filter(|last| last.execution_id == run)
            {
                last.status = status;
                last.end_time = Some(now);
            }
            state.next.at().filter(|_| entry.stored.job.active)
        });
        next.flatten()
    }
}

fn marked(run: RunId, symbol: &str, attempts: u32, state: &SymbolState) -> EventKind {
    let (execution_id, stock_id) = (run, symbol.to_owned());
    match state.clone() {
        SymbolState::Failed { kind, message } => EventKind::StockFailed {
            execution_id,
            stock_id,
            kind,
            message,
            attempts,
        },
        SymbolState::Stored { rows, key } => EventKind::StockFetched {
            execution_id,
            stock_id,
            rows,
            key,
        },
        SymbolState::Pending => unreachable!("a marked symbol is no longer pending"),
    }
}

fn fenced(grant: &Grant) -> StoreError {
    let message = format!(
        "cannot record progress of run {}: token {} was overtaken or its job is gone",
        grant.run, grant.token
    );
    StoreError::new(StoreErrorKind::Fenced, message)
}
