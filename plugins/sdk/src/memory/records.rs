//! Small documents in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{MemoryStore, later};
use crate::{Record, RecordStore, StoreError, StoreErrorKind};

/// Namespace and key.
type Name = (String, String);

#[derive(Default)]
pub(super) struct Documents {
    by_name: BTreeMap<Name, Document>,
    by_end: BTreeSet<(DateTime<Utc>, Name)>,
}

struct Document {
    record: Record,
    ends_at: Option<DateTime<Utc>>,
}

impl Documents {
    fn forget_ended(&mut self, now: DateTime<Utc>) {
        while let Some((ends_at, _)) = self.by_end.first() {
            if *ends_at > now {
                return;
            }
            if let Some((_, name)) = self.by_end.pop_first() {
                self.by_name.remove(&name);
            }
        }
    }

    fn get(&self, name: &Name) -> Option<Record> {
        Some(self.by_name.get(name)?.record.clone())
    }

    fn put(
        &mut self,
        name: Name,
        expected: u64,
        value: Option<Value>,
        ends_at: Option<DateTime<Utc>>,
    ) -> Result<u64, StoreError> {
        let stored = self.by_name.get(&name).map(|document| &document.record);
        let revision = stored.map_or(0, |record| record.revision);
        if revision != expected {
            if stored.map(|record| &record.value) == value.as_ref() {
                return Ok(revision);
            }
            return Err(conflict(&name, expected, revision));
        }
        self.remove(&name);
        let Some(value) = value else { return Ok(0) };
        let revision = expected + 1;
        self.by_end.extend(ends_at.map(|at| (at, name.clone())));
        let record = Record { value, revision };
        self.by_name.insert(name, Document { record, ends_at });
        Ok(revision)
    }

    fn remove(&mut self, name: &Name) {
        let ends_at = self
            .by_name
            .remove(name)
            .and_then(|document| document.ends_at);
        if let Some(at) = ends_at {
            self.by_end.remove(&(at, name.clone()));
        }
    }

    fn scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(String, Record)> {
        let name = |key: &str| (namespace.to_owned(), key.to_owned());
        let first = match after {
            Some(after) if after >= prefix => Bound::Excluded(name(after)),
            _ => Bound::Included(name(prefix)),
        };
        self.by_name
            .range((first, Bound::Unbounded))
            .take_while(|((space, key), _)| space == namespace && key.starts_with(prefix))
            .map(|((_, key), document)| (key.clone(), document.record.clone()))
            .take(limit)
            .collect()
    }
}

#[async_trait]
impl RecordStore for MemoryStore {
    async fn record_get(&self, namespace: &str, key: &str) -> Result<Option<Record>, StoreError> {
        Ok(self.step(|state, now| {
            state.documents.forget_ended(now);
            state.documents.get(&(namespace.into(), key.into()))
        }))
    }

    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Result<u64, StoreError> {
        self.step(|state, now| {
            state.documents.forget_ended(now);
            let ends_at = ttl.map(|ttl| later(now, ttl));
            let name = (namespace.into(), key.into());
            state.documents.put(name, expected, value, ends_at)
        })
    }

    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        Ok(self.step(|state, now| {
            state.documents.forget_ended(now);
            state.documents.scan(namespace, prefix, after, limit)
        }))
    }
}

fn conflict((namespace, key): &Name, expected: u64, stored: u64) -> StoreError {
    let message = format!(
        "cannot write record {namespace}/{key}: revision {expected} was read, {stored} is stored"
    );
    StoreError::new(StoreErrorKind::Conflict, message)
}
