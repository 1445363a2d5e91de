//! The event stream (Server-Sent Events): every event once, in order, resumable.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{Stream, unfold};
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use serde::Serialize;
use stock_scheduler_sdk::{Event, EventId, EventKind, JobId};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::jobs::{Tag, known};
use super::problem::{Failure, ReadsOne, Refused};
use super::wire::{BackfillBody, time};
use crate::events::{Heard, Published};
use crate::host::{Backfill, Host, HostError};
use crate::metrics;

/// How often a listener is told that the scheduler lives.
const TICK: Duration = Duration::from_secs(15);
/// How many events are read from the log at a time.
const PAGE: usize = 1_000;

/// Tells how far a backfill is. Like `Tick` it is not in the log and has no id.
const BACKFILL: &str = "BackfillProgress";

pub(crate) struct EventsApi {
    pub(crate) host: Host,
    /// Ends all streams, so that they never hold the shutdown up.
    pub(crate) stop: CancellationToken,
}

#[OpenApi]
impl EventsApi {
    /// Listen to events
    ///
    /// Server-Sent Events. Each has an `id` to resume after, its name as `event`, and one line of JSON as `data`. A
    /// listener that falls too far behind is ended and resumes with its last id. `Tick` comes every 15 seconds; `Reset`
    /// says that the id asked for is no longer in the log: read the history, then go on from here. `BackfillProgress` tells
    /// how far a backfill of this instance is.
    #[oai(
        path = "/scheduler/events",
        method = "get",
        operation_id = "streamEvents",
        tag = "Tag::Events"
    )]
    async fn events(
        &self,
        /// Only events of this job.
        job_id: Query<Option<String>>,
        /// Only events of these names, separated by commas.
        types: Query<Option<String>>,
        /// Begin after this event id, or at this instant.
        since: Query<Option<String>>,
        /// Resume after this event id; beats `since`.
        #[oai(name = "Last-Event-ID")]
        last_id: Header<Option<String>>,
    ) -> Result<EventStream, Failure<ReadsOne>> {
        let filter = Filter {
            job: job_id.0.as_deref().map(known).transpose()?,
            names: names(types.0.as_deref())?,
        };
        let resumes = last_id.0.is_some() || since.0.is_some();
        // Whoever resumes may still have to hear that the job was deleted.
        if let Some(job) = filter.job.as_ref().filter(|_| !resumes) {
            self.host.job(job).await?;
        }
        // Listening begins before the log is read, so that nothing is lost in between.
        let live = self.host.events().subscribe();
        let from = self.from(last_id.0.as_deref(), since.0.as_deref()).await?;
        Ok(EventStream(Box::pin(self.stream(filter, live, from))))
    }
}

/// Where a stream begins.
enum From {
    /// With what comes.
    Now(EventId),
    /// After this event.
    After(EventId),
    /// With what comes, because the event asked for cannot be found.
    Reset(EventId),
}

impl EventsApi {
    async fn from(&self, last_id: Option<&str>, since: Option<&str>) -> Result<From, Refused> {
        let caught_up = self.host.events().catch_up().await;
        caught_up.map_err(HostError::from)?;
        let end = self.host.events().seen().unwrap_or_default();
        let after = match (
            last_id.filter(|id| !id.is_empty()),
            since.filter(|since| !since.is_empty()),
        ) {
            (Some(id), _) => id.trim().parse().ok(),
            (None, Some(since)) => match since_id(since)? {
                // Nothing has happened since then.
                Since::Instant(id) if id > end => return Ok(From::Now(end)),
                Since::Event(id) | Since::Instant(id) => Some(id),
            },
            (None, None) => return Ok(From::Now(end)),
        };
        let Some(after) = after.filter(|after| *after <= end) else {
            return Ok(From::Reset(end));
        };
        let page = self.host.store().events(after, 0, Duration::ZERO);
        let page = self.host.in_time(page).await.map_err(HostError::from)?;
        Ok(if page.too_old {
            From::Reset(end)
        } else {
            From::After(after)
        })
    }

    fn stream(
        &self,
        filter: Filter,
        live: broadcast::Receiver<Heard>,
        from: From,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let (sent, reset, backlog) = match from {
            From::Now(end) => (end, false, false),
            From::After(id) => (id, false, true),
            From::Reset(end) => (end, true, false),
        };
        let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let first = if reset {
            reset_frame(sent, self.host.now())
        } else {
            Bytes::from_static(b":\n\n")
        };
        let listener = Listener {
            host: self.host.clone(),
            stop: self.stop.clone(),
            filter,
            live,
            progress: self.host.backfill_progress(),
            sent,
            backlog,
            first: Some(first),
            missed: false,
            ticks,
            _counted: Counted::new(),
        };
        unfold(listener, |mut listener| async move {
            let bytes = listener.next().await?;
            Some((Ok(bytes), listener))
        })
    }
}

/// One stream's state.
struct Listener {
    host: Host,
    stop: CancellationToken,
    filter: Filter,
    live: broadcast::Receiver<Heard>,
    progress: broadcast::Receiver<Arc<Backfill>>,
    /// The last event that was sent or passed over.
    sent: EventId,
    /// Whether the log is still being read.
    backlog: bool,
    first: Option<Bytes>,
    /// Whether events were lost behind those that were sent last.
    missed: bool,
    ticks: tokio::time::Interval,
    _counted: Counted,
}

