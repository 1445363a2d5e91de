//! The shapes on the wire, and how the sdk's types become them.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde::Serialize;
use serde_json::Value;
use stock_scheduler_sdk::{Dataset, Fire, LastExecution, Run, RunStatus, SymbolState};

use super::reply::json;
use crate::host::{JobView, Status};

/// RFC 3339 with the offset of `zone`, at most six fraction digits, never `Z`.
pub(crate) fn time(at: DateTime<Utc>, zone: Tz) -> String {
    let format = match at.timestamp_subsec_nanos() / 1_000 {
        0 => SecondsFormat::Secs,
        micros if micros % 1_000 == 0 => SecondsFormat::Millis,
        _ => SecondsFormat::Micros,
    };
    at.with_timezone(&zone)
        .fixed_offset()
        .to_rfc3339_opts(format, false)
}

/// What a client orders.
#[derive(Debug, Object)]
#[oai(rename = "JobInput")]
pub(crate) struct JobInput {
    /// What people call the job.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// The symbols to fetch, as the provider writes them; each once.
    #[oai(validator(min_items = 1, max_items = 5000))]
    stock_ids: Vec<String>,
    #[oai(flatten)]
    rest: JobOptions,
}

/// What a client changes of a job; what is missing stays as it is.
#[derive(Debug, Object)]
#[oai(rename = "JobChange")]
pub(crate) struct JobChange {
    /// What people call the job.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: Option<String>,
    /// The symbols to fetch, as the provider writes them; each once.
    #[oai(validator(min_items = 1, max_items = 5000))]
    stock_ids: Option<Vec<String>>,
    #[oai(flatten)]
    rest: JobOptions,
}

/// The optional fields of a job.
#[derive(Debug, Object)]
pub(crate) struct JobOptions {
    /// Daily at this time of day, `HH:MM`, in the job's zone. Either this or `schedule` is needed.
    schedule_time: Option<String>,
    /// When the job is due: an object with a `kind`. Wins over `schedule_time`.
    schedule: Option<Any<Value>>,
    /// The IANA zone of the schedule's times and of "today"; the service's own by default.
    timezone: Option<String>,
    /// First date wanted, included.
    start_date: Option<String>,
    /// Last date wanted, included; the day of the fire by default.
    end_date: Option<String>,
    /// So many days back to the day of the fire; beats `start_date`. Without either: 30.
    #[oai(validator(minimum(value = "1"), maximum(value = "36525")))]
    duration_days: Option<u32>,
    /// First part of the keys under which data is stored; `scheduled_stock_data` by default.
    #[oai(validator(min_length = 1, max_length = 100))]
    prefix: Option<String>,
    /// Who fetches: a registered name, or an object with `name` and `options`; `yfinance` by default.
    fetcher: Option<Any<Value>>,
    /// The length of a bar; `1d` by default.
    interval: Option<String>,
    /// What is done about fires that passed while nobody could run them: `fire_once` (default) or `skip`.
    misfire: Option<String>,
    /// What is done about a fire that is due while the last run still goes: `skip` (default) or `allow`.
    overlap: Option<String>,
    /// Words to find the job by.
    #[oai(validator(max_items = 32))]
    tags: Option<Vec<String>>,
    /// How many windows are kept for each symbol; all by default.
    #[oai(validator(minimum(value = "1"), maximum(value = "100000")))]
    keep: Option<u32>,
    /// Whether the job fires; true by default.
    is_active: Option<bool>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    job_id: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    created_at: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    status: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    last_run: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    next_run: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    revision: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    last_execution: Option<Any<Value>>,
    /// Shown by GET; ignored here.
    #[oai(read_only)]
    problem: Option<Any<Value>>,
}

