//! Definitions of jobs: written whole with their revision, and with what they are found by.

use rusqlite::{Row, params};
use stock_scheduler_sdk::{
    Edit, EditKind, EventKind, Job, JobId, NextFire, RequestId, RunStatus, StoredJob,
};

use crate::fault::{Fault, Outcome};
use crate::job_list::BETWEEN_WORDS;
use crate::job_row::{JobRow, find_stored, gone, next_columns, readable};
use crate::step::Step;
use crate::text::{Instant, Json, Text};

impl Step<'_> {
    pub(crate) fn create(
        &mut self,
        definition: &Json<Job>,
        search: &str,
        next: &NextFire,
    ) -> Outcome<StoredJob> {
        let job = &definition.0;
        if self.deleted_by(&job.id)?.is_some() {
            return Err(Fault::conflict(format!(
                "cannot create job {}: that id was deleted",
                job.id
            )));
        }
        if let Some(known) = find_stored(self, &job.id)? {
            return match known.job == *job {
                true => Ok(known),
                false => Err(Fault::conflict(format!(
                    "cannot create job {}: that id is taken",
                    job.id
                ))),
            };
        }
        let mut stored = StoredJob {
            job: job.clone(),
            state: Default::default(),
        };
        stored.state.next = next.clone();
        let (next_fire, due_at) = next_columns(next);
        let seq = self.insert(
            "INSERT INTO jobs (id, name, is_active, status, revision, next_fire, due_at) VALUES (?, ?, ?, ?, 1, ?, ?)",
            params![job.id.as_str(), job.name, job.active, stored.status().as_str(), next_fire, due_at],
        )?;
        self.execute(
            "INSERT INTO definitions (job, search, definition) VALUES (?, ?, ?)",
            params![seq, search, definition],
        )?;
        self.make_findable(seq, job)?;
        self.ledger.add_job(stored.status());
        let (job_name, revision) = (job.name.clone(), 1);
        self.tell(&job.id, &EventKind::JobCreated { job_name, revision })?;
        Ok(stored)
    }

    pub(crate) fn edit(
        &mut self,
        edit: &Edit,
        definition: &Json<Job>,
        search: &str,
    ) -> Outcome<StoredJob> {
        let (job, request) = (&definition.0, Text(edit.request));
        let mut row = JobRow::find(self, &job.id)?.ok_or_else(|| gone(&job.id))?;
        let known = find_stored(self, &job.id)?.ok_or_else(|| gone(&job.id))?;
        let written_by = "SELECT 1 FROM jobs WHERE seq = ? AND last_request = ?";
        if self
            .one(written_by, params![row.seq, request], |_| Ok(()))?
            .is_some()
        {
            return Ok(known);
        }
        expect_revision(&job.id, row.revision, Some(edit.expected))?;
        if known.job.symbols != job.symbols || known.job.tags != job.tags {
            self.make_unfindable(row.seq, &known.job)?;
            self.make_findable(row.seq, job)?;
        }
        self.execute(
            "UPDATE definitions SET search = ?, definition = ? WHERE job = ?",
            params![search, definition, row.seq],
        )?;
        self.execute(
            "UPDATE jobs SET name = ?, is_active = ?, revision = ?, last_request = ? WHERE seq = ?",
            params![
                job.name,
                job.active,
                job.revision.cast_signed(),
                request,
                row.seq
            ],
        )?;
        row.active = job.active;
        if let Some(next) = &edit.next {
            row.state.next = readable(next.clone());
        }
        row.save(self)?;
        self.tell(&job.id, &edited(edit.kind, job))?;
        Ok(StoredJob {
            job: job.clone(),
            state: row.state,
        })
    }

    pub(crate) fn delete(
        &mut self,
        id: &JobId,
        expected: Option<u64>,
        request: RequestId,
    ) -> Outcome<()> {
        if self.deleted_by(id)? == Some(request) {
            return Ok(());
        }
        let mut row = JobRow::find(self, id)?.ok_or_else(|| gone(id))?;
        let known = find_stored(self, id)?.ok_or_else(|| gone(id))?;
        expect_revision(id, row.revision, expected)?;
        // Ended while its row is there, so that each end is written in one way; `Never`, because nothing comes next.
        row.state.next = NextFire::Never;
        for run in self.going_of(id)? {
            let token = row.next_token(self.now);
            self.end_run(&mut row, &run, token, RunStatus::Failed)?;
        }
        row.save_runs(self)?;
        self.ledger.remove_job(row.status());
        self.make_unfindable(row.seq, &known.job)?;
        self.execute("DELETE FROM definitions WHERE job = ?", [row.seq])?;
        self.execute("DELETE FROM jobs WHERE seq = ?", [row.seq])?;
        self.execute(
            "INSERT INTO deleted_jobs (id, deleted_at, request) VALUES (?, ?, ?)",
            params![id.as_str(), Instant::new(self.now), Text(request)],
        )?;
        let (job_name, revision) = (known.job.name, known.job.revision);
        self.tell(id, &EventKind::JobDeleted { job_name, revision })
    }

    fn deleted_by(&self, id: &JobId) -> Outcome<Option<RequestId>> {
        let request = |row: &Row<'_>| Ok(row.get::<_, Text<_>>(0)?.0);
        self.one(
            "SELECT request FROM deleted_jobs WHERE id = ?",
            [id.as_str()],
            request,
        )
    }

    fn make_findable(&self, seq: i64, job: &Job) -> Outcome<()> {
        for symbol in &job.symbols {
            let values = params![symbol.as_str(), seq];
            self.execute("INSERT OR IGNORE INTO job_symbols VALUES (?, ?)", values)?;
        }
        for tag in &job.tags {
            self.execute(
                "INSERT OR IGNORE INTO job_tags VALUES (?, ?)",
                params![tag, seq],
            )?;
        }
        Ok(())
    }

    fn make_unfindable(&self, seq: i64, job: &Job) -> Outcome<()> {
        for symbol in &job.symbols {
            let values = params![symbol.as_str(), seq];
            self.execute(
                "DELETE FROM job_symbols WHERE symbol = ? AND job = ?",
                values,
            )?;
        }
        for tag in &job.tags {
            self.execute(
                "DELETE FROM job_tags WHERE tag = ? AND job = ?",
                params![tag, seq],
            )?;
        }
        Ok(())
    }
}

/// What a text is looked for in: the name and each symbol, apart from each other.
pub(crate) fn searchable(job: &Job) -> String {
    let mut text = job.name.to_lowercase();
    for symbol in &job.symbols {
        text.push(BETWEEN_WORDS);
        text.push_str(&symbol.as_str().to_lowercase());
    }
    text
}

fn edited(kind: EditKind, job: &Job) -> EventKind {
    let (job_name, revision) = (job.name.clone(), job.revision);
    match kind {
        EditKind::Updated => EventKind::JobUpdated { job_name, revision },
        EditKind::Activated => EventKind::JobActivated { job_name, revision },
        EditKind::Deactivated => EventKind::JobDeactivated { job_name, revision },
    }
}

fn expect_revision(id: &JobId, stored: u64, expected: Option<u64>) -> Outcome<()> {
    match expected {
        Some(expected) if expected != stored => Err(Fault::conflict(format!(
            "cannot change job {id}: revision {expected} was read, {stored} is stored"
        ))),
        _ => Ok(()),
    }
}
