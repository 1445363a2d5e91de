//! `/scheduler/jobs`: creating, listing, reading, editing, starting, stopping and deleting jobs.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use poem::Body;
use poem::http::header;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{OpenApi, Tags};
use stock_scheduler_sdk::{JobId, JobQuery, JobStatus};

use super::body::JsonBody;
use super::idempotency::Once;
use super::problem::{Changes, Creates, Deletes, Failure, Reads, ReadsOne, Refused, Switches};
use super::query::{self, flag};
use super::reply::{Reply, json};
use super::wire::{JobBody, JobChange, JobInput, JobReply, Message, job_bytes};
use crate::host::{Draft, Host, HostError, JobView, Mode};

/// How many jobs are read at a time when all are asked for.
const PAGE: usize = 500;

#[derive(Tags)]
pub(crate) enum Tag {
    /// Standing orders: what to fetch, when, and where to put it.
    Jobs,
    /// When they are due.
    Schedules,
    /// What became of them.
    Runs,
    /// What was stored.
    Data,
    /// Who is told what happens.
    Events,
    /// How the service is, and what happens.
    Service,
}

pub(crate) struct JobsApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl JobsApi {
    /// Create a job
    ///
    /// It fires from now on at its schedule's times. With an `Idempotency-Key` the same request may be repeated for 24
    /// hours and creates one job.
    #[oai(
        path = "/scheduler/jobs",
        method = "post",
        operation_id = "createJob",
        tag = "Tag::Jobs"
    )]
    async fn create(
        &self,
        body: JsonBody<JobInput>,
        /// Names this request: at most 255 characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Reply<JobReply>, Failure<Creates>> {
        let draft = Draft::read(body.value, Mode::Create).map_err(Refused::invalid)?;
        let once = Once::begin(&self.host, "create", key.0, &body.bytes).await?;
        let Once::First(first) = once else {
            return Ok(once.replay());
        };
        let id: JobId = first.id.parse().unwrap_or_else(|_| JobId::random());
        match self.host.create_job(draft, id, first.at).await {
            Ok(view) => {
                let reply = json(&JobReply::new("Job created successfully", &view));
                let headers = [("Location", location(&view)), ("ETag", etag(&view))];
                first.done(&self.host, 200, &reply, &headers).await;
                Ok(shown(Reply::bytes(reply), &view).header(header::LOCATION, &location(&view)))
            }
            Err(error) => {
                first.failed(&self.host, &error).await;
                Err(error.into())
            }
        }
    }

    /// List jobs
    ///
    /// In the order of creation. Without `limit` and `cursor` all of them; with either, page by page: follow the `Link`
    /// header.
    #[oai(
        path = "/scheduler/jobs",
        method = "get",
        operation_id = "listJobs",
        tag = "Tag::Jobs"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn list(
        &self,
        request: &poem::Request,
        /// Only jobs that fire (`true`), or all (`false`).
        active_only: Query<Option<String>>,
        /// Only jobs of this status.
        status: Query<Option<String>>,
        /// Only jobs with this tag.
        tag: Query<Option<String>>,
        /// Only jobs with this symbol, in any case.
        symbol: Query<Option<String>>,
        /// Only jobs with this text in their name or symbols, in any case.
        q: Query<Option<String>>,
        /// At most so many, 1 to 1,000.
        limit: Query<Option<String>>,
        /// Where to go on, from a `Link` header.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<Vec<JobBody>>, Failure<Reads>> {
        let active = flag("active_only", active_only.0.as_deref())?.filter(|only| *only);
        let limit = query::limit(limit.0.as_deref(), 1_000)?;
        let paged = limit.is_some() || cursor.0.is_some();
        let query = JobQuery {
            active,
            status: status.0.as_deref().map(job_status).transpose()?,
            tag: tag.0,
            symbol: symbol.0,
            text: q.0,
            after: cursor.0.filter(|cursor| !cursor.is_empty()),
            limit: limit.unwrap_or(if paged { 100 } else { PAGE }),
        };
        let page = self.host.jobs(&query).await.map_err(query::cursor_error)?;
        let total = page.total;
        let next = page.next.clone();
        let reply = if paged || next.is_none() {
            Reply::bytes(self.array(page.jobs))
        } else {
            Reply::stream(self.all(query, page))
        };
        let reply = match total {
            Some(total) => reply.header(
                header::HeaderName::from_static("x-total-count"),
                &total.to_string(),
            ),
            None => reply,
        };
        Ok(match next.filter(|_| paged) {
            Some(next) => reply.header(header::LINK, &query::next_link(request, &next)),
            None => reply,
        })
    }

    /// Read a job
    #[oai(
        path = "/scheduler/jobs/:job_id",
        method = "get",
        operation_id = "getJob",
        tag = "Tag::Jobs"
    )]
    async fn read(
        &self,
        /// The job's id.
        job_id: Path<String>,
    ) -> Result<Reply<JobBody>, Failure<ReadsOne>> {
        let view = self.host.job(&known(&job_id.0)?).await?;
        Ok(shown(Reply::bytes(job_bytes(&view)), &view))
    }

    /// Change a job
    ///
    /// A field that is missing or null stays as it is. Changes concern the future only: a run under way carries out what
    /// was ordered when it began, and no fire is made up for.
    #[oai(
        path = "/scheduler/jobs/:job_id",
        method = "put",
        operation_id = "updateJob",
        tag = "Tag::Jobs"
    )]
    async fn update(
        &self,
        /// The job's id.
        job_id: Path<String>,
        body: JsonBody<JobChange>,
        /// Only if the job still has this revision.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Reply<JobReply>, Failure<Changes>> {
        self.edit(&job_id.0, body, Mode::Merge, if_match.0).await
    }

    /// Change a job, null clears
    ///
    /// A JSON Merge Patch (RFC 7396): a field that is missing stays as it is, null clears it.
    #[oai(
        path = "/scheduler/jobs/:job_id",
        method = "patch",
        operation_id = "patchJob",
        tag = "Tag::Jobs"
    )]
    async fn patch(
        &self,
        /// The job's id.
        job_id: Path<String>,
        body: JsonBody<JobChange>,
        /// Only if the job still has this revision.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Reply<JobReply>, Failure<Changes>> {
        self.edit(&job_id.0, body, Mode::Patch, if_match.0).await
    }

    /// Delete a job
    ///
    /// A run under way ends as failed; what was stored stays.
    #[oai(
        path = "/scheduler/jobs/:job_id",
        method = "delete",
        operation_id = "deleteJob",
        tag = "Tag::Jobs"
    )]
    async fn delete(
        &self,
        /// The job's id.
        job_id: Path<String>,
        /// Only if the job still has this revision.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Reply<Message>, Failure<Deletes>> {
        self.host
            .delete_job(&known(&job_id.0)?, if_match.0.as_deref())
            .await?;
        Ok(Reply::json(&Message {
            message: "Job deleted successfully".into(),
        }))
    }

    /// Start a job
    ///
    /// It fires from now on. A job that does already stays as it is.
    #[oai(
        path = "/scheduler/jobs/:job_id/start",
        method = "post",
        operation_id = "startJob",
        tag = "Tag::Jobs"
    )]
    async fn start(
        &self,
        /// The job's id.
        job_id: Path<String>,
    ) -> Result<Reply<JobReply>, Failure<Switches>> {
        let view = self.host.set_active(&known(&job_id.0)?, true).await?;
        Ok(changed("Job started successfully", &view))
    }

    /// Stop a job
    ///
    /// It no longer fires; a run under way goes on. A job that is stopped already stays as it is.
    #[oai(
        path = "/scheduler/jobs/:job_id/stop",
        method = "post",
        operation_id = "stopJob",
        tag = "Tag::Jobs"
    )]
    async fn stop(
        &self,
        /// The job's id.
        job_id: Path<String>,
    ) -> Result<Reply<JobReply>, Failure<Switches>> {
        let view = self.host.set_active(&known(&job_id.0)?, false).await?;
        Ok(changed("Job stopped successfully", &view))
    }
}

