//! Carries one run out: fetches its symbols side by side, records what came of each, and ends it.
//!
//! When to run is `dispatcher`'s business, how the provider may be asked is `gate`'s.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Days;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use stock_scheduler_sdk::records::is_blank;
use stock_scheduler_sdk::{
    FetchError, FetchRequest, Grant, Run, RunPlan, RunStatus, Series, StoreError, StoreErrorKind,
    Symbol, SymbolOutcome, SymbolResult, SymbolState,
};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::gate::Place;
use super::{Engine, Slot, retry};
use crate::host::FetcherEntry;

/// At most so many results are recorded in one step: more would take memory and gain little.
const BATCH: usize = 64;
/// The longest that a result waits for others to be recorded with it.
const LINGER: Duration = Duration::from_millis(5);
/// How many batches may wait to be recorded before fetching waits for them.
const QUEUE: usize = 4;
/// How long requests under way may still take when the service stops.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// How long a run waits for a fetcher that still starts, and how often it looks.
const READY_WITHIN: Duration = Duration::from_secs(120);
const READY_LOOK: Duration = Duration::from_millis(50);
/// How long to wait before recording again after the store did not answer.
const STORE_RETRY: Duration = Duration::from_millis(250);

impl Engine {
    /// Works on a granted run in a task of its own.
    pub(crate) fn start_run(self: &Arc<Self>, slot: Slot, grant: Grant, run: Run) {
        let span =
            tracing::info_span!("run", job = %grant.job, run = %grant.run, attempt = grant.attempt);
        let engine = self.clone();
        self.tasks.spawn(
            async move {
                let outcome = slot
                    .cancelled
                    .clone()
                    .run_until_cancelled(engine.carry_out(&grant, run))
                    .await;
                match outcome {
                    Some(Ok(())) => tracing::debug!("run ended"),
                    Some(Err(error)) => tracing::info!(%error, "run given up"),
                    None => tracing::debug!("run ended"),
                }
                drop(slot);
            }
            .instrument(span),
        );
    }

    async fn carry_out(&self, grant: &Grant, run: Run) -> Result<(), StoreError> {
        let plan = Arc::new(run.plan);
        let (mut stored, mut failed, mut open) = (0, 0, Vec::new());
        for progress in run.symbols {
            match progress.state {
                SymbolState::Pending => open.push(progress.symbol),
                SymbolState::Stored { .. } => stored += 1,
                SymbolState::Failed { .. } => failed += 1,
            }
        }
        let mut left = open.len();
        let is_done = left == 0;
        if !is_done && !self.waited_for_fetcher(&plan).await {
            return Ok(());
        }
        let mut results = self.fetch_all(&plan, open);
        while left > 0 {
            let Some(batch) = results.queue.recv().await else {
                tracing::info!(
                    left,
                    "stopping: the rest of the run is left to whoever takes it over"
                );
                return Ok(());
            };
            left -= batch.len();
            let good = batch
                .iter()
                .filter(|r| matches!(r.outcome, SymbolOutcome::Fetched(_)))
                .count();
            stored += good;
            failed += batch.len() - good;
            let end = (left == 0).then(|| RunStatus::of(stored, failed));
            self.record(grant, &plan, batch, end).await?;
        }
        if is_done {
            self.record(
                grant,
                &plan,
                Vec::new(),
                Some(RunStatus::of(stored, failed)),
            )
            .await?;
        }
        Ok(())
    }

