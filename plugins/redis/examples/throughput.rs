//! How fast the store is on a server of your choice: `throughput redis://localhost:6379/9`. Empties that database first.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for measuring, not for running"
)]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt};
use stock_scheduler_redis::{RedisSettings, RedisStore};
use stock_scheduler_sdk::{
    Advance, Bar, Claim, Claimed, EventId, EventLog, Grant, HostId, Interval, Job, JobId, JobQuery,
    JobStore, NewRun, NextFire, Overlap, Poll, RunId, RunPlan, RunStatus, RunStore, Series, Store,
    StoredJob, SymbolOutcome, SymbolResult, TriggeredBy,
};

static JOBS: LazyLock<usize> = LazyLock::new(|| setting("JOBS", 10_000));
static CALLERS: LazyLock<usize> = LazyLock::new(|| setting("CALLERS", 64));

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let url = std::env::args()
        .nth(1)
        .expect("give the address of a server");
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHDB")
        .exec_async(&mut connection)
        .await
        .unwrap();
    let store = Arc::new(RedisStore::open(&url, RedisSettings::default()).unwrap());
    let due = store.now().await.unwrap() + TimeDelta::milliseconds(100);

    let mut spent = Spent {
        connection,
        seconds: 0.0,
    };
    spent.tell("what was before").await;
    let jobs = create(&store, due).await;
    spent.tell("create").await;
    let claims = claim(&store, &jobs).await;
    spent.tell("poll and claim").await;
    finish(&store, claims).await;
    spent.tell("record and end").await;
    put(&store).await;
    spent.tell("record").await;
    look(&store).await;
}

/// How much processor time the server itself took, which other programs on the machine do not disturb.
struct Spent {
    connection: redis::aio::MultiplexedConnection,
    seconds: f64,
}

impl Spent {
    async fn tell(&mut self, what: &str) {
        let mut info = redis::cmd("INFO");
        info.arg("cpu");
        let text: String = info.query_async(&mut self.connection).await.unwrap();
        let fact = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        let seconds = fact("used_cpu_user_main_thread") + fact("used_cpu_sys_main_thread");
        println!(
            "    server's processor time for {what}: {:.1} ms",
            (seconds - self.seconds) * 1e3
        );
        self.seconds = seconds;
    }
}

fn job(symbols: usize, created_at: DateTime<Utc>) -> Job {
    let symbols = (0..symbols)
        .map(|n| format!("S{n}").parse().unwrap())
        .collect();
    let schedule = serde_json::json!({"kind": "daily", "time": "17:00"});
    Job::new(JobId::random(), "Measured", symbols, schedule, created_at)
}

async fn create(store: &Arc<RedisStore>, due: DateTime<Utc>) -> Vec<StoredJob> {
    let started = Instant::now();
    let creations = (0..*JOBS).map(|_| {
        let store = store.clone();
        async move { store.create(job(1, due), NextFire::At(due)).await.unwrap() }
    });
    let jobs: Vec<StoredJob> = stream::iter(creations.map(tokio::spawn))
        .buffer_unordered(*CALLERS)
        .map(Result::unwrap)
        .collect()
        .await;
    tell(
        &format!("create, {} callers", *CALLERS),
        *JOBS,
        started.elapsed(),
    );
    jobs
}

fn claim_of(stored: &StoredJob) -> Claim {
    let from = stored.state.next.clone();
    let fire_time = from.at().unwrap();
    let window = stored.job.window(fire_time.date_naive());
    Claim {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        advance: Some(Advance {
            from,
            to: NextFire::At(fire_time + TimeDelta::days(1)),
            passed: Vec::new(),
        }),
        run: Some(NewRun {
            id: RunId::random(),
            fire_time: Some(fire_time),
            triggered_by: TriggeredBy::SchedulerAuto,
            plan: RunPlan::of(&stored.job, window),
            overlap: Overlap::Skip,
        }),
    }
}

async fn claim(store: &Arc<RedisStore>, jobs: &[StoredJob]) -> Vec<(Grant, RunPlan)> {
    let host = HostId::random();
    let poll = Poll {
        host,
        lease: Duration::from_secs(60),
        ahead: Duration::ZERO,
        limit: 20_000,
    };
    let started = Instant::now();
    let agenda = store.poll(&poll).await.unwrap();
    tell("poll, all due", agenda.due.len(), started.elapsed());

    let claims: Vec<Claim> = jobs.iter().map(claim_of).collect();
    let plans: Vec<RunPlan> = claims
        .iter()
        .map(|claim| claim.run.as_ref().unwrap().plan.clone())
        .collect();
    let started = Instant::now();
    let claimed = store.claim(host, claims).await.unwrap();
    tell("claim, one call", *JOBS, started.elapsed());
    let grant = |claimed| match claimed {
        Claimed::Granted(grant) => grant,
        other => panic!("{other:?}"),
    };
    claimed.into_iter().map(grant).zip(plans).collect()
}

