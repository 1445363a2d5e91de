//! Definitions of jobs: written whole, with a revision, and found again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{Job, JobId, JobStatus, NextFire, RequestId, StoreError, StoredJob};

/// Keeps the definitions.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Writes a new job with its revision 1, its place in the order of creation and its next fire, in one step, and logs
    /// `JobCreated`.
    ///
    /// Creating the same job again answers what is stored; its revision does not matter. `Conflict` when the id belongs to a different job, or to one
    /// that was deleted.
    async fn create(&self, job: Job, next: NextFire) -> Result<StoredJob, StoreError>;

    /// Replaces a definition in one step and logs the edit.
    ///
    /// Run state is not touched, but for `next` where the edit gives one. `Conflict` when the stored revision is not
    /// [`Edit::expected`], unless the stored one came from this very request. `NotFound` when there is no such job.
    async fn edit(&self, edit: Edit) -> Result<StoredJob, StoreError>;

    /// Deletes a job, ends its runs as failed, fences them off, and logs `JobFinished` for each and `JobDeleted`.
    ///
    /// Runs stay readable by their id. `Conflict` when `expected` is given and stale; `NotFound` when there is no such
    /// job, unless this very request deleted it.
    async fn delete(
        &self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Result<(), StoreError>;

    /// The jobs with these ids, each in its place; `None` where there is none.
    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<StoredJob>>, StoreError>;

    /// One page of the jobs that `query` describes, in the order of creation.
    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError>;

    /// How many jobs there are; takes the same time however many.
    async fn counts(&self) -> Result<JobCounts, StoreError>;
}

/// An edit of a job's definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Names this write.
    pub request: RequestId,
    /// The revision that was read; the stored one becomes `expected + 1`.
    pub expected: u64,
    /// The whole new definition; its own `revision` does not matter.
    pub job: Job,
    /// When it is due next, where the edit changes that.
    pub next: Option<NextFire>,
    /// What to log.
    pub kind: EditKind,
}

/// What an edit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditKind {
    /// It changed what is ordered: `JobUpdated`.
    Updated,
    /// It started the job: `JobActivated`.
    Activated,
    /// It stopped the job: `JobDeactivated`.
    Deactivated,
}

/// Which jobs to list. Conditions that are given must all hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobQuery {
    /// Only jobs that fire, or only jobs that do not.
    pub active: Option<bool>,
    /// Only jobs of this status.
    pub status: Option<JobStatus>,
    /// Only jobs with this tag.
    pub tag: Option<String>,
    /// Only jobs with this symbol, in any case.
    pub symbol: Option<String>,
    /// Only jobs with this text in their name or in one of their symbols, in any case.
    pub text: Option<String>,
    /// Go on after this place: a [`JobPage::next`].
    pub after: Option<String>,
    /// At most so many, at least 1.
    pub limit: usize,
}

impl JobQuery {
    /// Whether `stored` is among the jobs described, wherever the page begins.
    pub fn matches(&self, stored: &StoredJob) -> bool {
        let job = &stored.job;
        let symbol = |wanted: &String| {
            job.symbols
                .iter()
                .any(|s| s.as_str().eq_ignore_ascii_case(wanted))
        };
        let text = |wanted: &String| {
            let wanted = wanted.to_lowercase();
            job.name.to_lowercase().contains(&wanted)
                || job
                    .symbols
                    .iter()
                    .any(|s| s.as_str().to_lowercase().contains(&wanted))
        };
        self.active.is_none_or(|active| active == job.active)
            && self.status.is_none_or(|status| status == stored.status())
            && self.tag.as_ref().is_none_or(|tag| job.tags.contains(tag))
            && self.symbol.as_ref().is_none_or(symbol)
            && self.text.as_ref().is_none_or(text)
    }

    /// Whether an exact total can be expected with the page: everything but `symbol` and `text` is indexed.
    pub fn is_indexed(&self) -> bool {
        self.symbol.is_none() && self.text.is_none()
    }
}

/// One page of jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobPage {
    /// The jobs, in the order of creation. May be fewer than asked for although there are more.
    pub jobs: Vec<StoredJob>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
    /// How many jobs match in all, where [`JobQuery::is_indexed`].
    pub total: Option<u64>,
}

/// How many jobs there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// All of them.
    pub total: u64,
    /// Those that fire.
    pub active: u64,
    /// By status; a status without jobs may be missing.
    pub by_status: BTreeMap<JobStatus, u64>,
    /// Runs under way.
    pub running: u64,
    /// The next fire of all.
    pub next_fire: Option<(JobId, DateTime<Utc>)>,
}
