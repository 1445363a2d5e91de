//! Jobs: who may ask what of them. How they are written is told by `definitions`, how they are found by `job_list`.

use stock_scheduler_sdk::{
    Edit, Job, JobCounts, JobId, JobPage, JobQuery, JobStatus, JobStore, NextFire, RequestId,
    StoreError, StoredJob, async_trait,
};

use crate::definitions::searchable;
use crate::job_row::{find_stored, readable};
use crate::step::Step;
use crate::text::Json;
use crate::view::View;
use crate::{SqliteStore, job_list};

#[async_trait]
impl JobStore for SqliteStore {
    async fn create(&self, mut job: Job, next: NextFire) -> Result<StoredJob, StoreError> {
        job.revision = 1;
        let (search, definition) = (searchable(&job), Json(job));
        let next = readable(next);
        let step = move |step: &mut Step<'_>| step.create(&definition, &search, &next);
        self.write("create a job", step).await
    }

    async fn edit(&self, edit: Edit) -> Result<StoredJob, StoreError> {
        let mut definition = Json(edit.job.clone());
        definition.0.revision = edit.expected + 1;
        let search = searchable(&definition.0);
        let step = move |step: &mut Step<'_>| step.edit(&edit, &definition, &search);
        self.write("edit a job", step).await
    }

    async fn delete(
        &self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Result<(), StoreError> {
        let id = id.clone();
        let step = move |step: &mut Step<'_>| step.delete(&id, expected, request);
        self.write("delete a job", step).await
    }

    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let ids = ids.to_vec();
        self.read("read jobs", move |view| {
            ids.iter().map(|id| find_stored(view, id)).collect()
        })
        .await
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let query = query.clone();
        let sums = self.shared.ledger();
        let page = move |view: &View<'_>| job_list::page(view, &query, sums.jobs());
        self.read("list jobs", page).await
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        let next_fire = self.read("read the next fire", job_list::next_fire).await?;
        let ledger = self.shared.ledger();
        let jobs = ledger.jobs();
        let total = jobs.values().sum();
        let paused = jobs.get(&JobStatus::Paused).copied().unwrap_or_default();
        Ok(JobCounts {
            total,
            active: total - paused,
            by_status: jobs.clone(),
            running: ledger.runs(),
            next_fire,
        })
    }
}
