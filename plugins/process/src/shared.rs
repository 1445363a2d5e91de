//! What the owner of a program and those who ask it both know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stock_scheduler_sdk::Health;
use tokio::sync::watch;

use crate::{Description, ProcessConfig};

/// One plugin, as its handles and its owner see it.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) config: ProcessConfig,
    pub(crate) counters: Counters,
    pub(crate) description: watch::Sender<Option<Arc<Description>>>,
    /// Why it does not work now.
    problem: Mutex<Option<String>>,
    /// Why nobody should wait for it now.
    trouble: Mutex<Option<Trouble>>,
}

/// What came when it was waited for the last time.
struct Trouble {
    why: String,
    since: Instant,
    told_before: u64,
    /// How often in a row.
    times: u32,
}

/// After so long it is waited for again, even where it has told nothing of schedules; twice as long each further time.
const TROUBLE_LASTS: Duration = Duration::from_secs(5);
const TROUBLE_LASTS_AT_MOST: Duration = Duration::from_secs(60);

/// What is counted since the start of the host.
#[derive(Default)]
pub(crate) struct Counters {
    /// Requests made of the plugin.
    pub(crate) calls: AtomicU64,
    /// Requests that brought no result.
    pub(crate) failures: AtomicU64,
    /// Requests that were not answered in time.
    pub(crate) timeouts: AtomicU64,
    /// Answers that came, of any kind.
    pub(crate) answers: AtomicU64,
    /// What it told of schedules.
    pub(crate) told: AtomicU64,
    /// Starts of the program but for the first.
    pub(crate) restarts: AtomicU64,
    /// Lines of its log that were not written.
    pub(crate) log_lines_dropped: AtomicU64,
}

impl Shared {
    pub(crate) fn new(name: String, config: ProcessConfig) -> Self {
        Self {
            name,
            config,
            counters: Counters::default(),
            description: watch::Sender::new(None),
            problem: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    pub(crate) fn described(&self) -> Option<Arc<Description>> {
        self.description.borrow().clone()
    }

    pub(crate) fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Notes that it was waited for in vain, for what it knows of schedules.
    pub(crate) fn set_trouble(&self, why: String) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let told_before = self.counters.told.load(Ordering::Relaxed);
        let again = trouble
            .as_ref()
            .filter(|one| one.told_before == told_before);
        *trouble = Some(Trouble {
            times: again.map_or(1, |one| one.times + 1),
            why,
            since: Instant::now(),
            told_before,
        });
    }

    /// Why nobody should wait for it, where somebody has a moment ago, in vain, and it has told nothing of schedules since:
    /// that it answers something else is no comfort.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = trouble.as_ref()?;
        let told = self.counters.told.load(Ordering::Relaxed);
        let most = TROUBLE_LASTS * 2u32.saturating_pow(trouble.times.min(8) - 1);
        let lasts = trouble.since.elapsed() < most.min(TROUBLE_LASTS_AT_MOST);
        (lasts && trouble.told_before == told).then(|| trouble.why.clone())
    }

    /// Why it was waited for in vain the last time, where it has told nothing of schedules since.
    pub(crate) fn waited_in_vain(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.counters.told.load(Ordering::Relaxed);
        let trouble = trouble.as_ref().filter(|one| one.told_before == told)?;
        Some(trouble.why.clone())
    }

    pub(crate) fn health(&self) -> Health {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let health = problem.clone().map_or_else(Health::up, Health::down);
        let counters = &self.counters;
        [
            ("restarts", &counters.restarts),
            ("calls", &counters.calls),
            ("failures", &counters.failures),
            ("timeouts", &counters.timeouts),
            ("log_lines_dropped", &counters.log_lines_dropped),
        ]
        .into_iter()
        .fold(health, |health, (name, count)| {
            health.with_counter(name, count.load(Ordering::Relaxed))
        })
    }
}