impl JobsApi {
    async fn edit(
        &self,
        id: &str,
        body: JsonBody<JobChange>,
        mode: Mode,
        if_match: Option<String>,
    ) -> Result<Reply<JobReply>, Failure<Changes>> {
        let id = known(id)?;
        let draft = Draft::read(body.value, mode).map_err(Refused::invalid)?;
        let view = self
            .host
            .edit_job(&id, draft, mode, if_match.as_deref())
            .await?;
        Ok(changed("Job updated successfully", &view))
    }

    fn array(&self, jobs: Vec<stock_scheduler_sdk::StoredJob>) -> Bytes {
        let mut body = BytesMut::from(&b"["[..]);
        for (place, stored) in jobs.into_iter().enumerate() {
            if place > 0 {
                body.put_u8(b',');
            }
            body.put(job_bytes(&self.host.view(stored)));
        }
        body.put_u8(b']');
        body.freeze()
    }

    /// The whole list, read page by page while it is sent. A store that goes away cuts it off, so that nobody takes a
    /// part for the whole.
    fn all(&self, query: JobQuery, first: stock_scheduler_sdk::JobPage) -> Body {
        let api = Self {
            host: self.host.clone(),
        };
        let pages = stream::unfold(Some((api, query, Some(first), true)), |state| async {
            let (api, mut query, page, is_first) = state?;
            let page = match page {
                Some(page) => page,
                None => match api.host.jobs(&query).await {
                    Ok(page) => page,
                    Err(error) => {
                        return Some((Err(std::io::Error::other(error.to_string())), None));
                    }
                },
            };
            query.after = page.next;
            let inner = api.array(page.jobs);
            let mut part = BytesMut::with_capacity(inner.len() + 1);
            match (is_first, inner.len() > 2) {
                (true, _) => part.put_u8(b'['),
                (false, true) => part.put_u8(b','),
                (false, false) => {}
            }
            part.put(&inner[1..inner.len() - 1]);
            let more = query.after.is_some();
            if !more {
                part.put_u8(b']');
            }
            Some((Ok(part.freeze()), more.then_some((api, query, None, false))))
        });
        Body::from_bytes_stream(pages)
    }
}

/// The id in a path; what is no id names no job.
pub(super) fn known(id: &str) -> Result<JobId, Refused> {
    id.parse()
        .map_err(|_| Refused::from(HostError::NotFound("Job not found")))
}

fn changed(message: &str, view: &JobView) -> Reply<JobReply> {
    shown(Reply::json(&JobReply::new(message, view)), view)
}

fn shown<T>(reply: Reply<T>, view: &JobView) -> Reply<T> {
    reply.header(header::ETAG, &etag(view))
}

fn etag(view: &JobView) -> String {
    format!("\"{}\"", view.stored.job.revision)
}

fn location(view: &JobView) -> String {
    format!("/scheduler/jobs/{}", view.stored.job.id)
}

fn job_status(word: &str) -> Result<JobStatus, Refused> {
    JobStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| {
            let known: Vec<_> = JobStatus::ALL
                .iter()
                .map(|status| status.as_str())
                .collect();
            Refused::malformed(format!(
                "status must be one of {}, not {word:?}",
                known.join(", ")
            ))
        })
}
