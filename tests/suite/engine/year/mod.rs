//! Ten thousand jobs of every kind through a year with clock changes, holidays and downtimes.

/// The jobs, made up by chance, and what their schedules mean.
mod jobs;
/// When each of them is to fire, by brute force.
mod oracle;

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler::{Fire, FireState, Host, JobId, JobStore, PreviewWish};

use crate::support::world::{World, fires, instant, job};
use jobs::{Chance, Order, Policy};
use oracle::Expected;

const JOBS: usize = 10_000;
const BEGIN: &str = "2026-01-01T00:00:00Z";
const END: &str = "2026-12-31T00:00:00Z";

/// A job of the simulation.
struct Simulated {
    id: JobId,
    order: Order,
    expected: Vec<Expected>,
}

/// When nobody was there, from and to.
type Downtime = (DateTime<Utc>, DateTime<Utc>);

/// Some hours, a few dozen times.
fn downtimes(chance: &mut Chance) -> Vec<Downtime> {
    let (begin, end) = (instant(BEGIN), instant(END));
    let mut downtimes: Vec<Downtime> = Vec::new();
    let mut at = begin + TimeDelta::hours(chance.below(200));
    while at < end {
        let until = at + TimeDelta::minutes(1 + chance.below(60 * 60));
        downtimes.push((at, until));
        at = until + TimeDelta::hours(24 + chance.below(500));
    }
    downtimes
}

/// Steps from fire to fire until the end; the host is away in the downtimes.
async fn simulate(world: &World, mut host: Host, downtimes: &[Downtime]) -> Host {
    let mut downtimes = downtimes.iter().peekable();
    loop {
        let next = world.store.counts().await.unwrap().next_fire;
        let next = next.map_or(instant(END), |(_, at)| at).min(instant(END));
        if let Some((from, until)) = downtimes.next_if(|(from, _)| *from <= next) {
            host.stop().await;
            world.set_clock(*until - world.now());
            host = world.host().await;
            assert!(*from <= *until);
        } else if next == instant(END) {
            return host;
        } else {
            world.set_clock(
                (next - world.now()).max(TimeDelta::zero()) + TimeDelta::milliseconds(1),
            );
        }
        settle(world).await;
    }
}

/// Waits until all that is due has been decided and has run.
async fn settle(world: &World) {
    for _ in 0..10_000 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let counts = world.store.counts().await.unwrap();
        let is_due = counts.next_fire.is_some_and(|(_, at)| at <= world.now());
        if counts.running == 0 && !is_due {
            return;
        }
    }
    panic!("what is due at {} is never done", world.now());
}

/// What the preview tells of a job before it is created.
fn previewed(host: &Host, id: &JobId, order: &Order) -> Vec<Expected> {
    let mut body = order.body.clone();
    body["job_id"] = id.as_str().into();
    body["n"] = 1_000.into();
    body["from"] = BEGIN.into();
    let preview = host.preview(PreviewWish::read(body).unwrap()).unwrap();
    let told = preview.fires.into_iter().map(|fire| (fire.at, fire.skip));
    told.take_while(|(at, _)| *at < instant(END)).collect()
}

/// The preview tells all fires that run, and of those that are skipped the first in a row.
fn check_preview(told: &[Expected], expected: &[Expected], order: &Order) {
    let running = |fires: &[Expected]| -> Vec<_> {
        let running = fires.iter().filter(|(_, skip)| skip.is_none());
        running.map(|(at, _)| *at).collect()
    };
    assert_eq!(running(told), running(expected), "{}", order.body);
    let skipped = told.iter().filter(|(_, skip)| skip.is_some());
    for fire in skipped {
        assert!(
            expected.binary_search(fire).is_ok(),
            "{fire:?} of {}",
            order.body
        );
    }
}

/// What is to become of a job's fires: those while nobody was there follow the policy.
fn fates(simulated: &Simulated, downtimes: &[Downtime]) -> Vec<FireState> {
    let expected = &simulated.expected;
    let downtime_of = |at: DateTime<Utc>| {
        downtimes
            .iter()
            .find(|(from, until)| *from <= at && at <= *until)
    };
    let fate = |(place, (at, skip)): (usize, &Expected)| {
        let Some((_, until)) = downtime_of(*at).filter(|_| skip.is_none()) else {
            return if skip.is_some() {
                FireState::Skipped
            } else {
                FireState::Fired
            };
        };
        let later = expected[place + 1..].iter();
        let later = later
            .filter(|(at, skip)| at <= until && skip.is_none())
            .count();
        let is_made_up_for = match simulated.order.policy {
            Policy::FireOnce => later == 0,
            Policy::FireAll(cap) => later < cap,
            Policy::Skip => later == 0 && *until - *at <= TimeDelta::minutes(1),
        };
        if is_made_up_for {
            FireState::Fired
        } else {
            FireState::Missed
        }
    };
    expected.iter().enumerate().map(fate).collect()
}

fn check(simulated: &Simulated, fires: &[Fire], downtimes: &[Downtime]) {
    let Simulated {
        order, expected, ..
    } = simulated;
    let times: Vec<_> = expected.iter().map(|(at, _)| *at).collect();
    let recorded: Vec<_> = fires.iter().map(|fire| fire.fire_time).collect();
    assert_eq!(
        recorded, times,
        "one row for each expected fire of {}",
        order.body
    );
    let states: Vec<_> = fires.iter().map(|fire| fire.state).collect();
    assert_eq!(states, fates(simulated, downtimes), "{}", order.body);
    for (fire, (_, skip)) in fires.iter().zip(expected) {
        if fire.state == FireState::Skipped {
            assert_eq!(fire.reason, *skip, "{}", order.body);
        }
        assert_eq!(fire.run.is_some(), fire.state == FireState::Fired);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_jobs_fire_through_a_year_as_foretold_and_every_fire_is_accounted_for() {
    let seed = std::env::var("YEAR_SEED").map_or(2026, |seed| seed.parse().unwrap());
    println!("YEAR_SEED={seed} repeats this year");
    let mut chance = Chance::new(seed);
    let world = World::at(BEGIN);
    let host = world.host().await;
    let mut all = Vec::with_capacity(JOBS);
    for number in 0..JOBS {
        let order = Order::made_up(&mut chance, number);
        let expected = oracle::fires(&order, instant(BEGIN), instant(END));
        let id = job(&host, order.body.clone()).await;
        check_preview(&previewed(&host, &id, &order), &expected, &order);
        all.push(Simulated {
            id,
            order,
            expected,
        });
    }
    let downtimes = downtimes(&mut chance);

    let host = simulate(&world, host, &downtimes).await;

    let (mut rows, mut missed, mut skipped) = (0, 0, 0);
    for simulated in &all {
        let fires = fires(&host, &simulated.id).await;
        check(simulated, &fires, &downtimes);
        rows += fires.len();
        missed += fires
            .iter()
            .filter(|fire| fire.state == FireState::Missed)
            .count();
        skipped += fires
            .iter()
            .filter(|fire| fire.state == FireState::Skipped)
            .count();
    }
    println!(
        "{rows} fires, of them {missed} missed and {skipped} skipped, {} downtimes",
        downtimes.len()
    );
    assert!(
        rows > 100_000 && missed > 1_000 && skipped > 1_000,
        "the year was too quiet"
    );
}
