//! Telling others what happened: one instance at a time carries events to every listener and arms the jobs that follow
//! others, from where the last one stopped.

mod address;
mod agenda;
mod attempt;
mod backoff;
mod carrier;
pub(super) mod follower;
mod lease;
pub(super) mod ledger;
mod outbox;
mod previous;
mod record;
mod rest;
mod sweep;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use stock_scheduler_sdk::StoreError;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::webhooks;
use super::{Host, ListenerEntry};
use address::Address;
use agenda::Agenda;
pub(in crate::host) use attempt::attempt;
use carrier::{Carrier, Ended};
use lease::Lease;

pub use record::{DeliveryRecord, DeliveryStatus, Try};

/// Where readers' places in the log, the lease and the count of changes are kept.
pub(super) const NAMESPACE: &str = "listening";
/// How often it is looked at what there is to carry; changes made here are seen at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The same while there is nothing: whichever instance something is told begins by itself.
const LOOK_IDLY: Duration = Duration::from_secs(60);
/// How long after a failure carrying is begun again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long deliveries that are under way have when no more are to begin; what has not arrived by then is sent again.
const GRACE: Duration = Duration::from_secs(3);

/// What the rest of the host tells the carrying.
#[derive(Default)]
pub(super) struct Signals {
    /// Lets few writes of deliveries go at a time: those of a thousand webhooks must not keep others from the store.
    writes: Writes,
    changed: Notify,
    /// Whether everything is to be read again.
    is_stale: AtomicBool,
}

/// How many writes of deliveries may be under way.
struct Writes(Semaphore);

impl Default for Writes {
    fn default() -> Self {
        Self(Semaphore::new(16))
    }
}

impl Signals {
    /// The right to write something of a delivery.
    async fn writes(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.writes.0.acquire().await.ok()
    }

    /// Something about listeners has changed here.
    pub(in crate::host) fn change(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

/// What is carried, by key.
type Carried = HashMap<String, Carriage>;

/// Events on their way to one listener.
struct Carriage {
    /// Tells whether it is still the same listener.
    entry: Arc<ListenerEntry>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Carriage {
    /// Begins once the carriage `before` to the same listener has ended.
    fn begin(to: Address, before: Option<Self>) -> Self {
        let (entry, stop) = (to.entry.clone(), to.stop.clone());
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                before.end().await;
            }
            carry(to).await;
        });
        let task = AbortOnDropHandle::new(task);
        Self { entry, stop, task }
    }

    /// Lets arrive what is under way, and remembers how far it is.
    async fn end(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(GRACE, self.task).await;
    }
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
            let is_idle = agenda.is_empty && lease.is_left();
            let rest = if is_idle { LOOK_IDLY } else { LOOK_EVERY };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.listening.changed.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        join_all(carried.into_values().map(Carriage::end)).await;
        if let Some(chain) = chain {
            let _ = tokio::time::timeout(GRACE, chain).await;
        }
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
        self.forget_deleted(agenda, carried);
        agenda.sweep.look(self, &agenda.readers).await?;
        let wanted = self.addresses(agenda);
        agenda.is_empty = wanted.is_empty() && agenda.problems.is_empty() && !agenda.has_links;
        if agenda.is_empty {
            self.carry_to(wanted, carried);
            *chain = None;
            return lease.leave_if_held().await;
        }
        if !lease.take().await? {
            return Ok(());
        }
        self.note_problems(agenda).await;
        self.carry_to(wanted, carried);
        match agenda.has_links {
            true if chain.as_ref().is_none_or(|task| task.is_finished()) => {
                *chain = Some(AbortOnDropHandle::new(tokio::spawn(self.clone().chain())));
            }
            true => {}
            false => *chain = None,
        }
        Ok(())
    }

    /// Sees to it that events are carried to these and to nobody else.
    fn carry_to(&self, wanted: HashMap<String, Address>, carried: &mut Carried) {
        let mut others = std::mem::take(carried);
        for (key, to) in wanted {
            let is_same =
                |one: &Carriage| Arc::ptr_eq(&one.entry, &to.entry) && !one.task.is_finished();
            let carriage = match others.remove(&key) {
                Some(there) if is_same(&there) => there,
                before => Carriage::begin(to, before),
            };
            carried.insert(key, carriage);
        }
        for carriage in others.into_values() {
            self.inner.tasks.spawn(carriage.end());
        }
    }

    /// Stops telling webhooks that were deleted, and forgets what was written of them since.
    fn forget_deleted(&self, agenda: &Agenda, carried: &mut Carried) {
        let is_deleted =
            |key: &str| key.starts_with(webhooks::READER) && !agenda.readers.contains(key);
        for (reader, carriage) in carried.extract_if(|key, _| is_deleted(key)) {
            let store = self.store().clone();
            self.inner.tasks.spawn(async move {
                carriage.task.abort();
                let _ = carriage.task.await;
                webhooks::forget(store.as_ref(), &reader).await;
            });
        }
    }

    async fn note_problems(&self, agenda: &mut Agenda) {
        for (webhook, why) in std::mem::take(&mut agenda.problems) {
            if let Err(error) = self.note_problem(&webhook, why.as_deref()).await {
                tracing::debug!(webhook = webhook.id, %error, "cannot note what is wrong with a webhook");
            }
        }
    }
}

/// Carries events to one listener, again and again where the store goes away in between.
async fn carry(to: Address) {
    let to = Arc::new(to);
    loop {
        let carry = async { Carrier::open(to.clone()).await?.run().await };
        match carry.await {
            Ok(Ended::Stopped) => return,
            Ok(Ended::Gone(why)) => return disable(&to, why).await,
            Err(_) if to.stop.is_cancelled() => return,
            Err(error) => {
                tracing::debug!(listener = to.entry.name, %error, "carrying events is interrupted");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Notes that a listener wants no events any more. Where that fails, it is soon asked again.
async fn disable(to: &Address, why: String) {
    let name = &to.entry.name;
    tracing::warn!(listener = name, why, "a listener wants no events any more");
    let Some(webhook) = &to.webhook else {
        let _ = to.entry.gone.set(why);
        return;
    };
    if let Err(error) = to.host.disable_webhook(webhook, &why).await {
        tracing::warn!(webhook = name, %error, "cannot note that a webhook is gone");
    }
}
