//! Repairs what can be derived and adopts what other writers left: a bounded part of it in each call, going on where the
//! last one ended.
//!
//! How a document is read is `adopt`'s business.

use std::sync::PoisonError;

use redis::cmd;
use stock_scheduler_sdk::{
    DataKey, Edit, EditKind, EventKind, Job, JobId, JobStore, NextFire, RequestId, RunId, Store,
    StoreError, StoreErrorKind,
};

use crate::jobs::{document, tags};
use crate::{RedisStore, adopt, event, scripts, wire};

/// Known jobs that one script call looks at.
const CHECKED_A_CALL: usize = 1_000;
/// Script calls for known jobs in one round.
const CHECKS: usize = 20;
/// Keys that one scan looks at.
const SCANNED_A_CALL: usize = 5_000;
/// Scans in one round.
const SCANS: usize = 10;
/// Jobs adopted in one round.
const ADOPTIONS: usize = 1_000;

const ANY_JOB: &str = "scheduler:job:*";
const ANY_WINDOW: &str =
    "*:*:[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]:[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";

/// Where each walk goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    checked: String,
    jobs: u64,
    windows: u64,
}

impl RedisStore {
    pub(crate) async fn reconcile_some(&self) -> Result<(), StoreError> {
        let mut progress = self
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.check_known(&mut progress).await?;
        self.adopt_listed().await?;
        self.adopt_found(&mut progress).await?;
        self.list_windows(&mut progress).await?;
        self.rewrite_index().await;
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        Ok(())
    }

