use std::sync::{Arc, Condvar, Mutex};

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, FireState, Host, JobId, Next, Origin, Schedule, ScheduleContext, ScheduleFactory,
};

use crate::support::world::{Act, World, fates, fires, instant, job, next_run, runs};

/// A run begins at most so long after its time.
const ON_TIME: TimeDelta = TimeDelta::milliseconds(5);

async fn assert_fired_at(host: &Host, job: &JobId, expected: &[&str]) {
    let fires = fires(host, job).await;
    let expected: Vec<DateTime<Utc>> = expected.iter().map(|at| instant(at)).collect();
    let times: Vec<_> = fires.iter().map(|fire| fire.fire_time).collect();
    assert_eq!(times, expected);
    for fire in fires {
        assert_eq!(fire.state, FireState::Fired);
        let late = fire.started_at.unwrap() - fire.fire_time;
        assert!(late >= TimeDelta::zero() && late <= ON_TIME, "{late} late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_fires_at_17_00_each_day_while_the_clocks_go_forward() {
    let world = World::at("2025-03-08T21:59:00Z");
    let host = world.host().await;
    let order = json!({"schedule_time": "17:00", "timezone": "America/New_York"});
    let job = job(&host, order).await;

    world.until("2025-03-10T21:01:00Z").await;

    let expected = [
        "2025-03-08T22:00:00Z",
        "2025-03-09T21:00:00Z",
        "2025-03-10T21:00:00Z",
    ];
    assert_fired_at(&host, &job, &expected).await;
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-03-11T21:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_fires_at_17_00_each_day_while_the_clocks_go_back() {
    let world = World::at("2025-10-25T14:59:00Z");
    let host = world.host().await;
    let order = json!({"schedule_time": "17:00", "timezone": "Europe/Berlin"});
    let job = job(&host, order).await;

    world.until("2025-10-27T16:01:00Z").await;

    let expected = [
        "2025-10-25T15:00:00Z",
        "2025-10-26T16:00:00Z",
        "2025-10-27T16:00:00Z",
    ];
    assert_fired_at(&host, &job, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn after_downtime_the_last_missed_fire_runs_once() {
    let world = World::at("2025-06-02T16:00:00Z");
    let first = world.host().await;
    let job = job(&first, json!({"schedule_time": "17:00"})).await;
    first.stop().await;
    world.set_clock(TimeDelta::hours(50));

    let second = world.host().await;
    world.pass(10).await;

    assert_eq!(
        fates(&second, &job).await,
        ["missed down", "missed down", "fired"]
    );
    let runs = runs(&second, &job).await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].fire_time, Some(instant("2025-06-04T17:00:00Z")));
    assert_eq!(
        next_run(&second, &job).await,
        Some(instant("2025-06-05T17:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn after_downtime_a_job_that_skips_what_it_missed_does_not_run() {
    let world = World::at("2025-06-02T16:00:00Z");
    let first = world.host().await;
    let job = job(&first, json!({"schedule_time": "17:00", "misfire": "skip"})).await;
    first.stop().await;
    world.set_clock(TimeDelta::hours(26));

    let second = world.host().await;
    world.pass(10).await;

    assert_eq!(fates(&second, &job).await, ["missed down", "missed down"]);
    assert!(world.provider.log().is_empty());
    assert_eq!(
        next_run(&second, &job).await,
        Some(instant("2025-06-04T17:00:00Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn after_very_long_downtime_there_is_still_one_run() {
    let world = World::at("2025-06-02T12:00:00.5Z");
    let first = world.host().await;
    let order = json!({"schedule": {"kind": "every", "seconds": 1}});
    let job = job(&first, order).await;
    first.stop().await;
    world.set_clock(TimeDelta::hours(7));

    let second = world.host().await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;

    assert_eq!(runs(&second, &job).await.len(), 1);
    assert_eq!(
        next_run(&second, &job).await,
        Some(instant("2025-06-02T19:00:01Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_is_noticed_within_a_second() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;
    world.pass(10).await;

    world.set_clock(TimeDelta::hours(5));
    world.pass(1).await;

    assert_eq!(fates(&host, &job).await, ["fired"]);
    let late = runs(&host, &job).await[0].started_at - instant("2025-06-02T17:00:00Z");
    assert!(late < TimeDelta::seconds(11), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_fires_nothing_again_and_nothing_early() {
    let world = World::at("2025-06-02T16:59:50Z");
    let host = world.host().await;
    let evening = job(&host, json!({"schedule_time": "17:00"})).await;
    let later = job(&host, json!({"schedule_time": "17:01"})).await;
    world.until("2025-06-02T17:00:59Z").await;

    world.set_clock(TimeDelta::hours(-2));
    world.until("2025-06-02T17:00:30Z").await;

    assert_eq!(fates(&host, &evening).await, ["fired"]);
    assert!(fates(&host, &later).await.is_empty());
    world.until("2025-06-03T17:30:00Z").await;
    assert_fired_at(
        &host,
        &evening,
        &["2025-06-02T17:00:00Z", "2025-06-03T17:00:00Z"],
    )
    .await;
    assert_fired_at(
        &host,
        &later,
        &["2025-06-02T17:01:00Z", "2025-06-03T17:01:00Z"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_decides_anew_about_fires_it_was_about_to_make() {
    let world = World::at("2025-06-02T12:00:01Z");
    let host = world.host().await;
    let minutely = json!({"kind": "every", "seconds": 60});
    let once = job(&host, json!({"schedule": minutely})).await;
    let skips = job(&host, json!({"schedule": minutely, "misfire": "skip"})).await;
    // Just before it fires, with no question to the store in between.
    world.until("2025-06-02T12:00:59.999Z").await;

    world.set_clock(TimeDelta::minutes(30) + TimeDelta::seconds(2));
    world.pass(1).await;

    let at_noon = |minute| instant("2025-06-02T12:00:00Z") + TimeDelta::minutes(minute);
    let begun: Vec<_> = runs(&host, &once)
        .await
        .iter()
        .map(|run| run.fire_time)
        .collect();
    assert_eq!(begun, [Some(at_noon(31))]);
    assert_eq!(fires(&host, &once).await.len(), 31);
    let late: Vec<_> = runs(&host, &skips)
        .await
        .iter()
        .map(|run| run.fire_time)
        .collect();
    assert_eq!(
        late,
        [Some(at_noon(31))],
        "only the fire within its grace runs"
    );
}

/// Always answers the same instant.
struct Stuck;

impl Schedule for Stuck {
    fn next_after(&self, _: DateTime<Utc>) -> Next {
        instant("2025-06-02T12:00:00Z").into()
    }

    fn describe(&self) -> String {
        "stuck".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_does_not_get_on_fires_once_and_harms_nobody() {
    let world = World::at("2025-06-02T11:59:00Z");
    let stuck = |_: &Value, _: &ScheduleContext| Ok(Box::new(Stuck) as Box<dyn Schedule>);
    let host = world.builder().schedule("stuck", stuck).start().await;
    let host = host.unwrap();
    let stuck = job(&host, json!({"schedule": {"kind": "stuck"}})).await;
    let good = job(&host, json!({"schedule": {"kind": "every", "seconds": 60}})).await;

    world.until("2025-06-02T12:05:30Z").await;

    assert_eq!(fates(&host, &stuck).await, ["fired"]);
    assert_eq!(fates(&host, &good).await, ["fired"; 6]);
}

/// Panics from noon on.
struct Rotten;

impl Schedule for Rotten {
    fn next_after(&self, after: DateTime<Utc>) -> Next {
        let noon = instant("2025-06-02T12:00:00Z");
        assert!(after < noon, "rotten");
        noon.into()
    }

    fn describe(&self) -> String {
        "rotten".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_panics_harms_nobody_else() {
    let world = World::at("2025-06-02T11:59:00Z");
    let rotten = |_: &Value, _: &ScheduleContext| Ok(Box::new(Rotten) as Box<dyn Schedule>);
    let host = world.builder().schedule("rotten", rotten).start().await;
    let host = host.unwrap();
    let rotten = job(&host, json!({"schedule": {"kind": "rotten"}})).await;
    let good = job(&host, json!({"schedule": {"kind": "every", "seconds": 60}})).await;

    world.until("2025-06-02T12:05:30Z").await;

    assert_eq!(fates(&host, &good).await, ["fired"; 6]);
    assert_eq!(fates(&host, &rotten).await, ["skipped plugin_missing"]);
}

/// Fires each minute; while it is shut it cannot say when.
#[derive(Clone, Default)]
struct Moody(Arc<Mutex<bool>>);

impl Schedule for Moody {
    fn next_after(&self, after: DateTime<Utc>) -> Next {
        if *self.0.lock().unwrap() {
            return Next::Unknown {
                from: after,
                reason: "it is in no mood".into(),
            };
        }
        let minutes = after.timestamp().div_euclid(60) + 1;
        DateTime::from_timestamp(minutes * 60, 0).unwrap().into()
    }

    fn describe(&self) -> String {
        "moody".into()
    }
}

#[tokio::test(start_paused = true)]
async fn fires_that_come_while_the_schedule_cannot_say_are_decided_when_it_can() {
    let world = World::at("2025-06-02T11:59:00Z");
    let moody = Moody::default();
    let made = moody.clone();
    let kind =
        move |_: &Value, _: &ScheduleContext| Ok(Box::new(made.clone()) as Box<dyn Schedule>);
    let host = world.builder().schedule("moody", kind).start().await;
    let host = host.unwrap();
    let late = job(&host, json!({"schedule": {"kind": "moody"}})).await;

    world.until("2025-06-02T12:00:30Z").await;
    *moody.0.lock().unwrap() = true;
    world.until("2025-06-02T12:05:30Z").await;
    // What changes for other plugins does not make it forget what it knew.
    let other = move |_: &Value, _: &ScheduleContext| Ok(Box::new(Stuck) as Box<dyn Schedule>);
    host.put_schedule("other", Arc::new(other), Origin::new("a test"));
    world.until("2025-06-02T12:05:40Z").await;
    *moody.0.lock().unwrap() = false;
    world.until("2025-06-02T12:08:30Z").await;

    let fires = fires(&host, &late).await;
    let minutes: Vec<_> = fires.iter().map(|fire| fire.fire_time.minute()).collect();
    assert_eq!(minutes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let fired = fires.iter().filter(|fire| fire.state == FireState::Fired);
    let fired: Vec<_> = fired.map(|fire| fire.fire_time.minute()).collect();
    // The one that was known is on time; the last of those that were not is made up for.
    assert_eq!(fired, [0, 1, 5, 6, 7, 8]);
}

/// Fires at noon; keeps whoever asks waiting while it is shut, five seconds of real time at most.
#[derive(Clone, Default)]
struct Slow(Arc<(Mutex<bool>, Condvar)>);

impl Slow {
    fn set_shut(&self, shut: bool) {
        *self.0.0.lock().unwrap() = shut;
        self.0.1.notify_all();
    }
}

impl Schedule for Slow {
    fn next_after(&self, after: DateTime<Utc>) -> Next {
        let (shut, changed) = &*self.0;
        let most = std::time::Duration::from_secs(5);
        let _open = changed.wait_timeout_while(shut.lock().unwrap(), most, |shut| *shut);
        let noon = instant("2025-06-02T12:00:00Z");
        if after < noon {
            noon.into()
        } else {
            Next::Never
        }
    }

    fn describe(&self) -> String {
        "slow".into()
    }
}

/// Its factory, which says that it may be slow.
struct SlowFactory(Slow);

impl ScheduleFactory for SlowFactory {
    fn build(&self, _: &Value, _: &ScheduleContext) -> Result<Box<dyn Schedule>, ConfigError> {
        Ok(Box::new(self.0.clone()))
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_keeps_its_thread_waiting_holds_up_its_own_job_only() {
    let world = World::at("2025-06-02T11:59:00Z");
    let slow = Slow::default();
    let host = world.builder().schedule("slow", SlowFactory(slow.clone()));
    let host = host.start().await.unwrap();
    let waits = job(&host, json!({"schedule": {"kind": "slow"}})).await;
    let good = job(&host, json!({"schedule": {"kind": "every", "seconds": 10}})).await;
    // Time does not go on by itself while a thread waits.
    let pass = async || {
        tokio::time::advance(std::time::Duration::from_millis(50)).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };

    world.pass(1).await;
    slow.set_shut(true);
    while world.now() < instant("2025-06-02T12:01:01.5Z") {
        pass().await;
    }
    let meanwhile = (fates(&host, &waits).await, fires(&host, &good).await);
    slow.set_shut(false);
    while fates(&host, &waits).await.is_empty() {
        pass().await;
    }

    assert_eq!(meanwhile.0, [""; 0]);
    assert_eq!(meanwhile.1.len(), 12);
    for fire in meanwhile.1 {
        assert!(fire.started_at.unwrap() - fire.fire_time <= TimeDelta::milliseconds(51));
    }
    assert_eq!(fates(&host, &waits).await, ["fired"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_harms_nobody_else() {
    let world = World::at("2025-06-02T11:59:00Z");
    let host = world.builder().listen(|_| panic!("a rotten listener"));
    let host = host.start().await.unwrap();
    let job = job(&host, json!({"schedule": {"kind": "every", "seconds": 60}})).await;

    world.until("2025-06-02T12:05:30Z").await;

    assert_eq!(fates(&host, &job).await, ["fired"; 6]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_fires_have_ten_thousand_records() {
    let world = World::at("2025-06-02T12:00:00Z");
    // Longer than the time between two fires, so that some overlap.
    world
        .provider
        .tell("SLOW", Act::Takes(std::time::Duration::from_secs(25)));
    let mut host = world.host().await;
    let mut jobs = Vec::new();
    for number in 0..10 {
        let symbol = if number % 3 == 0 { "SLOW" } else { "QUICK" };
        let misfire = if number % 2 == 0 { "skip" } else { "fire_once" };
        let order = json!({"stock_ids": [symbol], "schedule": {"kind": "every", "seconds": 10}, "misfire": misfire});
        jobs.push(job(&host, order).await);
    }
    let begin = world.now();

    for seconds_down in [95, 0, 35, 7, 200, 61, 3, 11, 120] {
        world.pass(987).await;
        host.stop().await;
        world.pass(seconds_down).await;
        host = world.host().await;
    }
    world.until("2025-06-02T14:46:43Z").await;

    let expected: Vec<_> = (1..=1_000)
        .map(|n| begin + TimeDelta::seconds(10 * n))
        .collect();
    let mut fates_of_all = std::collections::BTreeMap::new();
    for job in &jobs {
        let times: Vec<_> = fires(&host, job)
            .await
            .iter()
            .map(|fire| fire.fire_time)
            .collect();
        assert_eq!(times, expected);
        let mut fired = 0;
        for fate in fates(&host, job).await {
            fired += usize::from(fate == "fired");
            *fates_of_all.entry(fate).or_insert(0) += 1;
        }
        assert_eq!(
            runs(&host, job).await.len(),
            fired.min(stock_scheduler::retention::RUNS)
        );
    }
    println!("{fates_of_all:?}");
    assert_eq!(fates_of_all.values().sum::<usize>(), 10_000);
    assert_eq!(fates_of_all.len(), 3, "{fates_of_all:?}");
}
