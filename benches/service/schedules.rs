//! How long schedules take to say when they fire next, and how soon a hundred thousand jobs of all kinds fire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use stock_scheduler::{Clock, Schedule, ScheduleContext, ScheduleFactory, SystemClock};

use super::process::{Process, Stores, client, get};
use super::{figure, note, quantile};

/// How many instants of a year each schedule is asked about.
const INSTANTS: usize = 100_000;
const JOBS: usize = 100_000;

/// The limits of `next_after`, in microseconds.
const CRON: f64 = 50.0;
const OTHERS: f64 = 5.0;

/// All kinds, in zones whose clocks change.
pub(crate) fn next_after() {
    let daily = &stock_scheduler_daily::DailyFactory;
    let weekly = &stock_scheduler_calendar::WeeklyFactory;
    let monthly = &stock_scheduler_calendar::MonthlyFactory;
    let interval = &stock_scheduler_interval::IntervalFactory;
    let session = &stock_scheduler_session::SessionFactory;
    let cron = &stock_scheduler_cron::CronFactory;
    let kinds: [(&dyn ScheduleFactory, f64, Value); 14] = [
        (daily, OTHERS, json!({"time": "17:00"})),
        (daily, OTHERS, json!({"times": ["02:30", "09:45", "16:15"]})),
        (daily, OTHERS, json!({"time": "17:00", "on": "XNYS"})),
        (
            weekly,
            OTHERS,
            json!({"days": ["mon", "fri"], "time": "17:00"}),
        ),
        (monthly, OTHERS, json!({"day": 31, "time": "06:00"})),
        (
            monthly,
            OTHERS,
            json!({"weekday": "fri", "nth": 5, "time": "06:00"}),
        ),
        (interval, OTHERS, json!({"every": "15m"})),
        (
            session,
            OTHERS,
            json!({"exchange": "XNYS", "at": "close", "offset": "+30m"}),
        ),
        (session, OTHERS, json!({"exchange": "XHKG", "at": "open"})),
        (cron, CRON, json!({"expression": "0 17 * * MON-FRI"})),
        (cron, CRON, json!({"expression": "*/20 9-16 * * MON-FRI"})),
        (cron, CRON, json!({"expression": "30 2 * 3 SUN#2"})),
        (cron, CRON, json!({"expression": "0 0 29 2 +MON"})),
        (
            cron,
            CRON,
            json!({"expression": "0 12 LW * ?", "on": "XLON"}),
        ),
    ];
    let calendars = stock_scheduler_exchanges::Exchanges::shipped();
    let context = ScheduleContext::new(chrono_tz::Tz::America__New_York).with_calendars(calendars);
    for (factory, limit, spec) in kinds {
        let schedule = factory.build(&spec, &context).unwrap();
        let mut took = asked(schedule.as_ref());
        let (half, most) = (quantile(&mut took, 0.5), quantile(&mut took, 0.99));
        let what = format!("next_after, {}", schedule.describe());
        note(&format!("{what}: p50"), half, "us");
        figure(
            &format!("{what}: p99"),
            most,
            "us",
            &format!("< {limit}"),
            most < limit,
        );
    }
}

/// How long each of many questions takes, in microseconds.
fn asked(schedule: &dyn Schedule) -> Vec<f64> {
    let begin = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    // A multiplicative walk through the seconds of the year.
    let instants = (0..INSTANTS).map(|n| (n as i64 * 48_271) % (365 * 86_400));
    let took = instants.map(|second| {
        let instant = begin + chrono::TimeDelta::seconds(second);
        let asked = Instant::now();
        std::hint::black_box(schedule.next_after(std::hint::black_box(instant)));
        asked.elapsed().as_secs_f64() * 1e6
    });
    took.collect()
}

/// Process start to the first fire, with a hundred thousand jobs of all kinds stored.
pub(crate) async fn start_with_many() {
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let service = Process::service(&["--store", &url]);
        let bare = service.memory("VmRSS");
        create(&service.url).await;
        let often = json!({"name": "Often", "stock_ids": ["AAPL"], "fetcher": "demo",
            "schedule": {"kind": "interval", "every": "1s"}});
        let job =
            super::process::post(&client(), &format!("{}/scheduler/jobs", service.url), often)
                .await;
        let job = job["job_id"].as_str().unwrap().to_owned();
        service.stop();
        let begun = Instant::now();
        let begun_at = SystemClock.now();
        let service = Process::service(&["--store", &url]);
        let first = loop {
            let job = get(&client(), &format!("{}/scheduler/jobs/{job}", service.url)).await;
            let last = job["last_run"]
                .as_str()
                .map(|at| at.parse::<DateTime<Utc>>().unwrap());
            if let Some(at) = last.filter(|at| *at > begun_at) {
                break (at - begun_at).as_seconds_f64();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{job}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        figure(
            &format!("{name}: {JOBS} jobs of all kinds: start to first fire"),
            first,
            "s",
            "<= 3",
            first <= 3.0,
        );
        tokio::time::sleep(Duration::from_secs(5)).await;
        let per_job = (service.memory("VmRSS") - bare) * 1e6 / JOBS as f64;
        note(&format!("{name}: memory for each job"), per_job, "bytes");
    }
}

/// Creates jobs of all kinds.
async fn create(service: &str) {
    let schedules = [
        json!({"kind": "daily", "time": "17:00", "timezone": "America/New_York", "on": "XNYS"}),
        json!({"kind": "weekly", "days": ["mon", "fri"], "time": "17:00"}),
        json!({"kind": "monthly", "day": -1, "time": "06:00"}),
        json!({"kind": "cron", "expression": "0 17 * * MON-FRI"}),
        json!({"kind": "interval", "every": "12h"}),
        json!({"kind": "session", "exchange": "XLON", "at": "close", "offset": "+30m"}),
    ];
    let schedules = Arc::new(schedules);
    let made = Arc::new(AtomicUsize::new(0));
    let http = client();
    let workers = (0..64).map(|_| {
        let (made, schedules) = (made.clone(), schedules.clone());
        let (http, url) = (http.clone(), format!("{service}/scheduler/jobs"));
        tokio::spawn(async move {
            loop {
                let number = made.fetch_add(1, Ordering::Relaxed);
                if number >= JOBS {
                    return;
                }
                let schedule = &schedules[number % schedules.len()];
                let body = json!({"name": format!("Job {number}"), "stock_ids": ["AAPL"], "schedule": schedule});
                let request = http.post(&url).header("content-type", "application/json");
                let answer = request.body(body.to_string()).send().await.unwrap();
                assert_eq!(answer.status(), 200);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}
