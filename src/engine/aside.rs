//! What is worked out beside the dispatcher, because a job's schedule may keep whoever asks it waiting.
//!
//! A schedule that a program tells may hang; then its own job is late, and no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stock_scheduler_sdk::{Due, JobId, StoredJob};

use super::Engine;
use super::dispatcher::Planned;

/// Jobs that are being asked about, and what came of it since the dispatcher last looked.
#[derive(Default)]
pub(super) struct Aside(Mutex<State>);

#[derive(Default)]
struct State {
    asked: HashSet<JobId>,
    planned: Vec<Planned>,
}

impl Aside {
    /// What has been worked out since this was last called.
    pub(super) fn take(&self) -> Vec<Planned> {
        std::mem::take(&mut self.lock().planned)
    }

    /// Whether `job` is not being asked about yet; it is from now on.
    fn begin(&self, job: &JobId) -> bool {
        self.lock().asked.insert(job.clone())
    }

    fn end(&self, job: &JobId, planned: Option<Planned>) {
        let mut state = self.lock();
        state.asked.remove(job);
        state.planned.extend(planned);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Works out the claim for a due job on a thread that may wait; the dispatcher finds it in its next turn.
    pub(super) fn plan_aside(self: &Arc<Self>, stored: StoredJob, due: Due) {
        if !self.aside.begin(&due.job) {
            return;
        }
        let engine = self.clone();
        tokio::task::spawn_blocking(move || {
            let job = due.job.clone();
            let planned = engine.planned(&stored, due);
            let is_news = planned.is_some();
            engine.aside.end(&job, planned);
            if is_news {
                engine.nudge();
            }
        });
    }
}
