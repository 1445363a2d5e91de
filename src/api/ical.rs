//! Fires to come as calendars read them (RFC 5545).

use chrono::{DateTime, TimeDelta, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::host::Upcoming;

/// How long an event is shown: a run takes about so long.
const LENGTH: TimeDelta = TimeDelta::minutes(5);

/// A calendar on the wire.
pub(crate) struct Ical(String);

impl Ical {
    /// The calendar that has an event for each of `fires`; it was true at `now`.
    pub(crate) fn of(fires: &[Upcoming], now: DateTime<Utc>) -> Self {
        let mut calendar = Calendar::new();
        calendar.name("stock-scheduler");
        calendar.extend(fires.iter().map(|upcoming| event(upcoming, now)));
        Self(calendar.to_string())
    }
}

fn event(upcoming: &Upcoming, now: DateTime<Utc>) -> Event {
    let at = upcoming.fire.at;
    let words = [
        std::slice::from_ref(&upcoming.description),
        upcoming.fire.notes.as_slice(),
    ]
    .concat();
    Event::new()
        // The same fire keeps its id, so that a calendar which reads again shows it once.
        .uid(&format!(
            "{}-{}@stock-scheduler",
            upcoming.job,
            at.timestamp()
        ))
        .timestamp(now)
        .starts(at)
        .ends(at + LENGTH)
        .summary(&upcoming.job_name)
        .description(&words.join("\n"))
        .status(EventStatus::Confirmed)
        .done()
}

impl ApiResponse for Ical {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The calendar",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "text/calendar",
                    schema,
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

impl IntoResponse for Ical {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type("text/calendar; charset=utf-8")
            .body(self.0)
    }
}
