//! One event on its way to one listener: how far it got, and what its tries came to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use stock_scheduler_sdk::{Event, EventId, EventKind, JobId, RunStatus};

use super::ledger;

/// At most so many tries are remembered one by one, the last ones.
const TRIES: usize = 20;

/// One event for one listener, and how far it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeliveryRecord {
    /// The constant id that the listener sees.
    pub id: String,
    /// The event's place in the log.
    #[serde(with = "as_text")]
    pub event: EventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The job it is about.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
    /// How the job's run before ended, where this is the end of one and that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::host) previous: Option<RunStatus>,
    /// How far it got.
    pub status: DeliveryStatus,
    /// When it is tried next, while it is pending.
    pub next_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: u32,
    /// The last tries, oldest first.
    pub tries: Vec<Try>,
    /// The revision of what was written of it as pending; 0: nothing was.
    #[serde(skip)]
    pub(in crate::host) revision: u64,
}

/// How far a delivery got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// It is tried again.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Try {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub seconds: f64,
    /// What the other side answered, where it did, such as an HTTP status.
    pub status: Option<u16>,
    /// Why it failed; `None`: it did not.
    pub error: Option<String>,
}

impl DeliveryRecord {
    pub(in crate::host) fn new(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.id,
            at: event.at,
            job: event.job,
            kind: event.kind,
            previous: None,
            status: DeliveryStatus::Pending,
            next_at: None,
            attempts: 0,
            tries: Vec::new(),
            revision: 0,
        }
    }

    pub(in crate::host) fn told(&self) -> Event {
        Event {
            id: self.event,
            at: self.at,
            job: self.job.clone(),
            kind: self.kind.clone(),
        }
    }

    pub(in crate::host) fn tried(&mut self, one: Try) {
        self.attempts += 1;
        self.tries.push(one);
        let surplus = self.tries.len().saturating_sub(TRIES);
        self.tries.drain(..surplus);
    }

    /// The same about the end of a run, after one that ended so.
    pub(super) fn after(mut self, previous: Option<RunStatus>) -> Self {
        self.previous = previous;
        self
    }

    /// Notes that it is not tried again.
    pub(in crate::host) fn end(&mut self, status: DeliveryStatus) {
        self.status = status;
        self.next_at = None;
    }

    /// Where it is kept among those of its listener: the newest first.
    pub(in crate::host) fn place(&self) -> String {
        ledger::place(self.event)
    }
}

/// An event's id as its text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use stock_scheduler_sdk::EventId;

    pub(super) fn serialize<S: Serializer>(id: &EventId, sink: S) -> Result<S::Ok, S::Error> {
        sink.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<EventId, D::Error> {
        String::deserialize(source)?
            .parse()
            .map_err(D::Error::custom)
    }
}
