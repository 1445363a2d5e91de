//! A store in a file of its own, and what it is asked to keep.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use stock_scheduler_sdk::{
    Bar, Claim, Claimed, Grant, HostId, Interval, Job, JobId, JobStore, ManualClock, NewRun,
    NextFire, Overlap, RunId, RunPlan, RunStatus, RunStore, Series, StoredJob, Symbol,
    SymbolOutcome, SymbolResult, TriggeredBy, Window,
};
use stock_scheduler_sqlite::{Settings, SqliteStore};
use tempfile::TempDir;

/// A directory with a store's file, and the clock of whoever opens it.
#[derive(Clone)]
pub(crate) struct Home {
    directory: Arc<TempDir>,
    name: String,
    pub(crate) clock: Arc<ManualClock>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory for the test"));
        Self::within(directory, "jobs.db".into())
    }

    /// Another file in the same directory, with a clock of its own.
    pub(crate) fn next_to(&self, name: String) -> Self {
        Self::within(Arc::clone(&self.directory), name)
    }

    fn within(directory: Arc<TempDir>, name: String) -> Self {
        let start = "2025-03-03T21:59:30Z".parse().unwrap();
        Self {
            directory,
            name,
            clock: Arc::new(ManualClock::new(start)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// How many rows of `table` the file holds, as another program sees it.
    pub(crate) fn count(&self, table: &str) -> usize {
        let file = Connection::open(self.path()).expect("the file is there");
        let sql = format!("SELECT count(*) FROM {table}");
        let count = file.query_row(&sql, [], |row| row.get::<_, u32>(0));
        count.expect("the table is there") as usize
    }

    /// Waits until all results have become rows.
    pub(crate) fn wait_until_settled(&self) {
        while self.count("pending_results") > 0 {
            std::thread::yield_now();
        }
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), &Settings::default(), self.clock.clone())
            .expect("the test's own file opens")
    }
}

/// A job for `symbols` with a name to find it by.
pub(crate) fn job(name: &str, symbols: &[&str]) -> Job {
    let symbols = symbols.iter().map(|symbol| self::symbol(symbol)).collect();
    let schedule = serde_json::json!({"kind": "daily", "time": "17:00"});
    let created_at = "2025-03-01T12:00:00Z".parse().unwrap();
    Job::new(JobId::random(), name, symbols, schedule, created_at)
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().expect("the test's symbols are right")
}

/// What a job orders for these dates.
pub(crate) fn plan(stored: &StoredJob, start: &str, end: &str) -> RunPlan {
    let date = |text: &str| text.parse().expect("the test's dates are right");
    let (start, end) = (date(start), date(end));
    RunPlan::of(&stored.job, Window { start, end })
}

/// A run by hand.
pub(crate) fn by_hand(stored: &StoredJob, plan: &RunPlan) -> Claim {
    Claim {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        advance: None,
        run: Some(NewRun {
            id: RunId::random(),
            fire_time: None,
            triggered_by: TriggeredBy::ManualTrigger,
            plan: plan.clone(),
            overlap: Overlap::Allow,
        }),
    }
}

pub(crate) async fn granted(store: &SqliteStore, claim: Claim) -> Grant {
    let claimed = store.claim(HostId::random(), vec![claim]).await.unwrap();
    match claimed.as_slice() {
        [Claimed::Granted(grant)] => grant.clone(),
        other => panic!("expected a grant, got {other:?}"),
    }
}

/// Bars of one price each, of as many days from `first` on.
pub(crate) fn series(name: &str, first: &str, closes: &[f64]) -> Series {
    let zone = "America/New_York".parse().unwrap();
    let mut series = Series::new(symbol(name), Interval::Day, zone);
    series.currency = Some("USD".into());
    let first: DateTime<Utc> = format!("{first}T05:00:00Z").parse().unwrap();
    let bar = |(day, close): (i64, &f64)| Bar {
        time: first + TimeDelta::days(day),
        open: Some(*close),
        high: Some(*close),
        low: Some(*close),
        close: Some(*close),
        adj_close: Some(close / 2.0),
        volume: 100,
        ..Bar::default()
    };
    series.bars = (0..).zip(closes).map(bar).collect();
    series
}

pub(crate) fn fetched(series: Series) -> SymbolResult {
    SymbolResult {
        symbol: series.symbol.clone(),
        attempts: 1,
        outcome: SymbolOutcome::Fetched(series.into()),
    }
}

pub(crate) fn failed(name: &str, kind: &str) -> SymbolResult {
    SymbolResult {
        symbol: symbol(name),
        attempts: 3,
        outcome: SymbolOutcome::Failed {
            kind: kind.into(),
            message: format!("{name} failed as {kind}"),
        },
    }
}

/// A job with one run that stored and failed what `results` say.
pub(crate) async fn ran(store: &SqliteStore, job: Job, results: Vec<SymbolResult>) -> RunPlan {
    let stored = store.create(job, NextFire::Never).await.unwrap();
    let plan = plan(&stored, "2025-02-01", "2025-03-03");
    let grant = granted(store, by_hand(&stored, &plan)).await;
    let end = Some(RunStatus::PartialSuccess);
    store.record(&grant, &plan, results, end).await.unwrap();
    plan
}
