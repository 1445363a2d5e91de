//! The store's clock, as this process knows it between two answers of the store.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler_sdk::Clock;
use tokio::time::Instant;

/// What the store's clock showed, and when that was heard.
type Heard = (Instant, DateTime<Utc>);

/// Tells the store's time without asking it, by the monotonic clock since its last answer.
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
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), now));
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some((heard, now)) => now + TimeDelta::from_std(heard.elapsed()).unwrap_or_default(),
            None => self.own.now(),
        }
    }

    /// The monotonic instant at which the store's clock shows `at`, if nobody moves it.
    pub(crate) fn instant_of(&self, at: DateTime<Utc>) -> Instant {
        Instant::now() + (at - self.now()).to_std().unwrap_or_default()
    }
}