    /// Waits for a fetcher that still starts, whose limits nobody knows yet; not for ever, and not for one that cannot. Answers
    /// whether to go on: when the service stops, the run is left to whoever takes it over.
    async fn waited_for_fetcher(&self, plan: &RunPlan) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        let is_starting = || {
            let entry = self.plugins.fetcher(&plan.fetcher.name);
            entry.is_some_and(|entry| entry.is_starting())
        };
        while is_starting() && Instant::now() < deadline {
            if self.stop.is_cancelled() {
                return false;
            }
            tokio::time::sleep(READY_LOOK).await;
        }
        true
    }

    /// Records a step, however long the store is away; gives up when the run is no longer ours, or when the service stops
    /// and the store is still away: whoever takes the run over asks for these symbols again.
    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let mut warned = false;
        self.burst.wait().await;
        loop {
            match self.store.record(grant, plan, results.clone(), end).await {
                Err(error)
                    if error.kind() == StoreErrorKind::Unavailable && !self.stop.is_cancelled() =>
                {
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(%error, results = results.len(), "cannot record yet; trying again");
                    }
                    tokio::time::sleep(STORE_RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Starts fetching `symbols`; the results come as they are ready. Stops early when the service stops.
    fn fetch_all(&self, plan: &Arc<RunPlan>, symbols: Vec<Symbol>) -> Results {
        let (sender, queue) = mpsc::channel(QUEUE);
        let Some(fetcher) = self.plugins.fetcher(&plan.fetcher.name) else {
            let plan = plan.clone();
            let all = async move { fail_all(&plan, symbols, Batch::new(sender)).await };
            let tasks = vec![AbortOnDropHandle::new(tokio::spawn(all))];
            return Results {
                queue,
                _tasks: tasks,
            };
        };
        let count = symbols.len();
        let threads = fetcher.threads.share(count);
        let most = count.div_ceil(threads.len().max(1));
        let symbols = Arc::new(Mutex::new(symbols.into_iter()));
        let start = |(thread, own_loop): (usize, &Handle)| {
            let (fetcher, plan, stop) = (fetcher.clone(), plan.clone(), self.stop.clone());
            let (symbols, sender) = (symbols.clone(), sender.clone());
            let work = async move {
                let share = Share {
                    fetcher: &fetcher,
                    thread,
                    plan: &plan,
                    symbols: &symbols,
                    most,
                };
                let until_stopped = async {
                    stop.cancelled().await;
                    tokio::time::sleep(CHECKPOINT).await;
                };
                tokio::select! {
                    () = share.fetch_in_turn(Batch::new(sender)) => {}
                    () = until_stopped => {}
                }
            };
            AbortOnDropHandle::new(own_loop.spawn(work.in_current_span()))
        };
        Results {
            queue,
            _tasks: threads.map(start).collect(),
        }
    }
}

/// What one thread does for a run.
struct Share<'a> {
    fetcher: &'a FetcherEntry,
    thread: usize,
    plan: &'a RunPlan,
    /// The symbols of the run that nobody has begun with; its threads take them one by one.
    symbols: &'a Mutex<std::vec::IntoIter<Symbol>>,
    /// No more of them at a time than this, so that the other threads have as many.
    most: usize,
}

impl Share<'_> {
    /// Fetches symbols side by side, as many as the fetcher's gate lets in.
    ///
    /// One symbol at a time waits at the gate, so that the symbols of several runs come in by turns, and a place that is
    /// free is taken before anything is made of an answer. One task drives all requests: they mostly wait, and waking one
    /// of many futures is cheaper than a task.
    async fn fetch_in_turn(self, mut batch: Batch) {
        let mut fetches = FuturesUnordered::new();
        while let Some(symbol) = self.next_symbol() {
            let mut enter = pin!(self.fetcher.gate.enter(self.thread));
            let place = loop {
                let next = async {
                    tokio::select! {
                        biased;
                        place = &mut enter => Next::Place(place),
                        Some(result) = fetches.next() => Next::Result(result),
                    }
                };
                match batch.while_waiting(next).await {
                    Next::Result(result) => batch.add(result).await,
                    Next::Place(place) => break place,
                }
            };
            fetches.push(self.fetch_symbol(symbol, place));
            while fetches.len() >= self.most
                && let Some(result) = batch.while_waiting(fetches.next()).await
            {
                batch.add(result).await;
            }
        }
        while let Some(result) = batch.while_waiting(fetches.next()).await {
            batch.add(result).await;
        }
        batch.send().await;
    }

    fn next_symbol(&self) -> Option<Symbol> {
        let mut symbols = self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
        symbols.next()
    }

    /// Gets one symbol's bars, trying again as its errors deserve; for its first request it has a place.
    async fn fetch_symbol(&self, symbol: Symbol, mut place: Place<'_>) -> SymbolResult {
        let fetcher = self.fetcher;
        let request = request(self.plan, symbol.clone());
        let mut attempt = 0;
        loop {
            attempt += 1;
            let started = Instant::now();
            let outcome = fetcher.gate.pass(place, call(fetcher, &request)).await;
            fetcher.fetches.note(&outcome, started.elapsed());
            let error = match outcome {
                Ok(series) => {
                    return SymbolResult {
                        symbol,
                        attempts: attempt,
                        outcome: SymbolOutcome::Fetched(Arc::new(series)),
                    };
                }
                Err(error) => error,
            };
            let Some(wait) = retry::wait_before(attempt, &error) else {
                tracing::warn!(%symbol, attempt, kind = error.kind().as_str(), %error, "symbol failed");
                return failed(symbol, attempt, error.kind().as_str(), error.to_string());
            };
            tracing::debug!(%symbol, attempt, %error, "symbol is tried again");
            tokio::time::sleep(retry::jittered(wait, &symbol, attempt)).await;
            place = fetcher.gate.enter(self.thread).await;
        }
    }
}

