//! The event log in memory, and how listeners wait for it.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::MemoryStore;
use crate::{Event, EventId, EventKind, EventLog, EventPage, JobId, StoreError, retention};

#[derive(Default)]
pub(super) struct Log {
    events: VecDeque<Event>,
    last: EventId,
    /// The newest event that is no longer kept.
    dropped: EventId,
}

impl Log {
    pub(super) fn last(&self) -> EventId {
        self.last
    }

    pub(super) fn append(&mut self, at: DateTime<Utc>, job: JobId, kind: EventKind) {
        self.last = self.last.next(at);
        let id = self.last;
        self.events.push_back(Event { id, at, job, kind });
        if self.events.len() > retention::EVENTS {
            self.dropped = self.events.pop_front().map_or(self.dropped, |old| old.id);
        }
    }

    fn page(&self, after: EventId, limit: usize) -> EventPage {
        let first = self.events.partition_point(|event| event.id <= after);
        EventPage {
            events: self.events.range(first..).take(limit).cloned().collect(),
            last: self.last,
            too_old: after < self.dropped,
        }
    }
}

#[async_trait]
impl EventLog for MemoryStore {
    async fn events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError> {
        let page = || self.step(|state, _| state.log.page(after, limit));
        let first_page = async {
            loop {
                // Listens before it looks, so that nothing is logged unheard between the two.
                let logged = self.logged.notified();
                let page = page();
                if limit == 0 || !page.events.is_empty() {
                    return page;
                }
                logged.await;
            }
        };
        Ok(timeout(wait, first_page).await.unwrap_or_else(|_| page()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trimmed_log_says_that_an_id_is_too_old() {
        let mut log = Log::default();
        let created = || EventKind::JobCreated {
            job_name: "A".into(),
            revision: 1,
        };
        let job: JobId = "a".parse().unwrap();
        for _ in 0..retention::EVENTS + 2 {
            log.append(DateTime::UNIX_EPOCH, job.clone(), created());
        }

        let from_start = log.page(EventId::START, 1);
        let from_dropped = log.page(log.dropped, 1);

        assert!(from_start.too_old);
        assert!(!from_dropped.too_old);
        assert_eq!(from_start.events, from_dropped.events);
        assert_eq!(log.events.len(), retention::EVENTS);
    }
}
