//! A job as its row says: whether it fires, when, and how its runs go. What it orders is in `definitions`.

use chrono::{DateTime, Utc};
use rusqlite::{Row, params};
use stock_scheduler_sdk::{JobId, JobState, JobStatus, LastExecution, NextFire, StoredJob};

use crate::fault::{Fault, Outcome};
use crate::step::Step;
use crate::text::{Instant, Json, Text, Word, at, to_micros};
use crate::view::View;

/// The columns that [`JobRow::of`] reads, from `jobs`.
macro_rules! job_columns {
    () => {
        "jobs.seq, jobs.id, jobs.is_active, jobs.revision, jobs.next_fire, jobs.due_at, jobs.last_fire, \
         jobs.last_run, jobs.last_execution, jobs.last_status, jobs.last_ended, jobs.running, jobs.runs, \
         jobs.fires, jobs.fence, jobs.fired"
    };
}
pub(crate) use job_columns;

pub(crate) const STORED: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", definition FROM jobs JOIN definitions ON definitions.job = jobs.seq WHERE jobs.id = ?"
);

/// A row of `jobs`, read, changed and written back within one step.
pub(crate) struct JobRow {
    pub(crate) seq: i64,
    pub(crate) id: JobId,
    pub(crate) active: bool,
    pub(crate) revision: u64,
    pub(crate) state: JobState,
    /// How many runs began in all.
    pub(crate) runs: i64,
    /// How many fires were decided in all.
    pub(crate) fires: i64,
    fence: i64,
    status_before: JobStatus,
}

impl JobRow {
    pub(crate) fn find(view: &View<'_>, id: &JobId) -> Outcome<Option<Self>> {
        let sql = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ?");
        view.one(sql, [id.as_str()], Self::of)
    }

    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let last_run = at(row, 7)?;
        let mut state = JobState::default();
        state.next = next_fire(at(row, 4)?, at(row, 5)?);
        state.last_fire = at(row, 6)?;
        state.last_run = last_run;
        state.running = row.get(11)?;
        state.fires = row.get::<_, i64>(15)?.cast_unsigned();
        state.last_execution = match (row.get::<_, Option<Text<_>>>(8)?, last_run) {
            (Some(execution_id), Some(start_time)) => Some(LastExecution {
                execution_id: execution_id.0,
                status: row.get::<_, Word<_>>(9)?.0,
                start_time,
                end_time: at(row, 10)?,
            }),
            _ => None,
        };
        let active = row.get(2)?;
        Ok(Self {
            seq: row.get(0)?,
            id: row.get::<_, Text<_>>(1)?.0,
            active,
            revision: row.get::<_, i64>(3)?.cast_unsigned(),
            status_before: status(active, &state),
            state,
            runs: row.get(12)?,
            fires: row.get(13)?,
            fence: row.get(14)?,
        })
    }

    /// A fencing token that is higher than all before it.
    ///
    /// It grows with the clock as well, so that it goes on growing where an older copy of the file is put back.
    pub(crate) fn next_token(&mut self, now: DateTime<Utc>) -> u64 {
        self.fence = (self.fence + 1).max(now.timestamp_micros());
        self.fence.cast_unsigned()
    }

    pub(crate) fn status(&self) -> JobStatus {
        status(self.active, &self.state)
    }

    /// Writes when it is due and how its runs go.
    pub(crate) fn save(&self, step: &mut Step<'_>) -> Outcome<()> {
        let (next_fire, due_at) = next_columns(&self.state.next);
        step.execute(
            "UPDATE jobs SET next_fire = ?, due_at = ?, last_fire = ?, fires = ?, fired = ? WHERE seq = ?",
            params![
                next_fire,
                due_at,
                self.state.last_fire.map(Instant::new),
                self.fires,
                self.state.fires.cast_signed(),
                self.seq
            ],
        )?;
        self.save_runs(step)
    }

    /// Writes how its runs go.
    pub(crate) fn save_runs(&self, step: &mut Step<'_>) -> Outcome<()> {
        let last = self.state.last_execution.as_ref();
        step.execute(
            "UPDATE jobs SET status = ?, last_run = ?, last_execution = ?, last_status = ?, last_ended = ?, \
             running = ?, runs = ?, fence = ? WHERE seq = ?",
            params![
                self.status().as_str(),
                self.state.last_run.map(Instant::new),
                last.map(|last| Text(last.execution_id)),
                last.map(|last| last.status.as_str()),
                last.and_then(|last| last.end_time).map(Instant::new),
                self.state.running,
                self.runs,
                self.fence,
                self.seq
            ],
        )?;
        step.ledger.remove_job(self.status_before);
        step.ledger.add_job(self.status());
        Ok(())
    }

    /// Writes its newest token.
    pub(crate) fn save_token(&self, step: &Step<'_>) -> Outcome<()> {
        let values = params![self.fence, self.seq];
        step.execute("UPDATE jobs SET fence = ? WHERE seq = ?", values)?;
        Ok(())
    }
}

/// Reads the columns of [`job_columns`] and then the definition.
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredJob> {
    Ok(StoredJob {
        state: JobRow::of(row)?.state,
        job: row.get::<_, Json<_>>(16)?.0,
    })
}

pub(crate) fn find_stored(view: &View<'_>, id: &JobId) -> Outcome<Option<StoredJob>> {
    view.one(STORED, [id.as_str()], stored)
}

fn status(active: bool, state: &JobState) -> JobStatus {
    let last = state.last_execution.as_ref().map(|last| last.status);
    JobStatus::of(active, state.running, last)
}

/// The columns `next_fire` and `due_at`.
pub(crate) fn next_columns(next: &NextFire) -> (Option<Instant>, Option<Instant>) {
    let column = |at: Option<DateTime<Utc>>| at.map(Instant::new);
    (column(next.at()), column(next.look_at()))
}

pub(crate) fn next_fire(
    next_fire: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
) -> NextFire {
    match (next_fire, due_at) {
        (Some(at), _) => NextFire::At(at),
        (None, Some(look_again)) => NextFire::Unknown { look_again },
        (None, None) => NextFire::Never,
    }
}

/// `next` as it is read back: to the microsecond.
pub(crate) fn readable(next: NextFire) -> NextFire {
    next_fire(next.at().map(to_micros), next.look_at().map(to_micros))
}

pub(crate) fn gone(id: &JobId) -> Fault {
    let message = format!("there is no job {id}");
    Fault::new(stock_scheduler_sdk::StoreErrorKind::NotFound, message)
}
