//! Webhooks: listeners that clients make, change and look after while the service runs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stock_scheduler_sdk::{
    ConfigError, DeliveryError, DeliveryErrorKind, Event, EventId, EventKind, JobId, RequestId,
    Store, StoreError, StoreErrorKind,
};

use super::fields::{self, Fields, Given, ReadError};
use super::listening::{self, DeliveryRecord, DeliveryStatus, Try, follower, ledger};
use super::{FieldError, Host, HostError, ListenerEntry};

/// The kind of listener that a webhook is.
const KIND: &str = "webhook";
const NAMESPACE: &str = "webhooks";
/// Begins the name under which a webhook reads the log.
pub(super) const READER: &str = "webhook:";
/// At most so many webhooks.
const MOST: usize = 1_000;
/// How long somebody who tries a webhook waits for its answer.
const BY_HAND: Duration = Duration::from_secs(5);
/// The longest URL, in characters.
const LONGEST_URL: usize = 2_000;
const TRIES: usize = 20;
/// How many documents are read at a time, and how often deliveries of a status are looked for in one answer.
const PAGE: usize = 200;
const PAGES: usize = 25;

pub(crate) const WEBHOOK_NOT_FOUND: HostError = HostError::NotFound("Webhook not found");
pub(crate) const DELIVERY_NOT_FOUND: HostError = HostError::NotFound("Delivery not found");

/// An address that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where events are sent.
    pub url: String,
    /// What they are signed with.
    pub secret: String,
    /// The names of the events that it is told; empty: all.
    pub events: Vec<String>,
    /// Only those of this job.
    pub job: Option<JobId>,
    /// What it is for, in words.
    pub description: Option<String>,
    /// Whether it is told anything.
    pub active: bool,
    /// Why it is told nothing.
    pub problem: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

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
    fn apply(self, webhook: &mut Webhook) {
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

/// A secret as it may be shown.
pub(crate) fn masked(secret: &str) -> String {
    let end: String = secret.chars().rev().take(4).collect();
    format!("whsec_***{}", end.chars().rev().collect::<String>())
}

/// A URL as it may be shown: without its user and password.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => url.to_owned(),
    }
}

impl Webhook {
    /// Whether it is told the same things in the same way as `other`.
    pub(super) fn tells_like(&self, other: &Self) -> bool {
        self.asks_like(other) && (&self.events, &self.job) == (&other.events, &other.job)
    }

    /// Whether the same address is asked with the same secret as by `other`, so that what one is answered is said of both.
    fn asks_like(&self, other: &Self) -> bool {
        (&self.id, &self.url, &self.secret) == (&other.id, &other.url, &other.secret)
    }

    /// The name under which it reads the log.
    pub(super) fn reader(&self) -> String {
        reader(&self.id)
    }
}

fn reader(id: &str) -> String {
    format!("{READER}{id}")
}

/// Forgets what is remembered of a webhook that is gone.
pub(super) async fn forget(store: &dyn Store, reader: &str) {
    let forget = async {
        follower::forget(store, reader).await?;
        ledger::forget(store, reader).await
    };
    // Whoever looks what there is to carry forgets what stays.
    if let Err(error) = forget.await {
        tracing::debug!(reader, %error, "not everything of a deleted webhook is forgotten yet");
    }
}

/// All webhooks.
pub(super) async fn all(store: &dyn Store) -> Result<Vec<Webhook>, StoreError> {
    let (mut webhooks, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store
            .record_scan(NAMESPACE, "", after.as_deref(), PAGE)
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(webhooks);
        };
        after = Some(last.clone());
        let read = |(_, record): (String, stock_scheduler_sdk::Record)| {
            serde_json::from_value::<Webhook>(record.value).ok()
        };
        webhooks.extend(page.into_iter().filter_map(read));
    }
}

