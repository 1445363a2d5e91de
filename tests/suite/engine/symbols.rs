use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use stock_scheduler::{
    EventKind, FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherInfo, ManualRun, RunId,
    RunStatus, Series, SymbolState,
};

use crate::support::world::{Act, World, job, runs};

fn millis_between(times: &[chrono::DateTime<chrono::Utc>]) -> Vec<i64> {
    times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).num_milliseconds())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_hanging_symbol_does_not_hold_up_the_others() {
    let world = World::at("2025-06-02T16:59:00Z").limited(|limits| limits.concurrency = Some(1));
    world.provider.tell("HANG", Act::Hangs);
    let host = world.host().await;
    let order = json!({"schedule_time": "17:00", "stock_ids": ["HANG", "A", "B", "C", "D", "E"]});
    let job = job(&host, order).await;

    world.until("2025-06-02T17:10:00Z").await;

    let events = world.events().await;
    let stored = events
        .iter()
        .filter(|e| matches!(e.kind, EventKind::StockFetched { .. }));
    let failed = events
        .iter()
        .find(|e| matches!(e.kind, EventKind::StockFailed { .. }))
        .unwrap();
    assert_eq!(stored.clone().count(), 5);
    let began = runs(&host, &job).await[0].started_at;
    for event in stored {
        assert!(event.id < failed.id);
        assert!(event.at - began < TimeDelta::seconds(3), "{event:?}");
    }
    assert_eq!(runs(&host, &job).await[0].status, RunStatus::PartialSuccess);
}

