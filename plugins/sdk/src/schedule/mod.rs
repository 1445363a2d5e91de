//! When a job is due: the trait, and what schedules of all kinds share.

mod calendar;
pub mod spec;
mod times_of_day;
mod trading_days;
pub mod wall_clock;
pub mod zones;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ConfigError, Health};

pub use crate::nearest::nearest;
pub use calendar::{Calendar, Calendars, Day, Session};
pub use spec::Spec;
pub use times_of_day::{TimesOfDay, joined};
pub use trading_days::{TradingDays, out_of_coverage};

/// Says when a job is due. Pure: no clock, no state, no I/O.
///
/// Promises: every instant has an answer, the first and the last that there are included, and depends on the instant alone;
/// no fire is passed over; after [`Next::Never`] there is none. Where it cannot know, it says [`Next::Unknown`].
///
/// [`conformance::schedule`](crate::conformance::schedule) tries these promises; a worked example is in
/// [`guide::schedule`](crate::guide::schedule).
pub trait Schedule: Send + Sync + 'static {
    /// The first fire strictly after `instant`.
    ///
    /// Asking again gives the same answer; a later `instant` never gives an earlier fire.
    fn next_after(&self, instant: DateTime<Utc>) -> Next;

    /// The schedule in words, for people: `daily at 17:00 (America/New_York)`.
    fn describe(&self) -> String;

    /// The zone that the schedule itself names, in which its times are meant and shown.
    fn zone(&self) -> Option<Tz> {
        None
    }

    /// The one time of day at which it fires, as `HH:MM`, where there is just one.
    fn time_of_day(&self) -> Option<String> {
        None
    }

    /// The exchange whose calendar it follows.
    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        None
    }

    /// After what time a schedule that answered [`Next::Unknown`] is asked again; `None` leaves it to the host, which asks
    /// again within minutes.
    fn ask_again_after(&self) -> Option<TimeDelta> {
        None
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        (**self).next_after(instant)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn zone(&self) -> Option<Tz> {
        (**self).zone()
    }

    fn time_of_day(&self) -> Option<String> {
        (**self).time_of_day()
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        (**self).exchange()
    }

    fn ask_again_after(&self) -> Option<TimeDelta> {
        (**self).ask_again_after()
    }
}

/// What a schedule answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// It fires, or would have fired but for a skip.
    At(Occurrence),
    /// It never fires again.
    Never,
    /// It cannot say, because what it knows ends.
    Unknown {
        /// From when on it cannot say.
        from: DateTime<Utc>,
        /// Why, in a sentence.
        reason: String,
    },
}

/// One expected fire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occurrence {
    /// The fire time.
    pub at: DateTime<Utc>,
    /// Why nothing is to run at it, such as a holiday's name.
    pub skip: Option<String>,
    /// What a person should know about this fire, such as a time moved out of a clock change's gap.
    pub notes: Vec<String>,
}

impl Occurrence {
    /// A fire at `at` without notes.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self {
            at,
            skip: None,
            notes: Vec::new(),
        }
    }

    /// The same fire with a note.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same fire, to be skipped for `reason`.
    pub fn skipped(mut self, reason: impl Into<String>) -> Self {
        self.skip = Some(reason.into());
        self
    }
}

impl From<DateTime<Utc>> for Next {
    fn from(at: DateTime<Utc>) -> Self {
        Self::At(Occurrence::new(at))
    }
}

impl From<Option<DateTime<Utc>>> for Next {
    fn from(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::Never, Self::from)
    }
}

/// What a schedule may know besides its own JSON.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScheduleContext {
    /// The zone for schedules that name none: the job's, else the service's.
    pub zone: Tz,
    /// The calendars of exchanges.
    pub calendars: Calendars,
}

impl ScheduleContext {
    /// A context in which schedules that name no zone mean `zone`, and no exchange is known.
    pub fn new(zone: Tz) -> Self {
        Self {
            zone,
            calendars: Calendars::default(),
        }
    }

    /// The same context with these calendars.
    pub fn with_calendars(mut self, calendars: Calendars) -> Self {
        self.calendars = calendars;
        self
    }
}

/// Makes a schedule from a job's JSON.
///
/// A serde type that is a schedule by itself needs no factory of its own: see [`from_serde`].
pub trait ScheduleFactory: Send + Sync + 'static {
    /// Builds the schedule from `spec`, the job's object without its `kind`.
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError>;

    /// The shape of `spec` as a JSON Schema (the subset that OpenAPI 3.0 knows), shown in Swagger. The default says only
    /// that it is an object.
    fn schema(&self) -> Value {
        serde_json::json!({"type": "object"})
    }

    /// Whether the host refuses what has not the shape of [`schema`](Self::schema) before it has a schedule built. Kinds that
    /// refuse it themselves, in words of their own, need not.
    fn is_held_against_schema(&self) -> bool {
        false
    }

    /// Whether making its schedules or asking them may keep a thread waiting, for a program or another machine. The host then
    /// does both where it holds up nothing else.
    fn may_wait(&self) -> bool {
        false
    }

    /// The plugin's version.
    fn version(&self) -> String {
        String::new()
    }

    /// How the plugin is.
    fn health(&self) -> Health {
        Health::default()
    }
}

impl<F> ScheduleFactory for F
where
    F: Fn(&Value, &ScheduleContext) -> Result<Box<dyn Schedule>, ConfigError>
        + Send
        + Sync
        + 'static,
{
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        self(spec, context)
    }
}

/// The factory of a schedule that is read from its JSON and needs no context.
pub fn from_serde<S: Schedule + DeserializeOwned>() -> impl ScheduleFactory {
    |spec: &Value, _: &ScheduleContext| {
        let schedule: S =
            serde_json::from_value(spec.clone()).map_err(|e| ConfigError::at("", e))?;
        Ok(Box::new(schedule) as Box<dyn Schedule>)
    }
}
