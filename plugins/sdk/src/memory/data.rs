//! Stored windows in memory, as the text that readers get.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::MemoryStore;
use crate::records::Records;
use crate::{
    DataKey, DataStore, Dataset, DatasetPage, DatasetQuery, JobId, Prefix, StoreError, Symbol,
    Window,
};

/// At most so many windows are looked at for one page.
const LOOKED_AT_FOR_A_PAGE: usize = 10_000;

#[derive(Default)]
pub(super) struct Data {
    by_key: BTreeMap<String, (Dataset, String)>,
    /// The last and first date of each symbol's windows, so that the last is the latest.
    windows: BTreeMap<(Prefix, Symbol), BTreeSet<(NaiveDate, NaiveDate)>>,
}

impl Data {
    pub(super) fn put(&mut self, key: DataKey, records: Records, job: &JobId, now: DateTime<Utc>) {
        let Window { start, end } = key.window;
        let owner = (key.prefix.clone(), key.symbol.clone());
        self.windows.entry(owner).or_default().insert((end, start));
        let dataset = Dataset {
            record_count: Some(records.rows as u64),
            updated_at: Some(now),
            job: Some(job.clone()),
            key,
        };
        self.by_key
            .insert(dataset.key.to_string(), (dataset, records.json));
    }

    /// Drops the windows that end first, until no more than `keep` are left.
    pub(super) fn keep(&mut self, prefix: &Prefix, symbol: &Symbol, keep: Option<u32>) {
        let (Some(keep), owner) = (keep, (prefix.clone(), symbol.clone())) else {
            return;
        };
        let Some(windows) = self.windows.get_mut(&owner) else {
            return;
        };
        while windows.len() > keep.max(1) as usize {
            let Some((end, start)) = windows.pop_first() else {
                return;
            };
            let (prefix, symbol) = owner.clone();
            let window = Window { start, end };
            self.by_key.remove(
                &DataKey {
                    prefix,
                    symbol,
                    window,
                }
                .to_string(),
            );
        }
    }

    fn page(&self, query: &DatasetQuery) -> DatasetPage {
        let first = query.after.clone().unwrap_or_default();
        let limit = query.limit.max(1);
        let mut page = DatasetPage::default();
        for (looked_at, (text, (dataset, _))) in self.by_key.range(first..).enumerate() {
            let matches = is_wanted(query, &dataset.key);
            if (page.datasets.len() == limit && matches) || looked_at == LOOKED_AT_FOR_A_PAGE {
                page.next = Some(text.clone());
                break;
            }
            page.datasets.extend(matches.then(|| dataset.clone()));
        }
        page
    }

    fn latest(&self, prefix: &str, symbol: &str) -> Option<DataKey> {
        let (prefix, symbol) = (prefix.parse().ok()?, symbol.parse().ok()?);
        let owner = (prefix, symbol);
        let (end, start) = *self.windows.get(&owner)?.last()?;
        let (prefix, symbol) = owner;
        let window = Window { start, end };
        Some(DataKey {
            prefix,
            symbol,
            window,
        })
    }
}

fn is_wanted(query: &DatasetQuery, key: &DataKey) -> bool {
    let is_symbol = |wanted: &String| key.symbol.as_str().eq_ignore_ascii_case(wanted);
    query
        .prefix
        .as_ref()
        .is_none_or(|wanted| key.prefix.as_str() == wanted)
        && query.symbol.as_ref().is_none_or(is_symbol)
}

#[async_trait]
impl DataStore for MemoryStore {
    async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError> {
        Ok(self.step(|state, _| state.data.page(query)))
    }

    async fn dataset(&self, key: &DataKey) -> Result<Option<String>, StoreError> {
        let text = |(_, text): &(Dataset, String)| text.clone();
        Ok(self.step(|state, _| state.data.by_key.get(&key.to_string()).map(text)))
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Result<Option<DataKey>, StoreError> {
        Ok(self.step(|state, _| state.data.latest(prefix, symbol)))
    }
}
