//! What the laws share: jobs to claim, hosts that live, results to record, and sentences for what went wrong.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::StoreUnderTest;
use crate::{
    Advance, Bar, Claim, Claimed, Event, EventId, Grant, HostId, Interval, Job, JobId, NewRun,
    NextFire, Overlap, Poll, Run, RunId, RunPlan, Series, Store, StoreError, StoreErrorKind,
    StoredJob, Symbol, SymbolOutcome, SymbolResult, TriggeredBy, Window,
};

/// What was wrong, in a sentence.
#[derive(Debug)]
pub(super) struct Detail(pub(super) String);

pub(super) type Checked = Result<(), Detail>;

impl From<StoreError> for Detail {
    fn from(error: StoreError) -> Self {
        Self(format!("the store failed as {:?}: {error}", error.kind()))
    }
}

pub(super) fn that(holds: bool, promise: &str) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(Detail(format!("it does not hold that {promise}"))),
    }
}

pub(super) fn same<A, E>(what: &str, actual: A, expected: E) -> Checked
where
    A: PartialEq<E> + Debug,
    E: Debug,
{
    match actual == expected {
        true => Ok(()),
        false => Err(Detail(format!(
            "{what}: expected {expected:?}, got {actual:?}"
        ))),
    }
}

pub(super) fn fails<T: Debug>(
    what: &str,
    answer: Result<T, StoreError>,
    expected: StoreErrorKind,
) -> Checked {
    match answer {
        Err(error) if error.kind() == expected => Ok(()),
        other => Err(Detail(format!(
            "{what}: expected {expected:?}, got {other:?}"
        ))),
    }
}

/// A lease that ends within a law that lets [`A_WHILE`] pass.
pub(super) const SHORT_LEASE: Duration = Duration::from_millis(300);
pub(super) const A_WHILE: Duration = Duration::from_millis(400);
const LONG_LEASE: Duration = Duration::from_secs(600);

/// A fresh store with what a law needs around it.
pub(super) struct Stage {
    pub(super) store: Arc<dyn Store>,
    under_test: StoreUnderTest,
}

impl Stage {
    pub(super) fn new(under_test: StoreUnderTest) -> Self {
        Self {
            store: under_test.store.clone(),
            under_test,
        }
    }

    pub(super) async fn pass(&self, span: Duration) {
        self.under_test.pass(span).await;
    }

    /// The same stage after a crash of the process, where the store can be opened again.
    pub(super) async fn reopened(mut self) -> Self {
        let Some(reopen) = self.under_test.reopen.take() else {
            return self;
        };
        let time = self.under_test.time;
        drop((self.store, self.under_test.store));
        let store = reopen().await;
        Self::new(StoreUnderTest {
            store,
            time,
            reopen: None,
        })
    }

    /// The store's present second: a whole one, so that no store rounds it.
    pub(super) async fn second(&self) -> Result<DateTime<Utc>, Detail> {
        Ok(self.store.now().await?.trunc_subsecs(0))
    }

    pub(super) async fn in_seconds(&self, seconds: i64) -> Result<DateTime<Utc>, Detail> {
        Ok(self.second().await? + TimeDelta::seconds(seconds))
    }

    /// Creates a job that is due since two seconds.
    pub(super) async fn due_job(&self, name: &str) -> Result<StoredJob, Detail> {
        let due = NextFire::At(self.in_seconds(-2).await?);
        Ok(self.store.create(job(name), due).await?)
    }

    pub(super) async fn read(&self, id: &JobId) -> Result<StoredJob, Detail> {
        let mut found = self.store.jobs(std::slice::from_ref(id)).await?;
        let job = found.pop().flatten();
        job.ok_or_else(|| Detail(format!("job {id} is not found")))
    }

    pub(super) async fn run(&self, id: RunId) -> Result<Run, Detail> {
        let run = self.store.run(id).await?;
        run.ok_or_else(|| Detail(format!("run {id} is not found")))
    }

    /// A host that lives through the law.
    pub(super) async fn host(&self) -> Result<HostId, Detail> {
        let host = HostId::random();
        self.store.poll(&poll(host, LONG_LEASE)).await?;
        Ok(host)
    }

    /// A host that is dead after [`A_WHILE`].
    pub(super) async fn host_for_a_while(&self) -> Result<HostId, Detail> {
        let host = HostId::random();
        self.store.poll(&poll(host, SHORT_LEASE)).await?;
        Ok(host)
    }

    pub(super) async fn claim(&self, host: HostId, claim: Claim) -> Result<Claimed, Detail> {
        let mut claimed = self.store.claim(host, vec![claim]).await?;
        let only = claimed.pop().filter(|_| claimed.is_empty());
        only.ok_or_else(|| Detail("one claim did not get one answer".into()))
    }

