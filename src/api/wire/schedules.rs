//! Previews and explanations on the wire.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use poem_openapi::Object;
use serde::Serialize;
use stock_scheduler_sdk::{Day, Occurrence};

use super::jobs::JobOptions;
use super::time;
use crate::host::{Ends, ExchangeDay, Explanation, Preview};

/// A job to be previewed.
#[derive(Debug, Object)]
#[oai(rename = "PreviewInput")]
pub(crate) struct PreviewInput {
    /// What people call the job.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: Option<String>,
    /// The symbols to fetch, as the provider writes them; each once.
    #[oai(validator(min_items = 1, max_items = 5000))]
    stock_ids: Option<Vec<String>>,
    /// How many fires to tell, skipped ones not counted; 5 by default.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    n: Option<u32>,
    /// Fires after this instant; now by default.
    from: Option<String>,
    #[oai(flatten)]
    rest: JobOptions,
}

/// What a schedule will do.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Preview")]
pub(crate) struct PreviewBody {
    /// The schedule in words.
    description: String,
    /// The IANA zone of its times.
    timezone: String,
    /// Its fires in order.
    fires: Vec<PreviewFire>,
    /// Why there are no more; null where there are.
    ends: Option<PreviewEnd>,
}

/// One fire to come.
#[derive(Debug, Object, Serialize)]
pub(crate) struct PreviewFire {
    /// When, in UTC.
    at: String,
    /// The same in the schedule's zone.
    local: String,
    /// The same in the exchange's zone, where it follows one.
    exchange_local: Option<String>,
    /// Why it will be skipped; null where it runs.
    skipped: Option<String>,
    /// What else to know about it.
    notes: Vec<String>,
}

/// That a schedule has no more fires.
#[derive(Debug, Object, Serialize)]
pub(crate) struct PreviewEnd {
    /// Why.
    reason: String,
    /// From when on, in UTC, where that is known.
    at: Option<String>,
}

/// Why a job fires or does not.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Explanation")]
pub(crate) struct ExplanationBody {
    /// The answer in a sentence.
    reason: String,
    /// The job's schedule in words.
    description: String,
    /// The IANA zone of its times.
    timezone: String,
    /// The exchange that it follows, on the day asked about.
    exchange: Option<ExchangeDayBody>,
    /// The fires of the time asked about.
    fires: Vec<ExplainedFire>,
    /// The next fire after it that will run.
    next: Option<PreviewFire>,
}

/// A day of an exchange.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ExchangeDay")]
pub(crate) struct ExchangeDayBody {
    /// The exchange's code (MIC).
    exchange: String,
    /// The date, there.
    date: String,
    /// `session`, `closed`, or `unknown` where the calendar does not reach.
    day: String,
    /// When it opens, in its zone.
    open: Option<String>,
    /// When it closes, in its zone.
    close: Option<String>,
    /// What is unusual about it.
    notes: Vec<String>,
}

/// One fire that is explained.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ExplainedFire {
    #[oai(flatten)]
    #[serde(flatten)]
    fire: PreviewFire,
    /// What became of it: `fired`, `skipped` or `missed`; `pending` where that is not decided.
    state: String,
    /// Its run.
    execution_id: Option<String>,
}

impl PreviewFire {
    fn new(fire: &Occurrence, zone: Tz, exchange: Option<Tz>) -> Self {
        Self {
            at: time(fire.at, Tz::UTC),
            local: time(fire.at, zone),
            exchange_local: exchange.map(|zone| time(fire.at, zone)),
            skipped: fire.skip.clone(),
            notes: fire.notes.clone(),
        }
    }
}

impl PreviewBody {
    pub(crate) fn new(preview: &Preview) -> Self {
        let (zone, exchange) = (preview.zone, preview.exchange_zone);
        let fire = |fire| PreviewFire::new(fire, zone, exchange);
        Self {
            description: preview.description.clone(),
            timezone: zone.name().into(),
            fires: preview.fires.iter().map(fire).collect(),
            ends: preview.ends.as_ref().map(PreviewEnd::new),
        }
    }
}

impl PreviewEnd {
    fn new(ends: &Ends) -> Self {
        Self {
            reason: ends.reason.clone(),
            at: ends.at.map(|at| time(at, Tz::UTC)),
        }
    }
}

impl ExplanationBody {
    pub(crate) fn new(explanation: &Explanation) -> Self {
        let zone = explanation.zone;
        let exchange = explanation.exchange.as_ref().map(|exchange| exchange.zone);
        let shown = |fire| PreviewFire::new(fire, zone, exchange);
        let fires = explanation
            .fires
            .iter()
            .map(|(fire, record)| ExplainedFire {
                fire: shown(fire),
                state: record
                    .as_ref()
                    .map_or("pending", |record| record.state.as_str())
                    .into(),
                execution_id: record
                    .as_ref()
                    .and_then(|record| Some(record.run?.to_string())),
            });
        Self {
            reason: explanation.reason.clone(),
            description: explanation.description.clone(),
            timezone: zone.name().into(),
            exchange: explanation.exchange.as_ref().map(ExchangeDayBody::new),
            fires: fires.collect(),
            next: explanation.next.as_ref().map(shown),
        }
    }
}

impl ExchangeDayBody {
    fn new(exchange: &ExchangeDay) -> Self {
        let at = |at: DateTime<Utc>| time(at, exchange.zone);
        let (day, session) = match &exchange.day {
            Day::Session(session) => ("session", Some(session)),
            Day::Closed(_) => ("closed", None),
            _ => ("unknown", None),
        };
        let notes = match &exchange.day {
            Day::Session(session) => session.notes.clone(),
            Day::Closed(why) => vec![(*why).to_owned()],
            _ => Vec::new(),
        };
        Self {
            exchange: exchange.code.clone(),
            date: exchange.date.to_string(),
            day: day.into(),
            open: session.map(|session| at(session.open)),
            close: session.map(|session| at(session.close)),
            notes,
        }
    }
}
