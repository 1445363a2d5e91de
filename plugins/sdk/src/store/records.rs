//! Small JSON documents for whatever the host needs to remember besides jobs: the place for later capabilities, so that
//! a store is written once.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::StoreError;

/// Keeps documents by namespace and key.
#[async_trait]
pub trait RecordStore: Send + Sync + 'static {
    /// The document, unless there is none or its time is over.
    async fn record_get(&self, namespace: &str, key: &str) -> Result<Option<Record>, StoreError>;

    /// Writes a document if its revision is still `expected` (0: there is none), and answers its new revision.
    ///
    /// `Conflict` otherwise, unless the stored value already is `value`. `None` deletes it. With `ttl` it is forgotten
    /// after that time.
    async fn record_put(
        &self,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Result<u64, StoreError>;

    /// The documents whose keys begin with `prefix`, ordered by key, after the key `after`, at most `limit`.
    async fn record_scan(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError>;
}

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it says.
    pub value: Value,
    /// Counts its writes from 1.
    pub revision: u64,
}
