//! What a client says of a webhook, read from the body of a request.

use serde_json::Value;
use stock_scheduler_sdk::{EventKind, JobId};

use super::{Webhook, masked, without_password};
use crate::host::FieldError;
use crate::host::fields::{self, Fields, Given, ReadError};

/// The longest URL, in characters.
const LONGEST_URL: usize = 2_000;

/// What a client says of a webhook.
#[derive(Debug, Clone)]
pub struct WebhookWish {
    url: Given<String>,
    secret: Given<String>,
    events: Given<Vec<String>>,
    job: Given<JobId>,
    description: Given<String>,
    active: Given<bool>,
}

impl WebhookWish {
    /// Reads a request's body; `is_new` where there is no webhook yet.
    pub fn read(body: Value, is_new: bool) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::new(body).map_err(|error| vec![error])?;
        for name in ["webhook_id", "created_at", "problem"] {
            fields.ignore(name);
        }
        if is_new {
            fields.require("url");
        }
        let wish = Self {
            url: fields.take("url", url),
            secret: fields.take("secret", fields::text),
            events: fields.take("events", events),
            job: fields.take("job_id", job),
            description: fields.take("description", description),
            active: fields.take("is_active", fields::flag),
        };
        match fields.finish() {
            errors if errors.is_empty() => Ok(wish),
            errors => Err(errors),
        }
    }

    /// The webhook as it is after this; null clears what can be missing and changes nothing else.
    pub(super) fn apply(self, webhook: &mut Webhook) {
        // What is shown of a URL or a secret may be sent back.
        if let Given::Value(url) = self.url
            && url != without_password(&webhook.url)
        {
            webhook.url = url;
        }
        if let Given::Value(secret) = self.secret
            && secret != masked(&webhook.secret)
        {
            webhook.secret = secret;
        }
        match self.events {
            Given::Value(events) => webhook.events = events,
            Given::Null => webhook.events.clear(),
            Given::Absent => {}
        }
        settle(&mut webhook.job, self.job);
        settle(&mut webhook.description, self.description);
        if let Given::Value(active) = self.active {
            webhook.active = active;
        }
        if webhook.active {
            webhook.problem = None;
        }
    }
}

fn settle<T>(place: &mut Option<T>, given: Given<T>) {
    match given {
        Given::Value(value) => *place = Some(value),
        Given::Null => *place = None,
        Given::Absent => {}
    }
}

fn url(value: Value) -> Result<String, ReadError> {
    let text = fields::text(value)?;
    let text = text.trim();
    match text.chars().count() {
        0..=LONGEST_URL if !text.contains(char::is_control) => Ok(text.to_owned()),
        0..=LONGEST_URL => Err(ReadError::value("must have no control characters")),
        count => Err(ReadError::value(format!(
            "must be at most {LONGEST_URL} characters, not {count}"
        ))),
    }
}

fn events(value: Value) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::new();
    for (place, item) in fields::list(value)?.into_iter().enumerate() {
        let name = fields::text(item).map_err(|error| error.below(place))?;
        if !EventKind::NAMES.contains(&name.as_str()) {
            let near = fields::nearest(&name, EventKind::NAMES.into_iter());
            let right = match near {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there are {}", EventKind::NAMES.join(", ")),
            };
            let why = format!("must be names of events, not {name:?}; {right}");
            return Err(ReadError::value(why).below(place));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn job(value: Value) -> Result<JobId, ReadError> {
    let text = fields::text(value)?;
    let wrong = |_| ReadError::value(format!("must be the id of a job, not {text:?}"));
    text.parse().map_err(wrong)
}

fn description(value: Value) -> Result<String, ReadError> {
    let text = fields::text(value)?;
    match text.chars().count() {
        0..=500 => Ok(text),
        count => Err(ReadError::value(format!(
            "must be at most 500 characters, not {count}"
        ))),
    }
}
