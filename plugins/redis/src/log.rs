//! The event log: a stream that the scripts append to, read on the shared connection, waited for on one of its own.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redis::{Value, cmd};
use stock_scheduler_sdk::{Event, EventId, EventLog, EventPage, JobId, StoreError};
use tokio::time::Instant;

use crate::store::corrupt;
use crate::{RedisStore, event, scripts};

/// Asked at least so often, so that a server that went away while we wait is noticed.
const WAIT_AT_ONCE: Duration = Duration::from_secs(1);

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
        let until = Instant::now() + wait;
        let page = self.page_of_events(after, limit).await?;
        if limit == 0 || page.too_old || !page.events.is_empty() {
            return Ok(page);
        }
        loop {
            let left = until
                .saturating_duration_since(Instant::now())
                .min(WAIT_AT_ONCE);
            if left < Duration::from_millis(1) {
                return Ok(page);
            }
            if self.is_logged(after, left).await? {
                return self.page_of_events(after, limit).await;
            }
        }
    }
}

impl RedisStore {
    async fn page_of_events(&self, after: EventId, limit: usize) -> Result<EventPage, StoreError> {
        let mut call = scripts::EVENTS.call();
        call.arg(after.to_string()).arg(limit);
        let (last, too_old, entries): (String, String, Vec<Entry>) = self.link.run(&call).await?;
        Ok(EventPage {
            events: read_entries(&entries, after, limit)?,
            last: last.parse().map_err(corrupt)?,
            too_old: !too_old.is_empty(),
        })
    }

    /// Whether there is an event after `after` within `wait`.
    async fn is_logged(&self, after: EventId, wait: Duration) -> Result<bool, StoreError> {
        let mut command = cmd("XREAD");
        command
            .arg("COUNT")
            .arg(1)
            .arg("BLOCK")
            .arg(wait.as_millis() as u64);
        command
            .arg("STREAMS")
            .arg("{scheduler}:events")
            .arg(after.to_string());
        let answer: Value = self.link.wait("wait for events", &command, wait).await?;
        Ok(answer != Value::Nil)
    }
}

/// Up to `limit` events after `after`: an entry may begin before it.
fn read_entries(entries: &[Entry], after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::with_capacity(entries.len());
    for (last, fields) in entries {
        let last: EventId = last.parse().map_err(corrupt)?;
        let count = (fields.len() / 2) as u64;
        for (place, event) in (1..).zip(fields.chunks(2)) {
            let seq = (last.seq + place).saturating_sub(count);
            let id = EventId { ms: last.ms, seq };
            if id > after && events.len() < limit {
                events.push(read_event(id, event)?);
            }
        }
    }
    Ok(events)
}

fn read_event(id: EventId, fields: &[(String, String)]) -> Result<Event, StoreError> {
    let broken = || corrupt(format!("cannot read event {id}: it is no event"));
    let [(_, job), (shape, value)] = fields else {
        return Err(broken());
    };
    let job: JobId = job.parse().map_err(|_| broken())?;
    let kind = event::read(shape, value).ok_or_else(broken)?;
    let at = at(id);
    Ok(Event { id, at, job, kind })
}

fn at(id: EventId) -> DateTime<Utc> {
    let ms = i64::try_from(id.ms).ok();
    ms.and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
}
