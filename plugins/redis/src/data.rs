//! The stored windows of data, bare or wrapped, ours or another writer's.

use async_trait::async_trait;
use redis::cmd;
use serde::Deserialize;
use serde_json::value::RawValue;
use stock_scheduler_sdk::{
    DataKey, DataStore, Dataset, DatasetPage, DatasetQuery, StoreError, StoreErrorKind,
};

use crate::store::corrupt;
use crate::{RedisStore, scripts, wire};

/// At most so many windows are looked at for one page.
const LOOKED_AT_FOR_A_PAGE: usize = 5_000;

#[async_trait]
impl DataStore for RedisStore {
    async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError> {
        let owner = query.prefix.as_ref();
        let first = match (&query.after, owner) {
            (Some(after), _) => format!("[{after}"),
            (None, Some(prefix)) => format!("[{prefix}:"),
            (None, None) => "-".to_owned(),
        };
        let stop = owner.map_or_else(|| "+".to_owned(), |prefix| format!("({prefix};"));
        let mut call = scripts::DATASETS.call();
        call.arg(first).arg(stop);
        call.arg(
            query
                .symbol
                .as_ref()
                .map(|s| s.to_ascii_lowercase())
                .unwrap_or_default(),
        );
        call.arg(query.limit.max(1)).arg(LOOKED_AT_FOR_A_PAGE);
        let answer: Vec<String> = self.link.run(&call).await?;
        let (next, found) = answer
            .split_first()
            .ok_or_else(|| corrupt("a page of windows has a beginning"))?;
        Ok(DatasetPage {
            datasets: found.chunks_exact(2).filter_map(read_dataset).collect(),
            next: Some(next.clone()).filter(|key| !key.is_empty()),
        })
    }

    async fn dataset(&self, key: &DataKey) -> Result<Option<String>, StoreError> {
        let mut command = cmd("GET");
        command.arg(key.to_string());
        let text = match self.link.ask::<Option<String>>("read data", &command).await {
            // Something else than a text lies there: not a window.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => None,
            answer => answer?,
        };
        text.map(|text| bare(key, text)).transpose()
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Result<Option<DataKey>, StoreError> {
        let mut call = scripts::LATEST.call();
        call.arg(format!("{prefix}:{symbol}:"));
        let name: Option<String> = self.link.run(&call).await?;
        Ok(name.and_then(|name| name.parse().ok()))
    }
}

/// Reads key and facts (`ROWS WHEN JOB`, nothing for another writer's window).
fn read_dataset(parts: &[String]) -> Option<Dataset> {
    let [key, facts] = parts else { return None };
    let mut facts = facts.splitn(3, ' ');
    Some(Dataset {
        key: key.parse().ok()?,
        record_count: facts.next().and_then(|rows| rows.parse().ok()),
        updated_at: facts.next().and_then(wire::instant),
        job: facts.next().and_then(|job| job.parse().ok()),
    })
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The array of records in `text`, byte for byte, whether it is bare or wrapped.
fn bare(key: &DataKey, text: String) -> Result<String, StoreError> {
    let is_array = |text: &str| text.trim_start().starts_with('[');
    if is_array(&text) {
        return Ok(text);
    }
    let wrapped: Option<Wrapped<'_>> = serde_json::from_str(&text).ok();
    let data = wrapped
        .map(|wrapped| wrapped.data.get())
        .filter(|data| is_array(data));
    data.map(str::to_owned).ok_or_else(|| {
        corrupt(format!(
            "cannot read {key}: it is neither an array of records nor wraps one"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_array_is_answered_byte_for_byte() {
        let key: DataKey = "a:B:2025-01-01:2025-01-02".parse().unwrap();
        let read = |text: &str| bare(&key, text.to_owned()).ok();

        for (text, data) in [
            (r#"[ {"Close":1.50} ]"#, Some(r#"[ {"Close":1.50} ]"#)),
            (
                r#"{"data": [{"Close": 1.50}], "metadata": {}}"#,
                Some(r#"[{"Close": 1.50}]"#),
            ),
            (r#"{"data": {}}"#, None),
            ("hello", None),
        ] {
            assert_eq!(read(text).as_deref(), data, "{text}");
        }
    }
}
