//! The standing order: what to fetch, when, and where to put it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Interval, InvalidName, JobId, Misfire, Overlap, Prefix, RunId, RunStatus, Symbol};

/// A job's definition. It never holds run state: see [`JobState`].
///
/// Its JSON, with the field names that existing readers know, is what a store keeps and what other programs may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Its id, for ever.
    #[serde(rename = "job_id")]
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// What it fetches, in the order given, each once.
    #[serde(rename = "stock_ids")]
    pub symbols: Vec<Symbol>,
    /// When it is due: an object tagged by `kind`, the name of a registered schedule.
    pub schedule: Value,
    /// The schedule's one time of day as `HH:MM`, for readers who know no other schedule.
    #[serde(default)]
    pub schedule_time: Option<String>,
    /// The zone of the schedule's times and of "today"; `None` is the service's own.
    #[serde(default)]
    pub timezone: Option<Tz>,
    /// Who fetches.
    pub fetcher: FetcherRef,
    /// The length of a bar.
    #[serde(default)]
    pub interval: Interval,
    /// First part of the keys under which data is stored.
    #[serde(default)]
    pub prefix: Prefix,
    /// First date wanted.
    #[serde(default)]
    pub start_date: Option<NaiveDate>,
    /// Last date wanted; `None` is the day of the fire.
    #[serde(default)]
    pub end_date: Option<NaiveDate>,
    /// That many days back to the day of the fire; beats `start_date`.
    #[serde(default)]
    pub duration_days: Option<u32>,
    /// What is done about fire times that passed without a run.
    #[serde(default)]
    pub misfire: Misfire,
    /// What is done about a fire that is due while the last run still goes.
    #[serde(default)]
    pub overlap: Overlap,
    /// The most by which each of its fires comes later than its schedule says, so that many jobs do not start at once.
    #[serde(
        default,
        with = "crate::duration::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub jitter: Option<TimeDelta>,
    /// It has no fires before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<DateTime<Utc>>,
    /// It has no fires after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_until: Option<DateTime<Utc>>,
    /// It has no fires after so many: see [`JobState::fires`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fires: Option<u64>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many windows are kept for each symbol; `None` keeps all.
    #[serde(default)]
    pub keep: Option<u32>,
    /// Whether it fires.
    #[serde(rename = "is_active")]
    pub active: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Counts its edits, starts and stops from 1.
    pub revision: u64,
    /// When it was last edited in what decides about its fires, or started; `None`: not since its creation. It has no fires
    /// before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub armed_at: Option<DateTime<Utc>>,
    /// Why it cannot fire, in a sentence, where something is wrong with it.
    #[serde(default)]
    pub problem: Option<String>,
}

impl Job {
    /// An active job for `symbols` with default settings.
    pub fn new(
        id: JobId,
        name: impl Into<String>,
        symbols: Vec<Symbol>,
        schedule: Value,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            symbols,
            schedule,
            schedule_time: None,
            timezone: None,
            fetcher: FetcherRef::default(),
            interval: Interval::default(),
            prefix: Prefix::default(),
            start_date: None,
            end_date: None,
            duration_days: None,
            misfire: Misfire::default(),
            overlap: Overlap::default(),
            jitter: None,
            paused_until: None,
            active_until: None,
            max_fires: None,
            tags: Vec::new(),
            keep: None,
            active: true,
            created_at,
            revision: 1,
            armed_at: None,
            problem: None,
        }
    }

    /// The dates that a run on `today` covers, both included.
    ///
    /// `duration_days` days back beats `start_date`; without either it is 30 days back. The end is `end_date`, else
    /// `today`.
    pub fn window(&self, today: NaiveDate) -> Window {
        let end = self.end_date.unwrap_or(today);
        let back = |days: u32| {
            today
                .checked_sub_days(chrono::Days::new(days.into()))
                .unwrap_or(NaiveDate::MIN)
        };
        let start = match (self.duration_days, self.start_date) {
            (Some(days), _) => back(days),
            (None, Some(start)) => start,
            (None, None) => back(30),
        };
        Window { start, end }
    }
}

/// Who fetches for a job, and with which settings. In JSON also a bare name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "FetcherWire")]
pub struct FetcherRef {
    /// The name under which the fetcher is registered.
    pub name: String,
    /// The job's own settings for it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub options: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FetcherWire {
    Name(String),
    Full {
        name: String,
        #[serde(default)]
        options: Value,
    },
}

impl From<FetcherWire> for FetcherRef {
    fn from(wire: FetcherWire) -> Self {
        match wire {
            FetcherWire::Name(name) => Self {
                name,
                options: Value::Null,
            },
            FetcherWire::Full { name, options } => Self { name, options },
        }
    }
}

impl Default for FetcherRef {
    fn default() -> Self {
        Self {
            name: "yfinance".into(),
            options: Value::Null,
        }
    }
}

/// A span of dates, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First date.
    pub start: NaiveDate,
    /// Last date.
    pub end: NaiveDate,
}

/// Where the data of one symbol and window is stored: `{prefix}:{SYMBOL}:{start}:{end}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DataKey {
    /// The job's prefix.
    pub prefix: Prefix,
    /// The symbol, in the job's own case.
    pub symbol: Symbol,
    /// The dates, both included.
    pub window: Window,
}

impl fmt::Display for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}:{}",
            self.prefix, self.symbol, self.window.start, self.window.end
        )
    }
}

