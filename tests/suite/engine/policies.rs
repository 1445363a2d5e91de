use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler::{
    AskedTime, BackfillStatus, BackfillWish, Calendars, Draft, FireState, Host, HostError, JobId,
    Mode, PreviewWish, RunStatus, TriggeredBy,
};
use stock_scheduler_exchanges::Exchanges;

use crate::support::world::{Act, World, edit, fates, fires, instant, job, next_run, runs};

/// The fire times so far, as text.
async fn times(host: &Host, job: &JobId) -> Vec<String> {
    let fires = fires(host, job).await.into_iter();
    fires
        .map(|fire| fire.fire_time.format("%Y-%m-%dT%H:%M:%S").to_string())
        .collect()
}

/// A host that was away from 12:00:30 for so many hours, with a job that fires each hour; two of its fires are past.
async fn after_downtime(fields: Value, hours: i64) -> (World, Host, JobId) {
    let world = World::at("2025-06-02T10:30:00Z");
    let first = world.host().await;
    let mut order = json!({"schedule": {"kind": "interval", "every": "1h"}});
    order
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let job = job(&first, order).await;
    world.until("2025-06-02T12:00:30Z").await;
    first.stop().await;
    world.set_clock(TimeDelta::hours(hours));
    let second = world.host().await;
    world.pass(30).await;
    (world, second, job)
}