#[tokio::test(start_paused = true)]
async fn a_long_run_does_not_hold_up_a_short_one() {
    let world = World::at("2025-06-02T16:59:00Z").limited(|limits| limits.per_second = Some(1.0));
    let host = world.host().await;
    let many: Vec<_> = (0..60).map(|n| format!("S{n}")).collect();
    let long = job(&host, json!({"schedule_time": "17:00", "stock_ids": many})).await;
    let short = job(&host, json!({"schedule_time": "18:00"})).await;

    world.until("2025-06-02T17:00:05Z").await;
    let run = host.run_now(&short, RunId::random(), ManualRun::default());
    run.await.unwrap();
    world.until("2025-06-02T17:00:08Z").await;

    assert_eq!(runs(&host, &short).await[0].status, RunStatus::Success);
    assert_eq!(runs(&host, &long).await[0].status, RunStatus::Running);
    world.until("2025-06-02T17:01:08Z").await;
    assert_eq!(runs(&host, &long).await[0].status, RunStatus::Success);
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_provider_is_asked_again_after_1_2_and_4_seconds() {
    let world = World::at("2025-06-02T16:59:00Z");
    world
        .provider
        .tell("AAPL", Act::Fails(FetchErrorKind::Unavailable, 3));
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;

    world.until("2025-06-02T17:01:00Z").await;

    let waits = millis_between(&world.provider.asked_for("AAPL"));
    for (wait, wanted) in waits.iter().zip([1_000, 2_000, 4_000]) {
        assert!(
            (wanted * 7 / 10..=wanted * 13 / 10 + 5).contains(wait),
            "{waits:?}"
        );
    }
    assert_eq!(waits.len(), 3);
    let run = &runs(&host, &job).await[0];
    assert_eq!(
        (run.status, run.symbols[0].attempts),
        (RunStatus::Success, 4)
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_stays_away_fails_the_symbol_after_four_tries() {
    let world = World::at("2025-06-02T16:59:00Z");
    world
        .provider
        .tell("AAPL", Act::Fails(FetchErrorKind::Unavailable, 99));
    let host = world.host().await;
    let job = job(
        &host,
        json!({"schedule_time": "17:00", "stock_ids": ["AAPL", "MSFT"]}),
    )
    .await;

    world.until("2025-06-02T17:01:00Z").await;

    assert_eq!(world.provider.asked_for("AAPL").len(), 4);
    assert_eq!(runs(&host, &job).await[0].status, RunStatus::PartialSuccess);
}

#[tokio::test(start_paused = true)]
async fn what_asking_again_cannot_change_is_asked_once() {
    let world = World::at("2025-06-02T16:59:00Z");
    world
        .provider
        .tell("AAPL", Act::Fails(FetchErrorKind::UnknownSymbol, 99));
    let host = world.host().await;
    let job = job(&host, json!({"schedule_time": "17:00"})).await;

    world.until("2025-06-02T17:01:00Z").await;

    assert_eq!(world.provider.asked_for("AAPL").len(), 1);
    assert_eq!(runs(&host, &job).await[0].status, RunStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_rests_the_provider_for_all_as_long_as_it_says() {
    let world = World::at("2025-06-02T16:59:00Z").limited(|limits| limits.concurrency = Some(1));
    let limited = FetchErrorKind::RateLimited {
        retry_after: Some(30),
    };
    world.provider.tell("FIRST", Act::Fails(limited, 1));
    let host = world.host().await;
    let order = json!({"schedule_time": "17:00", "stock_ids": ["FIRST", "SECOND"]});
    let job = job(&host, order).await;

    world.until("2025-06-02T17:05:00Z").await;

    let log = world.provider.log();
    let times: Vec<_> = log.iter().map(|question| question.at).collect();
    let waits = millis_between(&times);
    assert!((30_000..31_000).contains(&waits[0]), "{waits:?}");
    assert_eq!(log.len(), 3, "{log:?}");
    assert_eq!(runs(&host, &job).await[0].status, RunStatus::Success);
}

#[tokio::test(start_paused = true)]
async fn two_jobs_share_the_rate_of_one_provider() {
    let world = World::at("2025-06-02T16:59:00Z").limited(|limits| limits.per_second = Some(0.5));
    let host = world.host().await;
    let first = json!({"schedule_time": "17:00", "stock_ids": ["A", "B", "C", "D", "E"]});
    let second = json!({"schedule_time": "17:00", "stock_ids": ["V", "W", "X", "Y", "Z"]});
    job(&host, first).await;
    job(&host, second).await;

    world.until("2025-06-02T17:01:00Z").await;

    let mut times: Vec<_> = world
        .provider
        .log()
        .iter()
        .map(|question| question.at)
        .collect();
    times.sort();
    assert_eq!(times.len(), 10);
    let waits = millis_between(&times);
    assert!(
        waits.iter().all(|wait| (1_999..2_100).contains(wait)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_plugin_fails_its_symbol_only() {
    let world = World::at("2025-06-02T16:59:00Z");
    world.provider.tell("BOOM", Act::Panics);
    let host = world.host().await;
    let job = job(
        &host,
        json!({"schedule_time": "17:00", "stock_ids": ["BOOM", "AAPL"]}),
    )
    .await;

    world.until("2025-06-02T17:01:00Z").await;

    let run = &runs(&host, &job).await[0];
    assert_eq!(run.status, RunStatus::PartialSuccess);
    assert!(
        matches!(&run.symbols[0].state, SymbolState::Failed { message, .. } if message.contains("panicked"))
    );
    assert!(matches!(run.symbols[1].state, SymbolState::Stored { .. }));
}

/// Panics before it has made a future.
struct Hasty;

impl Fetcher for Hasty {
    fn fetch<'s, 'r, 'f>(
        &'s self,
        _: &'r FetchRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Series, FetchError>> + Send + 'f>>
    where
        's: 'f,
        'r: 'f,
    {
        panic!("no future")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_there_is_a_future_fails_the_symbol_too() {
    let world = World::at("2025-06-02T16:59:00Z");
    let host = world
        .builder()
        .fetcher_instance("hasty", Hasty)
        .start()
        .await
        .unwrap();
    let job = job(&host, json!({"schedule_time": "17:00", "fetcher": "hasty"})).await;

    tokio::time::sleep(Duration::from_secs(70)).await;

    assert_eq!(runs(&host, &job).await[0].status, RunStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn bars_that_hold_nothing_are_no_data_and_overwrite_nothing() {
    let world = World::at("2025-06-02T16:59:00Z");
    let host = world.host().await;
    let order =
        json!({"schedule_time": "17:00", "start_date": "2025-05-01", "end_date": "2025-05-31"});
    let job = job(&host, order).await;
    world.until("2025-06-02T17:01:00Z").await;
    let (key, before) = host
        .latest_dataset("scheduled_stock_data", "AAPL")
        .await
        .unwrap();

    world.provider.tell("AAPL", Act::Blank);
    host.run_now(&job, RunId::random(), ManualRun::default())
        .await
        .unwrap();
    world.pass(60).await;

    let run = runs(&host, &job).await.pop().unwrap();
    assert!(
        matches!(&run.symbols[0].state, SymbolState::Failed { kind, .. } if kind == "no_data"),
        "{:?}",
        run.symbols
    );
    assert_eq!(host.dataset(&key).await.unwrap(), before);
}

/// Keeps its thread until it is let go.
struct Blocking(Mutex<Receiver<()>>);

#[stock_scheduler::async_trait]
impl Fetcher for Blocking {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let _ = self.0.lock().unwrap().recv();
        Err(FetchError::new(
            FetchErrorKind::NoData,
            request.symbol.as_str(),
        ))
    }

    fn info(&self) -> FetcherInfo {
        FetcherInfo::default()
    }
}

#[tokio::test]
async fn a_fetcher_that_keeps_its_thread_holds_up_nothing_elsewhere() {
    let world = World::at("2025-06-02T16:59:00Z");
    let (let_go, kept) = std::sync::mpsc::channel();
    let builder = world
        .builder()
        .fetcher_instance("blocking", Blocking(Mutex::new(kept)));
    let host = builder.fetch_threads().start().await.unwrap();
    let blocking = json!({"schedule_time": "17:00", "fetcher": "blocking"});
    let blocked = job(&host, blocking).await;
    let other = job(&host, json!({"schedule_time": "17:00"})).await;
    let [run, run_of_other] = [RunId::random(), RunId::random()];
    let ended = async |run| {
        while host.run(run).await.unwrap().status == RunStatus::Running {
            tokio::task::yield_now().await;
        }
    };

    host.run_now(&blocked, run, Default::default())
        .await
        .unwrap();
    host.run_now(&other, run_of_other, Default::default())
        .await
        .unwrap();
    ended(run_of_other).await;
    let meanwhile = host.run(run).await.unwrap().status;
    drop(let_go);
    ended(run).await;
    host.stop().await;

    assert_eq!(meanwhile, RunStatus::Running);
}

/// Counts who is within it; lets nobody out until it is open.
#[derive(Clone, Default)]
struct Counting(Arc<Counts>);

#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    within: AtomicUsize,
    most: AtomicUsize,
    is_open: AtomicBool,
}

struct Within<'a>(&'a Counts);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.within.fetch_sub(1, SeqCst);
    }
}

#[stock_scheduler::async_trait]
impl Fetcher for Counting {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let counts = &*self.0;
        counts.asked.fetch_add(1, SeqCst);
        let now = counts.within.fetch_add(1, SeqCst) + 1;
        let _within = Within(counts);
        counts.most.fetch_max(now, SeqCst);
        while !counts.is_open.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(FetchError::new(
            FetchErrorKind::NoData,
            request.symbol.as_str(),
        ))
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.limits.concurrency = Some(40);
        info
    }
}

#[tokio::test]
async fn a_run_on_several_threads_asks_once_for_each_symbol_within_the_limit_and_ends_at_once() {
    let world = World::at("2025-06-02T16:59:00Z");
    let counting = Counting::default();
    let builder = world
        .builder()
        .fetcher_instance("counting", counting.clone());
    let host = builder.fetch_threads().start().await.unwrap();
    let names: Vec<_> = (0..300).map(|n| format!("S{n}")).collect();
    let fields = json!({"schedule_time": "17:00", "fetcher": "counting", "stock_ids": names});
    let job = job(&host, fields).await;
    let counts = &*counting.0;
    let until = async |done: &dyn Fn() -> bool| {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let [cancelled, run] = [RunId::random(), RunId::random()];

    host.run_now(&job, cancelled, Default::default())
        .await
        .unwrap();
    until(&|| counts.within.load(SeqCst) == 40).await;
    host.cancel(cancelled).await.unwrap();
    until(&|| counts.within.load(SeqCst) == 0).await;
    assert_eq!(counts.asked.swap(0, SeqCst), 40);

    counts.is_open.store(true, SeqCst);
    host.run_now(&job, run, Default::default()).await.unwrap();
    while host.run(run).await.unwrap().status == RunStatus::Running {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    host.stop().await;

    assert_eq!(counts.asked.load(SeqCst), 300);
    assert!(counts.most.load(SeqCst) <= 40);
}
