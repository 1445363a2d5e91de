//! Measures the store on this machine: `cargo run --release -p stock-scheduler-sqlite --example measure [DIRECTORY]`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Days, TimeDelta, Utc};
use serde_json::json;
use stock_scheduler_sdk::{
    Advance, Bar, Claim, Claimed, Clock, DataStore, EventId, EventLog, Grant, HostId, Interval,
    Job, JobId, JobQuery, JobStore, NewRun, NextFire, Overlap, Poll, RunId, RunPlan, RunStatus,
    RunStore, Series, StoredJob, Symbol, SymbolOutcome, SymbolResult, SystemClock, TriggeredBy,
    Window,
};
use stock_scheduler_sqlite::{Settings, SqliteStore};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let directory = std::env::args().nth(1).map(PathBuf::from);
    let directory = directory.unwrap_or_else(std::env::temp_dir);
    let path = directory.join(format!("measure-{}.db", std::process::id()));
    let store = Arc::new(SqliteStore::open(
        &path,
        &Settings::default(),
        Arc::new(SystemClock),
    )?);
    let now = SystemClock.now();

    creates(&store, 100, now + TimeDelta::days(1)).await?;
    creates(&store, 10_000, now - TimeDelta::seconds(1)).await?;
    let host = HostId::random();
    let grants = claims(&store, host).await?;
    finishes(&store, grants).await?;
    polls(&store, host).await?;
    records(&store, host, 64).await?;
    records(&store, host, 8).await?;
    runs(&store, host, 64).await?;
    runs(&store, host, 20).await?;
    creates(&store, 90_000, now + TimeDelta::days(1)).await?;
    creates(&store, 10_000, now + TimeDelta::days(1)).await?;
    polls(&store, host).await?;
    lists(&store).await?;
    show("memory", &memory());
    let wal = std::fs::metadata(path.with_extension("db-wal"))?.len();
    show(
        "file",
        &format!(
            "{} MB, log {} MB",
            std::fs::metadata(&path)?.len() >> 20,
            wal >> 20
        ),
    );
    let begun = Instant::now();
    drop(store);
    show("close", &format!("{:.1?}", begun.elapsed()));
    let begun = Instant::now();
    drop(SqliteStore::open(
        &path,
        &Settings::default(),
        Arc::new(SystemClock),
    )?);
    show("open and close", &format!("{:.1?}", begun.elapsed()));
    for ending in ["db", "db-wal", "db-shm", "db.lock"] {
        let _ = std::fs::remove_file(path.with_extension(ending));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn show(what: &str, how: &str) {
    println!("{what:44} {how}");
}

fn rate(count: usize, took: Duration) -> String {
    format!("{:.0}/s ({took:.0?})", count as f64 / took.as_secs_f64())
}

/// Resident memory of this process, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find(|line| line.starts_with("VmRSS"));
    resident.unwrap_or("not known").to_owned()
}

fn job(symbols: usize) -> Job {
    let symbols = (0..symbols).map(symbol).collect();
    let schedule = json!({"kind": "daily", "time": "17:00"});
    Job::new(
        JobId::random(),
        "Tech",
        symbols,
        schedule,
        SystemClock.now(),
    )
}

fn symbol(n: usize) -> Symbol {
    format!("SYM{n}").parse().expect("it is a symbol")
}