/// A job.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Job")]
pub(crate) struct JobBody {
    /// Its id.
    job_id: String,
    /// What people call it.
    name: String,
    /// The symbols it fetches.
    stock_ids: Vec<String>,
    /// The schedule's one time of day, where there is just one.
    schedule_time: Option<String>,
    /// Whether it fires.
    is_active: bool,
    /// When it was created.
    created_at: String,
    /// When its latest run began.
    last_run: Option<String>,
    /// When it is due next.
    next_run: Option<String>,
    /// `pending`, `running`, `completed`, `failed` or `paused`.
    status: String,
    /// First date wanted.
    start_date: Option<String>,
    /// Last date wanted.
    end_date: Option<String>,
    /// So many days back to the day of the fire.
    duration_days: Option<u32>,
    /// First part of the keys under which data is stored.
    prefix: String,
    /// The IANA zone of its times.
    timezone: String,
    /// When it is due.
    schedule: Any<Value>,
    /// Who fetches.
    fetcher: Any<Value>,
    /// The length of a bar.
    interval: String,
    /// `fire_once` or `skip`.
    misfire: Any<Value>,
    /// `skip` or `allow`.
    overlap: Any<Value>,
    /// Words to find it by.
    tags: Vec<String>,
    /// How many windows are kept for each symbol.
    keep: Option<u32>,
    /// Counts its edits, starts and stops from 1; the ETag is `"{revision}"`.
    revision: u64,
    /// Its latest run.
    last_execution: Option<LastExecutionBody>,
    /// Why it cannot fire, if so.
    problem: Option<String>,
}

/// A job's latest run in short.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "LastExecution")]
pub(crate) struct LastExecutionBody {
    /// The run.
    execution_id: String,
    /// `running`, `success`, `partial_success` or `failed`.
    status: String,
    /// When it began.
    start_time: String,
    /// When it ended.
    end_time: Option<String>,
}

impl LastExecutionBody {
    fn new(last: &LastExecution, zone: Tz) -> Self {
        Self {
            execution_id: last.execution_id.to_string(),
            status: last.status.as_str().into(),
            start_time: time(last.start_time, zone),
            end_time: last.end_time.map(|at| time(at, zone)),
        }
    }
}

impl From<&JobView> for JobBody {
    fn from(view: &JobView) -> Self {
        let (job, state, zone) = (&view.stored.job, &view.stored.state, view.zone);
        let date = |date: Option<NaiveDate>| date.map(|date| date.to_string());
        let fetcher = match &job.fetcher.options {
            Value::Null => job.fetcher.name.clone().into(),
            _ => serde_json::to_value(&job.fetcher).unwrap_or_default(),
        };
        Self {
            job_id: job.id.to_string(),
            name: job.name.clone(),
            stock_ids: job.symbols.iter().map(ToString::to_string).collect(),
            schedule_time: job.schedule_time.clone(),
            is_active: job.active,
            created_at: time(job.created_at, zone),
            last_run: state.last_run.map(|at| time(at, zone)),
            next_run: state
                .next
                .at()
                .filter(|_| job.active)
                .map(|at| time(at, zone)),
            status: view.stored.status().as_str().into(),
            start_date: date(job.start_date),
            end_date: date(job.end_date),
            duration_days: job.duration_days,
            prefix: job.prefix.to_string(),
            timezone: zone.name().into(),
            schedule: Any(job.schedule.clone()),
            fetcher: Any(fetcher),
            interval: job.interval.to_string(),
            misfire: Any(serde_json::to_value(job.misfire).unwrap_or_default()),
            overlap: Any(serde_json::to_value(job.overlap).unwrap_or_default()),
            tags: job.tags.clone(),
            keep: job.keep,
            revision: job.revision,
            last_execution: state
                .last_execution
                .as_ref()
                .map(|last| LastExecutionBody::new(last, zone)),
            problem: view.problem.clone(),
        }
    }
}

/// The bytes of a job on the wire, made once for as long as the view is kept.
pub(crate) fn job_bytes(view: &JobView) -> Bytes {
    view.wire(|view| json(&JobBody::from(view)))
}

/// What became of a request about a job, and the job.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "JobReply")]
pub(crate) struct JobReply {
    /// What was done.
    pub(crate) message: String,
    /// The job's id.
    pub(crate) job_id: String,
    /// The job as it is now.
    pub(crate) job: JobBody,
}