    pub(super) async fn granted(&self, host: HostId, claim: Claim) -> Result<Grant, Detail> {
        match self.claim(host, claim).await? {
            Claimed::Granted(grant) => Ok(grant),
            other => Err(Detail(format!(
                "a claim that is right: expected a grant, got {other:?}"
            ))),
        }
    }

    /// Creates a due job and starts its run.
    pub(super) async fn started(&self, host: HostId) -> Result<(StoredJob, Grant), Detail> {
        let job = self.due_job("Tech").await?;
        let grant = self.granted(host, fire(&job)).await?;
        Ok((job, grant))
    }

    /// Where the log ends.
    pub(super) async fn end_of_log(&self) -> Result<EventId, Detail> {
        let page = self.store.events(EventId::START, 0, Duration::ZERO).await?;
        Ok(page.last)
    }

    pub(super) async fn events_after(&self, after: EventId) -> Result<Vec<Event>, Detail> {
        Ok(self
            .store
            .events(after, 1_000, Duration::ZERO)
            .await?
            .events)
    }

    /// The names of all events so far.
    pub(super) async fn told(&self) -> Result<Vec<&'static str>, Detail> {
        self.told_after(EventId::START).await
    }

    pub(super) async fn told_after(&self, after: EventId) -> Result<Vec<&'static str>, Detail> {
        let events = self.events_after(after).await?;
        Ok(events.iter().map(|event| event.kind.name()).collect())
    }
}

pub(super) fn poll(host: HostId, lease: Duration) -> Poll {
    Poll {
        host,
        lease,
        ahead: Duration::ZERO,
        limit: 100,
    }
}

/// An order for AAPL and brk-b.
pub(super) fn job(name: &str) -> Job {
    let created_at = DateTime::from_timestamp(1_741_000_000, 0).unwrap_or_default();
    let schedule = json!({"kind": "daily", "time": "17:00"});
    Job::new(JobId::random(), name, symbols(), schedule, created_at)
}

pub(super) fn symbols() -> Vec<Symbol> {
    vec![symbol("AAPL"), symbol("brk-b")]
}

pub(super) fn symbol(text: &str) -> Symbol {
    text.parse().expect("the suite's symbols are right")
}

/// The dates of January 2025 from the 1st to `last`.
pub(super) fn january(last: u32) -> Window {
    let date = |day| chrono::NaiveDate::from_ymd_opt(2025, 1, day);
    Window {
        start: date(1).expect("a month has a first"),
        end: date(last).expect("the suite names days of January"),
    }
}

/// A claim for the job's next fire, which then is a day later.
pub(super) fn fire(stored: &StoredJob) -> Claim {
    let fire_time = stored.state.next.at();
    let to = fire_time.and_then(|at| at.checked_add_days(Days::new(1)));
    Claim {
        advance: Some(Advance {
            from: stored.state.next.clone(),
            to: to.map_or(NextFire::Never, NextFire::At),
            passed: Vec::new(),
        }),
        run: Some(NewRun {
            fire_time,
            triggered_by: TriggeredBy::SchedulerAuto,
            ..new_run(stored)
        }),
        ..by_hand(stored)
    }
}

/// A claim for a run by hand.
pub(super) fn by_hand(stored: &StoredJob) -> Claim {
    Claim {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        advance: None,
        run: Some(new_run(stored)),
    }
}

fn new_run(stored: &StoredJob) -> NewRun {
    NewRun {
        id: RunId::random(),
        fire_time: None,
        triggered_by: TriggeredBy::ManualTrigger,
        plan: plan(stored),
        overlap: Overlap::Skip,
    }
}

pub(super) fn plan(stored: &StoredJob) -> RunPlan {
    RunPlan::of(&stored.job, january(31))
}

/// One bar that closed at `close`.
pub(super) fn series(text: &str, close: f64) -> Series {
    let mut series = Series::new(symbol(text), Interval::Day, Tz::America__New_York);
    series.bars = vec![Bar {
        time: DateTime::from_timestamp(1_735_794_000, 0).unwrap_or_default(),
        open: Some(close),
        high: Some(close),
        low: Some(close),
        close: Some(close),
        adj_close: Some(close),
        volume: 100,
        ..Bar::default()
    }];
    series
}

pub(super) fn fetched(text: &str, close: f64) -> SymbolResult {
    SymbolResult {
        symbol: symbol(text),
        attempts: 1,
        outcome: SymbolOutcome::Fetched(series(text, close).into()),
    }
}

pub(super) fn failed(text: &str) -> SymbolResult {
    SymbolResult {
        symbol: symbol(text),
        attempts: 3,
        outcome: SymbolOutcome::Failed {
            kind: "unavailable".into(),
            message: "the provider did not answer".into(),
        },
    }
}
