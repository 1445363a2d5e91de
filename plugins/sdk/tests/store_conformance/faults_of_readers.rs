//! Stores that get data, events or documents wrong.

use std::time::Duration;

use serde_json::Value;
use stock_scheduler_sdk::*;

use crate::faulty::Fault;

type Answer<T> = Result<T, StoreError>;

pub(crate) struct CutsLongTexts;

#[async_trait]
impl Fault for CutsLongTexts {
    async fn dataset(&self, inner: &MemoryStore, key: &DataKey) -> Answer<Option<String>> {
        let text = inner.dataset(key).await?;
        Ok(text.map(|text| text.chars().take(4_096).collect()))
    }
}

pub(crate) struct LastKeysFirst;

#[async_trait]
impl Fault for LastKeysFirst {
    async fn datasets(&self, inner: &MemoryStore, query: &DatasetQuery) -> Answer<DatasetPage> {
        let mut page = inner.datasets(query).await?;
        page.datasets.reverse();
        Ok(page)
    }
}

pub(crate) struct FirstIsLatest;

#[async_trait]
impl Fault for FirstIsLatest {
    async fn latest(
        &self,
        inner: &MemoryStore,
        prefix: &str,
        symbol: &str,
    ) -> Answer<Option<DataKey>> {
        let query = DatasetQuery {
            prefix: Some(prefix.into()),
            symbol: Some(symbol.into()),
            after: None,
            limit: 1,
        };
        Ok(inner
            .datasets(&query)
            .await?
            .datasets
            .pop()
            .map(|first| first.key))
    }
}

pub(crate) struct ShufflesEvents;

#[async_trait]
impl Fault for ShufflesEvents {
    async fn events(
        &self,
        inner: &MemoryStore,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Answer<EventPage> {
        let mut page = inner.events(after, limit, wait).await?;
        if page.events.len() > 5 {
            page.events.swap(4, 5);
        }
        Ok(page)
    }
}

pub(crate) struct SkipsAnEventOnShortPages;

#[async_trait]
impl Fault for SkipsAnEventOnShortPages {
    async fn events(
        &self,
        inner: &MemoryStore,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Answer<EventPage> {
        let mut page = inner.events(after, limit, wait).await?;
        if page.events.len() == limit && limit > 0 {
            page.events.remove(0);
        }
        Ok(page)
    }
}

pub(crate) struct SleepsThroughEvents;

#[async_trait]
impl Fault for SleepsThroughEvents {
    async fn events(
        &self,
        inner: &MemoryStore,
        after: EventId,
        limit: usize,
        wait: Duration,
    ) -> Answer<EventPage> {
        if limit > 0
            && inner
                .events(after, 1, Duration::ZERO)
                .await?
                .events
                .is_empty()
        {
            tokio::time::sleep(wait).await;
        }
        inner.events(after, limit, Duration::ZERO).await
    }
}

pub(crate) struct WritesOverDocuments;

#[async_trait]
impl Fault for WritesOverDocuments {
    async fn record_put(
        &self,
        inner: &MemoryStore,
        namespace: &str,
        key: &str,
        _: u64,
        value: Option<Value>,
        ttl: Option<Duration>,
    ) -> Answer<u64> {
        let stored = inner.record_get(namespace, key).await?;
        let revision = stored.map_or(0, |record| record.revision);
        inner.record_put(namespace, key, revision, value, ttl).await
    }
}

pub(crate) struct DocumentsNeverEnd;

#[async_trait]
impl Fault for DocumentsNeverEnd {
    async fn record_put(
        &self,
        inner: &MemoryStore,
        namespace: &str,
        key: &str,
        expected: u64,
        value: Option<Value>,
        _: Option<Duration>,
    ) -> Answer<u64> {
        inner
            .record_put(namespace, key, expected, value, None)
            .await
    }
}

pub(crate) struct ScansFromTheStart;

#[async_trait]
impl Fault for ScansFromTheStart {
    async fn record_scan(
        &self,
        inner: &MemoryStore,
        namespace: &str,
        prefix: &str,
        _: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<(String, Record)>> {
        inner.record_scan(namespace, prefix, None, limit).await
    }
}

pub(crate) struct ForgetsDocuments;

#[async_trait]
impl Fault for ForgetsDocuments {
    async fn record_get(&self, _: &MemoryStore, _: &str, _: &str) -> Answer<Option<Record>> {
        Ok(None)
    }
}
