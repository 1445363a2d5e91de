//! The event log: a stream that the scripts append to, read on the shared connection, waited for on one of its own.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redis::{FromRedisValue, Value};
use stock_scheduler_sdk::{Event, EventId, EventKind, EventLog, EventPage, StoreError};
use tokio::time::Instant;

use crate::store::corrupt;
use crate::{RedisStore, event};

/// Asked at least so often, so that a server that went away while we wait is noticed.
const WAIT_AT_ONCE: Duration = Duration::from_secs(1);

const EVENTS: &str = "{scheduler}:events";
/// Keys of the log's last event, and of the last that was trimmed.
const END: &str = "{scheduler}:last_event";
const TRIMMED: &str = "{scheduler}:trimmed_events";

/// An entry of the stream: its id, then names and values.
type Entry = (String, Vec<(String, String)>);

#[async_trait]
impl EventLog for RedisStore {
    async fn events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError> {
        if limit == 0 || wait < Duration::from_millis(1) {
            return self.page_of_events(after, limit).await;
        }
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let page = self
                .next_events(after, limit, left.min(WAIT_AT_ONCE))
                .await?;
            // A log that ends elsewhere has lost what was read, or holds what this version cannot read.
            let is_news = !page.events.is_empty() || page.last != after || page.too_old;
            if is_news || left <= WAIT_AT_ONCE {
                return Ok(page);
            }
        }
    }
}

impl RedisStore {
    async fn page_of_events(&self, after: EventId, limit: usize) -> Result<EventPage, StoreError> {
        let mut both = redis::pipe();
        // Read first: an event that comes in between is then after the end that is told, and not before it.
        both.mget(&[END, TRIMMED]);
        if limit > 0 {
            let range = both.cmd("XRANGE").arg(EVENTS).arg(format!("({after}"));
            range.arg("+").arg("COUNT").arg(limit);
        }
        let answers: Vec<Value> = self.link.ask_all("read the log", &both).await?;
        let mut answers = answers.into_iter();
        let ends: Vec<Option<String>> = read(answers.next())?;
        let entries: Vec<Entry> = read(answers.next())?;
        let events = read_entries(&entries, after, limit)?;
        let end = place(ends.first())?;
        Ok(EventPage {
            last: events.last().map_or(end, |newest| newest.id.max(end)),
            events,
            too_old: after < place(ends.get(1))?,
        })
    }

    /// The events after `after` as soon as there are any, or none after `wait`.
    async fn next_events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError> {
        let mut all = redis::pipe();
        // The end is read first, as above; what has been trimmed last, so that all is known that was before the answer.
        all.get(END);
        let next = all.cmd("XREAD").arg("COUNT").arg(limit);
        let next = next.arg("BLOCK").arg(wait.as_millis().max(1) as u64);
        next.arg("STREAMS").arg(EVENTS).arg(after.to_string());
        all.get(TRIMMED);
        type Streams = Option<Vec<(String, Vec<Entry>)>>;
        let answer = self.link.wait("wait for events", &all, wait).await?;
        let (end, streams, trimmed): (Option<String>, Streams, Option<String>) = answer;
        let streams = streams.into_iter().flatten();
        let entries: Vec<Entry> = streams.flat_map(|(_, entries)| entries).collect();
        let last = match entries.last() {
            Some((id, _)) => id.parse().map_err(corrupt)?,
            None => place(Some(&end))?,
        };
        Ok(EventPage {
            events: read_entries(&entries, after, limit)?,
            last,
            too_old: after < place(Some(&trimmed))?,
        })
    }
}

/// The event id that a key holds, if any.
fn place(id: Option<&Option<String>>) -> Result<EventId, StoreError> {
    let id = id.and_then(Option::as_deref);
    id.map_or(Ok(EventId::START), |id| id.parse().map_err(corrupt))
}

/// Reads one answer of several; none is nothing.
fn read<T: FromRedisValue + Default>(answer: Option<Value>) -> Result<T, StoreError> {
    let read = answer.map(|answer| T::from_redis_value(answer));
    read.transpose()
        .map(Option::unwrap_or_default)
        .map_err(|e| corrupt(e.to_string()))
}

/// Up to `limit` events after `after`: an entry may begin before it.
fn read_entries(entries: &[Entry], after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::with_capacity(entries.len());
    for (last, fields) in entries {
        let last: EventId = last.parse().map_err(corrupt)?;
        let parts = || fields.chunks_exact(2).map(|part| (&part[0].1, &part[1]));
        let count: usize = parts()
            .map(|(_, (shape, text))| event::count(shape, text))
            .sum();
        let mut seq = (last.seq + 1).saturating_sub(count as u64);
        for (job, (shape, text)) in parts() {
            let first = seq;
            seq += event::count(shape, text) as u64;
            // Of an event that is long known, the text need not be read.
            if (EventId {
                ms: last.ms,
                seq: seq - 1,
            }) <= after
            {
                continue;
            }
            for (seq, kind) in (first..).zip(event::read(shape, text)) {
                let id = EventId { ms: last.ms, seq };
                if id > after && events.len() < limit {
                    // A newer instance may log what this one does not know. It is passed over, not in the way for ever.
                    events.extend(read_event(id, job, kind));
                }
            }
        }
    }
    Ok(events)
}

fn read_event(id: EventId, job: &str, kind: Option<EventKind>) -> Option<Event> {
    let (job, kind) = (job.parse().ok()?, kind?);
    Some(Event {
        id,
        at: at(id),
        job,
        kind,
    })
}

fn at(id: EventId) -> DateTime<Utc> {
    let ms = i64::try_from(id.ms).ok();
    ms.and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
}
