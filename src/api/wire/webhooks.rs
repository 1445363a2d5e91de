//! Webhooks and their deliveries on the wire.

use chrono_tz::Tz;
use poem_openapi::Object;
use serde::Serialize;

use super::time;
use crate::host::{DeliveryRecord, Try, Webhook, masked, without_password};

/// A webhook to make.
#[derive(Debug, Object)]
#[oai(rename = "WebhookInput")]
pub(crate) struct WebhookInput {
    /// Where events are sent: `https://` or `http://`, at a public address unless the service allows others.
    url: String,
    /// What they are signed with: `whsec_` and 24 to 64 bytes in base64; made for you where it is missing.
    secret: Option<String>,
    /// The names of the events to send; without any, all.
    events: Option<Vec<String>>,
    /// Only events of this job.
    job_id: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Whether it is sent anything; true by default.
    is_active: Option<bool>,
}

/// What to change of a webhook.
#[derive(Debug, Object)]
#[oai(rename = "WebhookChange")]
pub(crate) struct WebhookChange {
    /// Where events are sent.
    url: Option<String>,
    /// What they are signed with; two secrets, separated by a blank, sign both while receivers change from one to the other.
    secret: Option<String>,
    /// The names of the events to send; null: all.
    events: Option<Vec<String>>,
    /// Only events of this job; null: of all.
    job_id: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Whether it is sent anything.
    is_active: Option<bool>,
}

/// A webhook.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Webhook")]
pub(crate) struct WebhookBody {
    /// Its id.
    webhook_id: String,
    /// Where events are sent, without a user and password.
    url: String,
    /// The end of what they are signed with.
    secret: String,
    /// The names of the events that are sent; without any, all.
    events: Vec<String>,
    /// Only events of this job.
    job_id: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Whether it is sent anything.
    is_active: bool,
    /// Why nothing is sent.
    problem: Option<String>,
    /// When it was made, in UTC.
    created_at: String,
}

impl From<&Webhook> for WebhookBody {
    fn from(webhook: &Webhook) -> Self {
        Self {
            webhook_id: webhook.id.clone(),
            url: without_password(&webhook.url),
            secret: masked(&webhook.secret),
            events: webhook.events.clone(),
            job_id: webhook.job.as_ref().map(ToString::to_string),
            description: webhook.description.clone(),
            is_active: webhook.active,
            problem: webhook.problem.clone(),
            created_at: time(webhook.created_at, Tz::UTC),
        }
    }
}

/// A webhook that was made.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WebhookReply")]
pub(crate) struct WebhookReply {
    /// What was done.
    message: String,
    /// Its id.
    webhook_id: String,
    /// What events are signed with: keep it, it is not shown again.
    secret: String,
    /// The webhook.
    webhook: WebhookBody,
}

impl WebhookReply {
    pub(crate) fn new(message: &str, webhook: &Webhook) -> Self {
        Self {
            message: message.into(),
            webhook_id: webhook.id.clone(),
            secret: webhook.secret.clone(),
            webhook: webhook.into(),
        }
    }
}

/// One event for one webhook, and how far it got.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Delivery")]
pub(crate) struct DeliveryBody {
    /// Its id: that of the event, and the `webhook-id` of every try.
    delivery_id: String,
    /// The event's name.
    event: String,
    /// The job that the event is about.
    job_id: String,
    /// When the event happened, in UTC.
    at: String,
    /// `pending` while it is tried, `delivered`, or `failed` where it was given up.
    status: String,
    /// When it is tried next, in UTC.
    next_attempt_at: Option<String>,
    /// How often it was tried.
    attempts: u32,
    /// The last tries, oldest first.
    tries: Vec<TryBody>,
}

impl From<&DeliveryRecord> for DeliveryBody {
    fn from(record: &DeliveryRecord) -> Self {
        Self {
            delivery_id: record.id.clone(),
            event: record.kind.name().into(),
            job_id: record.job.to_string(),
            at: time(record.at, Tz::UTC),
            status: record.status.as_str().into(),
            next_attempt_at: record.next_at.map(|at| time(at, Tz::UTC)),
            attempts: record.attempts,
            tries: record.tries.iter().map(TryBody::from).collect(),
        }
    }
}

/// One try to deliver.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DeliveryTry")]
pub(crate) struct TryBody {
    /// Whether it arrived.
    ok: bool,
    /// When it began, in UTC.
    at: String,
    /// How long it took.
    duration_seconds: f64,
    /// The HTTP status of a failure, where there was an answer.
    http_status: Option<u16>,
    /// Why it failed.
    error: Option<String>,
}

impl From<&Try> for TryBody {
    fn from(one: &Try) -> Self {
        Self {
            ok: one.error.is_none(),
            at: time(one.at, Tz::UTC),
            duration_seconds: one.seconds,
            http_status: one.status,
            error: one.error.clone(),
        }
    }
}