async fn finish(store: &Arc<RedisStore>, runs: Vec<(Grant, RunPlan)>) {
    let started = Instant::now();
    let count = runs.len();
    let records = runs.into_iter().map(|(grant, plan)| {
        let store = store.clone();
        async move {
            let results = vec![result(0, 20)];
            store
                .record(&grant, &plan, results, Some(RunStatus::Success))
                .await
                .unwrap();
        }
    });
    stream::iter(records.map(tokio::spawn))
        .buffer_unordered(*CALLERS)
        .for_each(|_| async {})
        .await;
    tell(
        &format!("record and end, 1 symbol of 20 bars, {} callers", *CALLERS),
        count,
        started.elapsed(),
    );
}

async fn put(store: &Arc<RedisStore>) {
    const SYMBOLS: usize = 500;
    let now = store.now().await.unwrap();
    for chunk in [1, 10, 50, 500] {
        let stored = store
            .create(job(SYMBOLS, now), NextFire::Never)
            .await
            .unwrap();
        let mut claim = claim_of(
            &StoredJob {
                state: Default::default(),
                ..stored.clone()
            }
            .due(now),
        );
        claim.advance = None;
        let plan = claim.run.as_ref().unwrap().plan.clone();
        let claimed = store.claim(HostId::random(), vec![claim]).await.unwrap();
        let [Claimed::Granted(grant)] = &claimed[..] else {
            panic!("{claimed:?}")
        };
        let results: Vec<SymbolResult> = (0..SYMBOLS).map(|n| result(n, 30)).collect();
        let started = Instant::now();
        let calls = results.chunks(chunk).map(|some| {
            let (store, grant, plan, some) =
                (store.clone(), grant.clone(), plan.clone(), some.to_vec());
            async move { store.record(&grant, &plan, some, None).await.unwrap() }
        });
        stream::iter(calls.map(tokio::spawn))
            .buffer_unordered(*CALLERS)
            .for_each(|_| async {})
            .await;
        store
            .record(grant, &plan, Vec::new(), Some(RunStatus::Success))
            .await
            .unwrap();
        tell(
            &format!("record, 500 symbols of 30 bars, {chunk} a call"),
            SYMBOLS,
            started.elapsed(),
        );
    }
}

async fn look(store: &Arc<RedisStore>) {
    let poll = Poll {
        host: HostId::random(),
        lease: Duration::from_secs(1),
        ahead: Duration::ZERO,
        limit: 100,
    };
    let started = Instant::now();
    for _ in 0..1_000 {
        store.poll(&poll).await.unwrap();
    }
    tell("poll, nothing due", 1_000, started.elapsed());
    let started = Instant::now();
    for _ in 0..1_000 {
        store.counts().await.unwrap();
    }
    tell("counts", 1_000, started.elapsed());
    let started = Instant::now();
    for _ in 0..100 {
        let query = JobQuery {
            limit: 100,
            ..JobQuery::default()
        };
        assert_eq!(store.list(&query).await.unwrap().jobs.len(), 100);
    }
    tell("list, a page of 100", 100, started.elapsed());
    let started = Instant::now();
    let page = store
        .events(EventId::START, 10_000, Duration::ZERO)
        .await
        .unwrap();
    tell("events, in one page", page.events.len(), started.elapsed());
    let started = Instant::now();
    store.reconcile().await.unwrap();
    tell("reconcile", 1, started.elapsed());
}

fn result(symbol: usize, bars: usize) -> SymbolResult {
    let symbol: stock_scheduler_sdk::Symbol = format!("S{symbol}").parse().unwrap();
    let mut series = Series::new(
        symbol.clone(),
        Interval::Day,
        chrono_tz::Tz::America__New_York,
    );
    let first: DateTime<Utc> = "2025-10-21T04:00:00Z".parse().unwrap();
    series.bars = (0..bars)
        .map(|n| Bar {
            time: first + TimeDelta::days(n as i64),
            open: Some(256.079_986_572_3 + n as f64),
            high: Some(256.640_014_648_4 + n as f64),
            low: Some(248.119_995_117_2 + n as f64),
            close: Some(248.300_003_051_8 + n as f64),
            adj_close: Some(248.3 + n as f64),
            volume: 105_517_400,
            ..Bar::default()
        })
        .collect();
    SymbolResult {
        symbol,
        attempts: 1,
        outcome: SymbolOutcome::Fetched(series.into()),
    }
}

trait DueAt {
    fn due(self, at: DateTime<Utc>) -> StoredJob;
}

impl DueAt for StoredJob {
    fn due(mut self, at: DateTime<Utc>) -> StoredJob {
        self.state.next = NextFire::At(at);
        self
    }
}

fn tell(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{what:55} {count:6} in {:8.1} ms  {rate:9.0}/s",
        took.as_secs_f64() * 1e3
    );
}
