//! Pages of jobs: found by an index where there is one, and looked through a bounded number at a time where not.

use stock_scheduler_sdk::{JobId, JobPage, JobQuery, JobStatus, StoreError};

use crate::jobs::{JOBS_A_CALL, Row, stored};
use crate::{RedisStore, scripts};

/// At most so many jobs are looked at for one page, so that a rare text does not hold everybody up.
const LOOKED_AT_FOR_A_PAGE: usize = 2_000;

impl RedisStore {
    pub(crate) async fn page_of_jobs(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let Some(indexes) = indexes(query) else {
            return Ok(JobPage {
                total: query.is_indexed().then_some(0),
                ..JobPage::default()
            });
        };
        let limit = query.limit.max(1);
        let mut after = query
            .after
            .clone()
            .filter(|place| place.parse::<u64>().is_ok());
        let mut page = JobPage::default();
        let mut looked_at = 0;
        loop {
            // Where every job of the index matches, no more is read than is wanted.
            let chunk = match query.is_indexed() {
                true => (limit - page.jobs.len()).min(JOBS_A_CALL),
                false => JOBS_A_CALL,
            };
            let mut call = scripts::LIST.call();
            call.arg(after.as_deref().unwrap_or("0"))
                .arg(chunk)
                .arg(&indexes);
            let (total, last, rows): (u64, String, Vec<Vec<Option<String>>>) =
                self.link.run(&call).await?;
            page.total = query.is_indexed().then_some(total);
            looked_at += rows.len();
            for row in &rows {
                let Some((place, job)) = self.listed(row) else {
                    continue;
                };
                if !query.matches(&job) {
                    continue;
                }
                if page.jobs.len() == limit {
                    page.next = after;
                    return Ok(page);
                }
                page.jobs.push(job);
                after = Some(place);
            }
            after = Some(last).filter(|place| !place.is_empty());
            if after.is_none() || page.jobs.len() == limit || looked_at >= LOOKED_AT_FOR_A_PAGE {
                page.next = after;
                return Ok(page);
            }
        }
    }

    fn listed(&self, row: &Row) -> Option<(String, stock_scheduler_sdk::StoredJob)> {
        let place = row.first()?.clone()?;
        let id: JobId = row.get(1)?.as_deref()?.parse().ok()?;
        Some((place, stored(&id, row.get(2..)?, self.zone)?))
    }
}

/// The one or two indexes whose jobs match all that is indexed; `None` where no job can.
fn indexes(query: &JobQuery) -> Option<Vec<String>> {
    let by_state = match (query.active, query.status) {
        (Some(true), Some(JobStatus::Paused)) => return None,
        (Some(false), Some(status)) if status != JobStatus::Paused => return None,
        (_, Some(status)) => Some(format!("status:{}", status.as_str())),
        (Some(true), None) => Some("active".to_owned()),
        (Some(false), None) => Some("status:paused".to_owned()),
        (None, None) => None,
    };
    let by_tag = query.tag.as_ref().map(|tag| format!("tag:{tag}"));
    let found: Vec<_> = by_state.into_iter().chain(by_tag).collect();
    match found.is_empty() {
        true => Some(vec!["jobs".to_owned()]),
        false => Some(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_contradict_each_other_find_nothing() {
        let query = |active, status| JobQuery {
            active,
            status,
            ..JobQuery::default()
        };

        assert_eq!(indexes(&query(Some(true), Some(JobStatus::Paused))), None);
        assert_eq!(indexes(&query(Some(false), Some(JobStatus::Failed))), None);
        assert_eq!(indexes(&query(None, None)), Some(vec!["jobs".to_owned()]));
        let tagged = JobQuery {
            tag: Some("tech".into()),
            ..query(Some(true), None)
        };
        assert_eq!(
            indexes(&tagged),
            Some(vec!["active".to_owned(), "tag:tech".to_owned()])
        );
    }
}
