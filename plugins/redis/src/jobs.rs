//! Definitions of jobs: each is a JSON document of its own, and each write of one is a step with its indexes and event.
//!
//! Lists are `list`'s business.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;
use stock_scheduler_sdk::{
    Edit, EditKind, EventKind, Job, JobCounts, JobId, JobPage, JobQuery, JobState, JobStatus,
    JobStore, LastExecution, NextFire, RequestId, StoreError, StoreErrorKind, StoredJob,
};

use crate::gather::Part;
use crate::store::corrupt;
use crate::{RedisStore, adopt, event, scripts, wire};

/// At most so many jobs are read in one call.
pub(crate) const JOBS_A_CALL: usize = 500;

/// Document and fields of state, as `read.lua` answers them.
pub(crate) type Row = Vec<Option<String>>;

#[async_trait]
impl JobStore for RedisStore {
    async fn create(&self, mut job: Job, next: NextFire) -> Result<StoredJob, StoreError> {
        job.revision = 1;
        let created = EventKind::JobCreated {
            job_name: job.name.clone(),
            revision: 1,
        };
        let document = document(&job)?;
        let part: Part = vec![
            job.id.as_str().into(),
            wire::flag(job.active).into(),
            tags(&job).into(),
            wire::next(&next).into(),
            document.as_str().into(),
            scripts::sum(&document).into(),
            event::json(&created)?.into(),
        ];
        let joined = self.creations.join(part, |parts| self.create_parts(parts));
        let answer = self.link.in_time("create", joined).await?;
        match answer.as_str() {
            "new" => {
                let mut state = JobState::default();
                state.next = next;
                Ok(StoredJob { job, state })
            }
            "same" => self.stored(&job.id).await,
            _ => Err(conflict(format!(
                "cannot create job {}: that id is taken",
                job.id
            ))),
        }
    }

    async fn edit(&self, edit: Edit) -> Result<StoredJob, StoreError> {
        self.edit_guarded(edit, "").await
    }

    async fn delete(
        &self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Result<(), StoreError> {
        let mut call = scripts::DELETE.call();
        call.arg(id.as_str());
        call.arg(
            expected
                .map(|revision| revision.to_string())
                .unwrap_or_default(),
        );
        call.arg(request.to_string());
        let answer: String = self.link.run(&call).await?;
        match answer.as_str() {
            "done" => Ok(()),
            "index" => {
                self.rewrite_index().await;
                Ok(())
            }
            "none" => Err(not_found(id)),
            stored => Err(stale(id, expected.unwrap_or_default(), stored)),
        }
    }

    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let mut jobs = Vec::with_capacity(ids.len());
        for ids in ids.chunks(JOBS_A_CALL) {
            let mut call = scripts::READ.call();
            for id in ids {
                call.arg(id.as_str());
            }
            let rows: Vec<Row> = self.link.run(&call).await?;
            let read = ids
                .iter()
                .zip(&rows)
                .map(|(id, row)| stored(id, row, self.zone));
            jobs.extend(read);
        }
        Ok(jobs)
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        self.page_of_jobs(query).await
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        let mut call = scripts::COUNTS.call();
        for status in JobStatus::ALL {
            call.arg(status.as_str());
        }
        let (total, active, running, id, at, by_status): (u64, u64, u64, String, f64, Vec<u64>) =
            self.link.run(&call).await?;
        let fires_next = || Some((id.parse().ok()?, wire::instant(&format!("{at:.0}"))?));
        Ok(JobCounts {
            total,
            active,
            running,
            by_status: JobStatus::ALL.into_iter().zip(by_status).collect(),
            next_fire: fires_next(),
        })
    }
}

impl RedisStore {
    async fn create_parts(&self, parts: Vec<Arc<Part>>) -> Result<Vec<String>, StoreError> {
        let mut call = scripts::CREATE.call();
        call.arg(parts.len()).parts(&parts);
        let mut answers: Vec<String> = self.link.run(&call).await?;
        if answers.pop().is_some_and(|last| last == "index") {
            self.rewrite_index().await;
        }
        Ok(answers)
    }