impl Listener {
    /// The next bytes for this listener; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.missed {
            return self.ended("behind");
        }
        while self.backlog {
            if let Some(bytes) = self.read_log().await? {
                return Some(bytes);
            }
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return self.ended("shutdown"),
                _ = self.ticks.tick() => return Some(tick_frame(self.host.now())),
                Ok(backfill) = self.progress.recv() => {
                    if self.filter.wants(&backfill.job, BACKFILL) {
                        return Some(backfill_frame(&backfill, self.host.now()));
                    }
                }
                heard = self.live.recv() => match heard {
                    Ok(Heard::Event(published)) => {
                        if let Some(bytes) = self.take(&published) {
                            return Some(self.take_more(bytes));
                        }
                    }
                    // The client comes back with the last id that it has and is told what it missed.
                    Ok(Heard::Missed) | Err(RecvError::Lagged(_)) => return self.ended("behind"),
                    Err(RecvError::Closed) => return self.ended("shutdown"),
                },
            }
        }
    }

    /// Adds what is waiting already, so that a burst goes out in few writes.
    fn take_more(&mut self, first: Bytes) -> Bytes {
        let mut parts = vec![first];
        while parts.len() < 64
            && let Ok(heard) = self.live.try_recv()
        {
            match heard {
                Heard::Event(published) => parts.extend(self.take(&published)),
                Heard::Missed => {
                    self.missed = true;
                    break;
                }
            }
        }
        if parts.len() == 1 {
            parts.remove(0)
        } else {
            parts.concat().into()
        }
    }

    fn take(&mut self, published: &Published) -> Option<Bytes> {
        let event = &published.event;
        if event.id <= self.sent {
            return None;
        }
        self.sent = event.id;
        self.filter.passes(event).then(|| published.wire(frame))
    }

    /// One page of the log, as far as it passes the filter; ends the backlog with the page that is not full.
    async fn read_log(&mut self) -> Option<Option<Bytes>> {
        let store = self.host.store().clone();
        let page = store.events(self.sent, PAGE, Duration::ZERO);
        let Ok(page) = self.host.in_time(page).await else {
            return self.ended("store");
        };
        if page.too_old {
            return self.ended("behind");
        }
        self.backlog = page.events.len() == PAGE;
        let mut bytes = Vec::new();
        for event in page.events {
            self.sent = event.id;
            if self.filter.passes(&event) {
                bytes.extend_from_slice(&frame(&event));
            }
        }
        Some((!bytes.is_empty()).then(|| bytes.into()))
    }

    fn ended<T>(&self, reason: &'static str) -> Option<T> {
        metrics::sse_ended(reason);
        None
    }
}

/// Counts a stream for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::sse_clients(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::sse_clients(-1.0);
    }
}

/// Which events a listener wants.
struct Filter {
    job: Option<JobId>,
    names: Option<HashSet<&'static str>>,
}

impl Filter {
    fn passes(&self, event: &Event) -> bool {
        self.wants(&event.job, event.kind.name())
    }

    fn wants(&self, job: &JobId, name: &str) -> bool {
        let names = self.names.as_ref();
        self.job.as_ref().is_none_or(|wanted| wanted == job)
            && names.is_none_or(|names| names.contains(name))
    }
}

fn names(text: Option<&str>) -> Result<Option<HashSet<&'static str>>, Refused> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let one = |word: &str| {
        EventKind::NAMES
            .into_iter()
            .chain([BACKFILL, "Tick", "Reset"])
            .find(|name| *name == word)
    };
    let words = text.split(',').map(str::trim).map(|word| {
        one(word).ok_or_else(|| {
            Refused::malformed(format!(
                "types must be names of events ({}, {BACKFILL}), not {word:?}",
                EventKind::NAMES.join(", ")
            ))
        })
    });
    words.collect::<Result<_, _>>().map(Some)
}

/// Where a client wants to begin.
enum Since {
    /// After this event.
    Event(EventId),
    /// With everything from the millisecond after this place in the log.
    Instant(EventId),
}

fn since_id(text: &str) -> Result<Since, Refused> {
    if let Ok(id) = text.parse() {
        return Ok(Since::Event(id));
    }
    let at = super::query::instant("since", Some(text))?.unwrap_or_default();
    let ms = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Ok(Since::Instant(EventId {
        ms: ms.saturating_sub(1),
        seq: u64::MAX,
    }))
}

/// The bytes of an event on the stream.
fn frame(event: &Event) -> Bytes {
    let data = serde_json::to_string(&event.data()).unwrap_or_default();
    format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        event.id,
        event.kind.name()
    )
    .into()
}

fn backfill_frame(backfill: &Backfill, now: DateTime<Utc>) -> Bytes {
    #[derive(Serialize)]
    struct Progress {
        #[serde(flatten)]
        body: BackfillBody,
        at: String,
    }
    let body = BackfillBody::from(backfill);
    let at = time(now, chrono_tz::UTC);
    let data = serde_json::to_string(&Progress { body, at }).unwrap_or_default();
    format!("event: {BACKFILL}\ndata: {data}\n\n").into()
}

fn tick_frame(now: DateTime<Utc>) -> Bytes {
    format!(
        "event: Tick\ndata: {{\"at\":\"{}\"}}\n\n",
        time(now, chrono_tz::UTC)
    )
    .into()
}

fn reset_frame(end: EventId, now: DateTime<Utc>) -> Bytes {
    format!(
        "id: {end}\nevent: Reset\ndata: {{\"at\":\"{}\"}}\n\n",
        time(now, chrono_tz::UTC)
    )
    .into()
}

/// The stream as an answer.
pub(crate) struct EventStream<
    S = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>,
>(S);

impl<S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static> IntoResponse
    for EventStream<S>
{
    fn into_response(self) -> Response {
        Response::builder()
            .content_type("text/event-stream")
            .header(header::CACHE_CONTROL, "no-cache")
            .header("X-Accel-Buffering", "no")
            .body(Body::from_bytes_stream(self.0))
    }
}

impl<S> ApiResponse for EventStream<S> {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The events, for as long as the listener stays",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "text/event-stream",
                    schema,
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
