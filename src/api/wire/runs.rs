//! Runs and fires on the wire.

use chrono_tz::Tz;
use poem_openapi::Object;
use serde::Serialize;
use stock_scheduler_sdk::{Fire, Run, RunStatus, SymbolState};

use super::time;
use crate::host::Cause;

/// What a run by hand does otherwise than the job says.
#[derive(Debug, Object)]
#[oai(rename = "RunInput")]
pub(crate) struct RunInput {
    /// Only these of the job's symbols.
    #[oai(validator(min_items = 1, max_items = 5000))]
    stock_ids: Option<Vec<String>>,
    /// First date wanted, included.
    start_date: Option<String>,
    /// Last date wanted, included.
    end_date: Option<String>,
}

/// A run that was asked for.
#[derive(Debug, Object, Serialize)]
pub(crate) struct RunStarted {
    /// What was done.
    pub(crate) message: String,
    /// The run.
    pub(crate) execution_id: String,
}

/// A run.
#[derive(Debug, Object, Serialize)]
pub(crate) struct Execution {
    /// Its id.
    execution_id: String,
    /// Its job.
    job_id: String,
    /// The job's name when the run was claimed.
    job_name: String,
    /// When it began.
    start_time: String,
    /// When it ended.
    end_time: Option<String>,
    /// `running`, `success`, `partial_success` or `failed`.
    status: String,
    /// Symbols that were stored.
    fetched_stocks: Vec<String>,
    /// Symbols that failed.
    failed_stocks: Vec<String>,
    /// A sentence for each symbol that failed.
    errors: Vec<String>,
    /// How many symbols it has.
    total_stocks: usize,
    /// How long it took, in seconds.
    duration_seconds: Option<f64>,
    /// `scheduler_auto`, `manual_trigger`, `retry` or `backfill`.
    triggered_by: String,
    /// The run whose end caused it, where the job follows another.
    caused_by: Option<CauseBody>,
    /// Further facts.
    metadata: ExecutionMetadata,
    /// The fire time it answers; null for a run by hand.
    scheduled_for: Option<String>,
    /// Counts the processes that worked on it.
    attempt: u32,
    /// The job's revision that it carries out.
    revision: u64,
    /// How far each symbol is.
    symbols: Vec<ExecutionSymbol>,
}

/// Further facts of a run.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ExecutionMetadata {
    /// First part of the keys.
    prefix: String,
    /// First date fetched.
    start_date: String,
    /// Last date fetched.
    end_date: String,
    /// Who fetched.
    fetcher: String,
    /// The length of a bar.
    interval: String,
}

/// One symbol of a run.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ExecutionSymbol {
    /// The symbol.
    stock_id: String,
    /// `pending`, `stored` or `failed`.
    status: String,
    /// How many records were stored.
    rows: Option<usize>,
    /// Under which key.
    key: Option<String>,
    /// How often the provider was asked.
    attempts: u32,
    /// Why it failed.
    error: Option<SymbolError>,
}

/// Why a symbol failed.
#[derive(Debug, Object, Serialize)]
pub(crate) struct SymbolError {
    /// The kind of failure.
    kind: String,
    /// What happened.
    message: String,
}

impl Execution {
    pub(crate) fn new(run: &Run, cause: Option<Cause>, zone: Tz) -> Self {
        let mut body = Self {
            execution_id: run.id.to_string(),
            job_id: run.job.to_string(),
            job_name: run.plan.job_name.clone(),
            start_time: time(run.started_at, zone),
            end_time: run.ended_at.map(|at| time(at, zone)),
            status: run.status.as_str().into(),
            fetched_stocks: Vec::new(),
            failed_stocks: Vec::new(),
            errors: Vec::new(),
            total_stocks: run.plan.symbols.len(),
            duration_seconds: run
                .ended_at
                .map(|end| (end - run.started_at).as_seconds_f64()),
            triggered_by: run.triggered_by.as_str().into(),
            metadata: ExecutionMetadata {
                prefix: run.plan.prefix.to_string(),
                start_date: run.plan.window.start.to_string(),
                end_date: run.plan.window.end.to_string(),
                fetcher: run.plan.fetcher.name.clone(),
                interval: run.plan.interval.to_string(),
            },
            scheduled_for: run.fire_time.map(|at| time(at, zone)),
            caused_by: cause.map(CauseBody::from),
            attempt: run.attempt,
            revision: run.plan.revision,
            symbols: Vec::with_capacity(run.symbols.len()),
        };
        for progress in &run.symbols {
            let stock_id = progress.symbol.to_string();
            let (status, rows, key, error) = match &progress.state {
                SymbolState::Pending => ("pending", None, None, None),
                SymbolState::Stored { rows, key } => {
                    body.fetched_stocks.push(stock_id.clone());
                    ("stored", Some(*rows), Some(key.clone()), None)
                }
                SymbolState::Failed { kind, message } => {
                    body.failed_stocks.push(stock_id.clone());
                    body.errors
                        .push(format!("Failed to fetch {stock_id}: {message}"));
                    (
                        "failed",
                        None,
                        None,
                        Some(SymbolError {
                            kind: kind.clone(),
                            message: message.clone(),
                        }),
                    )
                }
            };
            let attempts = progress.attempts;
            body.symbols.push(ExecutionSymbol {
                stock_id,
                status: status.into(),
                rows,
                key,
                attempts,
                error,
            });
        }
        body
    }
}

/// One expected fire.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Fire")]
pub(crate) struct FireBody {
    /// When it was expected.
    scheduled_for: String,
    /// `fired`, `skipped`, `missed` or `pending`.
    state: String,
    /// Why it did not run.
    reason: Option<String>,
    /// Its run.
    execution_id: Option<String>,
    /// How long after its time the run began, in seconds.
    lateness_seconds: Option<f64>,
    /// The run whose end caused it, where the job follows another.
    caused_by: Option<CauseBody>,
}

/// The run whose end made a job due that follows.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Cause")]
pub(crate) struct CauseBody {
    /// The job that was followed.
    job_id: String,
    /// Its run.
    execution_id: String,
}

impl From<Cause> for CauseBody {
    fn from(cause: Cause) -> Self {
        Self {
            job_id: cause.job.to_string(),
            execution_id: cause.execution.to_string(),
        }
    }
}

impl FireBody {
    pub(crate) fn new(fire: &Fire, cause: Option<Cause>, zone: Tz) -> Self {
        Self {
            scheduled_for: time(fire.fire_time, zone),
            state: fire.state.as_str().into(),
            reason: fire.reason.clone(),
            execution_id: fire.run.map(|run| run.to_string()),
            lateness_seconds: fire
                .started_at
                .map(|at| (at - fire.fire_time).as_seconds_f64()),
            caused_by: cause.map(CauseBody::from),
        }
    }
}

/// How a run went, from its word.
pub(crate) fn run_status(word: &str) -> Option<RunStatus> {
    [
        RunStatus::Running,
        RunStatus::Success,
        RunStatus::PartialSuccess,
        RunStatus::Failed,
    ]
    .into_iter()
    .find(|status| status.as_str() == word)
}
