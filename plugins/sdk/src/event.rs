//! What happened, as stored facts in the order in which they happened.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{JobId, RunId, RunStatus, TriggeredBy};

/// The place of an event in its store's log: milliseconds since 1970 and a number within them, written `ms-seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EventId {
    /// Milliseconds since 1970-01-01T00:00:00Z; never less than in the event before.
    pub ms: u64,
    /// Counts the events within one millisecond.
    pub seq: u64,
}

impl EventId {
    /// Before every event.
    pub const START: Self = Self { ms: 0, seq: 0 };

    /// The id of the next event, appended at `now`.
    pub fn next(self, now: DateTime<Utc>) -> Self {
        let ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        if ms > self.ms {
            Self { ms, seq: 0 }
        } else {
            Self {
                ms: self.ms,
                seq: self.seq + 1,
            }
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EventId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("event id {text:?} is not MILLISECONDS-SEQUENCE");
        let (ms, seq) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self {
            ms: ms.parse().map_err(|_| wrong())?,
            seq: seq.parse().map_err(|_| wrong())?,
        })
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its place in the log.
    pub id: EventId,
    /// When it happened, by the store's clock.
    pub at: DateTime<Utc>,
    /// The job it is about.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// What listeners read of it, on whatever way it reaches them: `job_id`, `at` and the kind's own fields, times in UTC
    /// as [`write_time`] writes them.
    pub fn data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("job_id".into(), self.job.as_str().into());
        data.insert("at".into(), write_time(self.at, Utc).into());
        let kind = serde_json::to_value(&self.kind);
        let Ok(Value::Object(fields)) = kind else {
            return data;
        };
        for (name, value) in fields {
            let value = match name.as_str() {
                "event" => continue,
                "scheduled_for" | "next_run" => rewritten(value),
                _ => value,
            };
            data.insert(name, value);
        }
        data
    }
}

/// A time as serde wrote it, in the form of the wire.
fn rewritten(value: Value) -> Value {
    let at = value.as_str().and_then(|at| at.parse().ok());
    at.map_or(value, |at| write_time(at, Utc).into())
}

/// RFC 3339 with the offset of `zone`, at most six fraction digits, never `Z`: what every reader's parser takes.
pub fn write_time<Zone: TimeZone>(at: DateTime<Utc>, zone: Zone) -> String {
    let format = match at.timestamp_subsec_nanos() / 1_000 {
        0 => SecondsFormat::Secs,
        micros if micros % 1_000 == 0 => SecondsFormat::Millis,
        _ => SecondsFormat::Micros,
    };
    at.with_timezone(&zone)
        .fixed_offset()
        .to_rfc3339_opts(format, false)
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// A run began, or was taken over (`attempt` > 1).
    JobStarted {
        /// The run.
        execution_id: RunId,
        /// The job's name.
        job_name: String,
        /// The fire time; `None` for a run by hand.
        scheduled_for: Option<DateTime<Utc>>,
        /// Why it began.
        triggered_by: TriggeredBy,
        /// How many symbols it has.
        total_stocks: usize,
        /// Counts the hosts that worked on it.
        attempt: u32,
    },
    /// A symbol's bars were stored.
    StockFetched {
        /// The run.
        execution_id: RunId,
        /// The symbol.
        stock_id: String,
        /// How many records.
        rows: usize,
        /// Where.
        key: String,
    },
    /// A symbol failed for good.
    StockFailed {
        /// The run.
        execution_id: RunId,
        /// The symbol.
        stock_id: String,
        /// The kind of failure.
        kind: String,
        /// What happened.
        message: String,
        /// How often the provider was asked.
        attempts: u32,
    },
    /// A run ended.
    JobFinished {
        /// The run.
        execution_id: RunId,
        /// How it went.
        status: RunStatus,
        /// How many symbols were stored.
        fetched: usize,
        /// How many failed.
        failed: usize,
        /// How long it took.
        duration_seconds: f64,
        /// When the job is due next.
        next_run: Option<DateTime<Utc>>,
    },
    /// A fire time went by without a run, on purpose.
    FireSkipped {
        /// The fire time.
        scheduled_for: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// A fire time went by without a run, because nobody could run it.
    FireMissed {
        /// The fire time.
        scheduled_for: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// A job's next fire is another than was told: its schedule could not say before, or a calendar was corrected.
    JobRescheduled {
        /// When it is due now; `None`: never, or nobody can say.
        next_run: Option<DateTime<Utc>>,
    },
    /// A job was created, or adopted from another writer.
    JobCreated {
        /// Its name.
        job_name: String,
        /// Its revision.
        revision: u64,
    },
    /// A job's definition was edited.
    JobUpdated {
        /// Its name.
        job_name: String,
        /// Its revision.
        revision: u64,
    },
    /// A job was deleted.
    JobDeleted {
        /// Its name.
        job_name: String,
        /// Its last revision.
        revision: u64,
    },
    /// A job fires from now on.
    JobActivated {
        /// Its name.
        job_name: String,
        /// Its revision.
        revision: u64,
    },
    /// A job no longer fires.
    JobDeactivated {
        /// Its name.
        job_name: String,
        /// Its revision.
        revision: u64,
    },
    /// Somebody tries a listener out. It is told to that one alone, is about no job, and is never in a log.
    Test {
        /// That it is a test.
        message: String,
    },
}

impl EventKind {
    /// The names of all kinds that are in logs.
    pub const NAMES: [&str; 12] = [
        "JobStarted",
        "StockFetched",
        "StockFailed",
        "JobFinished",
        "FireSkipped",
        "FireMissed",
        "JobRescheduled",
        "JobCreated",
        "JobUpdated",
        "JobDeleted",
        "JobActivated",
        "JobDeactivated",
    ];

    /// The name of the event on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::JobStarted { .. } => "JobStarted",
            Self::StockFetched { .. } => "StockFetched",
            Self::StockFailed { .. } => "StockFailed",
            Self::JobFinished { .. } => "JobFinished",
            Self::FireSkipped { .. } => "FireSkipped",
            Self::FireMissed { .. } => "FireMissed",
            Self::JobRescheduled { .. } => "JobRescheduled",
            Self::Test { .. } => "Test",
            Self::JobCreated { .. } => "JobCreated",
            Self::JobUpdated { .. } => "JobUpdated",
            Self::JobDeleted { .. } => "JobDeleted",
            Self::JobActivated { .. } => "JobActivated",
            Self::JobDeactivated { .. } => "JobDeactivated",
        }
    }
}
