//! How late jobs start: ten thousand due in one second, and one job often.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use stock_scheduler::{
    Advance, Bar, Claim, Clock, FetchError, FetchRequest, Fetcher, Host, HostId, Job, JobId,
    NewRun, Next, NextFire, Overlap, RunId, RunPlan, Schedule, ScheduleContext, Series, Store,
    StoreFactory, SystemClock, TriggeredBy, async_trait,
};

use super::process::Stores;
use super::{figure, note, quantile};

const JOBS: usize = 10_000;

/// Fires at one instant and never again; or, with `every`, again and again.
struct Fixed {
    at: DateTime<Utc>,
    every: Option<TimeDelta>,
}

impl Schedule for Fixed {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        match self.every {
            _ if instant < self.at => self.at.into(),
            None => Next::Never,
            Some(every) => {
                let steps = (instant - self.at).num_milliseconds() / every.num_milliseconds() + 1;
                (self.at + every * i32::try_from(steps).unwrap()).into()
            }
        }
    }

    fn describe(&self) -> String {
        "at a fixed instant".into()
    }
}

fn fixed(
    spec: &Value,
    _: &ScheduleContext,
) -> Result<Box<dyn Schedule>, stock_scheduler::ConfigError> {
    let at = spec["at"].as_str().unwrap().parse().unwrap();
    let every = spec["every_ms"].as_i64().map(TimeDelta::milliseconds);
    Ok(Box::new(Fixed { at, every }))
}

/// Answers at once with one bar, and notes when it was asked.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Vec<DateTime<Utc>>>>);

#[async_trait]
impl Fetcher for Scripted {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        self.0.lock().unwrap().push(SystemClock.now());
        let mut series = Series::new(request.symbol.clone(), request.interval, chrono_tz::UTC);
        let price = Some(100.0);
        let time = request.start.and_time(chrono::NaiveTime::MIN).and_utc();
        let (open, high, low, close, adj_close) = (price, price, price, price, price);
        series.bars.push(Bar {
            time,
            open,
            high,
            low,
            close,
            adj_close,
            volume: 1,
            ..Bar::default()
        });
        Ok(series)
    }
}

async fn open(url: &str) -> Arc<dyn Store> {
    let clock = Arc::new(SystemClock);
    let store = if url.starts_with("redis") {
        stock_scheduler_redis::RedisStores::default()
            .open(url, &Value::Null, clock)
            .await
    } else {
        stock_scheduler_sqlite::SqliteStores
            .open(url, &Value::Null, clock)
            .await
    };
    store.unwrap()
}

async fn create(store: &Arc<dyn Store>, count: usize, at: DateTime<Utc>, spec: &Value) -> Vec<Job> {
    let mut jobs = Vec::with_capacity(count);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let symbol = format!("S{number}").parse().unwrap();
        let mut job = Job::new(
            JobId::random(),
            format!("Job {number}"),
            vec![symbol],
            spec.clone(),
            SystemClock.now(),
        );
        job.fetcher.name = "scripted".into();
        jobs.push(job.clone());
        let store = store.clone();
        tasks.spawn(async move { store.create(job, NextFire::At(at)).await.unwrap() });
        if tasks.len() >= 256 {
            tasks.join_next().await;
        }
    }
    tasks.join_all().await;
    jobs
}

