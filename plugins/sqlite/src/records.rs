//! Small documents by namespace and key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use serde_json::Value;
use stock_scheduler_sdk::{Record, RecordStore, StoreError, async_trait};

use crate::SqliteStore;
use crate::fault::{Fault, Outcome};
use crate::poll::later;
use crate::step::Step;
use crate::text::{Instant, Json};
use crate::view::View;

#[async_trait]
impl RecordStore for SqliteStore {
    async fn record_get(&self, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        let (now, namespace, key) = (self.instant(), namespace.to_owned(), key.to_owned());
        let get = move |view: &View<'_>| get(view, &namespace, &key, now);
        self.read("read a record", get).await
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        let step = move |step: &mut Step<'_>| {
            step.put_record(&namespace, &key, expected, value.as_ref(), ttl)
        };
        self.write("write a record", step).await
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        let (now, namespace, prefix) = (self.instant(), namespace.to_owned(), prefix.to_owned());
        let after = after.map(str::to_owned);
        let scan =
            move |view: &View<'_>| scan(view, &namespace, &prefix, after.as_deref(), limit, now);
        self.read("read records", scan).await
    }
}

fn get(view: &View<'_>, namespace: &str, key: &str, now: DateTime<Utc>) -> Outcome<Option<Record>> {
    view.one(
        "SELECT key, revision, value FROM records \
         WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)",
        params![namespace, key, Instant::new(now)],
        |row| Ok(keyed(row)?.1),
    )
}

fn scan(
    view: &View<'_>,
    namespace: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
    now: DateTime<Utc>,
) -> Outcome<Vec<(String, Record)>> {
    let (first, sql) = match after.filter(|after| *after >= prefix) {
        Some(after) => (after, SCAN_AFTER),
        None => (prefix, SCAN_FROM),
    };
    let mut statement = view.file.prepare_cached(sql)?;
    let mut rows = statement.query(params![namespace, first, Instant::new(now)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, record) = keyed(row)?;
        if found.len() == limit || !key.starts_with(prefix) {
            break;
        }
        found.push((key, record));
    }
    Ok(found)
}

const SCAN_FROM: &str = "SELECT key, revision, value FROM records \
    WHERE namespace = ?1 AND key >= ?2 AND (expires_at IS NULL OR expires_at > ?3) ORDER BY key";
const SCAN_AFTER: &str = "SELECT key, revision, value FROM records \
    WHERE namespace = ?1 AND key > ?2 AND (expires_at IS NULL OR expires_at > ?3) ORDER BY key";

fn keyed(row: &Row<'_>) -> rusqlite::Result<(String, Record)> {
    let record = Record {
        revision: row.get::<_, i64>(1)?.cast_unsigned(),
        value: row.get::<_, Json<_>>(2)?.0,
    };
    Ok((row.get(0)?, record))
}

impl Step<'_> {
    fn put_record(
        &mut self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<&Value>,
        ttl: Option<Duration>,
    ) -> Outcome<u64> {
        let stored = get(self, namespace, key, self.now)?;
        let revision = stored.as_ref().map_or(0, |record| record.revision);
        if revision != expected {
            return match stored.as_ref().map(|record| &record.value) == value {
                true => Ok(revision),
                false => Err(Fault::conflict(format!(
                    "cannot write record {namespace}/{key}: revision {expected} was read, {revision} is stored"
                ))),
            };
        }
        let Some(value) = value else {
            self.execute(
                "DELETE FROM records WHERE namespace = ? AND key = ?",
                [namespace, key],
            )?;
            return Ok(0);
        };
        let expires_at = ttl.map(|ttl| Instant::new(later(self.now, ttl)));
        self.execute(
            "INSERT OR REPLACE INTO records (namespace, key, revision, expires_at, value) VALUES (?, ?, ?, ?, ?)",
            params![namespace, key, (revision + 1).cast_signed(), expires_at, Json(value)],
        )?;
        Ok(revision + 1)
    }
}
