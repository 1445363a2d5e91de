//! Reads the event log from where a reader stopped, whatever was restarted in between.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use stock_scheduler_sdk::{Event, EventId, Record, Store, StoreError, StoreErrorKind};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use super::NAMESPACE;
use crate::events::Heard;
use crate::host::Host;

/// How many events are handed over at a time.
const PAGE: usize = 500;
/// How often the place is remembered while much happens.
const REMEMBER_EVERY: Duration = Duration::from_millis(500);

/// More events than ever happen within a millisecond.
const LAST_SEQ: u64 = u32::MAX as u64;
/// Begins the keys of places.
const CURSOR: &str = "cursor:";

/// A reader's place in the log.
pub(in crate::host) struct Follower {
    host: Host,
    key: String,
    live: broadcast::Receiver<Heard>,
    /// Everything up to this event has been handed over.
    after: EventId,
    /// The first event handed over that is not dealt with yet.
    held: Option<EventId>,
    /// Whether the log is to be read before what is heard.
    is_behind: bool,
    /// What is stored of the place, and its revision.
    kept: (EventId, u64),
    kept_at: Instant,
}

impl Follower {
    /// The reader of this name, where it stopped; one that never read begins now.
    pub(in crate::host) async fn open(host: &Host, name: &str) -> Result<Self, StoreError> {
        let live = host.events().subscribe();
        let key = cursor(name);
        let kept = match host.store().record_get(NAMESPACE, &key).await? {
            Some(record) => (read(&record.value), record.revision),
            None => begin(host, name).await?,
        };
        Ok(Self {
            host: host.clone(),
            key,
            live,
            after: kept.0,
            held: None,
            is_behind: true,
            kept,
            kept_at: Instant::now(),
        })
    }

    /// The next events, in order, at least one. Dropping it loses nothing.
    pub(in crate::host) async fn next(&mut self) -> Result<Vec<Event>, StoreError> {
        loop {
            if self.is_behind {
                let events = self.read_log().await?;
                if !events.is_empty() {
                    return Ok(events);
                }
                continue;
            }
            match self.live.recv().await {
                Ok(Heard::Event(first)) => {
                    let mut events = Vec::new();
                    self.take(first.event.clone(), &mut events);
                    self.take_more(&mut events);
                    if !events.is_empty() {
                        return Ok(events);
                    }
                }
                Ok(Heard::Missed) | Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    async fn read_log(&mut self) -> Result<Vec<Event>, StoreError> {
        let store = self.host.store();
        let page = store.events(self.after, PAGE, Duration::ZERO).await?;
        if page.too_old {
            tracing::warn!(reader = self.key, after = %self.after, "events were trimmed from the log before they were read");
        }
        self.is_behind = page.events.len() == PAGE;
        match page.events.last() {
            Some(last) => self.after = last.id,
            // A store that lost its end goes on with lower ids.
            None if page.last < self.after => self.after = page.last,
            None => {}
        }
        Ok(page.events)
    }

    fn take(&mut self, event: Event, events: &mut Vec<Event>) {
        if event.id > self.after {
            self.after = event.id;
            events.push(event);
        }
    }

    /// Adds what is waiting already.
    fn take_more(&mut self, events: &mut Vec<Event>) {
        while events.len() < PAGE {
            match self.live.try_recv() {
                Ok(Heard::Event(next)) => self.take(next.event.clone(), events),
                Ok(Heard::Missed) => {
                    self.is_behind = true;
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// The place in the log up to which everything is dealt with.
    pub(in crate::host) fn place(&self) -> EventId {
        self.held
            .map_or(self.after, |held| just_before(held).min(self.after))
    }

    /// Says which is the first event handed over that is not dealt with yet; none, unless it is said.
    pub(in crate::host) fn hold(&mut self, first: Option<EventId>) {
        self.held = first;
    }

    /// When the place is to be remembered, where that is not done yet.
    pub(in crate::host) fn remember_at(&self) -> Option<Instant> {
        (self.kept.0 != self.place()).then(|| self.kept_at + REMEMBER_EVERY)
    }

    /// Remembers up to where everything is dealt with.
    pub(in crate::host) async fn remember(&mut self) -> Result<(), StoreError> {
        let place = self.place();
        if self.kept.0 == place {
            return Ok(());
        }
        let store = self.host.store();
        let value = Some(written(place));
        let revision = store
            .record_put(NAMESPACE, &self.key, self.kept.1, value, None)
            .await?;
        self.kept = (place, revision);
        self.kept_at = Instant::now();
        Ok(())
    }
}

/// A place after everything that comes before `event`.
fn just_before(event: EventId) -> EventId {
    match (event.ms.checked_sub(1), event.seq.checked_sub(1)) {
        (_, Some(seq)) => EventId { ms: event.ms, seq },
        (Some(ms), None) => EventId { ms, seq: LAST_SEQ },
        (None, None) => EventId::START,
    }
}

/// Lets the reader of this name begin with what comes now, unless it has begun.
pub(in crate::host) async fn begin(host: &Host, name: &str) -> Result<(EventId, u64), StoreError> {
    host.events().catch_up().await?;
    let now = host.events().seen().unwrap_or_default();
    let (store, key) = (host.store(), cursor(name));
    let put = store.record_put(NAMESPACE, &key, 0, Some(written(now)), None);
    match put.await {
        Err(error) if error.kind() == StoreErrorKind::Conflict => {
            let record = store.record_get(NAMESPACE, &key).await?;
            Ok(record.map_or((now, 0), |record| (read(&record.value), record.revision)))
        }
        revision => Ok((now, revision?)),
    }
}

/// Forgets the place of a reader that is gone.
pub(in crate::host) async fn forget(store: &dyn Store, name: &str) -> Result<(), StoreError> {
    super::ledger::delete(store, NAMESPACE, &cursor(name)).await
}

/// The readers that have a place and whose names begin with `prefix`.
pub(super) async fn names(store: &dyn Store, prefix: &str) -> Result<HashSet<String>, StoreError> {
    let (prefix, mut names, mut after) = (cursor(prefix), HashSet::new(), None::<String>);
    loop {
        let page = store
            .record_scan(NAMESPACE, &prefix, after.as_deref(), PAGE)
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(names);
        };
        after = Some(last.clone());
        let read = |(key, _): (String, Record)| key.strip_prefix(CURSOR).map(str::to_owned);
        names.extend(page.into_iter().filter_map(read));
    }
}

fn cursor(name: &str) -> String {
    format!("{CURSOR}{name}")
}

fn written(after: EventId) -> Value {
    json!({"after": after.to_string()})
}

fn read(value: &Value) -> EventId {
    let after = value["after"].as_str().and_then(|after| after.parse().ok());
    after.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_before_an_event_is_after_all_that_came_before_it() {
        let id = |ms, seq| EventId { ms, seq };

        assert_eq!(just_before(id(7, 3)), id(7, 2));
        assert!(just_before(id(7, 0)) > id(6, 1_000_000));
        assert!(just_before(id(7, 0)) < id(7, 0));
        assert_eq!(just_before(EventId::START), EventId::START);
    }
}
