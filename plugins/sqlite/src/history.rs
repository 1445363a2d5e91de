//! Runs and decided fires as they are read, and how their history is kept short.

use std::collections::HashMap;

use rusqlite::{Row, params};
use stock_scheduler_sdk::{
    Fire, FireQuery, Grant, HostId, NewRun, Overlap, Run, RunId, RunPage, RunQuery, Symbol,
    SymbolState, retention,
};

use crate::fault::Outcome;
use crate::job_row::JobRow;
use crate::pending;
use crate::step::Step;
use crate::text::{At, Instant, Json, Text, Word, at};
use crate::view::View;

/// The history of a job is trimmed once in so many additions, so that most cost nothing.
const TRIM_EVERY: i64 = 50;

macro_rules! select_runs {
    ($condition:literal) => {
        concat!(
            "SELECT seq, id, job, fire_time, triggered_by, plan, status, started_at, ended_at, attempt, token, host \
             FROM runs WHERE ",
            $condition
        )
    };
}

pub(crate) fn run(view: &View<'_>, id: RunId) -> Outcome<Option<Run>> {
    let found = view.one(select_runs!("id = ?"), [Text(id)], numbered)?;
    found.map(|run| with_symbols(view, run)).transpose()
}

/// The newest grant of a run, and who holds it.
pub(crate) fn grant_of(view: &View<'_>, id: RunId) -> Outcome<Option<(Grant, HostId)>> {
    let sql = "SELECT job, token, attempt, started_at, host FROM runs WHERE id = ?";
    view.one(sql, [Text(id)], |row| {
        let grant = Grant {
            job: row.get::<_, Text<_>>(0)?.0,
            run: id,
            token: row.get::<_, i64>(1)?.cast_unsigned(),
            attempt: row.get(2)?,
            started_at: row.get::<_, At>(3)?.0,
        };
        Ok((grant, row.get::<_, Text<_>>(4)?.0))
    })
}

pub(crate) fn runs(view: &View<'_>, query: &RunQuery) -> Outcome<RunPage> {
    let limit = query.limit.max(1);
    let before = query.after.as_deref().and_then(|place| place.parse().ok());
    let mut found = view.all(
        select_runs!(
            "job = (SELECT id FROM jobs WHERE id = ?1) AND seq < ?2 AND (?3 IS NULL OR status = ?3) \
             ORDER BY seq DESC LIMIT ?4"
        ),
        params![
            query.job.as_str(),
            before.unwrap_or(i64::MAX),
            query.status.map(|status| status.as_str()),
            i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1
        ],
        numbered,
    )?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more);
    Ok(RunPage {
        next: next.map(|(seq, _)| seq.to_string()),
        runs: found
            .into_iter()
            .map(|run| with_symbols(view, run))
            .collect::<Outcome<_>>()?,
    })
}

/// A run with its number and none of its symbols marked.
fn numbered(row: &Row<'_>) -> rusqlite::Result<(i64, Run)> {
    let new = NewRun {
        id: row.get::<_, Text<_>>(1)?.0,
        fire_time: at(row, 3)?,
        triggered_by: row.get::<_, Word<_>>(4)?.0,
        plan: row.get::<_, Json<_>>(5)?.0,
        // Decided when the run was claimed, and not kept.
        overlap: Overlap::default(),
    };
    let grant = Grant {
        job: row.get::<_, Text<_>>(2)?.0,
        run: new.id,
        token: row.get::<_, i64>(10)?.cast_unsigned(),
        attempt: row.get(9)?,
        started_at: row.get::<_, At>(7)?.0,
    };
    let mut run = Run::begun(new, row.get::<_, Text<_>>(11)?.0, &grant);
    run.status = row.get::<_, Word<_>>(6)?.0;
    run.ended_at = at(row, 8)?;
    Ok((row.get(0)?, run))
}

fn with_symbols(view: &View<'_>, (seq, mut run): (i64, Run)) -> Outcome<Run> {
    let marked = pending::progress(view, seq)?;
    let mut marked: HashMap<Symbol, (u32, SymbolState)> = marked
        .into_iter()
        .map(|(symbol, attempts, state)| (symbol, (attempts, state)))
        .collect();
    for progress in &mut run.symbols {
        if let Some((attempts, state)) = marked.remove(&progress.symbol) {
            progress.attempts = attempts;
            progress.state = state;
        }
    }
    Ok(run)
}

pub(crate) fn fires(view: &View<'_>, query: &FireQuery) -> Outcome<Vec<Fire>> {
    view.all(
        "SELECT fire_time, state, reason, run, started_at FROM fires \
         WHERE job = (SELECT id FROM jobs WHERE id = ?1) AND fire_time >= ?2 AND fire_time < ?3 \
         ORDER BY fire_time DESC LIMIT ?4",
        params![
            query.job.as_str(),
            Instant::new(
                query
                    .since
                    .unwrap_or(chrono::DateTime::<chrono::Utc>::MIN_UTC)
            ),
            Instant::new(
                query
                    .until
                    .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
            ),
            i64::try_from(query.limit).unwrap_or(i64::MAX)
        ],
        fire,
    )
}

fn fire(row: &Row<'_>) -> rusqlite::Result<Fire> {
    let fire_time = row.get::<_, At>(0)?.0;
    let mut fire = Fire::passed(fire_time, row.get::<_, Word<_>>(1)?.0, "");
    fire.reason = row.get(2)?;
    fire.run = row.get::<_, Option<Text<_>>>(3)?.map(|run| run.0);
    fire.started_at = at(row, 4)?;
    Ok(fire)
}

impl Step<'_> {
    /// Drops the oldest runs that have ended, now and then.
    pub(crate) fn trim_runs(&mut self, job: &JobRow) -> Outcome<()> {
        if job.runs % TRIM_EVERY != 0 {
            return Ok(());
        }
        let kept = retention::RUNS as i64;
        let old: Vec<i64> = self.all(
            "SELECT seq FROM runs INDEXED BY runs_of_job WHERE job = ?1 AND status <> 'running' AND seq <= \
             (SELECT seq FROM runs WHERE job = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
            params![job.id.as_str(), kept],
            |row| row.get(0),
        )?;
        old.into_iter().try_for_each(|seq| self.forget_run(seq))
    }

    pub(crate) fn forget_run(&mut self, seq: i64) -> Outcome<()> {
        self.settle_run(seq)?;
        self.execute("DELETE FROM run_symbols WHERE run = ?", [seq])?;
        self.execute("DELETE FROM runs WHERE seq = ?", [seq])?;
        Ok(())
    }

    /// Drops the earliest fires, now and then.
    pub(crate) fn trim_fires(&self, job: &JobRow) -> Outcome<()> {
        if job.fires % TRIM_EVERY != 0 {
            return Ok(());
        }
        let kept = retention::FIRES as i64;
        self.execute(
            "DELETE FROM fires WHERE job = ?1 AND fire_time <= \
             (SELECT fire_time FROM fires WHERE job = ?1 ORDER BY fire_time DESC LIMIT 1 OFFSET ?2)",
            params![job.id.as_str(), kept],
        )?;
        Ok(())
    }
}
