//! The shapes on the wire, and how the sdk's types become them.

mod backfills;
mod jobs;
mod plugins;
mod runs;
mod schedules;
mod webhooks;

use chrono_tz::Tz;
use poem_openapi::Object;
use serde::Serialize;
use stock_scheduler_sdk::Dataset;

use crate::host::Status;

pub(crate) use backfills::{BackfillBody, BackfillInput};
pub(crate) use jobs::{JobBody, JobChange, JobInput, JobReply, job_bytes};
pub(crate) use plugins::PluginBody;
pub(crate) use runs::{Execution, FireBody, RunInput, RunStarted, run_status};
pub(crate) use schedules::{ExplanationBody, PreviewBody, PreviewInput};

pub(crate) use webhooks::{
    DeliveryBody, TryBody, WebhookBody, WebhookChange, WebhookInput, WebhookReply,
};

pub(crate) use stock_scheduler_sdk::write_time as time;

/// What was done.
#[derive(Debug, Object, Serialize)]
pub(crate) struct Message {
    /// What was done.
    pub(crate) message: String,
}

/// That requests can be served.
#[derive(Debug, Object, Serialize)]
pub(crate) struct Ready {
    /// `ready`.
    pub(crate) message: String,
    /// What somebody should see to, in sentences.
    pub(crate) warnings: Vec<String>,
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
    /// The version of the IANA time zone database.
    time_zone_data: String,
    /// What somebody should see to, in sentences.
    warnings: Vec<String>,
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
            time_zone_data: chrono_tz::IANA_TZDB_VERSION.into(),
            warnings: status.warnings,
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
