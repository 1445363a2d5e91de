//! Which job follows which: written before the job that follows, so that it hears of every run that ends from then on.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{EditKind, Job, JobId, Store, StoreError, StoreErrorKind, StoredJob};

use super::{After, READER, STEP};
use crate::host::listening::{follower, ledger};
use crate::host::{FieldError, Host, HostError};

/// The namespace of links: `{job}:{follower}`.
const LINKS: &str = "chain";
/// Held while a job begins to follow another, so that two at a time make no circle.
const LOCK: &str = "chain_lock";
const LOCK_LASTS: Duration = Duration::from_secs(3);
/// A job is found right within this time, so that it is written before the lock ends.
const CHECKED_WITHIN: Duration = Duration::from_secs(2);
/// The most jobs in a row.
const LONGEST: usize = 100;
const PAGE: usize = 500;

/// The right to let a job follow another.
pub(in crate::host) struct Lock(u64);

/// Whether any job follows another.
pub(in crate::host) async fn has_links(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(!store.record_scan(LINKS, "", None, 1).await?.is_empty())
}

impl Host {
    /// Each job that is followed, with those that follow it.
    pub(super) async fn links(&self) -> Result<HashMap<JobId, Vec<JobId>>, StoreError> {
        let mut links: HashMap<JobId, Vec<JobId>> = HashMap::new();
        let mut after = None::<String>;
        loop {
            let page = self
                .store()
                .record_scan(LINKS, "", after.as_deref(), PAGE)
                .await?;
            let Some((last, _)) = page.last() else {
                return Ok(links);
            };
            after = Some(last.clone());
            for (key, _) in &page {
                if let Some((job, follower)) = key.split_once(':')
                    && let (Ok(job), Ok(follower)) = (job.parse(), follower.parse())
                {
                    links.entry(job).or_default().push(follower);
                }
            }
        }
    }

    /// Sees to it that a job may follow the one that its schedule names, and that it will hear of that one's runs. Whoever
    /// writes the job holds what this answers until it is written.
    pub(in crate::host) async fn link(&self, job: &Job) -> Result<Option<Lock>, HostError> {
        let Some(after) = After::of(job) else {
            return Ok(None);
        };
        let lock = self.in_time(self.lock_links()).await?;
        let linked = async {
            self.check_chain(job, &after).await?;
            Ok(self.in_time(self.write_link(job, &after)).await?)
        };
        let late = || {
            let why = format!("it took more than {CHECKED_WITHIN:?} to tell whom jobs follow");
            Err(HostError::Unavailable(why))
        };
        let linked = tokio::time::timeout(CHECKED_WITHIN, linked).await;
        match linked.unwrap_or_else(|_| late()) {
            Ok(()) => Ok(Some(lock)),
            Err(error) => {
                self.unlock_links(Some(lock)).await;
                Err(error)
            }
        }
    }

    /// Lets the ends of the runs of the job before be heard from now on.
    async fn write_link(&self, job: &Job, after: &After) -> Result<(), StoreError> {
        follower::begin(self, READER).await?;
        let key = format!("{}:{}", after.job, job.id);
        let put = self
            .store()
            .record_put(LINKS, &key, 0, Some(json!({})), None);
        match put.await {
            Err(error) if error.kind() != StoreErrorKind::Conflict => return Err(error),
            _ => {}
        }
        self.tell_changed().await
    }