#[tokio::test(start_paused = true)]
async fn fire_all_makes_up_for_each_missed_fire_in_order() {
    let (_, host, job) = after_downtime(json!({"misfire": "fire_all"}), 3).await;

    assert_eq!(fates(&host, &job).await, ["fired"; 5]);
    let runs = runs(&host, &job).await;
    let times: Vec<_> = runs
        .iter()
        .map(|run| run.fire_time.unwrap().to_rfc3339())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for pair in runs.windows(2) {
        assert!(
            pair[0].ended_at.unwrap() <= pair[1].started_at,
            "one after the other"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn fire_all_has_a_cap_and_a_grace() {
    let capped = json!({"misfire": {"policy": "fire_all", "cap": 2}});
    let (_, host, job) = after_downtime(capped, 4).await;
    assert_eq!(
        fates(&host, &job).await,
        [
            "fired",
            "fired",
            "missed down",
            "missed down",
            "fired",
            "fired"
        ]
    );

    let graced = json!({"misfire": {"policy": "fire_all", "grace": "90m"}});
    let (_, host, job) = after_downtime(graced, 4).await;
    assert_eq!(
        fates(&host, &job).await,
        [
            "fired",
            "fired",
            "missed down",
            "missed down",
            "fired",
            "fired"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_grace_ends_what_fire_once_makes_up_for() {
    let graced = json!({"misfire": {"policy": "fire_once", "grace": "20s"}});

    let (_, host, job) = after_downtime(graced, 3).await;

    // The last was due 30 seconds before the host came back.
    assert_eq!(
        fates(&host, &job).await,
        [
            "fired",
            "fired",
            "missed down",
            "missed down",
            "missed down"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn queued_fires_wait_for_the_run_before_them_and_keep_their_order() {
    let world = World::at("2025-06-02T10:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "1m"}, "overlap": "queue"});
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(150)));
    let job = job(&host, order).await;

    world.until("2025-06-02T10:31:30Z").await;
    assert_eq!(fates(&host, &job).await, ["fired"]);
    world.until("2025-06-02T10:33:20Z").await;
    assert_eq!(fates(&host, &job).await, ["fired"], "two are waiting");
    world.provider.heal("AAPL");
    world.until("2025-06-02T10:36:30Z").await;

    assert_eq!(fates(&host, &job).await, ["fired"; 6]);
    let runs = runs(&host, &job).await;
    for pair in runs.windows(2) {
        assert!(
            pair[0].ended_at.unwrap() <= pair[1].started_at,
            "one after the other"
        );
        assert_eq!(
            pair[1].fire_time.unwrap() - pair[0].fire_time.unwrap(),
            TimeDelta::minutes(1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fire_that_waits_while_its_job_is_stopped_is_missed_and_says_so() {
    let world = World::at("2025-06-02T10:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "1m"}, "overlap": "queue"});
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(150)));
    let job = job(&host, order).await;
    world.until("2025-06-02T10:33:10Z").await;

    host.set_active(&job, false).await.unwrap();
    world.until("2025-06-02T10:40:00Z").await;

    assert_eq!(
        fates(&host, &job).await,
        ["fired", "missed edited", "missed edited"]
    );
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_each_fire_by_what_the_preview_says() {
    let world = World::at("2025-06-02T10:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "10m"}, "jitter": "5m"});
    let job = job(&host, order.clone()).await;
    let mut asked = order;
    asked["job_id"] = job.as_str().into();
    asked["n"] = 6.into();
    let preview = host.preview(PreviewWish::read(asked).unwrap()).unwrap();

    world.until("2025-06-02T11:30:00Z").await;

    let fires = fires(&host, &job).await;
    let told: Vec<_> = preview.fires.iter().map(|fire| fire.at).collect();
    let came: Vec<_> = fires.iter().map(|fire| fire.fire_time).collect();
    assert_eq!(came[..], told[..came.len()]);
    assert!(came.len() >= 5, "{came:?}");
    let delays = came
        .iter()
        .map(|at| at.timestamp() % 600)
        .collect::<Vec<_>>();
    assert!(delays.iter().all(|delay| *delay < 300), "{delays:?}");
    assert!(delays.windows(2).any(|two| two[0] != two[1]), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_fires_only_between_its_pause_and_its_end() {
    let world = World::at("2025-06-02T10:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "1h"},
        "paused_until": "2025-06-02T14:00:00+02:00", "active_until": "2025-06-02T14:00:00Z"});
    let job = job(&host, order).await;

    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2025-06-02T12:00:00Z"))
    );
    world.until("2025-06-02T20:00:00Z").await;

    assert_eq!(
        times(&host, &job).await,
        [
            "2025-06-02T12:00:00",
            "2025-06-02T13:00:00",
            "2025-06-02T14:00:00"
        ]
    );
    assert_eq!(next_run(&host, &job).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_after_so_many_fires_until_it_is_given_more() {
    let world = World::at("2025-06-02T10:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "1h"}, "max_fires": 2});
    let job = job(&host, order).await;

    world.until("2025-06-02T15:30:00Z").await;
    assert_eq!(
        times(&host, &job).await,
        ["2025-06-02T11:00:00", "2025-06-02T12:00:00"]
    );
    assert_eq!(next_run(&host, &job).await, None);
    edit(&host, &job, json!({"max_fires": 3})).await;
    world.until("2025-06-02T18:30:00Z").await;

    assert_eq!(
        times(&host, &job).await,
        [
            "2025-06-02T11:00:00",
            "2025-06-02T12:00:00",
            "2025-06-02T16:00:00"
        ],
        "what went by in between is not made up for"
    );
}

#[tokio::test(start_paused = true)]
async fn what_can_never_fire_is_refused() {
    let world = World::at("2026-06-02T10:30:00Z");
    let host = world.host().await;
    for (schedule, why) in [
        (
            json!({"kind": "cron", "expression": "0 0 31 2 *"}),
            "never fires again",
        ),
        (
            json!({"kind": "cron", "expression": "0 0 0 1 1 * 2020"}),
            "never fires again",
        ),
        (
            json!({"kind": "weekly", "days": ["sun"], "time": "10:00", "on": "XNYS"}),
            "XNYS closed on",
        ),
    ] {
        let body = json!({"name": "A", "stock_ids": ["AAPL"], "schedule": schedule});
        let draft = Draft::read(body, Mode::Create).unwrap();

        let refused = host.create_job(draft, JobId::random(), host.now()).await;

        let Err(HostError::Invalid(errors)) = refused else {
            panic!("{schedule}: {refused:?}");
        };
        assert_eq!(errors[0].pointer, "/schedule");
        assert!(errors[0].message.contains(why), "{}", errors[0].message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_holiday_is_recorded_as_skipped_with_its_reason() {
    let world = World::at("2026-11-25T23:00:00Z");
    let host = world.host().await;
    let order = json!({"schedule":
        {"kind": "daily", "time": "17:00", "timezone": "America/New_York", "on": "XNYS"}});
    let job = job(&host, order).await;

    world.until("2026-11-28T23:00:00Z").await;

    let explain = async |date: &str| {
        let asked = AskedTime::parse(date);
        host.explain(&job, asked).await.unwrap().reason
    };
    assert_eq!(explain("2026-11-27").await, "the job fired then");
    assert_eq!(
        explain("2026-11-26").await,
        "the fire was skipped: XNYS closed on 2026-11-26 (holiday)"
    );
    assert_eq!(
        fates(&host, &job).await,
        [
            "skipped XNYS closed on 2026-11-26 (holiday)",
            "fired",
            "skipped XNYS closed on 2026-11-28 (weekend)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_day_of_a_jobs_creation_is_explained_from_then_on() {
    let world = World::at("2026-06-02T10:30:00Z");
    let host = world.host().await;
    let job = job(
        &host,
        json!({"schedule": {"kind": "interval", "every": "5s"}}),
    )
    .await;
    world.until("2026-06-02T10:30:11Z").await;

    let today = host.explain(&job, None).await.unwrap();
    let yesterday = AskedTime::parse("2026-06-01");
    let yesterday = host.explain(&job, yesterday).await.unwrap();

    assert_eq!(today.fires[0].0.at, instant("2026-06-02T10:30:05Z"));
    assert_eq!(
        today.reason,
        "of 2 fires 2 ran, 0 were skipped and 0 missed"
    );
    assert_eq!(yesterday.reason, "the job did not exist then");
}

#[tokio::test(start_paused = true)]
async fn half_an_hour_after_the_close_of_a_half_day_is_13_30() {
    let world = World::at("2026-11-25T12:00:00Z");
    let host = world.host().await;
    let order = json!({"schedule":
        {"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+30m"}});
    let job = job(&host, order).await;

    world.until("2026-11-30T22:00:00Z").await;

    let fires = fires(&host, &job).await;
    let local = fires
        .iter()
        .map(|fire| fire.fire_time.with_timezone(&Tz::America__New_York));
    let local: Vec<_> = local
        .map(|at| at.format("%a %d %H:%M").to_string())
        .collect();
    assert_eq!(local, ["Wed 25 16:30", "Fri 27 13:30", "Mon 30 16:30"]);
    assert!(fires.iter().all(|fire| fire.state == FireState::Fired));
}

fn corrected(text: &str) -> Calendars {
    Exchanges::with_files([("corrections.cal", text)]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_corrected_calendar_moves_the_next_fire_at_once() {
    let world = World::at("2026-12-08T12:00:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "session", "exchange": "XNYS", "at": "close"}});
    let job = job(&host, order).await;
    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2026-12-08T21:00:00Z"))
    );

    host.set_calendars(corrected(
        "corrects XNYS\nclose-at 12:00 2026-12-08\nclosed 2026-12-09\n",
    ));
    world.pass(1).await;

    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2026-12-08T17:00:00Z"))
    );
    assert_eq!(world.names(&job).await, ["JobCreated", "JobRescheduled"]);
    world.until("2026-12-10T22:00:00Z").await;
    assert_eq!(
        times(&host, &job).await,
        ["2026-12-08T17:00:00", "2026-12-10T21:00:00"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_that_was_moved_into_the_past_is_made_up_for() {
    let world = World::at("2026-12-08T19:00:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "session", "exchange": "XNYS", "at": "close"}});
    let job = job(&host, order).await;
    world.until("2026-12-09T19:00:00Z").await;

    // Today's close was at 13:00, an hour ago.
    host.set_calendars(corrected("corrects XNYS\nclose-at 13:00 2026-12-09\n"));
    world.pass(5).await;

    assert_eq!(
        times(&host, &job).await,
        ["2026-12-08T21:00:00", "2026-12-09T18:00:00"]
    );
    assert_eq!(fates(&host, &job).await, ["fired"; 2]);
}

#[tokio::test(start_paused = true)]
async fn where_a_calendar_ends_nobody_guesses_and_everybody_is_warned() {
    let world = World::at("2026-12-31T06:30:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "session", "exchange": "XSHG", "at": "close"}});
    let job = job(&host, order).await;

    world.until("2026-12-31T08:00:00Z").await;

    assert_eq!(times(&host, &job).await, ["2026-12-31T07:00:00"]);
    let view = host.job(&job).await.unwrap();
    assert_eq!(view.stored.state.next.at(), None);
    let problem = view.problem.as_deref().unwrap();
    assert!(
        problem.contains("XSHG covers 2000-01-01 to 2026-12-31"),
        "{problem}"
    );
    let warning = host.warnings().join("\n");
    assert!(
        warning.contains("the calendar of XSHG ends on 2026-12-31"),
        "{warning}"
    );

    host.set_calendars(corrected("corrects XSHG\ncovers to 2027-12-31\n"));
    world.pass(2).await;

    assert_eq!(
        next_run(&host, &job).await,
        Some(instant("2027-01-01T07:00:00Z"))
    );
    assert_eq!(host.job(&job).await.unwrap().problem, None);
    assert!(host.warnings().is_empty(), "{:?}", host.warnings());
}

fn dates(start: &str, end: &str) -> BackfillWish {
    BackfillWish::read(json!({"start_date": start, "end_date": end})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_backfill_runs_each_past_fire_time_once_over_restarts() {
    let world = World::at("2026-06-05T10:00:00Z");
    let host = world.host().await;
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(10)));
    let order = json!({"duration_days": 5, "schedule":
        {"kind": "daily", "time": "17:00", "timezone": "America/New_York", "on": "XNYS"}});
    let job = job(&host, order).await;

    let backfill = host
        .backfill(&job, dates("2026-05-18", "2026-05-29"))
        .await
        .unwrap();
    assert_eq!(backfill.total, 9, "two weeks without Memorial Day");
    world.pass(35).await;
    host.stop().await;
    let host = world.host().await;
    world.pass(200).await;

    let done = host.backfill_of(&backfill.id).await.unwrap();
    assert_eq!((done.status, done.succeeded), (BackfillStatus::Finished, 9));
    let runs = runs(&host, &job).await;
    let ends: Vec<_> = runs
        .iter()
        .map(|run| run.plan.window.end.to_string())
        .collect();
    let expected = [
        "05-18", "05-19", "05-20", "05-21", "05-22", "05-26", "05-27", "05-28", "05-29",
    ];
    assert_eq!(ends, expected.map(|day| format!("2026-{day}")));
    for run in &runs {
        assert_eq!(
            (run.triggered_by, run.status),
            (TriggeredBy::Backfill, RunStatus::Success)
        );
    }
    assert!(
        fires(&host, &job).await.is_empty(),
        "no fire of its own was expected"
    );
}

#[tokio::test(start_paused = true)]
async fn a_jobs_own_fires_go_before_its_backfill_and_are_not_skipped() {
    let world = World::at("2026-06-05T10:29:30Z");
    let host = world.host().await;
    world
        .provider
        .tell("AAPL", Act::Takes(Duration::from_secs(20)));
    let job = job(
        &host,
        json!({"schedule": {"kind": "interval", "every": "1m"}}),
    )
    .await;

    let backfill = host
        .backfill(&job, dates("2026-06-05", "2026-06-05"))
        .await
        .unwrap();
    assert_eq!(backfill.total, 10 * 60 + 30);
    world.pass(300).await;
    assert!(host.cancel_backfill(&backfill.id).await.unwrap());
    world.pass(30).await;

    assert_eq!(fates(&host, &job).await, ["fired"; 5]);
    let ended = host.backfill_of(&backfill.id).await.unwrap();
    assert_eq!(ended.status, BackfillStatus::Cancelled);
    assert!(ended.succeeded >= 5, "{ended:?}");
    let count = runs(&host, &job).await.len();
    world.pass(50).await;
    assert!(
        runs(&host, &job).await.len() <= count + 1,
        "nothing but the job's own fires"
    );
}

#[tokio::test(start_paused = true)]
async fn fires_to_come_are_told_in_order() {
    let world = World::at("2026-06-05T10:00:00Z");
    let host = world.host().await;
    let daily = job(&host, json!({"schedule_time": "17:00"})).await;
    let weekly = job(
        &host,
        json!({"schedule": {"kind": "weekly", "days": ["sat"], "time": "12:00"}}),
    )
    .await;
    let until = host.now() + TimeDelta::days(3);

    let all = host.upcoming(None, until, 100).await.unwrap();
    let two = host.upcoming(None, until, 2).await.unwrap();
    let one = host.upcoming(Some(&weekly), until, 100).await.unwrap();

    let times: Vec<_> = all
        .iter()
        .map(|one| (one.job.clone(), one.fire.at.to_rfc3339()))
        .collect();
    let at = |job: &JobId, at: &str| (job.clone(), instant(at).to_rfc3339());
    assert_eq!(
        times,
        [
            at(&daily, "2026-06-05T17:00:00Z"),
            at(&weekly, "2026-06-06T12:00:00Z"),
            at(&daily, "2026-06-06T17:00:00Z"),
            at(&daily, "2026-06-07T17:00:00Z")
        ]
    );
    assert_eq!(two.len(), 2);
    assert_eq!(one.len(), 1);
}
