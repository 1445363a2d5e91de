//! The stored data, as its readers see it. Writing it is [`RunStore::record`](crate::RunStore::record)'s.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{DataKey, JobId, StoreError};

/// Answers what was stored.
#[async_trait]
pub trait DataStore: Send + Sync + 'static {
    /// One page of the stored windows, ordered by key.
    async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError>;

    /// The JSON array of records under `key`: exactly the text that [`records::render`](crate::records::render) gives.
    async fn dataset(&self, key: &DataKey) -> Result<Option<String>, StoreError>;

    /// The stored window of a prefix and symbol (in this case) that ends last and, of those, begins last.
    async fn latest(&self, prefix: &str, symbol: &str) -> Result<Option<DataKey>, StoreError>;
}

/// Which windows to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatasetQuery {
    /// Only with exactly this prefix.
    pub prefix: Option<String>,
    /// Only of this symbol, in any case.
    pub symbol: Option<String>,
    /// Go on after this place: a [`DatasetPage::next`].
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One stored window.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Where it is.
    pub key: DataKey,
    /// How many records it has; `None` for data of another writer that does not say.
    pub record_count: Option<u64>,
    /// When it was written; `None` for data of another writer that does not say.
    pub updated_at: Option<DateTime<Utc>>,
    /// Which job wrote it last.
    pub job: Option<JobId>,
}

/// One page of stored windows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DatasetPage {
    /// The windows, ordered by key. May be fewer than asked for although there are more.
    pub datasets: Vec<Dataset>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}
