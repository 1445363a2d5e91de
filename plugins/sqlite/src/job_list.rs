//! Pages of jobs in the order of creation, found by index, and their sums.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use stock_scheduler_sdk::{JobId, JobPage, JobQuery, JobStatus, StoredJob};

use crate::fault::Outcome;
use crate::job_row::{job_columns, stored};
use crate::text::{At, Text};
use crate::view::View;

/// Stands between the words of `definitions.search`. No name or symbol holds it, so no text is found across two.
pub(crate) const BETWEEN_WORDS: char = '\n';

/// One page; `sums` are those of all jobs by status.
pub(crate) fn page(
    view: &View<'_>,
    query: &JobQuery,
    sums: &BTreeMap<JobStatus, u64>,
) -> Outcome<JobPage> {
    let limit = query.limit.max(1);
    let wanted = Wanted::of(query);
    let sql = format!(
        "SELECT {columns}, definition FROM {source} JOIN definitions ON definitions.job = jobs.seq \
         WHERE {place} > ?{conditions} ORDER BY {place} LIMIT ?",
        columns = job_columns!(),
        source = wanted.source,
        place = wanted.place,
        conditions = wanted.conditions
    );
    let after = query.after.as_deref().and_then(|place| place.parse().ok());
    let mut values = vec![Value::Integer(after.unwrap_or(0))];
    values.extend(wanted.values.iter().cloned());
    values.push(Value::Integer(
        i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1,
    ));
    let place = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, stored(row)?));
    let mut found: Vec<(i64, StoredJob)> = view.all(&sql, params_from_iter(values), place)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(JobPage {
        next: found
            .last()
            .filter(|_| has_more)
            .map(|(place, _)| place.to_string()),
        total: match query.is_indexed() {
            true => Some(wanted.total(view, query, sums)?),
            false => None,
        },
        jobs: found.into_iter().map(|(_, stored)| stored).collect(),
    })
}

/// The job that fires next.
pub(crate) fn next_fire(view: &View<'_>) -> Outcome<Option<(JobId, DateTime<Utc>)>> {
    let sql = "SELECT id, next_fire FROM jobs INDEXED BY jobs_due WHERE is_active = 1 AND due_at IS NOT NULL AND next_fire IS NOT NULL \
               ORDER BY due_at LIMIT 1";
    view.one(sql, [], |row| {
        Ok((row.get::<_, Text<_>>(0)?.0, row.get::<_, At>(1)?.0))
    })
}

/// A query as SQL: the table whose index finds most of it, and what else must hold.
struct Wanted {
    source: &'static str,
    /// The column of `source` that is a job's place in the order of creation.
    place: &'static str,
    conditions: String,
    values: Vec<Value>,
}

impl Wanted {
    fn of(query: &JobQuery) -> Self {
        // CROSS JOIN keeps SQLite to this order: it knows nothing about how rare a symbol or tag is.
        let (source, place) = match (&query.symbol, &query.tag) {
            (Some(_), _) => (
                "job_symbols CROSS JOIN jobs ON jobs.seq = job_symbols.job",
                "job_symbols.job",
            ),
            (None, Some(_)) => (
                "job_tags CROSS JOIN jobs ON jobs.seq = job_tags.job",
                "job_tags.job",
            ),
            (None, None) => ("jobs", "jobs.seq"),
        };
        let mut wanted = Self {
            source,
            place,
            conditions: String::new(),
            values: Vec::new(),
        };
        if let Some(symbol) = &query.symbol {
            wanted.and("job_symbols.symbol = ?", Value::Text(symbol.clone()));
        }
        match &query.tag {
            Some(tag) if query.symbol.is_some() => {
                let is_tagged = "EXISTS (SELECT 1 FROM job_tags WHERE tag = ? AND job = jobs.seq)";
                wanted.and(is_tagged, Value::Text(tag.clone()));
            }
            Some(tag) => wanted.and("job_tags.tag = ?", Value::Text(tag.clone())),
            None => {}
        }
        if let Some(active) = query.active {
            wanted.and("jobs.is_active = ?", Value::Integer(active.into()));
        }
        if let Some(status) = query.status {
            wanted.and("jobs.status = ?", Value::Text(status.as_str().into()));
        }
        if let Some(text) = &query.text {
            wanted.and(
                "instr(definitions.search, ?)",
                Value::Text(text.to_lowercase()),
            );
        }
        wanted
    }

    fn and(&mut self, condition: &str, value: Value) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.values.push(value);
    }

    fn total(
        &self,
        view: &View<'_>,
        query: &JobQuery,
        sums: &BTreeMap<JobStatus, u64>,
    ) -> Outcome<u64> {
        if query.tag.is_some() {
            let sql = format!(
                "SELECT count(*) FROM {} WHERE true{}",
                self.source, self.conditions
            );
            let values = params_from_iter(self.values.iter());
            let count = view.one(&sql, values, |row| row.get::<_, i64>(0))?;
            return Ok(count.unwrap_or_default().cast_unsigned());
        }
        let is_active = |status: JobStatus| status != JobStatus::Paused;
        let is_wanted = |status: JobStatus| {
            query
                .active
                .is_none_or(|active| active == is_active(status))
                && query.status.is_none_or(|wanted| wanted == status)
        };
        Ok(sums
            .iter()
            .filter(|(status, _)| is_wanted(**status))
            .map(|(_, sum)| sum)
            .sum())
    }
}