/// 10,000 jobs of one symbol, due in the same second.
pub(crate) async fn ten_thousand_at_once() {
    let (bare_stores, stores) = (Stores::new(), Stores::new());
    for ((name, bare_url), (_, url)) in bare_stores.all().into_iter().zip(stores.all()) {
        let bare = bare_claims(&bare_url).await;
        note(&format!("{name}: bare batched claims"), bare, "claims/s");
        let store = open(&url).await;
        let due = whole(SystemClock.now() + TimeDelta::seconds(13));
        let spec = json!({"kind": "fixed", "at": due.to_rfc3339()});
        let jobs = create(&store, JOBS, due, &spec).await;
        let asked = Scripted::default();
        let host = Host::builder()
            .schedule("fixed", fixed)
            .fetcher_instance("scripted", asked.clone())
            .store(store.clone());
        let host = host.start().await.unwrap();
        while store
            .counts()
            .await
            .unwrap()
            .by_status
            .get(&stock_scheduler::JobStatus::Completed)
            != Some(&(JOBS as u64))
        {
            assert!(
                SystemClock.now() < due + TimeDelta::seconds(60),
                "all runs end"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let mut lateness = Vec::with_capacity(JOBS);
        for job in &jobs {
            let query = stock_scheduler::FireQuery {
                job: job.id.clone(),
                since: None,
                until: None,
                limit: 10,
            };
            let fires = store.fires(&query).await.unwrap();
            assert_eq!(fires.len(), 1, "one fire for {}", job.id);
            lateness.push((fires[0].started_at.unwrap() - due).as_seconds_f64() * 1_000.0);
        }
        let mut fetched: Vec<f64> = asked
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|at| (*at - due).as_seconds_f64() * 1_000.0)
            .collect();
        assert_eq!(fetched.len(), JOBS, "none missed, none twice");
        let (p99, last) = (quantile(&mut lateness, 0.99), quantile(&mut lateness, 1.0));
        figure(
            &format!("{name}: started - due, p99"),
            p99,
            "ms",
            "<= 600",
            p99 <= 600.0,
        );
        figure(
            &format!("{name}: started - due, last"),
            last,
            "ms",
            "<= 1000",
            last <= 1000.0,
        );
        note(
            &format!("{name}: provider asked - due, p99"),
            quantile(&mut fetched, 0.99),
            "ms",
        );
        let ratio = JOBS as f64 / (last / 1_000.0) / bare;
        figure(
            &format!("{name}: starts / bare claims"),
            ratio,
            "",
            ">= 0.5",
            ratio >= 0.5,
        );
        host.stop().await;
    }
}

/// Claims alone, 256 in a step, for as many due jobs.
async fn bare_claims(url: &str) -> f64 {
    let store = open(url).await;
    let due = whole(SystemClock.now() - TimeDelta::seconds(1));
    let jobs = create(
        &store,
        JOBS,
        due,
        &json!({"kind": "fixed", "at": due.to_rfc3339()}),
    )
    .await;
    let host = HostId::random();
    let claims: Vec<Claim> = jobs.iter().map(|job| claim(job, due)).collect();
    let begun = Instant::now();
    for part in claims.chunks(256) {
        let answers = store.claim(host, part.to_vec()).await.unwrap();
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, stock_scheduler::Claimed::Granted(_)))
        );
    }
    JOBS as f64 / begun.elapsed().as_secs_f64()
}

fn claim(job: &Job, due: DateTime<Utc>) -> Claim {
    let plan = RunPlan::of(job, job.window(due.date_naive()));
    let run = NewRun {
        id: RunId::random(),
        fire_time: Some(due),
        triggered_by: TriggeredBy::SchedulerAuto,
        plan,
        overlap: Overlap::Skip,
    };
    let advance = Advance {
        from: NextFire::At(due),
        to: NextFire::Never,
        passed: vec![],
    };
    Claim {
        job: job.id.clone(),
        revision: 1,
        advance: Some(advance),
        run: Some(run),
    }
}

/// One job, due every 250 ms.
pub(crate) async fn one_job_often() {
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let store = open(&url).await;
        let at = whole(SystemClock.now() + TimeDelta::seconds(2));
        let spec = json!({"kind": "fixed", "at": at.to_rfc3339(), "every_ms": 250});
        let jobs = create(&store, 1, at, &spec).await;
        let host = Host::builder()
            .schedule("fixed", fixed)
            .fetcher_instance("scripted", Scripted::default());
        let host = host.store(store.clone()).start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let query = stock_scheduler::FireQuery {
            job: jobs[0].id.clone(),
            since: None,
            until: None,
            limit: 1_000,
        };
        let fires = store.fires(&query).await.unwrap();
        let started = fires
            .iter()
            .filter_map(|fire| Some(fire.started_at? - fire.fire_time));
        let mut lateness: Vec<f64> = started
            .map(|late| late.as_seconds_f64() * 1_000.0)
            .collect();
        assert!(lateness.len() > 100, "{} fires", lateness.len());
        let p99 = quantile(&mut lateness, 0.99);
        figure(
            &format!("{name}: one job's lateness, p99"),
            p99,
            "ms",
            "< 50",
            p99 < 50.0,
        );
        host.stop().await;
    }
}

/// Fires come at whole seconds, as people order them.
fn whole(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}
