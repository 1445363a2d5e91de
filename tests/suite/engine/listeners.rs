use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, Delivery, DeliveryError, DeliveryErrorKind, DeliveryStatus, EventId, EventKind,
    FetchErrorKind, Host, JobId, Listener, ListenerInfo, Origin, RecordStore, RunStatus, Webhook,
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

#[tokio::test(start_paused = true)]
async fn a_listener_hears_everything_once_and_in_order() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host(&world, &told).await;
    let fires = json!({"schedule": {"kind": "every", "seconds": 10}});
    let job = job(&host, fires).await;

    happens(&host, &job, 1_200).await;
    world.pass(60).await;

    let log: Vec<_> = world.events().await.iter().map(|event| event.id).collect();
    assert!(log.len() > 1_200);
    assert_eq!(told.arrived(), log);
    for told in told.tries() {
        assert_eq!(told.delivery.id, told.delivery.event.id.to_string());
        assert_eq!(told.delivery.attempt, 1);
        assert_eq!(told.delivery.job.as_ref().unwrap().id, job);
    }
    assert_eq!(
        kept(&world, "outbox").await + kept(&world, "deliveries").await,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_for_a_day_under_one_id_and_then_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let host = host(&world, &told).await;
    told.fails();

    quiet_job(&host).await;
    world.pass(1).await;
    for (number, wait) in [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 32_400]
        .into_iter()
        .enumerate()
    {
        assert_eq!(told.tries().len(), number + 1);
        // The wait begins with the try before, which came up to a tenth of its own wait late.
        let since = world.now() - told.tries().last().unwrap().at;
        leap(&world, wait - 3 - since.num_seconds().unsigned_abs()).await;
        assert_eq!(told.tries().len(), number + 1, "{wait} s are not over");
        leap(&world, 6 + wait / 10).await;
    }
    leap(&world, 3 * 24 * 3_600).await;

    let tries = told.tries();
    let attempts: Vec<_> = tries.iter().map(|told| told.delivery.attempt).collect();
    assert_eq!(attempts, (1..=11).collect::<Vec<_>>());
    let has_same_id = |told: &Told| told.delivery.id == tries[0].delivery.id;
    assert!(tries.iter().all(has_same_id));
    assert_eq!(
        (
            kept(&world, "outbox").await,
            kept(&world, "deliveries").await
        ),
        (0, 1)
    );
    let views = host.plugins().await;
    let counters = &views
        .iter()
        .find(|view| view.name == NAME)
        .unwrap()
        .counters;
    assert_eq!(
        (
            counters["delivered"],
            counters["retried"],
            counters["failed"]
        ),
        (0, 10, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_down_is_asked_now_and_then_and_hears_all_in_order_once_it_is_back() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(8);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.fails();

    for _ in 0..100 {
        happens(&host, &job, 20).await;
        world.pass(3 * 36).await;
    }
    let tries_while_down = told.tries().len();
    let waited = kept(&world, "outbox").await;
    told.heals();
    let back = world.now();
    world.pass(400).await;

    // Three hours at a try in five minutes, and those that came before it was known.
    assert!(tries_while_down < 60, "{tries_while_down} tries");
    assert_eq!(waited, 2_000);
    let mut arrived = told.arrived();
    assert!(arrived[1..].is_sorted(), "after the one that found out");
    arrived.sort();
    assert!(arrived == ids(&world, "JobUpdated").await);
    let last = told.arrived_at().into_iter().max().unwrap();
    assert!(last - back <= TimeDelta::seconds(331), "{}", last - back);
    let first = told.arrived_at()[0];
    assert!(
        last - first <= TimeDelta::seconds(1),
        "all at once: {}",
        last - first
    );
    assert_eq!(kept(&world, "outbox").await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waited_a_day_for_a_listener_that_is_down_is_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.fails();

    happens(&host, &job, 300).await;
    world.pass(60).await;
    leap(&world, 20 * 3_600).await;
    happens(&host, &job, 7).await;
    leap(&world, 8 * 3_600).await;
    let while_down = (
        kept(&world, "outbox").await,
        kept(&world, "deliveries").await,
    );
    told.heals();
    world.pass(400).await;

    assert_eq!(while_down, (7, 300));
    let mut arrived = told.arrived();
    arrived.sort();
    assert_eq!(arrived, ids(&world, "JobUpdated").await[300..]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_asks_for_time_gets_it_for_all_events() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    let retry_after = Some(Duration::from_secs(120));
    told.does(Act::Fails(DeliveryErrorKind::RateLimited { retry_after }));

    happens(&host, &job, 1).await;
    world.pass(5).await;
    told.heals();
    happens(&host, &job, 3).await;
    world.pass(300).await;

    let tries = told.tries();
    assert_eq!(tries.len(), 5);
    let wait = tries[1].at - tries[0].at;
    let right = TimeDelta::seconds(120)..=TimeDelta::seconds(133);
    assert!(right.contains(&wait), "{wait}");
    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_all_reason_is_a_day() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let host = host(&world, &told).await;
    let retry_after = Some(Duration::MAX);
    told.does(Act::Fails(DeliveryErrorKind::RateLimited { retry_after }));

    quiet_job(&host).await;
    world.pass(5).await;
    told.heals();
    leap(&world, 23 * 3_600).await;
    let before = told.arrived().len();
    leap(&world, 4 * 3_600).await;

    assert_eq!((before, told.arrived().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn one_bad_event_does_not_hold_up_the_others() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host(&world, &told).await;
    told.does(Act::Fails(DeliveryErrorKind::Refused));
    let job = quiet_job(&host).await;
    world.pass(1).await;
    told.heals();

    happens(&host, &job, 5).await;
    world.pass(1).await;

    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
    assert_eq!(
        (
            kept(&world, "outbox").await,
            kept(&world, "deliveries").await
        ),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_or_hangs_is_tried_again_and_holds_up_nobody() {
    let world = World::at(START);
    for act in [Act::Panics, Act::Hangs] {
        let (told, other) = (Scripted::new(&world), Scripted::new(&world));
        let name = format!("{act:?}");
        let builder = world.builder().listener_instance(&name, told.clone());
        let builder = builder.listener_instance(&format!("beside {name}"), other.clone());
        let host = builder.start().await.unwrap();
        world.pass(3).await;
        told.does(act);

        quiet_job(&host).await;
        world.pass(1).await;
        let at_once = other.arrived().len();
        world.pass(33).await;
        told.heals();
        world.pass(40).await;

        assert_eq!(at_once, 1, "{act:?}");
        assert_eq!(told.arrived(), other.arrived(), "{act:?}");
        assert!(told.tries().len() > 1, "{act:?}");
        host.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_gone_is_told_no_more_and_its_successor_hears_what_it_missed() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(4);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.does(Act::Fails(DeliveryErrorKind::Gone));

    happens(&host, &job, 20).await;
    world.pass(60).await;
    let tries = told.tries().len();
    let views = host.plugins().await;
    let problem = views
        .into_iter()
        .find(|view| view.name == NAME)
        .unwrap()
        .problem;
    let next = Scripted::new(&world).wanting(&["JobUpdated"]);
    host.put_listener(NAME, Arc::new(next.clone()), Origin::new("a test"));
    world.pass(3).await;

    assert!(tries <= 4, "{tries} tries");
    assert_eq!(problem.unwrap(), "it wants no events any more: as told");
    assert_eq!(next.arrived(), ids(&world, "JobUpdated").await);
    let views = host.plugins().await;
    let problem = views
        .into_iter()
        .find(|view| view.name == NAME)
        .unwrap()
        .problem;
    assert_eq!(problem, None);
}

#[tokio::test(start_paused = true)]
async fn one_of_two_hosts_tells_and_the_other_goes_on_when_it_stops() {
    let world = World::at(START);
    let told = [Scripted::new(&world), Scripted::new(&world)];
    let (first, second) = (host(&world, &told[0]).await, host(&world, &told[1]).await);
    let job = quiet_job(&second).await;

    happens(&second, &job, 50).await;
    world.pass(1).await;
    let by_first = told[0].arrived().len();
    first.stop().await;
    happens(&second, &job, 50).await;
    world.pass(3).await;

    assert_eq!((by_first, told[0].arrived().len()), (51, 51));
    let all = [told[0].arrived(), told[1].arrived()].concat();
    let log: Vec<_> = world.events().await.iter().map(|event| event.id).collect();
    assert_eq!(all, log);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_a_host_stops_arrives_once() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(8);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    told.does(Act::Takes(Duration::from_secs(2)));

    happens(&first, &job, 100).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let asked = tokio::time::Instant::now();
    first.stop().await;
    let took = asked.elapsed();
    told.heals();
    let _second = host(&world, &told).await;

    assert!(took < Duration::from_secs(4), "{took:?}");
    let mut arrived = told.arrived();
    arrived.sort();
    assert_eq!(arrived, ids(&world, "JobUpdated").await);
    assert_eq!(told.tries().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_when_a_host_stops_is_told_by_the_next_under_the_same_id() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(2);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    told.does(Act::Hangs);
    happens(&first, &job, 1).await;
    world.pass(1).await;
    told.heals();
    // What comes after it arrives, and is remembered.
    happens(&first, &job, 3).await;
    world.pass(2).await;
    let arrived_before = told.arrived().len();

    let asked = tokio::time::Instant::now();
    first.stop().await;
    let took = asked.elapsed();
    let _second = host(&world, &told).await;

    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(arrived_before, 3);
    let mut arrived = told.arrived();
    arrived.sort();
    assert!(arrived.starts_with(&ids(&world, "JobUpdated").await[..1]));
    arrived.dedup();
    assert_eq!(arrived, ids(&world, "JobUpdated").await);
    let tries = told.tries();
    assert_eq!(tries[0].delivery.id, tries[4].delivery.id);
}

#[tokio::test(start_paused = true)]
async fn tries_go_on_counting_with_the_next_host() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let first = host(&world, &told).await;
    told.fails();
    quiet_job(&first).await;
    world.pass(60).await;

    first.stop().await;
    let _second = host(&world, &told).await;
    world.pass(150).await;

    let attempts: Vec<_> = told
        .tries()
        .iter()
        .map(|told| told.delivery.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_place_was_trimmed_goes_on_with_the_oldest_event_there_is() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    first.stop().await;
    let other = world.host().await;
    let kept = stock_scheduler::retention::EVENTS;

    happens(&other, &job, kept + 10).await;
    other.stop().await;
    let _second = host(&world, &told).await;
    world.pass(10).await;

    assert_eq!(told.arrived().len(), kept);
    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_was_away_or_down_is_told_how_the_run_before_each_one_ended() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobFinished"]);
    host(&world, &told).await.stop().await;
    let away = world.host().await;
    let fires = json!({"schedule": {"kind": "every", "seconds": 10}});
    job(&away, fires).await;

    let fails_and_heals = async || {
        for _ in 0..4 {
            let fails = world::Act::Fails(FetchErrorKind::UnknownSymbol, 99);
            world.provider.tell("AAPL", fails);
            world.pass(50).await;
            world.provider.heal("AAPL");
            world.pass(50).await;
        }
    };
    fails_and_heals().await;
    away.stop().await;
    told.fails();
    let _down = host(&world, &told).await;
    fails_and_heals().await;
    told.heals();
    world.pass(400).await;

    let mut ends = world.events().await.into_iter().filter_map(|event| {
        let EventKind::JobFinished { status, .. } = event.kind else {
            return None;
        };
        Some((event.id, status))
    });
    let mut before = None;
    let mut arrived = told.arrived.lock().unwrap().clone();
    arrived.sort_by_key(|told| told.delivery.event.id);
    assert!(arrived.len() > 100, "{} arrived", arrived.len());
    for told in arrived {
        let (id, status) = ends.next().unwrap();
        let delivery = told.delivery;
        assert_eq!((delivery.event.id, delivery.previous), (id, before));
        before = Some(status);
    }
    assert!(matches!(before, Some(RunStatus::Success)));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_put_back_is_told_of_the_last_week() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    host(&world, &told).await.stop().await;
    let without = world.host().await;
    let job = quiet_job(&without).await;
    happens(&without, &job, 3).await;
    leap(&world, 2 * 24 * 3_600).await;
    happens(&without, &job, 2).await;
    leap(&world, 6 * 24 * 3_600).await;
    without.stop().await;

    let _host = host(&world, &told).await;
    world.pass(3).await;

    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await[3..]);
}

/// A host whose webhooks all are this listener.
async fn host_of_webhooks(world: &World, listener: &Scripted) -> Host {
    host_of_two(world, listener, listener).await
}

/// Where webhooks lead that have been changed.
const NEW_URL: &str = "https://example.org";

/// A host whose webhooks are `new` where they lead to `NEW_URL`, and else `old`.
async fn host_of_two(world: &World, old: &Scripted, new: &Scripted) -> Host {
    let (old, new) = (old.clone(), new.clone());
    let factory = move |section: &Value| -> Result<Arc<dyn Listener>, ConfigError> {
        let is_new = section["url"] == NEW_URL;
        Ok(Arc::new(if is_new { new.clone() } else { old.clone() }))
    };
    let host = world.builder().listener("webhook", factory).start().await;
    host.unwrap()
}

fn wish(fields: Value, is_new: bool) -> WebhookWish {
    WebhookWish::read(fields, is_new).unwrap()
}

async fn webhook(host: &Host, mut fields: Value) -> Webhook {
    fields["url"] = "https://example.com".into();
    let made = host.create_webhook(wish(fields, true)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    made
}

#[tokio::test(start_paused = true)]
async fn a_thousand_webhooks_are_enough() {
    let world = World::at(START);
    let host = host_of_webhooks(&world, &Scripted::new(&world)).await;
    let order = || wish(json!({"url": "https://example.com"}), true);
    let mut made = Vec::new();
    for _ in 0..1_000 {
        made.push(host.create_webhook(order()).await.unwrap().id);
    }

    let refusal = host.create_webhook(order()).await.unwrap_err();

    assert_eq!(
        refusal.to_string(),
        "there are 1000 webhooks; delete one first"
    );
    let listed = host.webhooks().await.unwrap().into_iter();
    assert_eq!(listed.map(|webhook| webhook.id).collect::<Vec<_>>(), made);
    host.delete_webhook(&made[500]).await.unwrap();
    host.create_webhook(order()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn few_deliveries_of_a_status_are_found_among_many() {
    let world = World::at(START);
    let told = Scripted::new(&world).at_once(8);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({})).await;
    told.does(Act::Fails(DeliveryErrorKind::Refused));
    let job = quiet_job(&host).await;
    world.pass(1).await;
    told.heals();
    happens(&host, &job, 6_000).await;
    world.pass(5).await;

    let (mut found, mut pages, mut next) = (Vec::new(), 0, None::<String>);
    loop {
        let status = Some(DeliveryStatus::Failed);
        let page = host.deliveries(&hook.id, status, next.as_deref(), 50).await;
        let (part, goes_on) = page.unwrap();
        found.extend(part);
        pages += 1;
        next = goes_on;
        if next.is_none() {
            break;
        }
    }

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event, ids(&world, "JobCreated").await[0]);
    assert!(pages <= 3, "{pages} pages");
    let newest = host.deliveries(&hook.id, None, None, 2).await.unwrap().0;
    let last = *ids(&world, "JobUpdated").await.last().unwrap();
    assert_eq!(newest[0].event, last);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_active_again_hears_what_it_missed_and_one_that_is_changed_does_not() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    let change = async |fields: Value| {
        host.edit_webhook(&hook.id, wish(fields, false))
            .await
            .unwrap();
        world.pass(1).await;
    };
    let job = quiet_job(&host).await;
    happens(&host, &job, 3).await;
    world.pass(1).await;

    change(json!({"events": ["JobUpdated"]})).await;
    let after_change = told.arrived();
    change(json!({"is_active": false})).await;
    happens(&host, &job, 4).await;
    leap(&world, 3 * 24 * 3_600).await;
    let while_inactive = told.arrived();
    change(json!({"is_active": true})).await;

    assert_eq!(after_change, ids(&world, "JobCreated").await);
    assert_eq!(while_inactive, after_change);
    assert_eq!(told.arrived()[1..], ids(&world, "JobUpdated").await[3..]);
}

#[tokio::test(start_paused = true)]
async fn what_the_old_address_answers_says_nothing_of_the_new_one() {
    for by_hand in [false, true] {
        let world = World::at(START);
        let [old, new] = [Scripted::new(&world), Scripted::new(&world)];
        let host = host_of_two(&world, &old, &new).await;
        let hook = webhook(&host, json!({})).await;
        old.does(Act::FailsAfter(
            Duration::from_secs(2),
            DeliveryErrorKind::Gone,
        ));

        let (other, id) = (host.clone(), hook.id.clone());
        match by_hand {
            true => drop(tokio::spawn(async move { other.test_webhook(&id).await })),
            false => drop(quiet_job(&host).await),
        }
        world.pass(1).await;
        let change = wish(json!({"url": NEW_URL}), false);
        host.edit_webhook(&hook.id, change).await.unwrap();
        world.pass(5).await;
        let hook = host.webhook(&hook.id).await.unwrap();
        quiet_job(&host).await;
        world.pass(1).await;

        assert_eq!(old.tries().len(), 1, "{by_hand}");
        assert_eq!((hook.active, hook.problem), (true, None), "{by_hand}");
        assert_eq!(new.arrived(), ids(&world, "JobCreated").await, "{by_hand}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_by_hand_is_not_sent_again_for_a_try_that_failed_meanwhile() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    told.fails();
    quiet_job(&host).await;
    world.pass(1).await;
    let event = ids(&world, "JobCreated").await[0];
    told.does(Act::FailsAfter(
        Duration::from_secs(20),
        DeliveryErrorKind::Unavailable,
    ));
    world.pass(10).await;
    assert_eq!(told.tries().len(), 2, "one is under way");

    told.heals();
    let sent = host.resend(&hook.id, &event.to_string()).await.unwrap();
    world.pass(100).await;

    assert_eq!(sent.status, DeliveryStatus::Delivered);
    let kept_status = host.delivery(&hook.id, &event.to_string()).await.unwrap();
    assert_eq!(kept_status.status, DeliveryStatus::Delivered);
    assert_eq!(kept(&world, "outbox").await, 0);
    assert_eq!(told.tries().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_by_hand_is_not_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    let time = Duration::from_secs(3);
    told.does(Act::FailsAfter(time, DeliveryErrorKind::Unavailable));
    quiet_job(&host).await;
    world.pass(4).await;
    let event = ids(&world, "JobCreated").await[0].to_string();
    told.does(Act::FailsAfter(time, DeliveryErrorKind::Refused));
    world.pass(6).await;
    assert_eq!(told.tries().len(), 2, "one is under way");

    told.heals();
    host.resend(&hook.id, &event).await.unwrap();
    world.pass(10).await;

    let delivery = host.delivery(&hook.id, &event).await.unwrap();
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_to_the_new_address_and_is_given_up_where_it_is_not_wanted_any_more() {
    let world = World::at(START);
    let [old, new] = [Scripted::new(&world), Scripted::new(&world)];
    let host = host_of_two(&world, &old, &new).await;
    let hook = webhook(&host, json!({})).await;
    old.fails();
    let job = quiet_job(&host).await;
    happens(&host, &job, 1).await;
    world.pass(1).await;

    let change = wish(json!({"url": NEW_URL, "events": ["JobCreated"]}), false);
    host.edit_webhook(&hook.id, change).await.unwrap();
    world.pass(60).await;

    let (created, updated) = (
        ids(&world, "JobCreated").await,
        ids(&world, "JobUpdated").await,
    );
    assert_eq!(new.arrived(), created);
    assert_eq!(new.tries().len(), 1);
    let failed = Some(DeliveryStatus::Failed);
    let failed = host.deliveries(&hook.id, failed, None, 9).await.unwrap().0;
    let failed: Vec<_> = failed.into_iter().map(|one| one.event).collect();
    assert_eq!(failed, updated);
    assert_eq!(kept(&world, "outbox").await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_webhook_that_is_gone_is_forgotten() {
    let world = World::at(START);
    let host = host_of_webhooks(&world, &Scripted::new(&world)).await;
    let there = webhook(&host, json!({"is_active": false})).await;
    let left = Some(json!({"after": "1-0"}));
    let put = world
        .store
        .record_put("listening", "cursor:webhook:gone", 0, left, None);
    put.await.unwrap();

    for _ in 0..3 {
        leap(&world, 3_600).await;
        world.pass(60).await;
    }

    let cursors = world
        .store
        .record_scan("listening", "cursor:webhook:", None, 9);
    let cursors = cursors.await.unwrap().into_iter().map(|(key, _)| key);
    let expected = [format!("cursor:webhook:{}", there.id)];
    assert_eq!(cursors.collect::<Vec<_>>(), expected);
}
