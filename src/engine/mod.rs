//! The clockwork: sleeps until the next fire, claims it, runs it, and finishes what others left behind.
//!
//! `dispatcher` decides when (`aside`, where that may take long), `plan` what, `runner` carries a run out, `gate` and `retry`
//! say how the provider is asked.

mod aside;
mod burst;
mod dispatcher;
pub(crate) mod gate;
mod pace;
pub(crate) mod plan;
mod retry;
mod runner;
mod running;
pub(crate) mod threads;
mod time;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use stock_scheduler_sdk::{Event, EventKind, HostId, JobId, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::host::Plugins;
use aside::Aside;
use burst::Burst;
pub(crate) use dispatcher::NUDGE_WITHIN;
pub(crate) use running::{Running, Slot};
pub(crate) use time::StoreTime;

/// What all parts of the clockwork share.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) plugins: Arc<Plugins>,
    /// This life of the process.
    pub(crate) host: HostId,
    pub(crate) time: StoreTime,
    /// The runs that this process works on.
    pub(crate) running: Running,
    tasks: TaskTracker,
    /// Many fires at once are claimed before anything else is written.
    burst: Burst,
    /// Fires of jobs whose schedules may keep us waiting.
    aside: Aside,
    /// Something may be due earlier than the dispatcher thinks.
    nudge: Notify,
    /// A claim's answer was lost: runs may be ours without our knowing.
    unsure: AtomicBool,
    /// A fire waits for the end of a run.
    waiting: AtomicBool,
    /// The jobs that are run for fire times of the past.
    backfilled: RwLock<HashSet<JobId>>,
    /// Whether fires are ours to claim, or only runs by hand.
    pub(crate) fires: bool,
    /// No new work from now on; runs under way checkpoint.
    pub(crate) stop: CancellationToken,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        plugins: Arc<Plugins>,
        time: StoreTime,
        stop: CancellationToken,
        fires: bool,
    ) -> Self {
        Self {
            store,
            plugins,
            host: HostId::random(),
            time,
            running: Running::default(),
            tasks: TaskTracker::new(),
            burst: Burst::default(),
            aside: Aside::default(),
            nudge: Notify::new(),
            unsure: AtomicBool::new(true),
            waiting: AtomicBool::new(false),
            backfilled: RwLock::default(),
            fires,
            stop,
        }
    }

    /// Fires jobs and finishes lost runs until the service stops.
    pub(crate) fn start(self: &Arc<Self>) {
        self.tasks.spawn(self.clone().dispatch());
    }

    /// Makes the dispatcher look for what is due now, rather than when it meant to.
    pub(crate) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Makes the dispatcher ask which runs are ours.
    pub(crate) fn doubt(&self) {
        self.unsure.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_backfilled(&self, jobs: HashSet<JobId>) {
        *self
            .backfilled
            .write()
            .unwrap_or_else(PoisonError::into_inner) = jobs;
    }

    fn is_backfilled(&self, job: &JobId) -> bool {
        let jobs = self
            .backfilled
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        jobs.contains(job)
    }

    /// Hears of every event: a run that ended or lost its job elsewhere is dropped here.
    pub(crate) fn hear(&self, event: &Event) {
        if let EventKind::JobFinished { execution_id, .. } = &event.kind {
            self.running.cancel(*execution_id);
            if self.waiting.swap(false, Ordering::Relaxed) {
                self.nudge();
            }
        }
    }

    /// Waits until the dispatcher has ended and every run has finished or checkpointed, then gives up the lease so that
    /// others can go on at once.
    pub(crate) async fn wind_up(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.store.retire(self.host).await {
            tracing::warn!(%error, "could not give up the lease; unfinished runs go on when it ends");
        }
    }
}
