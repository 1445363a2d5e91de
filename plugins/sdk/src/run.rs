//! One carrying-out of a job: who runs it, with what right, and how far it is.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DataKey, FetcherRef, Interval, Job, JobId, Overlap, Prefix, Series, Symbol, Window};

/// Writes an id type over a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that nobody else has; later ids are greater.
            pub fn random() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id! {
    /// Names a run (`execution_id` on the wire). Given by who asks for the run, so that asking again is harmless.
    RunId
}
uuid_id! {
    /// Names one life of a host process; a restarted process is another host.
    HostId
}
uuid_id! {
    /// Names one write, so that repeating it after a lost reply has the effect of once.
    RequestId
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It still goes.
    Running,
    /// Every symbol was stored.
    Success,
    /// Some symbols were stored and some failed.
    PartialSuccess,
    /// No symbol was stored.
    Failed,
}

impl RunStatus {
    /// How a run went that stored `fetched` symbols and failed `failed`.
    pub fn of(fetched: usize, failed: usize) -> Self {
        match (fetched, failed) {
            (_, 0) => Self::Success,
            (0, _) => Self::Failed,
            _ => Self::PartialSuccess,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::PartialSuccess => "partial_success",
            Self::Failed => "failed",
        }
    }
}

/// Why a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TriggeredBy {
    /// Its fire time came.
    SchedulerAuto,
    /// Somebody asked for it.
    ManualTrigger,
    /// An earlier run's failures are tried again.
    Retry,
    /// A fire time of the past is run.
    Backfill,
    /// A run of the job that it follows has ended.
    Chain,
}

impl TriggeredBy {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SchedulerAuto => "scheduler_auto",
            Self::ManualTrigger => "manual_trigger",
            Self::Retry => "retry",
            Self::Backfill => "backfill",
            Self::Chain => "chain",
        }
    }
}

/// All that is needed to carry a run out, fixed when it is claimed: later edits of the job do not touch it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The job's name then.
    pub job_name: String,
    /// The job's revision then.
    pub revision: u64,
    /// What to fetch, each once.
    pub symbols: Vec<Symbol>,
    /// Who fetches.
    pub fetcher: FetcherRef,
    /// The length of a bar.
    pub interval: Interval,
    /// First part of the keys.
    pub prefix: Prefix,
    /// The dates to fetch, both included; "today" was that of the fire time.
    pub window: Window,
    /// How many windows are kept for each symbol.
    pub keep: Option<u32>,
}

impl RunPlan {
    /// What `job` orders, for these dates.
    pub fn of(job: &Job, window: Window) -> Self {
        Self {
            job_name: job.name.clone(),
            revision: job.revision,
            symbols: job.symbols.clone(),
            fetcher: job.fetcher.clone(),
            interval: job.interval,
            prefix: job.prefix.clone(),
            window,
            keep: job.keep,
        }
    }

    /// Where the data of `symbol` is stored.
    pub fn key(&self, symbol: &Symbol) -> DataKey {
        DataKey {
            prefix: self.prefix.clone(),
            symbol: symbol.clone(),
            window: self.window,
        }
    }

    /// Those of `results` that are for symbols of the plan, one for each.
    pub fn planned(&self, mut results: Vec<SymbolResult>) -> Vec<SymbolResult> {
        let mut places: HashMap<&Symbol, usize> = HashMap::with_capacity(results.len());
        for (place, result) in results.iter().enumerate() {
            places.entry(&result.symbol).or_insert(place);
        }
        // They come about in the order of the plan, so that most are found near the first.
        let is_first = |symbol: &Symbol| results.first().is_some_and(|r| r.symbol == *symbol);
        let first = self.symbols.iter().position(is_first).unwrap_or(0);
        let near = first.saturating_sub(results.len());
        let mut is_planned = vec![false; results.len()];
        for symbol in self.symbols[near..].iter().chain(&self.symbols[..near]) {
            if places.is_empty() {
                break;
            }
            if let Some(place) = places.remove(symbol) {
                is_planned[place] = true;
            }
        }
        let mut is_planned = is_planned.into_iter();
        results.retain(|_| is_planned.next().unwrap_or(false));
        results
    }
}

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id, chosen by who asks; asking again with the same id is the same run.
    pub id: RunId,
    /// The fire time it answers; `None` for a run by hand.
    pub fire_time: Option<DateTime<Utc>>,
    /// Why it begins.
    pub triggered_by: TriggeredBy,
    /// What to do.
    pub plan: RunPlan,
    /// What if another run of the job still goes.
    pub overlap: Overlap,
}

