//! Telling others what happened: one instance at a time carries events to every listener and arms the jobs that follow
//! others, from where the last one stopped.

mod backoff;
mod carrier;
pub(super) mod follower;
mod lease;
pub(super) mod ledger;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::{StoreError, StoreErrorKind};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::webhooks::{self, Webhook};
use super::{Host, ListenerEntry};
pub(in crate::host) use carrier::attempt;
use carrier::{Carrier, Ended, Wanted};
use lease::Lease;

pub use ledger::{DeliveryRecord, DeliveryStatus, Try};

/// Where readers' places in the log, the lease and the count of changes are kept.
pub(super) const NAMESPACE: &str = "listening";
/// Counts changes of webhooks and of jobs that follow others, so that other instances notice.
const CHANGES: &str = "changes";
/// How often it is looked at what there is to carry; changes made here are seen at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same while there is nothing: whichever instance something is told begins by itself.
const LOOK_IDLY: Duration = Duration::from_secs(60);
/// How long after a failure carrying is begun again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the rest of the host tells the carrying.
#[derive(Default)]
pub(super) struct Signals {
    changed: Notify,
    /// Whether everything is to be read again.
    is_stale: AtomicBool,
    /// Why listeners of the configuration carry no more, by name.
    gone: Mutex<HashMap<String, String>>,
}

