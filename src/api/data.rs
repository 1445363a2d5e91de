//! Reading what was stored.

use poem::http::header;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::types::Any;
use serde_json::Value;
use stock_scheduler_sdk::{DataKey, DatasetQuery};

use super::jobs::Tag;
use super::problem::{Failure, Reads, ReadsOne, Refused};
use super::query;
use super::reply::Reply;
use super::wire::DatasetBody;
use crate::host::{DATASET_NOT_FOUND, Host};

pub(crate) struct DataApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl DataApi {
    /// List stored windows
    ///
    /// Ordered by key, page by page: follow the `Link` header.
    #[oai(
        path = "/scheduler/datasets",
        method = "get",
        operation_id = "listDatasets",
        tag = "Tag::Data"
    )]
    async fn list(
        &self,
        request: &poem::Request,
        /// Only with exactly this prefix.
        prefix: Query<Option<String>>,
        /// Only of this symbol, in any case.
        symbol: Query<Option<String>>,
        /// At most so many, 1 to 1,000; 100 by default.
        limit: Query<Option<String>>,
        /// Where to go on, from a `Link` header.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<Vec<DatasetBody>>, Failure<Reads>> {
        let query = DatasetQuery {
            prefix: prefix.0,
            symbol: symbol.0,
            after: cursor.0.filter(|cursor| !cursor.is_empty()),
            limit: query::limit(limit.0.as_deref(), 1_000)?.unwrap_or(100),
        };
        let page = self
            .host
            .datasets(&query)
            .await
            .map_err(query::cursor_error)?;
        let reply = Reply::json(
            &page
                .datasets
                .iter()
                .map(DatasetBody::from)
                .collect::<Vec<_>>(),
        );
        Ok(match page.next {
            Some(next) => reply.header(header::LINK, &query::next_link(request, &next)),
            None => reply,
        })
    }

    /// Read the newest window of a symbol
    ///
    /// An address that does not change from day to day. The header `Content-Location` names the window.
    #[oai(
        path = "/scheduler/datasets/latest",
        method = "get",
        operation_id = "getLatestDataset",
        tag = "Tag::Data"
    )]
    async fn latest(
        &self,
        /// The symbol, as in the job.
        symbol: Query<Option<String>>,
        /// The prefix; `scheduled_stock_data` by default.
        prefix: Query<Option<String>>,
    ) -> Result<Reply<Vec<Any<Value>>>, Failure<ReadsOne>> {
        let prefix = prefix
            .0
            .unwrap_or_else(|| stock_scheduler_sdk::Prefix::default().to_string());
        let symbol = symbol.0.ok_or_else(|| {
            Refused::malformed("symbol is required: say whose data is wanted, as in ?symbol=AAPL")
        })?;
        let (key, records) = self.host.latest_dataset(&prefix, &symbol).await?;
        let location = format!("/scheduler/datasets/{}", query::encoded(&key.to_string()));
        Ok(Reply::bytes(records).header(header::CONTENT_LOCATION, &location))
    }

    /// Read a stored window
    ///
    /// Exactly the stored JSON array of records.
    #[oai(
        path = "/scheduler/datasets/:key",
        method = "get",
        operation_id = "getDataset",
        tag = "Tag::Data"
    )]
    async fn read(
        &self,
        /// The key, percent-encoded: `{prefix}:{SYMBOL}:{start}:{end}`.
        key: Path<String>,
    ) -> Result<Reply<Vec<Any<Value>>>, Failure<ReadsOne>> {
        let key: DataKey = key
            .0
            .parse()
            .map_err(|_| Refused::from(DATASET_NOT_FOUND))?;
        Ok(Reply::bytes(self.host.dataset(&key).await?))
    }
}