impl FromStr for DataKey {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut parts = text.split(':');
        let (Some(prefix), Some(symbol), Some(start), Some(end), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(InvalidName::new(format!(
                "key {text:?} is not PREFIX:SYMBOL:START:END"
            )));
        };
        let date = |part: &str| {
            part.parse().map_err(|_| {
                InvalidName::new(format!("{part:?} in key {text:?} is no date YYYY-MM-DD"))
            })
        };
        let window = Window {
            start: date(start)?,
            end: date(end)?,
        };
        Ok(Self {
            prefix: prefix.parse()?,
            symbol: symbol.parse()?,
            window,
        })
    }
}

/// What happened to a job so far, and what is next: everything about it that is not its definition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobState {
    /// When it is due next.
    pub next: NextFire,
    /// The last fire time that was decided upon; no fire at or before it is ever granted again.
    pub last_fire: Option<DateTime<Utc>>,
    /// How many of its fires ran, or would have but for a run that still went.
    #[serde(default)]
    pub fires: u64,
    /// When its latest run began.
    pub last_run: Option<DateTime<Utc>>,
    /// How many of its runs are going.
    pub running: u32,
    /// Its latest run to begin.
    pub last_execution: Option<LastExecution>,
}

/// A job's latest run in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastExecution {
    /// The run.
    pub execution_id: RunId,
    /// How it went, or goes.
    pub status: RunStatus,
    /// When it began.
    pub start_time: DateTime<Utc>,
    /// When it ended.
    pub end_time: Option<DateTime<Utc>>,
}

/// When a job is due next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextFire {
    /// At this instant.
    At(DateTime<Utc>),
    /// Not worked out yet, or not knowable now: it is offered as due from `look_again` on, to be worked out then.
    Unknown {
        /// When to work it out.
        look_again: DateTime<Utc>,
    },
    /// Never: the job is paused, or its schedule has ended.
    #[default]
    Never,
}

impl NextFire {
    /// The instant, where there is one.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(at) => Some(*at),
            _ => None,
        }
    }

    /// When the dispatcher has to look at the job: the fire time, or the time to work it out.
    pub fn look_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(at) | Self::Unknown { look_again: at } => Some(*at),
            Self::Never => None,
        }
    }
}

/// A job as a store answers it: definition and state read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// What was ordered.
    pub job: Job,
    /// What became of it.
    pub state: JobState,
}

impl StoredJob {
    /// The one word for how the job is.
    pub fn status(&self) -> JobStatus {
        JobStatus::of(
            self.job.active,
            self.state.running,
            self.state.last_execution.as_ref().map(|e| e.status),
        )
    }
}

/// The one word for how a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// It has not run yet.
    Pending,
    /// A run of it is going.
    Running,
    /// Its latest run stored at least one symbol.
    Completed,
    /// Its latest run stored nothing.
    Failed,
    /// It does not fire.
    Paused,
}

impl JobStatus {
    /// All words, in the order in which a job usually goes through them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Paused,
    ];

    /// The word for a job that fires (`active`), has `running` runs under way, and whose latest run has this status.
    pub fn of(active: bool, running: u32, last: Option<RunStatus>) -> Self {
        match last {
            _ if !active => Self::Paused,
            _ if running > 0 => Self::Running,
            None | Some(RunStatus::Running) => Self::Pending,
            Some(RunStatus::Success | RunStatus::PartialSuccess) => Self::Completed,
            Some(RunStatus::Failed) => Self::Failed,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Paused => "paused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn job() -> Job {
        let now = DateTime::UNIX_EPOCH;
        Job::new(
            JobId::random(),
            "Tech",
            vec!["AAPL".parse().unwrap()],
            serde_json::json!({"kind": "daily"}),
            now,
        )
    }

    #[test]
    fn a_window_slides_unless_its_dates_are_given() {
        let today = date("2025-10-21");
        let fixed = Job {
            start_date: Some(date("2025-01-01")),
            end_date: Some(date("2025-02-01")),
            ..job()
        };
        let both = Job {
            duration_days: Some(60),
            start_date: Some(date("2025-01-01")),
            ..job()
        };

        assert_eq!(
            job().window(today),
            Window {
                start: date("2025-09-21"),
                end: today
            }
        );
        assert_eq!(
            fixed.window(today),
            Window {
                start: date("2025-01-01"),
                end: date("2025-02-01")
            }
        );
        assert_eq!(
            both.window(today),
            Window {
                start: date("2025-08-22"),
                end: today
            }
        );
    }

    #[test]
    fn a_data_key_reads_back_and_refuses_other_shapes() {
        let key: DataKey = "scheduled_stock_data:AAPL:2025-09-21:2025-10-21"
            .parse()
            .unwrap();

        assert_eq!(
            key.to_string(),
            "scheduled_stock_data:AAPL:2025-09-21:2025-10-21"
        );
        for bad in [
            "a:b",
            "a:AAPL:2025-09-21:2025-13-01",
            "a:AAPL:2025-09-21:2025-10-21:x",
            ":A:2025-01-01:2025-01-02",
        ] {
            assert!(bad.parse::<DataKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fetcher_is_a_name_or_a_name_with_options() {
        let bare: FetcherRef = serde_json::from_str("\"stooq\"").unwrap();
        let full: FetcherRef =
            serde_json::from_str(r#"{"name": "stooq", "options": {"key": 1}}"#).unwrap();

        assert_eq!((bare.name.as_str(), &bare.options), ("stooq", &Value::Null));
        assert_eq!(full.options["key"], 1);
    }
}