async fn creates(
    store: &Arc<SqliteStore>,
    count: usize,
    due: DateTime<Utc>,
) -> Result<(), Failure> {
    const CALLERS: usize = 64;
    let begun = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let store = Arc::clone(store);
        callers.spawn(async move {
            for n in (caller..count).step_by(CALLERS) {
                let mut job = job(1);
                job.symbols = vec![symbol(n % 500)];
                store.create(job, NextFire::At(due)).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    let total = store.counts().await?.total;
    let what = format!("creates, 64 callers, up to {total} jobs");
    show(&what, &rate(count, begun.elapsed()));
    Ok(())
}

fn poll(host: HostId) -> Poll {
    Poll {
        host,
        lease: Duration::from_secs(60),
        ahead: Duration::ZERO,
        limit: 500,
    }
}

async fn claims(store: &Arc<SqliteStore>, host: HostId) -> Result<Vec<(Grant, RunPlan)>, Failure> {
    let begun = Instant::now();
    let mut in_claim = Duration::ZERO;
    let mut grants = Vec::new();
    loop {
        let agenda = store.poll(&poll(host)).await?;
        if agenda.due.is_empty() {
            break;
        }
        let ids: Vec<_> = agenda.due.iter().map(|due| due.job.clone()).collect();
        let jobs = store.jobs(&ids).await?;
        let claims: Vec<_> = jobs.iter().flatten().map(claim).collect();
        let plans: Vec<_> = claims
            .iter()
            .filter_map(|claim| claim.run.clone())
            .collect();
        let asked = Instant::now();
        let claimed = store.claim(host, claims).await?;
        in_claim += asked.elapsed();
        for (claimed, new) in claimed.into_iter().zip(plans) {
            if let Claimed::Granted(grant) = claimed {
                grants.push((grant, new.plan));
            }
        }
    }
    let what = format!("polls, reads and claims of {} due jobs", grants.len());
    show(&what, &rate(grants.len(), begun.elapsed()));
    show("of these the claims", &rate(grants.len(), in_claim));
    Ok(grants)
}

fn claim(stored: &StoredJob) -> Claim {
    let fire_time = stored.state.next.at();
    let to = fire_time.and_then(|at| at.checked_add_days(Days::new(1)));
    Claim {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        advance: Some(Advance {
            from: stored.state.next.clone(),
            to: to.map_or(NextFire::Never, NextFire::At),
            passed: Vec::new(),
        }),
        run: Some(new_run(stored, fire_time)),
    }
}

fn new_run(stored: &StoredJob, fire_time: Option<DateTime<Utc>>) -> NewRun {
    let today = SystemClock.now().date_naive();
    let start = today.checked_sub_days(Days::new(30)).unwrap_or(today);
    NewRun {
        id: RunId::random(),
        fire_time,
        triggered_by: TriggeredBy::SchedulerAuto,
        plan: RunPlan::of(&stored.job, Window { start, end: today }),
        overlap: Overlap::Allow,
    }
}

async fn finishes(store: &Arc<SqliteStore>, grants: Vec<(Grant, RunPlan)>) -> Result<(), Failure> {
    const CALLERS: usize = 64;
    let (count, begun) = (grants.len(), Instant::now());
    let grants = Arc::new(grants);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (store, grants) = (Arc::clone(store), Arc::clone(&grants));
        callers.spawn(async move {
            for (grant, plan) in grants.iter().skip(caller).step_by(CALLERS) {
                let result = fetched(&plan.symbols[0]);
                let end = Some(RunStatus::Success);
                store.record(grant, plan, vec![result], end).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    show(
        "runs of one symbol recorded and ended",
        &rate(count, begun.elapsed()),
    );
    Ok(())
}

fn fetched(symbol: &Symbol) -> SymbolResult {
    let zone = "America/New_York".parse().expect("it is a zone");
    let mut series = Series::new(symbol.clone(), Interval::Day, zone);
    let first = DateTime::from_timestamp(1_735_794_000, 0).unwrap_or_default();
    series.bars = (0..22)
        .map(|n| bar(first + TimeDelta::days(n), n as f64))
        .collect();
    SymbolResult {
        symbol: symbol.clone(),
        attempts: 1,
        outcome: SymbolOutcome::Fetched(series.into()),
    }
}

fn bar(time: DateTime<Utc>, n: f64) -> Bar {
    Bar {
        time,
        open: Some(73.988_471_984_863_3 + n / 7.0),
        high: Some(75.988_471_984_863_3 + n / 7.0),
        low: Some(72.988_471_984_863_3 + n / 7.0),
        close: Some(74.988_471_984_863_3 + n / 7.0),
        adj_close: Some(71.988_471_984_863_3 + n / 7.0),
        volume: 123_456_789 + n as u64,
        ..Bar::default()
    }
}

async fn records(store: &Arc<SqliteStore>, host: HostId, callers: usize) -> Result<(), Failure> {
    const SYMBOLS: usize = 500;
    const RUNS: usize = 40;
    let mut ready = Vec::new();
    for _ in 0..RUNS {
        let stored = store.create(job(SYMBOLS), NextFire::Never).await?;
        let new = new_run(&stored, None);
        let mut plan = new.plan.clone();
        plan.prefix = RunId::random().to_string().parse().expect("it is a prefix");
        let claim = Claim {
            advance: None,
            run: Some(new),
            ..claim(&stored)
        };
        if let [Claimed::Granted(grant)] = store.claim(host, vec![claim]).await?.as_slice() {
            ready.push((grant.clone(), plan));
        }
    }
    let begun = Instant::now();
    let ready = Arc::new(ready);
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (store, ready) = (Arc::clone(store), Arc::clone(&ready));
        tasks.spawn(async move {
            for (grant, plan) in ready.iter() {
                for symbol in plan.symbols.iter().skip(caller).step_by(callers) {
                    store
                        .record(grant, plan, vec![fetched(symbol)], None)
                        .await?;
                }
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let what = format!("symbols of 22 bars recorded, {callers} callers");
    show(&what, &rate(RUNS * SYMBOLS, begun.elapsed()));
    for (grant, plan) in ready.iter() {
        store
            .record(grant, plan, Vec::new(), Some(RunStatus::Success))
            .await?;
    }
    Ok(())
}

/// Records runs of the same 500 symbols in steps of so many.
async fn runs(store: &Arc<SqliteStore>, host: HostId, at_once: usize) -> Result<(), Failure> {
    const SYMBOLS: usize = 500;
    const RUNS: usize = 30;
    let stored = store.create(job(SYMBOLS), NextFire::Never).await?;
    settled(store).await?;
    let (mut took, before) = (Duration::ZERO, writer_time());
    for _ in 0..RUNS {
        let new = new_run(&stored, None);
        let plan = new.plan.clone();
        let claim = Claim {
            advance: None,
            run: Some(new),
            ..claim(&stored)
        };
        let claimed = store.claim(host, vec![claim]).await?;
        let [Claimed::Granted(grant)] = claimed.as_slice() else {
            return Err("the run was not granted".into());
        };
        let results: Vec<_> = plan.symbols.iter().map(fetched).collect();
        let begun = Instant::now();
        for results in results.chunks(at_once) {
            store.record(grant, &plan, results.to_vec(), None).await?;
        }
        let end = Some(RunStatus::Success);
        store.record(grant, &plan, Vec::new(), end).await?;
        took += begun.elapsed();
    }
    let what = format!("symbols of 22 bars recorded, {at_once} in a step");
    show(&what, &rate(RUNS * SYMBOLS, took));
    if let (Some(before), Some(after)) = (before, writer_time()) {
        let each = (after - before) / (RUNS * SYMBOLS) as u32;
        show("of the writer's time each", &format!("{each:.1?}"));
    }
    Ok(())
}

/// Waits until no result waits to become rows.
async fn settled(store: &SqliteStore) -> Result<(), Failure> {
    let begun = Instant::now();
    store.latest("none", "NONE").await?;
    show("results that waited", &format!("{:.1?}", begun.elapsed()));
    Ok(())
}

/// How long the writing thread has worked, where the system tells.
fn writer_time() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let is_writer = |thread: &PathBuf| {
        let name = std::fs::read_to_string(thread.join("comm"));
        name.is_ok_and(|name| name.trim() == "sqlite-writer")
    };
    let thread = threads
        .flatten()
        .map(|entry| entry.path())
        .find(is_writer)?;
    let times = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let worked = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(worked))
}

async fn polls(store: &Arc<SqliteStore>, host: HostId) -> Result<(), Failure> {
    const POLLS: usize = 2_000;
    let begun = Instant::now();
    for _ in 0..POLLS {
        store.poll(&poll(host)).await?;
    }
    show(
        "idle polls, one after the other",
        &rate(POLLS, begun.elapsed()),
    );
    let begun = Instant::now();
    let last = store.events(EventId::START, 0, Duration::ZERO).await?.last;
    for _ in 0..POLLS {
        store.events(last, 100, Duration::ZERO).await?;
    }
    show("looks at the end of the log", &rate(POLLS, begun.elapsed()));
    Ok(())
}

async fn lists(store: &Arc<SqliteStore>) -> Result<(), Failure> {
    let all = JobQuery {
        limit: 100,
        ..JobQuery::default()
    };
    let symbol = JobQuery {
        symbol: Some("sym7".into()),
        ..all.clone()
    };
    let text = JobQuery {
        text: Some("nowhere".into()),
        ..all.clone()
    };
    for (what, query) in [
        ("page of 100 jobs", all),
        ("page of a symbol", symbol),
        ("text in vain", text),
    ] {
        let begun = Instant::now();
        store.list(&query).await?;
        show(what, &format!("{:.1?}", begun.elapsed()));
    }
    Ok(())
}
