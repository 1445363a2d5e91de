//! What there is to carry: listeners of the configuration, webhooks and jobs that follow others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use stock_scheduler_sdk::{StoreError, StoreErrorKind};
use uuid::Uuid;

use super::NAMESPACE;
use super::address::{Address, Wanted};
use super::sweep::Sweep;
use crate::host::webhooks::{self, Webhook};
use crate::host::{Host, ListenerEntry, chain};

/// Is written anew with each change of webhooks and of jobs that follow others, so that other instances notice.
const CHANGES: &str = "changes";

/// What there is to carry.
#[derive(Default)]
pub(super) struct Agenda {
    /// The last change that this was read after; `None` within: there never was one.
    change: Option<Option<Value>>,
    /// Those that are told what happens, by id.
    webhooks: HashMap<String, (Webhook, Arc<ListenerEntry>)>,
    /// The names under which all webhooks read the log.
    pub(super) readers: HashSet<String>,
    /// What is to be noted of webhooks: why they cannot be told anything, or that they can.
    pub(super) problems: Vec<(Webhook, Option<String>)>,
    pub(super) has_links: bool,
    pub(super) sweep: Sweep,
    /// Whether there is nobody to be told anything.
    pub(super) is_empty: bool,
}

impl Host {
    /// Everyone to whom events are carried, by key.
    pub(super) fn addresses(&self, agenda: &Agenda) -> HashMap<String, Address> {
        let listeners = self.inner.plugins.listeners.all().into_iter();
        let listeners = listeners
            .filter(|(_, entry)| entry.gone.get().is_none())
            .map(|(name, entry)| Address {
                host: self.clone(),
                key: format!("plugin:{name}"),
                wanted: Wanted {
                    job: None,
                    events: entry.info.events.clone(),
                },
                entry,
                webhook: None,
                stop: self.stopping().child_token(),
            });
        let webhooks = agenda.webhooks.values().map(|(webhook, entry)| Address {
            host: self.clone(),
            key: webhook.reader(),
            wanted: Wanted {
                job: webhook.job.clone(),
                events: webhook.events.clone(),
            },
            entry: entry.clone(),
            webhook: Some(webhook.clone()),
            stop: self.stopping().child_token(),
        });
        let all = listeners.chain(webhooks);
        all.map(|to| (to.key.clone(), to)).collect()
    }

    /// Reads webhooks and links again, where they may have changed.
    pub(super) async fn read_agenda(&self, agenda: &mut Agenda) -> Result<(), StoreError> {
        let store = self.store();
        let change = store.record_get(NAMESPACE, CHANGES).await?;
        let change = change.map(|record| record.value);
        let is_stale = self.inner.listening.is_stale.swap(false, Ordering::Relaxed);
        if agenda.change.as_ref() == Some(&change) && !is_stale {
            return Ok(());
        }
        let read = async {
            let has_links = chain::has_links(store.as_ref()).await?;
            Ok::<_, StoreError>((webhooks::all(store.as_ref()).await?, has_links))
        };
        let (webhooks, has_links) = read
            .await
            .inspect_err(|_| self.inner.listening.is_stale.store(true, Ordering::Relaxed))?;
        agenda.readers = webhooks.iter().map(Webhook::reader).collect();
        let mut old = std::mem::take(&mut agenda.webhooks);
        agenda.problems.clear();
        for webhook in webhooks.into_iter().filter(|webhook| webhook.active) {
            let same = old
                .remove(&webhook.id)
                .filter(|(known, _)| known.tells_like(&webhook));
            let entry = match same {
                Some((_, entry)) => Ok(entry),
                None => self.webhook_listener(&webhook).map(Arc::new),
            };
            let problem = entry.as_ref().err().map(ToString::to_string);
            if problem != webhook.problem {
                agenda.problems.push((webhook.clone(), problem));
            }
            if let Ok(entry) = entry {
                agenda.webhooks.insert(webhook.id.clone(), (webhook, entry));
            }
        }
        (agenda.has_links, agenda.change) = (has_links, Some(change));
        Ok(())
    }

    /// Lets every instance look again what there is to carry.
    pub(in crate::host) async fn tell_changed(&self) -> Result<(), StoreError> {
        self.inner.listening.change();
        let store = self.store();
        loop {
            let there = store.record_get(NAMESPACE, CHANGES).await?;
            let revision = there.map_or(0, |record| record.revision);
            let value = json!({"change": Uuid::new_v4()});
            match store
                .record_put(NAMESPACE, CHANGES, revision, Some(value), None)
                .await
            {
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                written => return written.map(drop),
            }
        }
    }
}
