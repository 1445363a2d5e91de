//! Tidying what time has made useless: records past their end, and the history of jobs deleted a month ago.

use chrono::{DateTime, Days, Utc};

use crate::fault::Outcome;
use crate::step::Step;
use crate::text::Instant;
use crate::view::View;

/// How long the runs and fires of a deleted job are kept.
const HISTORY: Days = Days::new(30);

/// At most so many of each are tidied in one step, so that others need not wait.
const AT_ONCE: i64 = 200;

/// Whether there is anything to tidy.
pub(crate) fn is_due(view: &View<'_>, now: DateTime<Utc>) -> Outcome<bool> {
    let expired = "SELECT 1 FROM records WHERE expires_at <= ? LIMIT 1";
    let is_expired = view
        .one(expired, [Instant::new(now)], |_| Ok(()))?
        .is_some();
    Ok(is_expired || !deleted_jobs(view, now)?.is_empty())
}

pub(crate) fn tidy(step: &mut Step<'_>) -> Outcome<()> {
    let expired = "DELETE FROM records WHERE expires_at <= ?";
    step.execute(expired, [Instant::new(step.now)])?;
    for job in deleted_jobs(step, step.now)? {
        let runs = step.all("SELECT seq FROM runs WHERE job = ?", [&job], |row| {
            row.get(0)
        })?;
        runs.into_iter().try_for_each(|run| step.forget_run(run))?;
        step.execute("DELETE FROM fires WHERE job = ?", [&job])?;
        step.execute(
            "UPDATE deleted_jobs SET has_history = 0 WHERE id = ?",
            [&job],
        )?;
    }
    Ok(())
}

/// The jobs whose history is to go, the earliest deleted first.
fn deleted_jobs(view: &View<'_>, now: DateTime<Utc>) -> Outcome<Vec<String>> {
    let before = Instant::new(now.checked_sub_days(HISTORY).unwrap_or(now));
    view.all(
        "SELECT id FROM deleted_jobs WHERE has_history = 1 AND deleted_at < ? ORDER BY deleted_at LIMIT ?",
        rusqlite::params![before, AT_ONCE],
        |row| row.get(0),
    )
}
