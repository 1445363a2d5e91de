//! Runs by hand, history, fires.

use poem::http::{StatusCode, header};
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use stock_scheduler_sdk::{FireQuery, RunId, RunQuery};

use super::body::JsonBody;
use super::idempotency::Once;
use super::jobs::{Tag, known};
use super::problem::{Acts, Failure, ReadsOne, Refused, Switches};
use super::query;
use super::reply::{Reply, json};
use super::wire::{Execution, FireBody, Message, RunInput, RunStarted, run_status};
use crate::host::{Host, HostError, ManualRun, NO_HISTORY, RUN_NOT_FOUND};

pub(crate) struct RunsApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl RunsApi {
    /// Run a job now
    ///
    /// Its schedule does not move; a stopped job may be run too. The body may narrow the run.
    #[oai(
        path = "/scheduler/jobs/:job_id/run",
        method = "post",
        operation_id = "runJob",
        tag = "Tag::Runs"
    )]
    async fn run(
        &self,
        /// The job's id.
        job_id: Path<String>,
        body: JsonBody<Option<RunInput>>,
        /// Names this request: at most 255 characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Reply<RunStarted, 202>, Failure<Acts>> {
        let job = known(&job_id.0)?;
        let wish = ManualRun::read(body.value).map_err(Refused::invalid)?;
        let once = Once::begin(&self.host, &format!("run:{job}"), key.0, &body.bytes).await?;
        let Once::First(first) = once else {
            return Ok(once.replay());
        };
        let id: RunId = first.id.parse().unwrap_or_else(|_| RunId::random());
        if let Err(error) = self.host.run_now(&job, id, wish).await {
            first.failed(&self.host, &error).await;
            return Err(error.into());
        }
        let body = json(&RunStarted {
            message: "Job execution started".into(),
            execution_id: id.to_string(),
        });
        let location = format!("/scheduler/executions/{id}");
        first
            .done(&self.host, 202, &body, &[("Location", location.clone())])
            .await;
        Ok(Reply::bytes(body).header(header::LOCATION, &location))
    }

    /// Read a run
    #[oai(
        path = "/scheduler/executions/:execution_id",
        method = "get",
        operation_id = "getExecution",
        tag = "Tag::Runs"
    )]
    async fn execution(
        &self,
        /// The run's id.
        execution_id: Path<String>,
    ) -> Result<Reply<Execution>, Failure<ReadsOne>> {
        let run = self.host.run(run_id(&execution_id.0)?).await?;
        let zone = match self.host.job(&run.job).await {
            Ok(view) => view.zone,
            Err(HostError::NotFound(_)) => self.host.zone(),
            Err(error) => return Err(error.into()),
        };
        let cause = self.host.causes_of_runs([&run]).await?.pop().flatten();
        Ok(Reply::json(&Execution::new(&run, cause, zone)))
    }

    /// Cancel a run
    ///
    /// It ends as failed, and its untried symbols as `cancelled`. Cancelling an ended run changes nothing.
    #[oai(
        path = "/scheduler/executions/:execution_id/cancel",
        method = "post",
        operation_id = "cancelExecution",
        tag = "Tag::Runs"
    )]
    async fn cancel(
        &self,
        /// The run's id.
        execution_id: Path<String>,
    ) -> Result<Reply<Message, 202>, Failure<Switches>> {
        if self.host.cancel(run_id(&execution_id.0)?).await? {
            return Ok(Reply::json(&Message {
                message: "Execution cancelled".into(),
            }));
        }
        Ok(Reply::json(&Message {
            message: "Execution had ended".into(),
        })
        .status(StatusCode::OK))
    }

    /// List a job's runs
    ///
    /// Newest first.
    #[oai(
        path = "/scheduler/jobs/:job_id/history",
        method = "get",
        operation_id = "listHistory",
        tag = "Tag::Runs"
    )]
    async fn history(
        &self,
        request: &poem::Request,
        /// The job's id.
        job_id: Path<String>,
        /// At most so many, 1 to 500; 50 by default.
        limit: Query<Option<String>>,
        /// Only runs of this status.
        status: Query<Option<String>>,
        /// Where to go on, from a `Link` header.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<Vec<Execution>>, Failure<ReadsOne>> {
        let query = RunQuery {
            job: known(&job_id.0)?,
            status: status.0.as_deref().map(status_word).transpose()?,
            after: cursor.0.filter(|cursor| !cursor.is_empty()),
            limit: query::limit(limit.0.as_deref(), 500)?.unwrap_or(50),
        };
        let zone = self.host.job(&query.job).await?.zone;
        let page = self.host.runs(&query).await.map_err(query::cursor_error)?;
        let causes = self.host.causes_of_runs(&page.runs).await?;
        let runs: Vec<_> = page
            .runs
            .iter()
            .zip(causes)
            .map(|(run, cause)| Execution::new(run, cause, zone))
            .collect();
        let reply = Reply::json(&runs);
        Ok(match page.next {
            Some(next) => reply.header(header::LINK, &query::next_link(request, &next)),
            None => reply,
        })
    }

    /// Read a job's latest run
    #[oai(
        path = "/scheduler/jobs/:job_id/latest-execution",
        method = "get",
        operation_id = "getLatestExecution",
        tag = "Tag::Runs"
    )]
    async fn latest(
        &self,
        /// The job's id.
        job_id: Path<String>,
    ) -> Result<Reply<Execution>, Failure<ReadsOne>> {
        let job = known(&job_id.0)?;
        let zone = self.host.job(&job).await?.zone;
        let page = self
            .host
            .runs(&RunQuery {
                job,
                status: None,
                after: None,
                limit: 1,
            })
            .await?;
        let run = page.runs.first().ok_or(NO_HISTORY)?;
        let cause = self.host.causes_of_runs([run]).await?.pop().flatten();
        Ok(Reply::json(&Execution::new(run, cause, zone)))
    }

    /// List a job's fires
    ///
    /// Every expected fire, newest first: whether it fired, was skipped or was missed, and why.
    #[oai(
        path = "/scheduler/jobs/:job_id/fires",
        method = "get",
        operation_id = "listFires",
        tag = "Tag::Runs"
    )]
    async fn fires(
        &self,
        request: &poem::Request,
        /// The job's id.
        job_id: Path<String>,
        /// At most so many, 1 to 1,000; 100 by default.
        limit: Query<Option<String>>,
        /// Only fires before the last one of the page before: from a `Link` header.
        cursor: Query<Option<String>>,
        /// Only fires at or after this instant.
        since: Query<Option<String>>,
        /// Only fires before this instant.
        until: Query<Option<String>>,
    ) -> Result<Reply<Vec<FireBody>>, Failure<ReadsOne>> {
        let limit = query::limit(limit.0.as_deref(), 1_000)?.unwrap_or(100);
        let until = [
            query::instant("until", until.0.as_deref())?,
            query::instant(
                "cursor",
                cursor.0.as_deref().filter(|cursor| !cursor.is_empty()),
            )?,
        ];
        let query = FireQuery {
            job: known(&job_id.0)?,
            since: query::instant("since", since.0.as_deref())?,
            until: until.into_iter().flatten().min(),
            limit,
        };
        let job = self.host.job(&query.job).await?;
        let fires = self.host.fires(&query).await?;
        let causes = self.host.causes_of_fires(&job, &fires).await?;
        let rows = fires.iter().zip(causes);
        let rows = rows.map(|(fire, cause)| FireBody::new(fire, cause, job.zone));
        let reply = Reply::json(&rows.collect::<Vec<_>>());
        Ok(match fires.last().filter(|_| fires.len() == limit) {
            Some(last) => {
                let cursor = super::wire::time(last.fire_time, chrono_tz::UTC);
                reply.header(header::LINK, &query::next_link(request, &cursor))
            }
            None => reply,
        })
    }
}

fn run_id(text: &str) -> Result<RunId, Refused> {
    text.parse().map_err(|_| RUN_NOT_FOUND.into())
}

fn status_word(word: &str) -> Result<stock_scheduler_sdk::RunStatus, Refused> {
    run_status(word).ok_or_else(|| {
        Refused::malformed(format!(
            "status must be one of running, success, partial_success, failed, not {word:?}"
        ))
    })
}
