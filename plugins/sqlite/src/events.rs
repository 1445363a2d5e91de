//! The event log: appended by every step that changes something, trimmed now and then, followed by listeners.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use stock_scheduler_sdk::{
    Event, EventId, EventKind, EventLog, EventPage, JobId, StoreError, async_trait, retention,
};
use tokio::time::timeout;

use crate::SqliteStore;
use crate::fault::Outcome;
use crate::pending::FIRST_EVENT;
use crate::step::Step;
use crate::text::{At, Instant, Json, Text};
use crate::view::View;

/// After so many events the log is trimmed: finding the place to cut costs a walk along all that is kept.
const TRIM_EVERY: usize = 5_000;

impl Step<'_> {
    /// Logs what happened to a job.
    pub(crate) fn tell(&mut self, job: &JobId, kind: &EventKind) -> Outcome<()> {
        let id = self.announce(job, kind.clone());
        self.log(id, self.now, job, kind)
    }

    /// Gives an event its id and makes it known to listeners once the transaction is whole. Its row is left to the caller.
    pub(crate) fn announce(&mut self, job: &JobId, kind: EventKind) -> EventId {
        let id = self.ledger.last_event.next(self.now);
        self.ledger.last_event = id;
        self.told.push(Event {
            id,
            at: self.now,
            job: job.clone(),
            kind,
        });
        id
    }

    /// Writes the row of an event that was announced.
    pub(crate) fn log(
        &mut self,
        id: EventId,
        at: DateTime<Utc>,
        job: &JobId,
        kind: &EventKind,
    ) -> Outcome<()> {
        self.execute(
            "INSERT INTO events (ms, seq, at, job, data) VALUES (?, ?, ?, ?, ?)",
            params![
                id.ms.cast_signed(),
                id.seq.cast_signed(),
                Instant::new(at),
                job.as_str(),
                Json(kind)
            ],
        )?;
        self.ledger.logged += 1;
        match self.ledger.logged >= TRIM_EVERY {
            true => self.trim_log(),
            false => Ok(()),
        }
    }

    fn trim_log(&mut self) -> Outcome<()> {
        self.ledger.logged = 0;
        let cut = "SELECT ms, seq FROM events ORDER BY ms DESC, seq DESC LIMIT 1 OFFSET ?";
        let kept = i64::try_from(retention::EVENTS).unwrap_or(i64::MAX);
        let Some(last) = self.one(cut, [kept], id)? else {
            return Ok(());
        };
        let place = params![last.ms.cast_signed(), last.seq.cast_signed()];
        self.execute("DELETE FROM events WHERE (ms, seq) <= (?, ?)", place)?;
        self.execute("UPDATE forgotten_events SET ms = ?, seq = ?", place)?;
        self.ledger.forgotten_event = last;
        Ok(())
    }
}

/// Reads the columns `ms, seq`.
pub(crate) fn id(row: &Row<'_>) -> rusqlite::Result<EventId> {
    Ok(EventId {
        ms: row.get::<_, i64>(0)?.cast_unsigned(),
        seq: row.get::<_, i64>(1)?.cast_unsigned(),
    })
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        id: id(row)?,
        at: row.get::<_, At>(2)?.0,
        job: row.get::<_, Text<_>>(3)?.0,
        kind: row.get::<_, Json<_>>(4)?.0,
    })
}

impl View<'_> {
    /// The events after `after` up to the first that waits in a result.
    fn events_after(&self, after: EventId, limit: usize) -> Outcome<Vec<Event>> {
        let end = self.one(FIRST_EVENT, [], id)?.unwrap_or(EventId {
            ms: i64::MAX.cast_unsigned(),
            seq: i64::MAX.cast_unsigned(),
        });
        self.all(
            "SELECT ms, seq, at, job, data FROM events WHERE (ms, seq) > (?, ?) AND (ms, seq) < (?, ?) \
             ORDER BY ms, seq LIMIT ?",
            params![
                after.ms.cast_signed(),
                after.seq.cast_signed(),
                end.ms.cast_signed(),
                end.seq.cast_signed(),
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            event,
        )
    }
}

impl SqliteStore {
    /// A page of the log; of the results that wait only those are settled whose events may belong to it.
    async fn page_of_events(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
        const ATTEMPTED: &str = "read the log";
        let acknowledged = self.shared.appended();
        let mut page: Vec<Event> = Vec::new();
        loop {
            let is_settled = self.shared.is_settled(acknowledged);
            let after = page.last().map_or(after, |event| event.id);
            let left = limit - page.len();
            let more = move |view: &View<'_>| view.events_after(after, left);
            page.extend(self.read(ATTEMPTED, more).await?);
            if is_settled || page.len() == limit {
                return Ok(page);
            }
            self.write(ATTEMPTED, |step| step.settle()).await?;
        }
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn events(
        &self,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Result<EventPage, StoreError> {
        let mut log = self.shared.watch_events();
        let mut last = *log.borrow_and_update();
        if limit > 0 && after >= last && !wait.is_zero() {
            // Whether time is over or there is news, the page below tells which.
            let _ = timeout(wait, log.wait_for(|last| after < *last)).await;
            last = *log.borrow_and_update();
        }
        let events = match self.shared.recent(after, limit) {
            _ if limit == 0 || after >= last => Vec::new(),
            Some(recent) => recent,
            None => self.page_of_events(after, limit).await?,
        };
        Ok(EventPage {
            last: events.last().map_or(last, |event| event.id.max(last)),
            events,
            too_old: after < self.shared.forgotten_event(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stock_scheduler_sdk::SystemClock;

    use super::*;
    use crate::Settings;

    fn tell_many(step: &mut Step<'_>) -> Outcome<()> {
        let (job, job_name) = ("a".parse().unwrap(), "Tech".to_owned());
        let created = EventKind::JobCreated {
            job_name,
            revision: 1,
        };
        (0..TRIM_EVERY).try_for_each(|_| step.tell(&job, &created))
    }

    #[tokio::test]
    async fn a_trimmed_log_says_that_an_id_is_too_old() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jobs.db");
        let open =
            || SqliteStore::open(&path, &Settings::default(), Arc::new(SystemClock)).unwrap();
        let store = open();
        for _ in 0..=retention::EVENTS / TRIM_EVERY {
            store.write("tell", tell_many).await.unwrap();
        }
        let end = store
            .events(EventId::START, 0, Duration::ZERO)
            .await
            .unwrap();

        drop(store);
        let store = open();
        let oldest = store
            .events(EventId::START, 1, Duration::ZERO)
            .await
            .unwrap();
        let resumed = store.events(oldest.events[0].id, 200_000, Duration::ZERO);

        assert!(oldest.too_old);
        assert_eq!(oldest.last, end.last);
        let resumed = resumed.await.unwrap();
        assert!(!resumed.too_old);
        assert_eq!(resumed.events.len(), retention::EVENTS - 1);
        assert_eq!(resumed.events.last().map(|event| event.id), Some(end.last));
    }
}