impl JobReply {
    pub(crate) fn new(message: &str, view: &JobView) -> Self {
        Self {
            message: message.into(),
            job_id: view.stored.job.id.to_string(),
            job: view.into(),
        }
    }
}

/// What was done.
#[derive(Debug, Object, Serialize)]
pub(crate) struct Message {
    /// What was done.
    pub(crate) message: String,
}

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
    /// `scheduler_auto`, `manual_trigger` or `retry`.
    triggered_by: String,
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
    pub(crate) fn new(run: &Run, zone: Tz) -> Self {
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
}

impl FireBody {
    pub(crate) fn new(fire: &Fire, zone: Tz) -> Self {
        Self {
            scheduled_for: time(fire.fire_time, zone),
            state: fire.state.as_str().into(),
            reason: fire.reason.clone(),
            execution_id: fire.run.map(|run| run.to_string()),
            lateness_seconds: fire
                .started_at
                .map(|at| (at - fire.fire_time).as_seconds_f64()),
        }
    }
}

/// One stored window.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Dataset")]
pub(crate) struct DatasetBody {
    /// The key of the data.
    key: String,
    /// First part of the key.
    prefix: String,
    /// The symbol.
    stock_id: String,
    /// First date, included.
    start_date: String,
    /// Last date, included.
    end_date: String,
    /// How many records it has; null where another writer stored it.
    record_count: Option<u64>,
    /// When it was written.
    updated_at: Option<String>,
    /// Which job wrote it last.
    job_id: Option<String>,
}

impl From<&Dataset> for DatasetBody {
    fn from(dataset: &Dataset) -> Self {
        Self {
            key: dataset.key.to_string(),
            prefix: dataset.key.prefix.to_string(),
            stock_id: dataset.key.symbol.to_string(),
            start_date: dataset.key.window.start.to_string(),
            end_date: dataset.key.window.end.to_string(),
            record_count: dataset.record_count,
            updated_at: dataset.updated_at.map(|at| time(at, Tz::UTC)),
            job_id: dataset.job.as_ref().map(ToString::to_string),
        }
    }
}

/// How the service is.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Status")]
pub(crate) struct StatusBody {
    /// Whether it fires jobs.
    is_running: bool,
    /// How many jobs fire.
    active_jobs_count: u64,
    /// How many jobs there are.
    total_jobs_count: u64,
    /// The service's version.
    version: String,
    /// The store's present instant.
    now: String,
    /// The zone of jobs that name none.
    timezone: String,
    /// When the service started.
    started_at: String,
    /// The store.
    store: StoreStatus,
    /// The registered fetchers.
    fetchers: Vec<String>,
    /// The registered kinds of schedules.
    schedules: Vec<String>,
    /// Runs under way.
    running: u64,
    /// The next fire of all jobs.
    next_fire: Option<NextFireBody>,
}

/// The store.
#[derive(Debug, Object, Serialize)]
pub(crate) struct StoreStatus {
    /// The kind of store.
    kind: String,
    /// Whether it answers.
    ok: bool,
    /// How long its last answer took, in milliseconds.
    latency_ms: f64,
}

/// The next fire of all jobs.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "NextFire")]
pub(crate) struct NextFireBody {
    /// Whose.
    job_id: String,
    /// When.
    at: String,
}

impl StatusBody {
    pub(crate) fn new(status: Status, zone: Tz) -> Self {
        Self {
            is_running: status.running,
            active_jobs_count: status.counts.active,
            total_jobs_count: status.counts.total,
            version: env!("CARGO_PKG_VERSION").into(),
            now: time(status.now, Tz::UTC),
            timezone: zone.name().into(),
            started_at: time(status.started_at, Tz::UTC),
            store: StoreStatus {
                kind: status.store.into(),
                ok: status.store_ok,
                latency_ms: status.store_latency as f64 / 1_000.0,
            },
            fetchers: status.fetchers,
            schedules: status.schedules,
            running: status.counts.running,
            next_fire: status
                .counts
                .next_fire
                .as_ref()
                .map(|(job, at)| NextFireBody {
                    job_id: job.to_string(),
                    at: time(*at, Tz::UTC),
                }),
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