    /// Edits a job where its document is still `guard`, if that is given.
    pub(crate) async fn edit_guarded(
        &self,
        edit: Edit,
        guard: &str,
    ) -> Result<StoredJob, StoreError> {
        let mut job = edit.job;
        job.revision = edit.expected + 1;
        let mut call = scripts::EDIT.call();
        call.arg(job.id.as_str())
            .arg(edit.request.to_string())
            .arg(edit.expected);
        call.arg(wire::flag(job.active)).arg(tags(&job));
        call.arg(edit.next.as_ref().map(wire::next).unwrap_or_default());
        let document = document(&job)?;
        call.arg(&document).arg(scripts::sum(&document));
        call.arg(event::json(&edited(edit.kind, &job))?).arg(guard);
        let answer: String = self.link.run(&call).await?;
        match answer.as_str() {
            "done" | "same" => self.stored(&job.id).await,
            "none" => Err(not_found(&job.id)),
            stored => Err(stale(&job.id, edit.expected, stored)),
        }
    }

    /// Rewrites the list of ids that other programs read. Failing is no harm: it stays marked as due for it.
    pub(crate) async fn rewrite_index(&self) {
        let _: Result<u64, StoreError> = self.link.run(&scripts::INDEX.call()).await;
    }

    async fn stored(&self, id: &JobId) -> Result<StoredJob, StoreError> {
        let found = self.jobs(std::slice::from_ref(id)).await?;
        found
            .into_iter()
            .flatten()
            .next()
            .ok_or_else(|| not_found(id))
    }
}

/// Reads a row; `None` where there is no job.
///
/// Revision and activity are those of the state: a document that another writer changed does not decide them.
pub(crate) fn stored(id: &JobId, row: &[Option<String>], zone: Tz) -> Option<StoredJob> {
    let text = row.first()?.as_deref()?;
    let field = |place: usize| row.get(place).and_then(|field| field.as_deref());
    let mut job = adopt::read(id, text, zone).job;
    job.revision = field(1)?.parse().ok()?;
    job.active = field(2) == Some("1");
    let mut state = JobState::default();
    state.next = field(3).map(wire::read_next).unwrap_or_default();
    state.last_fire = field(4).and_then(wire::instant);
    state.running = field(5)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    state.fires = field(7)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    if let Some(latest) = field(6) {
        (state.last_run, state.last_execution) = read_latest(latest);
    }
    Some(StoredJob { job, state })
}

/// Reads `STARTED RUN STATUS ENDED`; `-` is what there is not.
fn read_latest(text: &str) -> (Option<DateTime<Utc>>, Option<LastExecution>) {
    let words: Vec<&str> = text.split(' ').collect();
    let [started, run, status, ended] = words[..] else {
        return (None, None);
    };
    let last_run = wire::instant(started);
    let known = run.parse().ok().zip(event::word(status)).zip(last_run);
    let last_execution = known.map(|((execution_id, status), start_time)| LastExecution {
        execution_id,
        status,
        start_time,
        end_time: wire::instant(ended),
    });
    (last_run, last_execution)
}

pub(crate) fn document(job: &Job) -> Result<String, StoreError> {
    serde_json::to_string(job)
        .map_err(|e| corrupt(format!("job {} cannot be written as JSON", job.id)).with_source(e))
}

/// The tags as a JSON list, empty where there are none.
pub(crate) fn tags(job: &Job) -> String {
    match job.tags.is_empty() {
        true => String::new(),
        false => json!(job.tags).to_string(),
    }
}

fn edited(kind: EditKind, job: &Job) -> EventKind {
    let (job_name, revision) = (job.name.clone(), job.revision);
    match kind {
        EditKind::Updated => EventKind::JobUpdated { job_name, revision },
        EditKind::Activated => EventKind::JobActivated { job_name, revision },
        EditKind::Deactivated => EventKind::JobDeactivated { job_name, revision },
    }
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, message)
}

fn stale(id: &JobId, expected: u64, stored: &str) -> StoreError {
    conflict(format!(
        "cannot change job {id}: revision {expected} was read, {stored} is stored"
    ))
}

fn not_found(id: &JobId) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("there is no job {id}"))
}
