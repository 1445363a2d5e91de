//! The store's clock, as this process knows it between two answers of the store.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler_sdk::Clock;
use tokio::time::Instant;

/// What the store's clock showed, and when that was heard by the monotonic and by our own clock.
#[derive(Debug, Clone, Copy)]
struct Heard {
    now: DateTime<Utc>,
    at: Instant,
    own: DateTime<Utc>,
}

/// Tells the store's time without asking it, by the time gone by since its last answer.
///
/// That is the monotonic clock's, or our own clock's where that shows more: a machine that slept has a monotonic clock
/// that knows nothing of it. Too much does no harm, because the store decides what is due.
#[derive(Debug, Clone)]
pub(crate) struct StoreTime {
    own: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Heard>>>,
}

impl StoreTime {
    /// Until the store has answered, it is `own`'s time.
    pub(crate) fn new(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            last: Arc::default(),
        }
    }

    /// Takes note of the store's answer.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Heard {
            now,
            at: Instant::now(),
            own: self.own.now(),
        });
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.own.now();
        last.map_or(own, |heard| {
            let gone_by = TimeDelta::from_std(heard.at.elapsed()).unwrap_or_default();
            heard.now + gone_by.max(own - heard.own)
        })
    }

    /// The monotonic instant at which the store's clock shows `at`, if nobody moves it.
    pub(crate) fn instant_of(&self, at: DateTime<Utc>) -> Instant {
        Instant::now() + (at - self.now()).to_std().unwrap_or_default()
    }
}
