//! How somebody outside is told what happened.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{ConfigError, Event, Health, Job, RunStatus};

/// Carries events to somebody outside: a chat, a queue, a program.
///
/// Promises: an event that was told twice does no harm, for its [`Delivery::id`] is the same; a dropped future leaves
/// nothing behind that a second try would not mend. Waiting and trying again are the host's: a listener tries once and
/// classifies what came of it. The host remembers durably what was delivered: every event arrives at least once, whatever
/// is restarted in between. A listener that was away goes on where it stopped, with what happened in the last seven days;
/// its name tells that it is the same. A worked example with its settings and test is in
/// [`guide::listener`](crate::guide::listener).
///
/// ```
/// use stock_scheduler_sdk::{Delivery, DeliveryError, Listener, async_trait};
///
/// /// Prints what failed.
/// struct Failures;
///
/// #[async_trait]
/// impl Listener for Failures {
///     async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
///         if delivery.event.kind.name() == "StockFailed" {
///             println!("{}: {}", delivery.id, delivery.event.data()["message"]);
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Listener: Send + Sync + 'static {
    /// Delivers one event.
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError>;

    /// What the host should know before it delivers: version, how many at once, how long one may take.
    fn info(&self) -> ListenerInfo {
        ListenerInfo::default()
    }

    /// How the listener is.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// One event on its way to one listener.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// Names this event for this listener: the same at every try, so that what comes twice can be told.
    pub id: String,
    /// What happened.
    pub event: Event,
    /// The job it is about, as it is now; `None` where it is gone.
    pub job: Option<Arc<Job>>,
    /// How the job's run before ended, where the event is the end of a run; `None` where there was none or nobody knows.
    /// So a listener can tell news from what goes on, and keeps nothing for it.
    pub previous: Option<RunStatus>,
    /// Counts the tries from 1.
    pub attempt: u32,
}

impl Delivery {
    /// The first try to deliver `event`, named by its place in the log.
    pub fn new(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            event,
            job: None,
            previous: None,
            attempt: 1,
        }
    }

    /// The same delivery under another name.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The same delivery with the job it is about.
    pub fn with_job(mut self, job: Arc<Job>) -> Self {
        self.job = Some(job);
        self
    }

    /// The same delivery with how the run before ended.
    pub fn with_previous(mut self, status: RunStatus) -> Self {
        self.previous = Some(status);
        self
    }

    /// The same delivery at this try.
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

/// What a listener says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// The plugin's version.
    pub version: String,
    /// How many deliveries may be under way at once; with 1, the default, events come in their order.
    pub concurrency: usize,
    /// How long one delivery may take; the host gives this try up after it.
    pub timeout: Duration,
    /// The names of the events it wants; empty: all.
    pub events: Vec<String>,
}

impl Default for ListenerInfo {
    fn default() -> Self {
        Self {
            version: String::new(),
            concurrency: 1,
            timeout: Duration::from_secs(30),
            events: Vec::new(),
        }
    }
}

/// Why an event was not delivered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryError {
    kind: DeliveryErrorKind,
    message: String,
    /// What the other side answered, where it did, such as an HTTP status.
    status: Option<u16>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the host does about an event that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryErrorKind {
    /// It cannot be reached, is broken or did not answer in time. Tried again, less and less often, for a day.
    Unavailable,
    /// It is told too often. Tried again, not before the time it asks for.
    RateLimited {
        /// How long it told us to wait.
        retry_after: Option<Duration>,
    },
    /// It will never take this event. Not tried again.
    Refused,
    /// It wants no events any more. The listener is disabled.
    Gone,
}

impl DeliveryErrorKind {
    /// The word for this kind in delivery logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }
}

impl DeliveryError {
    /// An error of `kind`; `message` says what was tried and what came.
    pub fn new(kind: DeliveryErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            source: None,
        }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with the status that the other side answered.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// What the host can do about it.
    pub fn kind(&self) -> DeliveryErrorKind {
        self.kind
    }

    /// The status that the other side answered, where it did.
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

/// Makes a listener from its configuration.
pub trait ListenerFactory: Send + Sync + 'static {
    /// Builds the listener; unknown keys in `section` are an error with a pointer.
    fn build(&self, section: &Value) -> Result<Arc<dyn Listener>, ConfigError>;

    /// The shape of `section` as a JSON Schema. The default says only that it is an object.
    fn schema(&self) -> Value {
        serde_json::json!({"type": "object"})
    }
}

impl<F> ListenerFactory for F
where
    F: Fn(&Value) -> Result<Arc<dyn Listener>, ConfigError> + Send + Sync + 'static,
{
    fn build(&self, section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
        self(section)
    }
}