/// The right to work on a run, until somebody with a higher token takes it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The job.
    pub job: JobId,
    /// The run.
    pub run: RunId,
    /// Fencing token: of all grants of this job, the later has the higher.
    pub token: u64,
    /// Counts the hosts that worked on the run, from 1.
    pub attempt: u32,
    /// When the run began, by the store's clock.
    pub started_at: DateTime<Utc>,
}

/// A run as a store answers it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its job.
    pub job: JobId,
    /// The fire time it answers; `None` for a run by hand.
    pub fire_time: Option<DateTime<Utc>>,
    /// Why it began.
    pub triggered_by: TriggeredBy,
    /// What it does.
    pub plan: RunPlan,
    /// How it went, or goes.
    pub status: RunStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts the hosts that worked on it, from 1.
    pub attempt: u32,
    /// The token of the newest grant.
    pub token: u64,
    /// Who holds the newest grant.
    pub host: HostId,
    /// How far each symbol is, in the plan's order.
    pub symbols: Vec<SymbolProgress>,
}

impl Run {
    /// A run that has just been granted: every symbol pending.
    pub fn begun(new: NewRun, host: HostId, grant: &Grant) -> Self {
        Self {
            id: new.id,
            job: grant.job.clone(),
            fire_time: new.fire_time,
            triggered_by: new.triggered_by,
            symbols: new
                .plan
                .symbols
                .iter()
                .cloned()
                .map(SymbolProgress::pending)
                .collect(),
            plan: new.plan,
            status: RunStatus::Running,
            started_at: grant.started_at,
            ended_at: None,
            attempt: grant.attempt,
            token: grant.token,
            host,
        }
    }

    /// Its newest grant.
    pub fn grant(&self) -> Grant {
        Grant {
            job: self.job.clone(),
            run: self.id,
            token: self.token,
            attempt: self.attempt,
            started_at: self.started_at,
        }
    }

    /// How many symbols were stored, and how many failed.
    pub fn counts(&self) -> (usize, usize) {
        let stored = self
            .symbols
            .iter()
            .filter(|s| matches!(s.state, SymbolState::Stored { .. }))
            .count();
        let open = self
            .symbols
            .iter()
            .filter(|s| s.state == SymbolState::Pending)
            .count();
        (stored, self.symbols.len() - stored - open)
    }
}

/// How far one symbol of a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolProgress {
    /// Which one.
    pub symbol: Symbol,
    /// How often its provider was asked.
    pub attempts: u32,
    /// Where it stands.
    pub state: SymbolState,
}

impl SymbolProgress {
    /// A symbol that nobody has asked for yet.
    pub fn pending(symbol: Symbol) -> Self {
        Self {
            symbol,
            attempts: 0,
            state: SymbolState::Pending,
        }
    }
}

/// Where one symbol of a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SymbolState {
    /// Not done yet.
    Pending,
    /// Its data is stored.
    Stored {
        /// How many records.
        rows: usize,
        /// Under which key.
        key: String,
    },
    /// It failed for good.
    Failed {
        /// The kind of failure: a fetch error's kind, `cancelled`, or `internal`.
        kind: String,
        /// What happened, in a sentence.
        message: String,
    },
}

/// What came of one symbol, to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolResult {
    /// Which one.
    pub symbol: Symbol,
    /// How often its provider was asked.
    pub attempts: u32,
    /// What came of it.
    pub outcome: SymbolOutcome,
}

/// What came of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolOutcome {
    /// Bars to store, under [`RunPlan::key`].
    Fetched(Arc<Series>),
    /// A failure for good; nothing is stored and nothing overwritten.
    Failed {
        /// The kind of failure: a fetch error's kind, `cancelled`, or `internal`.
        kind: String,
        /// What happened, in a sentence.
        message: String,
    },
}

impl SymbolOutcome {
    /// The bars to store, if there are any.
    pub fn series(&self) -> Option<&Series> {
        match self {
            SymbolOutcome::Fetched(series) => Some(series),
            SymbolOutcome::Failed { .. } => None,
        }
    }
}
