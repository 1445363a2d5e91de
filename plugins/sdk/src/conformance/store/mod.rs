//! The laws of a [`Store`], each tried on a fresh one.
//!
//! ```
//! # use std::sync::Arc;
//! # use stock_scheduler_sdk::{Clock, ManualClock, MemoryStore};
//! use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let kept = check(|| async {
//!     let clock = Arc::new(ManualClock::new("2025-03-03T21:59:30Z".parse().unwrap()));
//!     StoreUnderTest::with_clock(Arc::new(MemoryStore::new(clock.clone())), clock)
//! });
//! assert_eq!(kept.await, Ok(()));
//! # }
//! ```

mod claims;
mod crash;
mod data;
mod due;
mod fence;
mod fires;
mod history;
mod jobs;
mod listing;
mod log;
mod progress;
mod records;
mod stage;
mod takeover;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::LocalBoxFuture;

use super::Broken;
use crate::{ManualClock, Store};
use stage::{Checked, Stage};

/// A fresh, empty store, and how its time passes.
pub struct StoreUnderTest {
    store: Arc<dyn Store>,
    time: Time,
    reopen: Option<Reopen>,
}

type Reopen = Box<dyn FnOnce() -> LocalBoxFuture<'static, Arc<dyn Store>>>;

enum Time {
    By(Arc<ManualClock>),
    Real,
}

impl StoreUnderTest {
    /// A store that asks `clock` for the time: the suite moves it.
    pub fn with_clock(store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Self {
        Self {
            store,
            time: Time::By(clock),
            reopen: None,
        }
    }

    /// A store with a clock of its own: the suite sleeps, about three seconds in all.
    pub fn in_real_time(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            time: Time::Real,
            reopen: None,
        }
    }

    /// The same store, which `reopen` opens again as after a crash. The suite has let go of the old one by then.
    pub fn reopened_by<F, R>(mut self, reopen: F) -> Self
    where
        F: FnOnce() -> R + 'static,
        R: Future<Output = Arc<dyn Store>> + 'static,
    {
        self.reopen = Some(Box::new(|| Box::pin(reopen())));
        self
    }

    async fn pass(&self, span: Duration) {
        match &self.time {
            Time::By(clock) => clock.advance(TimeDelta::from_std(span).unwrap_or_default()),
            Time::Real => tokio::time::sleep(span).await,
        }
    }
}

/// Tries every law, each on a fresh store from `make`; the first that is broken ends the check.
///
/// It takes a runtime whose time is not paused.
pub async fn check<F, M>(make: F) -> Result<(), Broken>
where
    F: Fn() -> M,
    M: Future<Output = StoreUnderTest>,
{
    for law in LAWS {
        law.check(make().await).await?;
    }
    Ok(())
}

/// Tries the one law of this name on a fresh store; see [`laws`].
pub async fn check_law(law: &str, fresh: StoreUnderTest) -> Result<(), Broken> {
    match LAWS.iter().find(|known| known.name == law) {
        Some(law) => law.check(fresh).await,
        None => Err(Broken::new(
            "the suite knows the law",
            format!("there is no law {law:?}"),
        )),
    }
}

/// The names of the laws, in the order in which they are tried.
pub fn laws() -> impl Iterator<Item = &'static str> {
    LAWS.iter().map(|law| law.name)
}

/// A law that takes longer than this is broken.
const PATIENCE: Duration = Duration::from_secs(30);

struct Law {
    name: &'static str,
    check: fn(Stage) -> LocalBoxFuture<'static, Checked>,
}

impl Law {
    async fn check(&self, fresh: StoreUnderTest) -> Result<(), Broken> {
        let checked = tokio::time::timeout(PATIENCE, (self.check)(Stage::new(fresh))).await;
        match checked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(detail)) => Err(Broken::new(self.name, detail.0)),
            Err(_) => Err(Broken::new(
                self.name,
                format!("no answer within {PATIENCE:?}"),
            )),
        }
    }
}

macro_rules! laws {
    ($($name:literal => $check:path,)+) => {
        &[$(Law { name: $name, check: |stage| Box::pin($check(stage)) }),+]
    };
}

const LAWS: &[Law] = laws! {
    "a job is created once" => jobs::created_once,
    "stale changes nothing" => jobs::stale_changes_nothing,
    "an edit keeps what happened" => jobs::edit_keeps_what_happened,
    "a repeated edit has the effect of once" => jobs::repeated_edit,
    "a deleted id stays deleted" => jobs::deleted_stays_deleted,
    "jobs are in the order of creation" => listing::order_of_creation,
    "filters hold and totals are exact" => listing::filters_and_totals,
    "counts are exact" => listing::counts,
    "due is found" => due::found,
    "due is in order" => due::in_order,
    "one run a fire" => claims::one_run_a_fire,
    "a refused claim changes nothing" => claims::refusals,
    "a repeated claim is the same run" => claims::repeated,
    "tokens grow" => claims::tokens_grow,
    "overlap is skipped or allowed" => fires::overlap,
    "a queued fire waits for the run before it" => fires::queued,
    "fires are counted" => fires::counted,
    "a schedule may move before its time" => fires::moved_ahead,
    "passed fires are recorded" => fires::passed,
    "the last fire never goes back" => fires::last_fire,
    "a run by hand leaves the schedule alone" => fires::by_hand_law,
    "the fence decides" => fence::decides,
    "runs of one job do not fence each other off" => fence::side_by_side,
    "deletion ends and fences off runs" => fence::deletion,
    "a record is applied whole" => progress::whole,
    "a repeated record has the effect of once" => progress::repeated,
    "a run ends once" => progress::ends_once,
    "a failed symbol stores nothing" => progress::failed_symbol,
    "only the windows to keep are kept" => progress::keep,
    "a job shows its latest run" => progress::latest_run,
    "a living host is respected" => takeover::living_host,
    "a dead host's runs can be taken over" => takeover::dead_host,
    "a retired host's runs are orphans" => takeover::retired_host,
    "a run to cancel is taken from anybody" => takeover::cancelled,
    "runs are newest first" => history::runs,
    "fires are newest first" => history::fires,
    "a dataset is the rendered text" => data::rendered_text,
    "datasets are ordered by key" => data::ordered_by_key,
    "the latest window is found" => data::latest,
    "the log is in order" => log::in_order,
    "the log can be resumed" => log::resumed,
    "a listener is woken" => log::woken,
    "records compare and set" => records::compare_and_set,
    "records end in time" => records::end_in_time,
    "records are scanned in order" => records::scanned,
    "a crash is cured by taking over" => crash::cured,
    "what was acknowledged survives" => crash::survives,
};
