//! Small documents: each a text `REVISION JSON` under a key of its own, with an index of keys for each namespace.

use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;
use serde_json::Value;
use stock_scheduler_sdk::{Record, RecordStore, StoreError, StoreErrorKind};

use crate::store::corrupt;
use crate::{RedisStore, scripts};

#[async_trait]
impl RecordStore for RedisStore {
    async fn record_get(&self, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        let mut command = cmd("GET");
        command.arg(Space::of(namespace).key(key));
        let text: Option<String> = self.link.ask("read a record", &command).await?;
        text.map(|text| read_record(namespace, key, &text))
            .transpose()
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let space = Space::of(namespace);
        let mut call = scripts::PUT.call();
        call.arg(space.key(key))
            .arg(key)
            .arg(space.index())
            .arg(expected);
        call.arg(value.map(|value| value.to_string()).unwrap_or_default());
        call.arg(ttl.map(|ttl| lifetime(ttl).to_string()).unwrap_or_default());
        let (is_written, revision): (bool, u64) = self.link.run(&call).await?;
        match is_written {
            true => Ok(revision),
            false => Err(conflict(namespace, key, expected, revision)),
        }
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        let space = Space::of(namespace);
        let first = match after {
            Some(after) if after >= prefix => format!("({after}"),
            _ => format!("[{prefix}"),
        };
        let mut call = scripts::SCAN.call();
        call.arg(space.index())
            .arg(space.key(""))
            .arg(first)
            .arg(end_of(prefix))
            .arg(limit);
        let found: Vec<(String, String)> = self.link.run(&call).await?;
        let read = |(key, text): (String, String)| {
            let record = read_record(namespace, &key, &text)?;
            Ok((key, record))
        };
        found.into_iter().map(read).collect()
    }
}

/// A namespace as a part of keys: it holds no `:`, so that two never share a key.
struct Space(String);

impl Space {
    fn of(namespace: &str) -> Self {
        Self(namespace.replace('%', "%25").replace(':', "%3A"))
    }

    fn key(&self, key: &str) -> String {
        format!("{{scheduler}}:record:{}:{key}", self.0)
    }

    fn index(&self) -> String {
        format!("{{scheduler}}:records:{}", self.0)
    }
}

/// Where the keys that begin with `prefix` end.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        None => return b"+".to_vec(),
        // UTF-8 has no byte 255, so the last one can always grow.
        Some(last) => *last += 1,
    }
    end.insert(0, b'(');
    end
}

/// A lifetime in milliseconds, within what the server takes.
fn lifetime(ttl: Duration) -> u64 {
    const CENTURY: u64 = 100 * 366 * 24 * 60 * 60 * 1000;
    u64::try_from(ttl.as_millis())
        .unwrap_or(CENTURY)
        .clamp(1, CENTURY)
}

fn read_record(namespace: &str, key: &str, text: &str) -> Result<Record, StoreError> {
    let read = || {
        let (revision, value) = text.split_once(' ')?;
        Some(Record {
            revision: revision.parse().ok()?,
            value: serde_json::from_str(value).ok()?,
        })
    };
    read().ok_or_else(|| {
        corrupt(format!(
            "cannot read record {namespace}/{key}: it is not REVISION JSON"
        ))
    })
}

fn conflict(namespace: &str, key: &str, expected: u64, stored: u64) -> StoreError {
    let message = format!(
        "cannot write record {namespace}/{key}: revision {expected} was read, {stored} is stored"
    );
    StoreError::new(StoreErrorKind::Conflict, message)
}
