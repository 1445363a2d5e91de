//! The numbers that the service tells about itself, in Prometheus' text format.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use metrics::{Counter, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use stock_scheduler_sdk::{Event, EventKind, FetchError, FetchErrorKind, Series, TriggeredBy};

const LATENESS: &str = "stock_scheduler_fire_lateness_seconds";
const FETCH_DURATION: &str = "stock_scheduler_fetch_duration_seconds";
const RUN_DURATION: &str = "stock_scheduler_job_execution_duration_seconds";
const STORE_DURATION: &str = "stock_scheduler_store_operation_duration_seconds";
const HTTP_DURATION: &str = "stock_scheduler_http_request_duration_seconds";

/// How often measurements are summed up.
const UPKEEP: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to collect, for the whole process; later calls change nothing.
pub(crate) fn install() {
    HANDLE.get_or_init(|| {
        let fine = [
            0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        let long = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(LATENESS.into()), &fine)
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full(FETCH_DURATION.into()), &fine))
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full(HTTP_DURATION.into()), &fine))
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full(STORE_DURATION.into()), &fine))
            .and_then(|b| b.set_buckets_for_metric(Matcher::Full(RUN_DURATION.into()), &long))
            .and_then(PrometheusBuilder::install_recorder);
        gauge!("stock_scheduler_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
            .inspect_err(|error| tracing::warn!(%error, "no metrics"))
            .ok()
    });
}

/// All numbers as text.
pub(crate) fn render() -> String {
    upkeep();
    HANDLE
        .get()
        .and_then(Option::as_ref)
        .map_or_else(String::new, PrometheusHandle::render)
}

/// Sums up what was measured, again and again: it takes memory until then, whether or not anybody asks for the numbers.
pub(crate) async fn keep_up() {
    loop {
        tokio::time::sleep(UPKEEP).await;
        upkeep();
    }
}

fn upkeep() {
    if let Some(Some(handle)) = HANDLE.get() {
        handle.run_upkeep();
    }
}

/// A fire was granted so much after its time.
pub(crate) fn fired(lateness: TimeDelta) {
    histogram!(LATENESS).record(lateness.as_seconds_f64());
}

/// The requests that a fetcher makes: what is counted for each is looked up once.
#[derive(Debug)]
pub(crate) struct Fetches {
    fetcher: String,
    usual: OnceLock<(Counter, Histogram)>,
    /// Series that came, and questions that brought none.
    series: AtomicU64,
    failures: AtomicU64,
}

impl Fetches {
    pub(crate) fn of(fetcher: &str) -> Self {
        Self {
            fetcher: fetcher.to_owned(),
            usual: OnceLock::new(),
            series: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// What was counted, by name.
    pub(crate) fn counted(&self) -> [(String, u64); 2] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("fetched".into(), count(&self.series)),
            ("failed".into(), count(&self.failures)),
        ]
    }

    /// A provider was asked once.
    pub(crate) fn note(&self, outcome: &Result<Series, FetchError>, took: Duration) {
        let (stored, durations) = self.usual.get_or_init(|| {
            (
                self.outcomes("stored"),
                histogram!(FETCH_DURATION, "fetcher" => self.fetcher.clone()),
            )
        });
        durations.record(took.as_secs_f64());
        let Err(error) = outcome else {
            self.series.fetch_add(1, Ordering::Relaxed);
            return stored.increment(1);
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.outcomes(error.kind().as_str()).increment(1);
        if matches!(error.kind(), FetchErrorKind::RateLimited { .. }) {
            let fetcher = self.fetcher.clone();
            counter!("stock_scheduler_fetch_rate_limited_total", "fetcher" => fetcher).increment(1);
        }
    }

    fn outcomes(&self, word: &'static str) -> Counter {
        counter!("stock_scheduler_symbol_fetches_total", "fetcher" => self.fetcher.clone(), "outcome" => word)
    }
}

/// How long one of the store's operations takes.
pub(crate) fn store_operation(name: &'static str) -> Histogram {
    histogram!(STORE_DURATION, "op" => name)
}

/// Whether the store answers.
pub(crate) fn store_up(store: &'static str, up: bool) {
    gauge!("stock_scheduler_store_up", "store" => store).set(f64::from(u8::from(up)));
}

/// A fact was logged, by whichever instance.
pub(crate) fn heard(event: &Event) {
    match &event.kind {
        EventKind::JobStarted {
            attempt: 1,
            triggered_by: TriggeredBy::SchedulerAuto,
            ..
        } => fire("fired", ""),
        EventKind::FireSkipped { reason, .. } => fire("skipped", reason),
        EventKind::FireMissed { reason, .. } => fire("missed", reason),
        EventKind::JobFinished {
            status,
            duration_seconds,
            ..
        } => {
            counter!("stock_scheduler_job_executions_total", "status" => status.as_str())
                .increment(1);
            histogram!(RUN_DURATION).record(*duration_seconds);
        }
        _ => {}
    }
}

fn fire(state: &'static str, reason: &str) {
    // A reason in words, with a date maybe, is a calendar's: labels must not grow with the days.
    let reason = if reason.contains(' ') {
        "calendar"
    } else {
        reason
    };
    counter!("stock_scheduler_fires_total", "state" => state, "reason" => reason.to_owned())
        .increment(1);
}

/// How many days a calendar that jobs follow still covers.
pub(crate) fn calendar_left(exchange: &str, days: i64) {
    gauge!("stock_scheduler_calendar_days_left", "exchange" => exchange.to_owned())
        .set(days as f64);
}

/// How many jobs there are of each status.
pub(crate) fn jobs(status: &'static str, count: u64) {
    gauge!("stock_scheduler_jobs", "status" => status).set(count as f64);
}

/// Somebody listens to the event stream (`1.0`) or no longer does (`-1.0`).
pub(crate) fn sse_clients(change: f64) {
    gauge!("stock_scheduler_sse_clients").increment(change);
}

/// An event stream ended.
pub(crate) fn sse_ended(reason: &'static str) {
    counter!("stock_scheduler_sse_ended_total", "reason" => reason).increment(1);
}

/// An event was tried to be delivered to a listener of this kind.
pub(crate) fn delivery(kind: &str, status: &'static str) {
    counter!("stock_scheduler_deliveries_total", "kind" => kind.to_owned(), "status" => status)
        .increment(1);
}

/// A request was answered.
pub(crate) fn answered(route: &'static str, method: &'static str, status: u16, took: Duration) {
    let key = (route, method, status);
    let known = REQUESTS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&key)
        .cloned();
    let durations = known.unwrap_or_else(|| {
        let new = histogram!(HTTP_DURATION, "route" => route, "method" => method, "status" => status.to_string());
        REQUESTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, new.clone());
        new
    });
    durations.record(took.as_secs_f64());
}

/// By route, method and status.
type Requests = HashMap<(&'static str, &'static str, u16), Histogram>;

/// The durations of requests: finding them here is cheaper than by their labels.
static REQUESTS: LazyLock<RwLock<Requests>> = LazyLock::new(RwLock::default);
