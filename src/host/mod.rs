//! The host: plugins found by name, and the use cases behind every face of the service.

mod after;
mod backfill;
mod backfilling;
mod builder;
mod cache;
mod calendars;
mod chain;
mod draft;
mod error;
mod explain;
mod fields;
mod forecast;
mod jobs;
mod listening;
mod listing;
mod named;
mod patient;
mod plugins;
mod policies;
mod preview;
mod reading;
mod registering;
mod runs;
pub(crate) mod shape;
mod timed;
mod timetable;
mod upcoming;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Store, StoreError, StoreErrorKind};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::events::EventBus;
use cache::Cache;

pub use backfill::{Backfill, BackfillStatus, BackfillWish};
pub use builder::{BuildError, HostBuilder};
pub use cache::JobView;
pub use calendars::FollowedCalendar;
pub use chain::Cause;
pub use draft::{Draft, MOST_SYMBOLS, Mode};
pub use error::HostError;
pub(crate) use error::{DATASET_NOT_FOUND, NO_HISTORY, RUN_NOT_FOUND};
pub use explain::{AskedTime, ExchangeDay, Explanation};
pub use fields::FieldError;
pub use forecast::Ends;
pub use listening::{DeliveryRecord, DeliveryStatus, Try};
pub use listing::PluginView;
pub(crate) use plugins::{Examined, FetcherEntry, ListenerEntry, Plugins};
pub use preview::{Preview, PreviewWish};
pub use reading::Status;
pub use registering::Origin;
pub use runs::ManualRun;
pub use upcoming::Upcoming;
pub use webhooks::{Webhook, WebhookWish};
pub(crate) use webhooks::{masked, without_password};

/// At most so long an answer waits for the store.
const STORE_DEADLINE: Duration = Duration::from_millis(900);

/// A running scheduler: plugins, store, clockwork and event bus. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    plugins: Arc<Plugins>,
    engine: Arc<Engine>,
    bus: EventBus,
    cache: Arc<Cache>,
    started_at: DateTime<Utc>,
    /// Ends the bus and its streams.
    stop: CancellationToken,
    tasks: TaskTracker,
    latency: AtomicU64,
    /// Why changed calendars are not in force.
    calendar_problem: std::sync::Mutex<Option<String>>,
    /// Calendars were replaced: every job is to be looked at.
    retime: Notify,
    /// A backfill is to begin.
    backfills: Notify,
    listening: listening::Signals,
    /// Counts the changes of plugins.
    plugins_version: AtomicU64,
    /// Tells how far the backfills are that this host works on.
    progress: broadcast::Sender<Arc<Backfill>>,
    last_counts: std::sync::Mutex<Arc<stock_scheduler_sdk::JobCounts>>,
}

impl Host {
    /// Begins a host to which plugins are added by name.
    pub fn builder() -> HostBuilder {
        HostBuilder::new()
    }

    /// The bus on which every event of every instance is heard.
    pub fn events(&self) -> &EventBus {
        &self.inner.bus
    }

    /// The zone of jobs that name none.
    pub fn zone(&self) -> Tz {
        self.inner.plugins.zone
    }

    /// The store's present instant, as far as it is known here.
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.engine.time.now()
    }

    /// Fires when the host begins to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.engine.stop.clone()
    }

    /// Stops firing, lets runs finish or checkpoint, then ends the event streams. Takes a few seconds at most.
    pub async fn stop(&self) {
        self.inner.engine.stop.cancel();
        self.inner.engine.wind_up().await;
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// The store, for what the host has no use case for.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// Whether the store answers now.
    pub async fn ready(&self) -> Result<(), HostError> {
        if self.inner.engine.stop.is_cancelled() {
            return Err(HostError::Unready("the service is stopping".into()));
        }
        let asked = Instant::now();
        self.in_time(self.inner.store.now()).await?;
        let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.inner.latency.store(took, Ordering::Relaxed);
        Ok(())
    }

    /// Waits for the store's answer, but not for ever.
    pub(crate) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(STORE_DEADLINE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "{} did not answer within {} ms",
                    self.inner.store.kind(),
                    STORE_DEADLINE.as_millis()
                ),
            )),
        }
    }
}
