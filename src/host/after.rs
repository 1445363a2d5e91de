//! The kind `after`: a job that is due when another job's run has ended.
//!
//! The schedule itself cannot say when that is. `chain` hears of each end and arms the jobs that follow.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use stock_scheduler_sdk::{
    ConfigError, Job, JobId, Next, RunStatus, Schedule, ScheduleContext, ScheduleFactory, Spec,
};

pub(crate) use crate::engine::plan::AFTER as KIND;

/// Due when a run of `job` has ended in one of the ways that `on` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) job: JobId,
    pub(crate) on: On,
}

/// Which ends of a run count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// It stored what it should, or at least some of it.
    Success,
    /// Any.
    Finish,
    /// It stored nothing.
    Failure,
}

impl After {
    /// What `job` follows, where its schedule is of this kind.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let spec = job.schedule.as_object()?;
        if spec.get("kind")?.as_str()? != KIND {
            return None;
        }
        let mut rest = spec.clone();
        rest.remove("kind");
        read(&Value::Object(rest)).ok()
    }
}

impl On {
    const WORDS: [(&str, Self); 3] = [
        ("success", Self::Success),
        ("finish", Self::Finish),
        ("failure", Self::Failure),
    ];

    pub(crate) fn counts(self, status: RunStatus) -> bool {
        match self {
            Self::Success => matches!(status, RunStatus::Success | RunStatus::PartialSuccess),
            Self::Finish => status != RunStatus::Running,
            Self::Failure => status == RunStatus::Failed,
        }
    }
}

impl Schedule for After {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        Next::Unknown {
            from: instant,
            reason: format!("it is due {}", self.describe()),
        }
    }

    fn describe(&self) -> String {
        let word = match self.on {
            On::Success => "succeeds",
            On::Finish => "finishes",
            On::Failure => "fails",
        };
        format!("when job {} {word}", self.job)
    }

    /// Nothing is to be found out by asking.
    fn ask_again_after(&self) -> Option<TimeDelta> {
        Some(TimeDelta::days(365))
    }
}

/// Makes schedules of this kind.
pub(crate) struct AfterFactory;

impl ScheduleFactory for AfterFactory {
    fn build(&self, spec: &Value, _: &ScheduleContext) -> Result<Box<dyn Schedule>, ConfigError> {
        Ok(Box::new(read(spec)?))
    }

    fn schema(&self) -> Value {
        let words: Vec<_> = On::WORDS.iter().map(|(word, _)| *word).collect();
        json!({
            "type": "object",
            "title": "AfterSchedule",
            "description": "When a run of another job has ended.",
            "required": ["job"],
            "additionalProperties": false,
            "properties": {
                "job": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "The id of the job to follow."},
                "on": {"type": "string", "enum": words, "default": "success", "description":
                    "Which ends count: `success`, where at least some symbols were stored; `failure`, where none was; `finish`, any."},
            },
        })
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

fn read(spec: &Value) -> Result<After, ConfigError> {
    let context = ScheduleContext::new(chrono_tz::UTC);
    let spec = Spec::read(spec, &["job", "on"], &context)?;
    let example = "0197b2f0-7c1e-7cc3-9a53-1f0b8c4d2e6f";
    let id = spec.needed("job", example)?;
    let job = id.parse().map_err(|_| {
        let message = format!("job is {id:?}, expected the id of a job such as {example:?}");
        ConfigError::at("/job", message)
    })?;
    let on = spec.word("on", &On::WORDS)?.unwrap_or(On::Success);
    Ok(After { job, on })
}
