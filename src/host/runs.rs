//! Runs by hand, and ending them.

use std::collections::HashSet;

use chrono::NaiveDate;
use stock_scheduler_sdk::{
    Claim, Claimed, JobId, Refusal, Run, RunId, RunStatus, StoreErrorKind, StoredJob, Symbol,
    SymbolOutcome, SymbolResult, SymbolState, TakeOver,
};

use super::error::{JOB_NOT_FOUND, RUN_NOT_FOUND};
use super::fields::{self, Fields, ReadError};
use super::{FieldError, Host, HostError, MOST_SYMBOLS};
use crate::engine::plan;

const TRIES: usize = 20;

/// What a run by hand does otherwise than the job says.
#[derive(Debug, Clone, Default)]
pub struct ManualRun {
    /// Only these of the job's symbols, in any case.
    pub symbols: Option<Vec<String>>,
    /// First date wanted.
    pub start_date: Option<NaiveDate>,
    /// Last date wanted.
    pub end_date: Option<NaiveDate>,
}

impl Host {
    /// Starts a run of a job now; its schedule does not move. Repeating it with the same id is the same run.
    pub async fn run_now(&self, job: &JobId, id: RunId, wish: ManualRun) -> Result<(), HostError> {
        let engine = &self.inner.engine;
        let Some(slot) = engine.running.enter(id) else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let stored = self.stored(job).await?;
            let known = self.in_time(self.inner.store.run(id)).await?;
            if known.is_some_and(|known| known.job == *job) {
                // It was begun before, by us or by another instance, and the answer was lost.
                return Ok(());
            }
            if let Some(problem) = self.inner.plugins.examine(&stored.job).problem {
                return Err(HostError::Conflict(format!(
                    "the job cannot run: {problem}"
                )));
            }
            let run = self.manual_run(&stored, id, &wish)?;
            let claim = Claim {
                job: job.clone(),
                revision: stored.job.revision,
                advance: None,
                run: Some(run.clone()),
            };
            let answers = self
                .in_time(self.inner.store.claim(engine.host, vec![claim]))
                .await;
            // Without an answer the run may have been granted; the dispatcher finds it among those held.
            let answer = answers.inspect_err(|_| engine.doubt())?.pop();
            match answer {
                Some(Claimed::Granted(grant)) => {
                    let run = Run::begun(run, engine.host, &grant);
                    engine.start_run(slot, grant, run);
                    return Ok(());
                }
                Some(Claimed::Refused(Refusal::Running)) => {
                    return Err(HostError::Conflict(
                        "a run of this job still goes; wait for it or cancel it".into(),
                    ));
                }
                Some(Claimed::Refused(Refusal::Gone)) => return Err(JOB_NOT_FOUND),
                _ => {}
            }
        }
        Err(HostError::Conflict(format!(
            "job {job} keeps changing; try again"
        )))
    }

    fn manual_run(
        &self,
        stored: &StoredJob,
        id: RunId,
        wish: &ManualRun,
    ) -> Result<stock_scheduler_sdk::NewRun, HostError> {
        let zone = self.inner.plugins.examine(&stored.job).zone;
        let mut run = plan::manual_run(&stored.job, zone, self.now());
        run.id = id;
        let window = &mut run.plan.window;
        window.start = wish.start_date.unwrap_or(window.start);
        window.end = wish.end_date.unwrap_or(window.end);
        if window.start > window.end {
            let message = format!(
                "start_date {} is after end_date {}",
                window.start, window.end
            );
            return Err(HostError::Invalid(vec![FieldError::value(
                "/start_date",
                message,
            )]));
        }
        if let Some(wanted) = &wish.symbols {
            let symbols: HashSet<String> = run.plan.symbols.iter().map(Symbol::to_upper).collect();
            let wanted: Vec<String> = wanted.iter().map(|one| one.to_ascii_uppercase()).collect();
            if let Some(place) = wanted.iter().position(|one| !symbols.contains(one)) {
                let message = format!("{:?} is not one of the job's symbols", wanted[place]);
                let pointer = format!("/stock_ids/{place}");
                return Err(HostError::Invalid(vec![FieldError::value(
                    pointer, message,
                )]));
            }
            let wanted: HashSet<String> = wanted.into_iter().collect();
            run.plan
                .symbols
                .retain(|symbol| wanted.contains(&symbol.to_upper()));
        }
        Ok(run)
    }

    /// Ends a run: its untried symbols fail as `cancelled` and it as failed. Answers whether it was still going.
    pub async fn cancel(&self, id: RunId) -> Result<bool, HostError> {
        for _ in 0..TRIES {
            let run = self.run(id).await?;
            if run.status != RunStatus::Running {
                return Ok(false);
            }
            let engine = &self.inner.engine;
            let taken = self
                .inner
                .store
                .take_over(engine.host, id, run.token, TakeOver::Cancelled);
            let Some((grant, run)) = self.in_time(taken).await? else {
                continue;
            };
            engine.running.cancel(id);
            let cancelled = cancelled_symbols(&run);
            let recorded =
                self.inner
                    .store
                    .record(&grant, &run.plan, cancelled, Some(RunStatus::Failed));
            match self.in_time(recorded).await {
                Err(error) if error.kind() == StoreErrorKind::Fenced => continue,
                outcome => {
                    outcome?;
                    return Ok(true);
                }
            }
        }
        Err(HostError::Conflict(format!(
            "run {id} keeps changing hands; try again"
        )))
    }

    /// One run.
    pub async fn run(&self, id: RunId) -> Result<Run, HostError> {
        self.in_time(self.inner.store.run(id))
            .await?
            .ok_or(RUN_NOT_FOUND)
    }
}

fn cancelled_symbols(run: &Run) -> Vec<SymbolResult> {
    let pending = run
        .symbols
        .iter()
        .filter(|progress| progress.state == SymbolState::Pending);
    pending
        .map(|progress| SymbolResult {
            symbol: progress.symbol.clone(),
            attempts: progress.attempts,
            outcome: SymbolOutcome::Failed {
                kind: "cancelled".into(),
                message: "the run was cancelled".into(),
            },
        })
        .collect()
}

impl ManualRun {
    /// Reads a request's body; nothing at all is a run as the job says.
    pub fn read(body: serde_json::Value) -> Result<Self, Vec<FieldError>> {
        if body.is_null() {
            return Ok(Self::default());
        }
        let mut fields = Fields::new(body).map_err(|error| vec![error])?;
        let symbols = |value| -> Result<Vec<String>, _> {
            let items = fields::list(value)?;
            if !(1..=MOST_SYMBOLS).contains(&items.len()) {
                let count = items.len();
                return Err(ReadError::value(format!(
                    "must have 1 to {MOST_SYMBOLS} symbols, not {count}"
                )));
            }
            items
                .into_iter()
                .enumerate()
                .map(|(place, item)| fields::text(item).map_err(|e| e.below(place)))
                .collect()
        };
        let wish = Self {
            symbols: fields.take("stock_ids", symbols).value(),
            start_date: fields.take("start_date", fields::date).value().flatten(),
            end_date: fields.take("end_date", fields::date).value().flatten(),
        };
        match fields.finish() {
            errors if errors.is_empty() => Ok(wish),
            errors => Err(errors),
        }
    }
}
