//! The stored windows, as their readers see them.

use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};
use stock_scheduler_sdk::{
    DataKey, DataStore, Dataset, DatasetPage, DatasetQuery, StoreError, async_trait,
};

use crate::fault::Outcome;
use crate::text::{At, Text};
use crate::view::View;
use crate::{SqliteStore, bars};

#[async_trait]
impl DataStore for SqliteStore {
    async fn datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError> {
        let query = query.clone();
        self.read_settled("list data", move |view| page(view, &query))
            .await
    }

    async fn dataset(&self, key: &DataKey) -> Result<Option<String>, StoreError> {
        let key = key.clone();
        self.read_settled("read data", move |view| bars::records(view, &key))
            .await
    }

    async fn latest(&self, prefix: &str, symbol: &str) -> Result<Option<DataKey>, StoreError> {
        let (prefix, symbol) = (prefix.to_owned(), symbol.to_owned());
        self.read_settled("find the latest data", move |view| {
            latest(view, &prefix, &symbol)
        })
        .await
    }
}

fn page(view: &View<'_>, query: &DatasetQuery) -> Outcome<DatasetPage> {
    let limit = query.limit.max(1);
    let mut sql =
        "SELECT key, record_count, updated_at, job FROM datasets WHERE key > ?".to_owned();
    let mut values = vec![Value::Text(query.after.clone().unwrap_or_default())];
    if let Some(prefix) = &query.prefix {
        // As a range of keys: `;` comes right after the `:` that ends a prefix.
        sql.push_str(" AND key > ? AND key < ?");
        values.push(Value::Text(format!("{prefix}:")));
        values.push(Value::Text(format!("{prefix};")));
    }
    if let Some(symbol) = &query.symbol {
        sql.push_str(" AND symbol = ?");
        values.push(Value::Text(symbol.clone()));
    }
    sql.push_str(" ORDER BY key LIMIT ?");
    values.push(Value::Integer(
        i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1,
    ));
    let mut datasets = view.all(&sql, params_from_iter(values), dataset)?;
    let has_more = datasets.len() > limit;
    datasets.truncate(limit);
    let next = datasets.last().filter(|_| has_more);
    Ok(DatasetPage {
        next: next.map(|dataset| dataset.key.to_string()),
        datasets,
    })
}

fn dataset(row: &Row<'_>) -> rusqlite::Result<Dataset> {
    Ok(Dataset {
        key: row.get::<_, Text<_>>(0)?.0,
        record_count: Some(row.get::<_, i64>(1)?.cast_unsigned()),
        updated_at: Some(row.get::<_, At>(2)?.0),
        job: Some(row.get::<_, Text<_>>(3)?.0),
    })
}

fn latest(view: &View<'_>, prefix: &str, symbol: &str) -> Outcome<Option<DataKey>> {
    view.one(
        "SELECT key FROM datasets WHERE symbol = ?1 AND symbol = ?1 COLLATE BINARY AND prefix = ?2 \
         ORDER BY end_date DESC, start_date DESC LIMIT 1",
        params![symbol, prefix],
        |row| Ok(row.get::<_, Text<_>>(0)?.0),
    )
}
