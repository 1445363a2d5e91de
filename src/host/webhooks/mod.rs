//! Webhooks: listeners that clients make, change and look after while the service runs.

mod by_hand;
mod deliveries;
mod shown;
mod wish;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stock_scheduler_sdk::{ConfigError, JobId, RequestId, Store, StoreError, StoreErrorKind};

use super::listening::{follower, ledger};
use super::{FieldError, Host, HostError, ListenerEntry};
pub(crate) use shown::{masked, without_password};
pub use wish::WebhookWish;

/// The kind of listener that a webhook is.
const KIND: &str = "webhook";
const NAMESPACE: &str = "webhooks";
/// Begins the name under which a webhook reads the log.
pub(super) const READER: &str = "webhook:";
/// At most so many webhooks.
const MOST: usize = 1_000;
const TRIES: usize = 20;
/// How many documents are read at a time.
const PAGE: usize = 200;

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