impl Signals {
    /// Something about listeners has changed here.
    pub(in crate::host) fn change(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(in crate::host) fn gone(&self, name: &str) -> Option<String> {
        self.lock_gone().get(name).cloned()
    }

    fn lock_gone(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is carried, by key, with what tells whether it is still the same.
type Carried = HashMap<String, (Arc<ListenerEntry>, AbortOnDropHandle<()>)>;

/// What there is to carry.
#[derive(Default)]
struct Agenda {
    /// The revision of the count of changes that this was read at.
    changes: Option<u64>,
    webhooks: Vec<(Webhook, Arc<ListenerEntry>)>,
    has_links: bool,
    /// Whether there is nobody to be told anything.
    is_empty: bool,
}

impl Host {
    /// Carries events until the service stops.
    pub(in crate::host) async fn carry_events(self) {
        let mut lease = Lease::new(self.clone());
        let mut agenda = Agenda::default();
        let mut carried = Carried::new();
        let mut chain = None;
        let stop = self.stopping();
        while !stop.is_cancelled() {
            if let Err(error) = self
                .look(&mut lease, &mut agenda, &mut carried, &mut chain)
                .await
            {
                tracing::debug!(%error, "cannot look what events are to be carried; trying again");
            }
            if !lease.holds() {
                carried.clear();
                chain = None;
            }
            let rest = match agenda.is_empty && lease.is_left() {
                true => LOOK_IDLY,
                false => LOOK_EVERY,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.listening.changed.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        // They remember how far they are and end by themselves.
        let ends = carried.into_values().map(|(_, task)| task).chain(chain);
        let _ = tokio::time::timeout(AGAIN, futures_util::future::join_all(ends)).await;
        lease.leave().await;
    }

    /// Looks what there is to carry, and sees to it that it is, if this is the instance that does.
    async fn look(
        &self,
        lease: &mut Lease,
        agenda: &mut Agenda,
        carried: &mut Carried,
        chain: &mut Option<AbortOnDropHandle<()>>,
    ) -> Result<(), StoreError> {
        self.read_agenda(agenda).await?;
        let listeners = self.inner.plugins.listeners.all();
        agenda.is_empty = listeners.is_empty() && agenda.webhooks.is_empty() && !agenda.has_links;
        if agenda.is_empty {
            carried.clear();
            *chain = None;
            return lease.leave_if_held().await;
        }
        if !lease.take().await? {
            return Ok(());
        }
        let mut wanted = HashMap::new();
        for (name, entry) in listeners {
            let events = entry.info.events.clone();
            let wants = Wanted { job: None, events };
            wanted.insert(format!("plugin:{name}"), (entry, wants, false));
        }
        for (webhook, entry) in &agenda.webhooks {
            let wants = Wanted {
                job: webhook.job.clone(),
                events: webhook.events.clone(),
            };
            wanted.insert(webhook.reader(), (entry.clone(), wants, true));
        }
        carried.retain(|key, (entry, _)| {
            wanted
                .get(key)
                .is_some_and(|(wanted, ..)| Arc::ptr_eq(wanted, entry))
        });
        for (key, (entry, wants, keeps_log)) in wanted {
            carried.entry(key.clone()).or_insert_with(|| {
                let carry = self.clone().carry_to(key, entry.clone(), wants, keeps_log);
                (entry, AbortOnDropHandle::new(tokio::spawn(carry)))
            });
        }
        match agenda.has_links {
            true if chain.is_none() => {
                *chain = Some(AbortOnDropHandle::new(tokio::spawn(self.clone().chain())));
            }
            true => {}
            false => *chain = None,
        }
        Ok(())
    }

    /// Reads webhooks and links again, where they may have changed.
    async fn read_agenda(&self, agenda: &mut Agenda) -> Result<(), StoreError> {
        let store = self.store();
        let changes = store.record_get(NAMESPACE, CHANGES).await?;
        let changes = changes.map_or(0, |record| record.revision);
        let is_stale = self.inner.listening.is_stale.swap(false, Ordering::Relaxed);
        if agenda.changes == Some(changes) && !is_stale {
            return Ok(());
        }
        let read = async {
            let has_links = super::chain::has_links(store.as_ref()).await?;
            Ok::<_, StoreError>((webhooks::all(store.as_ref()).await?, has_links))
        };
        let (webhooks, has_links) = read
            .await
            .inspect_err(|_| self.inner.listening.is_stale.store(true, Ordering::Relaxed))?;
        let old = std::mem::take(&mut agenda.webhooks);
        for webhook in webhooks.into_iter().filter(|webhook| webhook.active) {
            let same = old.iter().find(|(known, _)| *known == webhook);
            let entry = match same {
                Some((_, entry)) => entry.clone(),
                None => match self.webhook_listener(&webhook) {
                    Ok(entry) => Arc::new(entry),
                    Err(error) => {
                        tracing::warn!(webhook = webhook.id, %error, "a webhook cannot be used");
                        continue;
                    }
                },
            };
            agenda.webhooks.push((webhook, entry));
        }
        (agenda.has_links, agenda.changes) = (has_links, Some(changes));
        Ok(())
    }

    /// Lets every instance look again what there is to carry.
    pub(in crate::host) async fn tell_changed(&self) -> Result<(), StoreError> {
        self.inner.listening.change();
        let store = self.store();
        loop {
            let there = store.record_get(NAMESPACE, CHANGES).await?;
            let revision = there.map_or(0, |record| record.revision);
            let value = json!({"changes": revision + 1});
            match store
                .record_put(NAMESPACE, CHANGES, revision, Some(value), None)
                .await
            {
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                written => return written.map(drop),
            }
        }
    }

    /// Carries events to one listener, again and again where the store goes away in between.
    async fn carry_to(
        self,
        key: String,
        entry: Arc<ListenerEntry>,
        wanted: Wanted,
        keeps_log: bool,
    ) {
        loop {
            let carry = async {
                let (host, key, entry) = (self.clone(), key.clone(), entry.clone());
                let carrier = Carrier::open(host, key, entry, wanted.clone(), keeps_log).await?;
                carrier.run().await
            };
            match carry.await {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Gone(why)) => return self.disable(&key, &entry.name, &why).await,
                Err(error) => {
                    tracing::debug!(listener = entry.name, %error, "carrying events is interrupted");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Notes that a listener wants no events any more.
    async fn disable(&self, key: &str, name: &str, why: &str) {
        tracing::warn!(listener = name, why, "a listener wants no events any more");
        let Some(id) = key.strip_prefix(webhooks::READER) else {
            let why = format!("it wants no events any more: {why}");
            self.inner
                .listening
                .lock_gone()
                .insert(name.to_owned(), why);
            return;
        };
        if let Err(error) = self.disable_webhook(id, why).await {
            tracing::warn!(webhook = id, %error, "cannot note that a webhook is gone");
        }
    }
}
