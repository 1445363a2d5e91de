//! Jobs on the wire.

use bytes::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde::Serialize;
use serde_json::Value;
use stock_scheduler_sdk::{LastExecution, write_duration};

use super::super::reply::json;
use super::time;
use crate::host::JobView;

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
pub(super) struct JobOptions {
    /// Daily at this time of day, `HH:MM`, in the job's zone. Either this or `schedule` is needed.
    schedule_time: Option<String>,
    /// When the job is due: an object with a `kind`. Wins over `schedule_time`.
    schedule: Option<Any<Value>>,
    /// Due when a run of another job has ended: short for a `schedule` of kind `after`.
    after: Option<Any<Value>>,
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
    /// What is done about fires that passed while nobody could run them: `fire_once` (default: the last of them runs),
    /// `skip` or `fire_all`; or an object.
    misfire: Option<Any<Value>>,
    /// What is done about a fire that is due while the last run still goes: `skip` (default), `queue` (it waits) or
    /// `allow` (it runs beside it).
    overlap: Option<String>,
    /// Each fire comes up to so much later than its schedule says, always by the same for it: `5m`; at most `1h`.
    jitter: Option<String>,
    /// The job has no fires before this instant.
    paused_until: Option<String>,
    /// The job has no fires after this instant.
    active_until: Option<String>,
    /// The job has no more fires after so many that ran, or were skipped because a run still went.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    max_fires: Option<u32>,
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
    /// When it runs next: skipped fires may come before.
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
    /// What is done about fires that passed while nobody could run them.
    misfire: Any<Value>,
    /// What is done about a fire that is due while the last run still goes.
    overlap: Any<Value>,
    /// By how much its fires come later than its schedule says, at most.
    jitter: Option<String>,
    /// It has no fires before this instant.
    paused_until: Option<String>,
    /// It has no fires after this instant.
    active_until: Option<String>,
    /// It has no more fires after so many.
    max_fires: Option<u64>,
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
            next_run: view.next_run.map(|at| time(at, zone)),
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
            jitter: job.jitter.map(write_duration),
            paused_until: job.paused_until.map(|at| time(at, zone)),
            active_until: job.active_until.map(|at| time(at, zone)),
            max_fires: job.max_fires,
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