    /// Refuses a job that follows nobody, itself, or one that follows it.
    async fn check_chain(&self, job: &Job, after: &After) -> Result<(), HostError> {
        let invalid = |why: String| {
            let error = FieldError::value("/schedule/job", format!("schedule: {why}"));
            Err(HostError::Invalid(vec![error]))
        };
        let mut path = vec![job.id.to_string()];
        let mut next = after.job.clone();
        while path.len() <= LONGEST {
            path.push(next.to_string());
            if next == job.id {
                return invalid(format!(
                    "jobs would follow each other in a circle: {}",
                    path.join(" after ")
                ));
            }
            match self.stored(&next).await {
                Ok(stored) => match After::of(&stored.job) {
                    Some(before) => next = before.job,
                    None => return Ok(()),
                },
                Err(HostError::NotFound(_)) if path.len() == 2 => {
                    return invalid(format!("job is {next}, and there is no such job"));
                }
                Err(HostError::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        invalid(format!(
            "more than {LONGEST} jobs would follow each other in a row"
        ))
    }

    /// The jobs that follow `job`.
    pub(in crate::host) async fn followers(&self, job: &JobId) -> Result<Vec<JobId>, HostError> {
        let prefix = format!("{job}:");
        let (mut ids, mut after): (Vec<JobId>, _) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .store()
                .record_scan(LINKS, &prefix, after.as_deref(), PAGE);
            let page = self.in_time(page).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let follower = |(key, _): &(String, _)| key.split_once(':')?.1.parse().ok();
            ids.extend(page.iter().filter_map(follower));
        }
        if ids.is_empty() {
            return Ok(ids);
        }
        let jobs = self.in_time(self.store().jobs(&ids)).await?;
        let follows =
            |stored: &StoredJob| After::of(&stored.job).is_some_and(|after| after.job == *job);
        let jobs = jobs.into_iter().flatten().filter(follows);
        Ok(jobs.map(|stored| stored.job.id).collect())
    }

    /// Forgets that a job followed the one that its old schedule named. Failing is no harm: a link that is not true is
    /// passed over.
    pub(in crate::host) async fn unlink_old(&self, old: &Job, new: Option<&Job>) {
        let Some(before) = After::of(old) else { return };
        let after = new.and_then(After::of);
        if after.is_none_or(|after| after.job != before.job) {
            let _ = self.unlink(&before.job, &old.id).await;
            let _ = self.tell_changed().await;
        }
    }

    /// Stops a job that began to follow another while that was being deleted, and says why.
    pub(in crate::host) async fn stop_if_orphaned(&self, job: &Job) {
        let Some(after) = After::of(job).filter(|_| job.active) else {
            return;
        };
        if let Err(HostError::NotFound(_)) = self.stored(&after.job).await {
            self.stop_orphan(&job.id, &after.job).await;
        }
    }

    /// Stops those that began to follow `job` while it was being deleted.
    pub(in crate::host) async fn stop_orphans(&self, job: &JobId) {
        for follower in self.followers(job).await.unwrap_or_default() {
            self.stop_orphan(&follower, job).await;
        }
    }

    async fn stop_orphan(&self, follower: &JobId, deleted: &JobId) {
        let problem = format!("job {deleted}, which it follows, has been deleted");
        let stopped = self.change(follower, None, |old| {
            let follows = After::of(&old.job).is_some_and(|after| after.job == *deleted);
            let mut new = old.job.clone();
            (new.active, new.problem) = (false, Some(problem.clone()));
            Ok((follows && new != old.job).then_some((new, EditKind::Updated)))
        });
        match stopped.await {
            Ok(_) | Err(HostError::NotFound(_)) => {}
            Err(error) => {
                tracing::warn!(job = %follower, %error, "{problem}, and that cannot be noted")
            }
        }
    }

    async fn unlink(&self, job: &JobId, follower: &JobId) -> Result<(), StoreError> {
        let key = format!("{job}:{follower}");
        ledger::delete(self.store().as_ref(), LINKS, &key).await
    }

    async fn lock_links(&self) -> Result<Lock, StoreError> {
        loop {
            let value = json!({"holder": uuid::Uuid::new_v4().to_string()});
            let put = self
                .store()
                .record_put(LOCK, LOCK, 0, Some(value), Some(LOCK_LASTS));
            match put.await {
                Ok(revision) => return Ok(Lock(revision)),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    tokio::time::sleep(STEP).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(in crate::host) async fn unlock_links(&self, lock: Option<Lock>) {
        if let Some(Lock(revision)) = lock {
            // Failing is no harm: it ends by itself.
            let _ = self
                .store()
                .record_put(LOCK, LOCK, revision, None, None)
                .await;
        }
    }
}
