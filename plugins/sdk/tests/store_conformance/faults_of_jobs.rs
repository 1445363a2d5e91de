//! Stores that get definitions, lists or what is due wrong.

use stock_scheduler_sdk::*;

use crate::faulty::Fault;

type Answer<T> = Result<T, StoreError>;

async fn stored(inner: &MemoryStore, id: &JobId) -> Answer<Option<StoredJob>> {
    Ok(inner.jobs(std::slice::from_ref(id)).await?.pop().flatten())
}

pub(crate) struct AcceptsTakenIds;

#[async_trait]
impl Fault for AcceptsTakenIds {
    async fn create(&self, inner: &MemoryStore, job: Job, next: NextFire) -> Answer<StoredJob> {
        let id = job.id.clone();
        match (inner.create(job, next).await, stored(inner, &id).await?) {
            (Err(_), Some(there)) => Ok(there),
            (answer, _) => answer,
        }
    }
}

pub(crate) struct RevivesDeletedIds;

#[async_trait]
impl Fault for RevivesDeletedIds {
    async fn create(&self, inner: &MemoryStore, job: Job, next: NextFire) -> Answer<StoredJob> {
        let answer = inner.create(job.clone(), next).await;
        match stored(inner, &job.id).await? {
            Some(_) => answer,
            None => Ok(StoredJob {
                job,
                state: JobState::default(),
            }),
        }
    }
}

pub(crate) struct AcceptsStaleRevisions;

#[async_trait]
impl Fault for AcceptsStaleRevisions {
    async fn edit(&self, inner: &MemoryStore, mut edit: Edit) -> Answer<StoredJob> {
        if let Some(there) = stored(inner, &edit.job.id).await? {
            edit.expected = there.job.revision;
        }
        inner.edit(edit).await
    }
}

pub(crate) struct ForgetsTheNextFire;

#[async_trait]
impl Fault for ForgetsTheNextFire {
    async fn edit(&self, inner: &MemoryStore, mut edit: Edit) -> Answer<StoredJob> {
        edit.next = edit.next.or(Some(NextFire::Never));
        inner.edit(edit).await
    }
}

pub(crate) struct ForgetsRequests;

#[async_trait]
impl Fault for ForgetsRequests {
    async fn edit(&self, inner: &MemoryStore, mut edit: Edit) -> Answer<StoredJob> {
        edit.request = RequestId::random();
        inner.edit(edit).await
    }
}

pub(crate) struct ListsById;

#[async_trait]
impl Fault for ListsById {
    async fn list(&self, inner: &MemoryStore, query: &JobQuery) -> Answer<JobPage> {
        let mut page = inner.list(query).await?;
        page.jobs
            .sort_by(|one, other| one.job.id.cmp(&other.job.id));
        Ok(page)
    }
}

pub(crate) struct CountsThePage;

#[async_trait]
impl Fault for CountsThePage {
    async fn list(&self, inner: &MemoryStore, query: &JobQuery) -> Answer<JobPage> {
        let mut page = inner.list(query).await?;
        page.total = page.total.map(|_| page.jobs.len() as u64);
        Ok(page)
    }
}

pub(crate) struct CountsPausedAsActive;

#[async_trait]
impl Fault for CountsPausedAsActive {
    async fn counts(&self, inner: &MemoryStore) -> Answer<JobCounts> {
        let mut counts = inner.counts().await?;
        counts.active = counts.total;
        Ok(counts)
    }
}

pub(crate) struct HidesWhatIsToBeWorkedOut;

#[async_trait]
impl Fault for HidesWhatIsToBeWorkedOut {
    async fn poll(&self, inner: &MemoryStore, poll: &Poll) -> Answer<Agenda> {
        let mut agenda = inner.poll(poll).await?;
        agenda.due.retain(|due| due.next.at().is_some());
        Ok(agenda)
    }
}

pub(crate) struct OffersTheLatestFirst;

#[async_trait]
impl Fault for OffersTheLatestFirst {
    async fn poll(&self, inner: &MemoryStore, poll: &Poll) -> Answer<Agenda> {
        let mut agenda = inner.poll(poll).await?;
        agenda.due.reverse();
        Ok(agenda)
    }
}

#[derive(Default)]
pub(crate) struct ShowsNoLatestRun;

impl ShowsNoLatestRun {
    fn mask(mut stored: StoredJob) -> StoredJob {
        stored.state.last_run = None;
        stored
    }
}

#[async_trait]
impl Fault for ShowsNoLatestRun {
    async fn edit(&self, inner: &MemoryStore, edit: Edit) -> Answer<StoredJob> {
        inner.edit(edit).await.map(Self::mask)
    }

    async fn jobs(&self, inner: &MemoryStore, ids: &[JobId]) -> Answer<Vec<Option<StoredJob>>> {
        let found = inner.jobs(ids).await?.into_iter();
        Ok(found.map(|stored| stored.map(Self::mask)).collect())
    }
}
