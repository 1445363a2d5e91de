//! Fires and runs: what is due, who may run it, how far it is, and what became of each expected fire.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Grant, HostId, JobId, NewRun, NextFire, Run, RunId, RunPlan, RunStatus, StoreError,
    SymbolResult,
};

/// Decides who runs what.
#[async_trait]
pub trait RunStore: Send + Sync + 'static {
    /// Renews the lease of a host and answers what needs doing.
    async fn poll(&self, poll: &Poll) -> Result<Agenda, StoreError>;

    /// Decides fires and grants runs; each claim is one atomic step, answered in its place.
    ///
    /// For a claim with an [`Advance`]: refused unless the job is active, has `revision`, its next fire is
    /// `advance.from`, and every fire in it is later than the job's last fire; with a run, also unless the next fire has
    /// come. Then the passed fires are recorded (`FireSkipped`, `FireMissed` logged), the next fire becomes
    /// `advance.to` (`JobRescheduled` logged where that is all and another instant), and the run, if there is one, is granted and `JobStarted`
    /// logged. Where another run goes, the run's
    /// overlap decides: with [`Overlap::Skip`](crate::Overlap::Skip) the fire is recorded as skipped, reason `overlap`;
    /// with [`Overlap::Queue`](crate::Overlap::Queue) the claim is refused as `Running`.
    /// [`JobState::fires`](crate::JobState::fires) counts the fire if its run is granted or skipped.
    ///
    /// For a run by hand (no advance): refused as `Running` where another run goes, unless its overlap is
    /// [`Overlap::Allow`](crate::Overlap::Allow). The job may be paused, or edited since; the schedule does not move, and
    /// no fire is recorded.
    ///
    /// Claiming a run id that was granted to the same host answers the same grant; one that is another host's is refused
    /// as `Changed`.
    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Result<Vec<Claimed>, StoreError>;

    /// Takes a run over with a higher token, or `None` when that is not to be: the run has ended, its token is no longer
    /// `seen`, or its host lives and `why` respects that.
    ///
    /// Logs `JobStarted` with the next attempt, unless the run is taken to cancel it. Repeating it after a lost reply:
    /// the host finds itself the owner in [`RunStore::run`] and takes over from itself.
    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Result<Option<(Grant, Run)>, StoreError>;

    /// Stores what came of some symbols of a run and, with `end`, ends the run, all in one step.
    ///
    /// Series go under [`RunPlan::key`], windows beyond [`RunPlan::keep`] are dropped, each symbol is marked and
    /// `StockFetched` or `StockFailed` logged; a symbol that is marked already, or is not in the run, is passed over. The
    /// windows of a symbol that end first are dropped first. The end logs `JobFinished`; ending a run that this grant
    /// ended is no error. `Fenced` when the grant is overtaken or the job is gone: nothing is written.
    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError>;

    /// Ends the lease of a host that stops: its runs are orphans from now on.
    async fn retire(&self, host: HostId) -> Result<(), StoreError>;

    /// The runs that a host holds and that have not ended.
    async fn held(&self, host: HostId) -> Result<Vec<Orphan>, StoreError>;

    /// One run.
    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;

    /// A job's runs, newest first.
    async fn runs(&self, query: &RunQuery) -> Result<RunPage, StoreError>;

    /// A job's decided fires, newest first.
    async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, StoreError>;
}

/// A host's question for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Who asks.
    pub host: HostId,
    /// How long it counts as living without asking again.
    pub lease: Duration,
    /// How far ahead of the store's clock to look for what is due.
    pub ahead: Duration,
    /// At most so many due jobs.
    pub limit: usize,
}

/// What needs doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Agenda {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// Jobs that are due by `now + ahead`, earliest first.
    pub due: Vec<Due>,
    /// When the earliest job that is not in `due` is due.
    pub later: Option<DateTime<Utc>>,
    /// Runs whose host no longer lives.
    pub orphans: Vec<Orphan>,
}

/// A job that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The job.
    pub job: JobId,
    /// Its revision.
    pub revision: u64,
    /// Its next fire, or that it is not worked out.
    pub next: NextFire,
    /// Its last fire.
    pub last_fire: Option<DateTime<Utc>>,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its job.
    pub job: JobId,
    /// The run.
    pub run: RunId,
    /// The token of its newest grant.
    pub token: u64,
}

/// Why a run is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeOver {
    /// Its host no longer lives, or is the one that asks.
    Orphaned,
    /// Somebody wants it ended, whoever holds it.
    Cancelled,
}

/// A decision about a job's schedule, a run, or both, that the store is asked to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The revision from which the claim was worked out.
    pub revision: u64,
    /// How the schedule moves; `None` for a run by hand.
    pub advance: Option<Advance>,
    /// The run to grant; `None` when the schedule only moves.
    pub run: Option<NewRun>,
}

/// A step of a job's schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advance {
    /// The next fire that this step answers.
    pub from: NextFire,
    /// The next fire after it.
    pub to: NextFire,
    /// Fires that go by without a run, oldest first, each before the run's fire time.
    pub passed: Vec<Fire>,
}

/// The store's answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The run is the host's.
    Granted(Grant),
    /// The fire was recorded as skipped, because another run of the job goes.
    Overlapped,
    /// The schedule moved; no run was asked for.
    Advanced,
    /// Nothing changed.
    Refused(Refusal),
}

/// Why a claim changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such job.
    Gone,
    /// The job does not fire.
    Paused,
    /// The job was edited, or its next fire decided, since the claim was worked out.
    Changed,
    /// Its time has not come by the store's clock.
    NotDue,
    /// A fire at or after this one has been decided: the last one is given.
    AlreadyFired(DateTime<Utc>),
    /// Another run of the job goes.
    Running,
}

/// What became of one expected fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fire {
    /// When it was expected.
    pub fire_time: DateTime<Utc>,
    /// What became of it.
    pub state: FireState,
    /// Why, where it did not run: `overlap`, `down`, `plugin_missing`, a holiday's name.
    pub reason: Option<String>,
    /// Its run, where it ran.
    pub run: Option<RunId>,
    /// When its run began.
    pub started_at: Option<DateTime<Utc>>,
}

impl Fire {
    /// A fire that goes by without a run.
    pub fn passed(fire_time: DateTime<Utc>, state: FireState, reason: impl Into<String>) -> Self {
        Self {
            fire_time,
            state,
            reason: Some(reason.into()),
            run: None,
            started_at: None,
        }
    }

    /// A fire that runs.
    pub fn fired(fire_time: DateTime<Utc>, run: RunId, started_at: DateTime<Utc>) -> Self {
        Self {
            fire_time,
            state: FireState::Fired,
            reason: None,
            run: Some(run),
            started_at: Some(started_at),
        }
    }
}

/// What became of an expected fire, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FireState {
    /// It ran.
    Fired,
    /// It did not run, on purpose.
    Skipped,
    /// It did not run, because nobody could.
    Missed,
}

impl FireState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
        }
    }
}

/// Which runs to read.
#[derive(Debug, Clone, PartialEq)]
pub struct RunQuery {
    /// Whose.
    pub job: JobId,
    /// Only those of this status.
    pub status: Option<RunStatus>,
    /// Go on after this place: a [`RunPage::next`].
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One page of runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunPage {
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Which fires to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireQuery {
    /// Whose.
    pub job: JobId,
    /// Only at or after this instant.
    pub since: Option<DateTime<Utc>>,
    /// Only before this instant.
    pub until: Option<DateTime<Utc>>,
    /// At most so many.
    pub limit: usize,
}
