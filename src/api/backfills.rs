//! Running jobs for fire times of the past.

use poem::http::{StatusCode, header};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::body::JsonBody;
use super::jobs::{Tag, known};
use super::problem::{Acts, Failure, ReadsOne, Refused, Switches};
use super::reply::Reply;
use super::wire::{BackfillBody, BackfillInput, Message};
use crate::host::{BackfillWish, Host};

pub(crate) struct BackfillsApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl BackfillsApi {
    /// Run a job for past fire times
    ///
    /// One run for each fire time that the job's schedule has on these dates, one after the other, under the fetcher's
    /// limits; fires of the job itself go first. Each run tells its events as any other, with `triggered_by: backfill`.
    #[oai(
        path = "/scheduler/jobs/:job_id/backfill",
        method = "post",
        operation_id = "backfillJob",
        tag = "Tag::Runs"
    )]
    async fn backfill(
        &self,
        /// The job's id.
        job_id: Path<String>,
        body: JsonBody<BackfillInput>,
    ) -> Result<Reply<BackfillBody, 202>, Failure<Acts>> {
        let job = known(&job_id.0)?;
        let wish = BackfillWish::read(body.value).map_err(Refused::invalid)?;
        let backfill = self.host.backfill(&job, wish).await?;
        let location = format!("/scheduler/backfills/{}", backfill.id);
        Ok(Reply::json(&BackfillBody::from(&backfill)).header(header::LOCATION, &location))
    }

    /// Read how far a backfill is
    #[oai(
        path = "/scheduler/backfills/:backfill_id",
        method = "get",
        operation_id = "getBackfill",
        tag = "Tag::Runs"
    )]
    async fn read(
        &self,
        /// The backfill's id.
        backfill_id: Path<String>,
    ) -> Result<Reply<BackfillBody>, Failure<ReadsOne>> {
        let backfill = self.host.backfill_of(&backfill_id.0).await?;
        Ok(Reply::json(&BackfillBody::from(&backfill)))
    }

    /// End a backfill
    ///
    /// Its run under way is cancelled; what was stored stays. 200 where it had ended.
    #[oai(
        path = "/scheduler/backfills/:backfill_id/cancel",
        method = "post",
        operation_id = "cancelBackfill",
        tag = "Tag::Runs"
    )]
    async fn cancel(
        &self,
        /// The backfill's id.
        backfill_id: Path<String>,
    ) -> Result<Reply<Message, 202>, Failure<Switches>> {
        let (message, status) = match self.host.cancel_backfill(&backfill_id.0).await? {
            true => ("Backfill cancelled", StatusCode::ACCEPTED),
            false => ("Backfill had ended", StatusCode::OK),
        };
        let message = message.into();
        Ok(Reply::json(&Message { message }).status(status))
    }
}
