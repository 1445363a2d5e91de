/// Who goes on where another host stopped.
mod places;
/// Events that do not arrive: tried again, and given up in the end.
mod trouble;
/// Listeners that clients make while the host runs.
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, Delivery, DeliveryError, DeliveryErrorKind, DeliveryStatus, EventId, EventKind,
    FetchErrorKind, Host, JobId, Listener, ListenerInfo, RecordStore, RunStatus, Webhook,
    WebhookWish, async_trait,
};

use crate::support::world::{self, World, edit, job};

const START: &str = "2025-06-02T16:59:00Z";
const NAME: &str = "told";

/// What a listener does when it is told something.
#[derive(Debug, Clone, Copy)]
enum Act {
    Takes(Duration),
    Fails(DeliveryErrorKind),
    FailsAfter(Duration, DeliveryErrorKind),
    Hangs,
    Panics,
}

/// What a listener was told.
#[derive(Debug, Clone)]
struct Told {
    at: DateTime<Utc>,
    delivery: Delivery,
}

/// A listener that does as it is told and remembers what it was.
#[derive(Clone)]
struct Scripted {
    world: World,
    info: ListenerInfo,
    act: Arc<Mutex<Option<Act>>>,
    /// Every try, and what arrived.
    tries: Arc<Mutex<Vec<Told>>>,
    arrived: Arc<Mutex<Vec<Told>>>,
}

impl Scripted {
    fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            info: ListenerInfo::default(),
            act: Arc::default(),
            tries: Arc::default(),
            arrived: Arc::default(),
        }
    }

    /// Wants only events of these names.
    fn wanting(mut self, names: &[&str]) -> Self {
        self.info.events = names.iter().map(ToString::to_string).collect();
        self
    }

    fn at_once(mut self, concurrency: usize) -> Self {
        self.info.concurrency = concurrency;
        self
    }

    fn does(&self, act: Act) {
        *self.act.lock().unwrap() = Some(act);
    }

    fn fails(&self) {
        self.does(Act::Fails(DeliveryErrorKind::Unavailable));
    }

    fn heals(&self) {
        *self.act.lock().unwrap() = None;
    }

    fn tries(&self) -> Vec<Told> {
        self.tries.lock().unwrap().clone()
    }

    fn arrived(&self) -> Vec<EventId> {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().map(|told| told.delivery.event.id).collect()
    }

    fn arrived_at(&self) -> Vec<DateTime<Utc>> {
        self.arrived
            .lock()
            .unwrap()
            .iter()
            .map(|told| told.at)
            .collect()
    }
}

#[async_trait]
impl Listener for Scripted {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let told = || Told {
            at: self.world.now(),
            delivery: delivery.clone(),
        };
        self.tries.lock().unwrap().push(told());
        let act = *self.act.lock().unwrap();
        match act {
            Some(Act::Takes(time)) => tokio::time::sleep(time).await,
            Some(Act::Fails(kind)) => return Err(DeliveryError::new(kind, "as told")),
            Some(Act::FailsAfter(time, kind)) => {
                tokio::time::sleep(time).await;
                return Err(DeliveryError::new(kind, "as told"));
            }
            Some(Act::Hangs) => std::future::pending().await,
            Some(Act::Panics) => panic!("as told"),
            None => {}
        }
        self.arrived.lock().unwrap().push(told());
        Ok(())
    }

    fn info(&self) -> ListenerInfo {
        self.info.clone()
    }
}

/// A host with this listener, which has begun to hear.
async fn host(world: &World, listener: &Scripted) -> Host {
    let builder = world.builder().listener_instance(NAME, listener.clone());
    let host = builder.start().await.unwrap();
    world.pass(3).await;
    host
}

/// A job that never fires here.
async fn quiet_job(host: &Host) -> JobId {
    job(host, json!({"schedule_time": "03:00", "is_active": false})).await
}

/// Lets so many events happen to a job.
async fn happens(host: &Host, job: &JobId, times: usize) {
    for _ in 0..times {
        edit(host, job, json!({"name": JobId::random().to_string()})).await;
    }
}

/// Lets so many seconds go by, most of them at once. Whoever holds the lease has to take it anew then.
async fn leap(world: &World, seconds: u64) {
    let slowly = seconds.min(10);
    world.set_clock(TimeDelta::seconds((seconds - slowly) as i64));
    world.pass(slowly).await;
}

/// The ids of all events of this name in the log.
async fn ids(world: &World, name: &str) -> Vec<EventId> {
    let events = world.events().await.into_iter();
    let named = events.filter(|event| event.kind.name() == name);
    named.map(|event| event.id).collect()
}

/// How many documents are kept of deliveries.
async fn kept(world: &World, namespace: &str) -> usize {
    let all = world.store.record_scan(namespace, "", None, usize::MAX);
    all.await.unwrap().len()
}