/// What comes first while a symbol waits at the gate.
enum Next<'a> {
    /// Of a symbol before it.
    Result(SymbolResult),
    /// Its own.
    Place(Place<'a>),
}

async fn fail_all(plan: &RunPlan, symbols: Vec<Symbol>, mut batch: Batch) {
    for symbol in symbols {
        let message = format!("no fetcher named {:?} is registered", plan.fetcher.name);
        batch
            .add(failed(symbol, 0, "plugin_missing", message))
            .await;
    }
    batch.send().await;
}

/// Results on their way; dropping it ends the requests under way.
struct Results {
    queue: mpsc::Receiver<Vec<SymbolResult>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// Results that are gathered to be recorded in one step.
struct Batch {
    results: Vec<SymbolResult>,
    /// Ends when the first of them has waited long enough.
    patience: Pin<Box<Sleep>>,
    queue: mpsc::Sender<Vec<SymbolResult>>,
}

impl Batch {
    fn new(queue: mpsc::Sender<Vec<SymbolResult>>) -> Self {
        Self {
            results: Vec::new(),
            patience: Box::pin(tokio::time::sleep(LINGER)),
            queue,
        }
    }

    async fn add(&mut self, result: SymbolResult) {
        if self.results.is_empty() {
            self.patience.as_mut().reset(Instant::now() + LINGER);
        }
        self.results.push(result);
        if self.results.len() == BATCH {
            self.send().await;
        }
    }

    /// Waits for `next`, and sends what is there when it has waited long enough.
    async fn while_waiting<T>(&mut self, next: impl Future<Output = T>) -> T {
        tokio::pin!(next);
        if !self.results.is_empty() {
            tokio::select! {
                biased;
                next = &mut next => return next,
                () = &mut self.patience => self.send().await,
            }
        }
        next.await
    }

    async fn send(&mut self) {
        if !self.results.is_empty() {
            // The receiver is gone when the run was given up; then nobody wants the results.
            let _ = self.queue.send(std::mem::take(&mut self.results)).await;
        }
    }
}

fn failed(symbol: Symbol, attempts: u32, kind: &str, message: String) -> SymbolResult {
    SymbolResult {
        symbol,
        attempts,
        outcome: SymbolOutcome::Failed {
            kind: kind.to_owned(),
            message,
        },
    }
}

/// What the provider is asked: its end is exclusive, the window's is not.
fn request(plan: &RunPlan, symbol: Symbol) -> FetchRequest {
    let end = plan
        .window
        .end
        .checked_add_days(Days::new(1))
        .unwrap_or(plan.window.end);
    FetchRequest::daily(symbol, plan.window.start, end)
        .with_interval(plan.interval)
        .with_options(plan.fetcher.options.clone())
}

/// What an answer says of which no record would be stored.
fn nothing(request: &FetchRequest, series: &Series) -> String {
    let asked = format!(
        "for {} from {} up to {}",
        request.symbol, request.start, request.end
    );
    match series.bars.len() {
        0 => format!("no bars {asked}"),
        blank => {
            format!("{blank} bars {asked}, none with a volume or an adjusted close (adj_close)")
        }
    }
}

/// Asks the plugin once. Its panic is its own failure; an answer without bars that hold something is none.
async fn call(fetcher: &FetcherEntry, request: &FetchRequest) -> Result<Series, FetchError> {
    use stock_scheduler_sdk::FetchErrorKind::{Malformed, NoData};
    // Within the block, because a plugin may panic before it has made a future.
    let asked = async { fetcher.fetcher.fetch(request).await };
    match AssertUnwindSafe(asked).catch_unwind().await {
        Ok(Ok(series)) if series.bars.iter().all(is_blank) => {
            Err(FetchError::new(NoData, nothing(request, &series)))
        }
        Ok(outcome) => outcome,
        Err(_) => Err(FetchError::new(
            Malformed,
            format!("fetcher {:?} panicked on {}", fetcher.name, request.symbol),
        )),
    }
}