    /// Looks at the jobs that are known: due in time, and their documents as we wrote them.
    async fn check_known(&self, progress: &mut Progress) -> Result<(), StoreError> {
        for _ in 0..CHECKS {
            let mut call = scripts::CHECK.call();
            call.arg(if progress.checked.is_empty() {
                "0"
            } else {
                &progress.checked
            })
            .arg(CHECKED_A_CALL);
            let mut answer: Vec<String> = self.link.run(&call).await?;
            progress.checked = answer.first().cloned().unwrap_or_default();
            answer.drain(..1.min(answer.len()));
            for odd in answer.chunks_exact(3) {
                let [id, revision, text] = odd else { continue };
                let Ok(id) = id.parse::<JobId>() else {
                    continue;
                };
                self.settle(&id, revision.parse().ok(), text).await?;
            }
            if progress.checked.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Follows another writer who changed or deleted a document, or adopts a job whose state was lost.
    async fn settle(
        &self,
        id: &JobId,
        revision: Option<u64>,
        text: &str,
    ) -> Result<(), StoreError> {
        let settled = match (revision, text) {
            (None, "") => Ok(()),
            (None, text) => self.adopt(id, text).await,
            (Some(revision), "") => self.delete(id, Some(revision), RequestId::random()).await,
            (Some(revision), text) => self.readopt(id, revision, text).await,
        };
        match settled {
            // Somebody was faster.
            Err(error)
                if matches!(
                    error.kind(),
                    StoreErrorKind::Conflict | StoreErrorKind::NotFound
                ) =>
            {
                Ok(())
            }
            settled => settled,
        }
    }

    /// Takes a document that another writer changed as an edit of a known job.
    async fn readopt(&self, id: &JobId, revision: u64, text: &str) -> Result<(), StoreError> {
        let mut job = adopt::read(id, text, self.zone).job;
        let next = self.next_of(&mut job).await?;
        let edit = Edit {
            request: RequestId::random(),
            expected: revision,
            next: Some(next),
            job,
            kind: EditKind::Updated,
        };
        self.edit_guarded(edit, text).await.map(|_| ())
    }

    /// Adopts the jobs whose ids another writer put on the list.
    async fn adopt_listed(&self) -> Result<(), StoreError> {
        let text: Option<String> = self.link.run(&scripts::LISTED.call()).await?;
        let listed: Vec<serde_json::Value> = text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let ids: Vec<&str> = listed.iter().filter_map(|id| id.as_str()).collect();
        self.adopt_unknown(&ids).await
    }

    /// Adopts the jobs whose documents scanning the server finds.
    async fn adopt_found(&self, progress: &mut Progress) -> Result<(), StoreError> {
        for _ in 0..SCANS {
            let found = self.scan(&mut progress.jobs, ANY_JOB).await?;
            let ids: Vec<&str> = found
                .iter()
                .filter_map(|key| key.strip_prefix("scheduler:job:"))
                .collect();
            self.adopt_unknown(&ids).await?;
            if progress.jobs == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn adopt_unknown(&self, ids: &[&str]) -> Result<(), StoreError> {
        let ids: Vec<JobId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut adopted = 0;
        for ids in ids.chunks(CHECKED_A_CALL) {
            let mut call = scripts::UNKNOWN.call();
            for id in ids {
                call.arg(id.as_str());
            }
            let unknown: Vec<(String, String)> = self.link.run(&call).await?;
            for (id, text) in &unknown {
                let Ok(id) = id.parse() else { continue };
                self.adopt(&id, text).await?;
            }
            adopted += unknown.len();
            if adopted >= ADOPTIONS {
                break;
            }
        }
        Ok(())
    }

    async fn adopt(&self, id: &JobId, text: &str) -> Result<(), StoreError> {
        let adopt::Adopted {
            mut job,
            last_run,
            last_status,
        } = adopt::read(id, text, self.zone);
        let next = self.next_of(&mut job).await?;
        let created = EventKind::JobCreated {
            job_name: job.name.clone(),
            revision: job.revision,
        };
        let document = document(&job)?;
        let mut call = scripts::ADOPT.call();
        call.arg(id.as_str())
            .arg(text)
            .arg(job.revision)
            .arg(wire::flag(job.active));
        call.arg(tags(&job))
            .arg(wire::next(&next))
            .arg(&document)
            .arg(scripts::sum(&document))
            .arg(event::json(&created)?);
        call.arg(
            last_run
                .map(|at| wire::micros(at).to_string())
                .unwrap_or_default(),
        );
        // How its last run went is only known with when that was.
        let latest = last_status.filter(|_| last_run.is_some());
        call.arg(
            latest
                .map(|_| RunId::random().to_string())
                .unwrap_or_default(),
        );
        call.arg(latest.map(|status| status.as_str()).unwrap_or_default());
        self.link.run::<String>(&call).await.map(|_| ())
    }

    /// An adopted job does not fire for what is past: its next fire is worked out from now.
    async fn next_of(&self, job: &mut Job) -> Result<NextFire, StoreError> {
        if !job.active {
            return Ok(NextFire::Never);
        }
        let now = self.now().await?;
        job.armed_at = Some(now);
        Ok(NextFire::Unknown { look_again: now })
    }

    /// Lists windows of data that another writer stored.
    async fn list_windows(&self, progress: &mut Progress) -> Result<(), StoreError> {
        for _ in 0..SCANS {
            let found = self.scan(&mut progress.windows, ANY_WINDOW).await?;
            let windows = found.iter().filter(|key| key.parse::<DataKey>().is_ok());
            let mut command = cmd("ZADD");
            command.arg("{scheduler}:datasets").arg("NX");
            let bare = command.args_iter().count();
            for window in windows {
                command.arg(0).arg(window);
            }
            if command.args_iter().count() > bare {
                self.link.ask::<u64>("list windows", &command).await?;
            }
            if progress.windows == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Texts among the next keys of the server whose names look like `pattern`.
    async fn scan(&self, cursor: &mut u64, pattern: &str) -> Result<Vec<String>, StoreError> {
        let mut command = cmd("SCAN");
        command
            .arg(*cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(SCANNED_A_CALL);
        command.arg("TYPE").arg("string");
        let (next, found): (u64, Vec<Vec<u8>>) = self.link.ask("scan", &command).await?;
        *cursor = next;
        Ok(found
            .into_iter()
            .filter_map(|key| String::from_utf8(key).ok())
            .collect())
    }
}
