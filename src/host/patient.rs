//! Schedules that may keep whoever asks them waiting, asked so that the runtime's other tasks go on.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Calendar, Next, Schedule};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A schedule that is asked [`patiently`].
pub(super) struct Patient(pub(super) Box<dyn Schedule>);

impl Schedule for Patient {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        patiently(|| self.0.next_after(instant))
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn zone(&self) -> Option<Tz> {
        self.0.zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.0.time_of_day()
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        self.0.exchange()
    }

    fn ask_again_after(&self) -> Option<TimeDelta> {
        self.0.ask_again_after()
    }
}

/// Waits in a way that keeps other tasks of the same runtime going, where it can.
pub(super) fn patiently<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}
