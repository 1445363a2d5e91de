//! What a host is told when it asks for work: what is due, and which runs have lost their host. Asking writes nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Row, params};
use stock_scheduler_sdk::{Agenda, Due, HostId, Orphan, Poll};

use crate::fault::Outcome;
use crate::job_row;
use crate::text::{At, Text, at};
use crate::view::View;

pub(crate) fn agenda(
    view: &View<'_>,
    poll: &Poll,
    now: DateTime<Utc>,
    dead: &[HostId],
) -> Outcome<Agenda> {
    let horizon = later(now, poll.ahead);
    let one_more = i64::try_from(poll.limit).unwrap_or(i64::MAX - 1) + 1;
    let mut statement = view.file.prepare_cached(
        "SELECT id, revision, next_fire, due_at, last_fire FROM jobs INDEXED BY jobs_due \
         WHERE is_active = 1 AND due_at IS NOT NULL ORDER BY due_at LIMIT ?",
    )?;
    let mut rows = statement.query(params![one_more])?;
    let mut agenda = Agenda {
        now,
        ..Agenda::default()
    };
    while let Some(row) = rows.next()? {
        let due_at = row.get::<_, At>(3)?.0;
        if due_at > horizon || agenda.due.len() == poll.limit {
            agenda.later = Some(due_at);
            break;
        }
        agenda.due.push(due(row, due_at)?);
    }
    for host in dead {
        agenda.orphans.extend(held(view, *host)?);
    }
    Ok(agenda)
}

fn due(row: &Row<'_>, due_at: DateTime<Utc>) -> rusqlite::Result<Due> {
    Ok(Due {
        job: row.get::<_, Text<_>>(0)?.0,
        revision: row.get::<_, i64>(1)?.cast_unsigned(),
        next: job_row::next_fire(at(row, 2)?, Some(due_at)),
        last_fire: at(row, 4)?,
    })
}

/// The runs that `host` holds and that have not ended.
pub(crate) fn held(view: &View<'_>, host: HostId) -> Outcome<Vec<Orphan>> {
    view.all(
        "SELECT job, id, token FROM runs WHERE status = 'running' AND host = ? ORDER BY seq",
        [Text(host)],
        |row| {
            Ok(Orphan {
                job: row.get::<_, Text<_>>(0)?.0,
                run: row.get::<_, Text<_>>(1)?.0,
                token: row.get::<_, i64>(2)?.cast_unsigned(),
            })
        },
    )
}

/// `now + span`, or the end of time.
pub(crate) fn later(now: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(span)
        .ok()
        .and_then(|span| now.checked_add_signed(span))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
