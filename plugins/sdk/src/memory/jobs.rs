//! Definitions of jobs in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::state::State;
use super::{MemoryStore, place};
use crate::{
    Edit, EditKind, EventKind, Job, JobCounts, JobId, JobPage, JobQuery, JobState, JobStore,
    NextFire, RequestId, RunStatus, StoreError, StoreErrorKind, StoredJob,
};

/// At most so many jobs are looked at for one page, so that a rare text does not hold everybody up.
const LOOKED_AT_FOR_A_PAGE: usize = 10_000;

#[async_trait]
impl JobStore for MemoryStore {
    async fn create(&self, job: Job, next: NextFire) -> Result<StoredJob, StoreError> {
        self.step(|state, now| state.create(job, next, now))
    }

    async fn edit(&self, edit: Edit) -> Result<StoredJob, StoreError> {
        self.step(|state, now| state.edit(edit, now))
    }

    async fn delete(
        &self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Result<(), StoreError> {
        self.step(|state, now| state.delete(id, expected, request, now))
    }

    async fn jobs(&self, ids: &[JobId]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let stored = |state: &State, id| Some(state.jobs.get(id)?.stored.clone());
        Ok(self.step(|state, _| ids.iter().map(|id| stored(state, id)).collect()))
    }

    async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        Ok(self.step(|state, _| state.list(query)))
    }

    async fn counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.step(|state, _| JobCounts {
            total: state.jobs.total(),
            active: state.jobs.total_active(),
            by_status: state.jobs.total_by_status(),
            running: state.going.values().map(|held| held.len() as u64).sum(),
            next_fire: state.jobs.first_fire(),
        }))
    }
}

impl State {
    fn create(
        &mut self,
        mut job: Job,
        next: NextFire,
        now: DateTime<Utc>,
    ) -> Result<StoredJob, StoreError> {
        job.revision = 1;
        if self.jobs.deleted_by(&job.id).is_some() {
            return Err(conflict(format!(
                "cannot create job {}: that id was deleted",
                job.id
            )));
        }
        if let Some(entry) = self.jobs.get(&job.id) {
            if entry.stored.job == job {
                return Ok(entry.stored.clone());
            }
            return Err(conflict(format!(
                "cannot create job {}: that id is taken",
                job.id
            )));
        }
        let stored = StoredJob {
            state: JobState {
                next,
                ..JobState::default()
            },
            job,
        };
        self.jobs.add(stored.clone());
        let created = EventKind::JobCreated {
            job_name: stored.job.name.clone(),
            revision: 1,
        };
        self.tell(now, &stored.job.id, created);
        Ok(stored)
    }

    fn edit(&mut self, edit: Edit, now: DateTime<Utc>) -> Result<StoredJob, StoreError> {
        let id = edit.job.id.clone();
        let entry = self.jobs.get(&id).ok_or_else(|| not_found(&id))?;
        if entry.request == Some(edit.request) {
            return Ok(entry.stored.clone());
        }
        expect_revision(&entry.stored, Some(edit.expected))?;
        let event = edited(&edit);
        let stored = self.jobs.change(&id, |entry| {
            entry.request = Some(edit.request);
            entry.stored.job = Job {
                revision: edit.expected + 1,
                ..edit.job
            };
            if let Some(next) = edit.next {
                entry.stored.state.next = next;
            }
            entry.stored.clone()
        });
        self.tell(now, &id, event);
        stored.ok_or_else(|| not_found(&id))
    }

    fn delete(
        &mut self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if self.jobs.deleted_by(id) == Some(request) {
            return Ok(());
        }
        let entry = self.jobs.get(id).ok_or_else(|| not_found(id))?;
        expect_revision(&entry.stored, expected)?;
        let Some(entry) = self.jobs.remove(id, request) else {
            return Err(not_found(id));
        };
        for run in entry.runs.values() {
            self.end(*run, RunStatus::Failed, now);
        }
        let deleted = EventKind::JobDeleted {
            job_name: entry.stored.job.name,
            revision: entry.stored.job.revision,
        };
        self.tell(now, id, deleted);
        Ok(())
    }

    fn list(&self, query: &JobQuery) -> JobPage {
        let (places, exact) = self.jobs.narrowest(query);
        let stored = |place| Some(&self.jobs.at(place)?.stored);
        let is_match = |place: &u64| stored(*place).is_some_and(|stored| query.matches(stored));
        let total = query.is_indexed().then(|| match exact {
            true => places.len() as u64,
            false => places.from(0).filter(is_match).count() as u64,
        });
        let limit = query.limit.max(1);
        let first = place(query.after.as_ref()).unwrap_or(0);
        let mut page = JobPage {
            total,
            ..JobPage::default()
        };
        for (looked_at, place) in places.from(first).enumerate() {
            let wanted = stored(place).filter(|stored| query.matches(stored));
            let is_full = page.jobs.len() == limit && wanted.is_some();
            if is_full || looked_at == LOOKED_AT_FOR_A_PAGE {
                page.next = Some(place.to_string());
                break;
            }
            page.jobs.extend(wanted.cloned());
        }
        page
    }
}

fn edited(edit: &Edit) -> EventKind {
    let job_name = edit.job.name.clone();
    let revision = edit.expected + 1;
    match edit.kind {
        EditKind::Updated => EventKind::JobUpdated { job_name, revision },
        EditKind::Activated => EventKind::JobActivated { job_name, revision },
        EditKind::Deactivated => EventKind::JobDeactivated { job_name, revision },
    }
}

fn expect_revision(stored: &StoredJob, expected: Option<u64>) -> Result<(), StoreError> {
    let job = &stored.job;
    match expected {
        Some(expected) if expected != job.revision => Err(conflict(format!(
            "cannot change job {}: revision {expected} was read, {} is stored",
            job.id, job.revision
        ))),
        _ => Ok(()),
    }
}

fn conflict(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, message)
}

fn not_found(id: &JobId) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("there is no job {id}"))
}
