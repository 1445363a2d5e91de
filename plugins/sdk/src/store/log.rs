//! The event log: every fact once, in order, for whoever listens.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Event, EventId, StoreError};

/// Answers what happened since.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// The events after `after`, oldest first, at most `limit`; with none yet, waits up to `wait` for the first.
    ///
    /// With `limit` 0 it answers at once where the log ends. The log keeps at least the last
    /// [`EVENTS`](crate::retention::EVENTS).
    async fn events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError>;
}

/// Part of the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The id of the newest event in the log, or of the last that was looked at where the question waited for news;
    /// [`EventId::START`] when there never was one.
    pub last: EventId,
    /// Whether events after the id asked for are no longer kept, so that `events` begins later.
    pub too_old: bool,
}