impl Host {
    /// Makes a webhook; without a secret it gets one. It is told what happens from now on.
    pub async fn create_webhook(&self, wish: WebhookWish) -> Result<Webhook, HostError> {
        let mut webhook = Webhook {
            id: RequestId::random().to_string(),
            url: String::new(),
            secret: new_secret(),
            events: Vec::new(),
            job: None,
            description: None,
            active: true,
            problem: None,
            created_at: self.now(),
        };
        wish.apply(&mut webhook);
        self.check_webhook(&webhook).await?;
        if self.webhooks().await?.len() >= MOST {
            let why = format!("there are {MOST} webhooks; delete one first");
            return Err(HostError::Conflict(why));
        }
        self.in_time(follower::begin(self, &webhook.reader()))
            .await?;
        self.put_webhook(&webhook, 0).await?;
        Ok(webhook)
    }

    /// All webhooks, in the order in which they were made.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, HostError> {
        let mut webhooks = self.in_time(all(self.store().as_ref())).await?;
        webhooks.sort_by_key(|webhook| webhook.created_at);
        Ok(webhooks)
    }

    /// One webhook.
    pub async fn webhook(&self, id: &str) -> Result<Webhook, HostError> {
        Ok(self.read_webhook(id).await?.0)
    }

    /// Changes a webhook. One that is active again goes on with what it has not been told yet of the last seven days.
    pub async fn edit_webhook(&self, id: &str, wish: WebhookWish) -> Result<Webhook, HostError> {
        self.change_webhook(id, |webhook| wish.clone().apply(webhook))
            .await
    }

    /// Notes that the webhook that was `asked` wants no events any more, unless it leads to another address by now.
    pub(super) async fn disable_webhook(
        &self,
        asked: &Webhook,
        why: &str,
    ) -> Result<(), HostError> {
        let disabled = self.change_webhook(&asked.id, |webhook| {
            if webhook.asks_like(asked) {
                webhook.active = false;
                webhook.problem = Some(why.to_owned());
            }
        });
        match disabled.await {
            Ok(_) | Err(HostError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes why a webhook that is active cannot be told anything now, or that it can, unless it leads to another address
    /// than the one that was `examined`.
    pub(super) async fn note_problem(
        &self,
        examined: &Webhook,
        why: Option<&str>,
    ) -> Result<(), HostError> {
        let noted = self.change_webhook(&examined.id, |webhook| {
            if webhook.active && webhook.asks_like(examined) {
                webhook.problem = why.map(str::to_owned);
            }
        });
        noted.await.map(drop)
    }

    async fn change_webhook(
        &self,
        id: &str,
        change: impl Fn(&mut Webhook),
    ) -> Result<Webhook, HostError> {
        for _ in 0..TRIES {
            let (old, revision) = self.read_webhook(id).await?;
            let mut new = old.clone();
            change(&mut new);
            if new == old {
                return Ok(old);
            }
            // What the service itself notes of one that has gone wrong must not fail for that.
            if !new.tells_like(&old) || (new.active && !old.active) {
                self.check_webhook(&new).await?;
            }
            match self.put_webhook(&new, revision).await {
                Err(HostError::Conflict(_)) => {}
                written => return written.map(|()| new),
            }
        }
        let why = format!("webhook {id} keeps changing; try again");
        Err(HostError::Conflict(why))
    }

    /// Deletes a webhook; what is remembered of its deliveries is forgotten soon after.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), HostError> {
        self.read_webhook(id).await?;
        let store = self.store().clone();
        self.in_time(ledger::delete(store.as_ref(), NAMESPACE, id))
            .await?;
        self.in_time(self.tell_changed()).await?;
        let reader = reader(id);
        let forget = async move { forget(store.as_ref(), &reader).await };
        self.inner
            .tasks
            .spawn(self.stopping().run_until_cancelled_owned(forget));
        Ok(())
    }

    /// Sends a webhook a made-up event now, and tells what came of it.
    pub async fn test_webhook(&self, id: &str) -> Result<Try, HostError> {
        let webhook = self.webhook(id).await?;
        let entry = self.tried_by_hand(&webhook)?;
        let now = self.now();
        let event = Event {
            id: EventId::default().next(now),
            at: now,
            job: "test".parse().map_err(|_| WEBHOOK_NOT_FOUND)?,
            kind: EventKind::Test {
                message: "this is a test of a webhook".into(),
            },
        };
        let mut record = DeliveryRecord::new(event);
        record.id = format!("test-{}", RequestId::random());
        // What came of it is in the record.
        let _ = self.try_by_hand(&webhook, &entry, &mut record).await;
        record.tries.last().cloned().ok_or(DELIVERY_NOT_FOUND)
    }

    /// What became of a webhook's deliveries in the last seven days, the newest first: those after the place `after`, at
    /// most `limit`, and where to go on. There may be less than `limit` and still more to come, where few have the status.
    pub async fn deliveries(
        &self,
        id: &str,
        status: Option<DeliveryStatus>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DeliveryRecord>, Option<String>), HostError> {
        self.read_webhook(id).await?;
        if let Some(cursor) = after.filter(|after| !ledger::is_place(after)) {
            let why = format!("cursor must come from a Link header, and {cursor:?} does not");
            return Err(HostError::Conflict(why));
        }
        // In this order, so that one that ends just now is found.
        let namespaces: &[_] = match status {
            Some(DeliveryStatus::Pending) => &[ledger::PENDING],
            Some(_) => &[ledger::ENDED],
            None => &[ledger::PENDING, ledger::ENDED],
        };
        let (reader, mut found, mut next) = (reader(id), Vec::new(), None);
        for namespace in namespaces {
            let part = self.look_through(namespace, &reader, status, after, limit);
            let (part, goes_on_after) = part.await?;
            found.extend(part);
            next = next.or(goes_on_after);
        }
        // It may be found in both places: what has ended comes first.
        let is_pending = |record: &DeliveryRecord| record.status == DeliveryStatus::Pending;
        found.sort_by_key(|record| (std::cmp::Reverse(record.event), is_pending(record)));
        found.dedup_by_key(|record| record.event);
        if found.len() > limit {
            found.truncate(limit);
            next = found.last().map(DeliveryRecord::place);
        }
        Ok((found, next))
    }

    /// Up to one more than `limit` deliveries of a status, and where to go on, if less were found and not all was looked
    /// through.
    async fn look_through(
        &self,
        namespace: &str,
        reader: &str,
        status: Option<DeliveryStatus>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DeliveryRecord>, Option<String>), HostError> {
        let store = self.store().clone();
        let (mut found, mut from) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..PAGES {
            let page = ledger::page(store.as_ref(), namespace, reader, from.as_deref(), PAGE);
            let page = self.in_time(page).await?;
            let Some(last) = page.last() else {
                return Ok((found, None));
            };
            from = Some(last.place());
            let right = |record: &DeliveryRecord| status.is_none_or(|it| it == record.status);
            found.extend(page.into_iter().filter(right));
            if found.len() > limit {
                return Ok((found, None));
            }
        }
        Ok((found, from))
    }

    /// One delivery, by its id.
    pub async fn delivery(&self, id: &str, delivery: &str) -> Result<DeliveryRecord, HostError> {
        self.read_webhook(id).await?;
        let event: EventId = delivery.parse().map_err(|_| DELIVERY_NOT_FOUND)?;
        let (store, reader) = (self.store().clone(), reader(id));
        let found = ledger::find(store.as_ref(), &reader, event);
        self.in_time(found).await?.ok_or(DELIVERY_NOT_FOUND)
    }

    /// Sends an event again now, under the id that it had, and tells what came of it.
    pub async fn resend(&self, id: &str, delivery: &str) -> Result<DeliveryRecord, HostError> {
        let webhook = self.webhook(id).await?;
        let mut record = self.delivery(id, delivery).await?;
        let entry = self.tried_by_hand(&webhook)?;
        let before = record.status;
        match self.try_by_hand(&webhook, &entry, &mut record).await {
            Ok(()) => record.end(DeliveryStatus::Delivered),
            // It is tried again, unless that has ended it meanwhile.
            Err(_) if before == DeliveryStatus::Pending => {
                let now = self.delivery(id, delivery).await?;
                (record.status, record.next_at) = (now.status, now.next_at);
                return Ok(record);
            }
            // What has arrived once has arrived.
            Err(_) => record.end(before),
        }
        let (store, reader) = (self.store().clone(), webhook.reader());
        let keep = ledger::keep(store.as_ref(), &reader, &mut record);
        self.in_time(keep).await?;
        Ok(record)
    }

    /// Tries a delivery for somebody who waits; a receiver that wants no more events is told no more.
    async fn try_by_hand(
        &self,
        webhook: &Webhook,
        entry: &ListenerEntry,
        record: &mut DeliveryRecord,
    ) -> Result<(), DeliveryError> {
        let tried = listening::attempt(self, entry, record, None).await;
        if let Err(error) = &tried
            && error.kind() == DeliveryErrorKind::Gone
            && let Err(store) = self.disable_webhook(webhook, &error.to_string()).await
        {
            tracing::warn!(webhook = webhook.id, error = %store, "cannot note that a webhook is gone");
        }
        tried
    }

    /// The listener that a webhook is, for somebody who waits for what comes of it.
    fn tried_by_hand(&self, webhook: &Webhook) -> Result<ListenerEntry, HostError> {
        let mut entry = self.webhook_listener(webhook).map_err(invalid)?;
        entry.info.timeout = entry.info.timeout.min(BY_HAND);
        Ok(entry)
    }

    /// The listener that a webhook is.
    pub(super) fn webhook_listener(&self, webhook: &Webhook) -> Result<ListenerEntry, ConfigError> {
        let Some(kind) = self.inner.plugins.listener_kinds.get(KIND) else {
            let why = format!("no listener of kind {KIND:?} is registered");
            return Err(ConfigError::at("", why));
        };
        let section = json!({
            "url": webhook.url,
            "secret": webhook.secret,
            "allow_private": self.inner.plugins.private_webhooks,
        });
        let listener = kind.factory.build(&section)?;
        Ok(ListenerEntry::new(
            &webhook.id,
            KIND,
            listener,
            "the API".into(),
        ))
    }

    async fn check_webhook(&self, webhook: &Webhook) -> Result<(), HostError> {
        self.webhook_listener(webhook).map_err(invalid)?;
        let Some(job) = &webhook.job else {
            return Ok(());
        };
        match self.stored(job).await {
            Err(HostError::NotFound(_)) => Err(HostError::Invalid(vec![FieldError::value(
                "/job_id",
                format!("job_id is {job}, and there is no such job"),
            )])),
            found => found.map(drop),
        }
    }

    async fn read_webhook(&self, id: &str) -> Result<(Webhook, u64), HostError> {
        let record = self.in_time(self.store().record_get(NAMESPACE, id)).await?;
        let read = record
            .and_then(|record| Some((serde_json::from_value(record.value).ok()?, record.revision)));
        read.ok_or(WEBHOOK_NOT_FOUND)
    }

    async fn put_webhook(&self, webhook: &Webhook, expected: u64) -> Result<(), HostError> {
        let value = serde_json::to_value(webhook).ok();
        let put = self
            .store()
            .record_put(NAMESPACE, &webhook.id, expected, value, None);
        match self.in_time(put).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                return Err(HostError::Conflict(error.to_string()));
            }
            written => drop(written?),
        }
        Ok(self.in_time(self.tell_changed()).await?)
    }
}

/// What the plugin says of a webhook's settings, as of the request's fields.
fn invalid(error: ConfigError) -> HostError {
    HostError::Invalid(vec![FieldError::value(error.pointer, error.message)])
}

/// 32 bytes, 244 of their bits random, as Standard Webhooks writes secrets.
fn new_secret() -> String {
    // Of each 16 bytes of a random UUID 122 bits are random.
    let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes);
    format!("whsec_{}", STANDARD.encode(bytes.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("https://me:hush@example.com/a", "https://***@example.com/a"),
            ("https://a@b:hush@example.com", "https://***@example.com"),
            ("https://example.com/@me", "https://example.com/@me"),
            ("https://example.com?a=b@c", "https://example.com?a=b@c"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
