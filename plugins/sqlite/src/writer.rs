//! The one thread that writes: whatever waits is done in one transaction and one disk flush, then everybody is answered.
//!
//! How long it waits for more is `gathering`'s business; how a step reaches its caller again is `command`'s.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use stock_scheduler_sdk::{Clock, Event};

use crate::command::{self, Ran, Waiting, has_ended};
use crate::fault::{Fault, Outcome};
use crate::gathering::Gathering;
use crate::ledger::{Ledger, Shared};
use crate::marks::Marked;
use crate::step::Step;
use crate::text::to_micros;
use crate::view::View;

/// A transaction takes no more steps after this time, so that its first waits no longer for the others.
const LONGEST_BATCH: Duration = Duration::from_millis(25);

/// When no step has come for so long, there is time to make rows of the results that wait.
const QUIET: Duration = Duration::from_millis(50);

/// When more bytes wait, they become rows although there are steps to do, so that no load makes them grow and who reads
/// data need not wait long for what is before it.
const MOST_PENDING: u64 = 8 << 20;

/// Hands steps to the writing thread. When it is dropped, the thread finishes what waits and ends.
pub(crate) struct Writer {
    queue: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `held` is let go when it has ended and the file is closed.
    pub(crate) fn start(
        file: Connection,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        held: impl Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        let desk = Desk {
            ledger: shared.ledger(),
            file,
            shared,
            clock,
            waiting,
            gathering: Gathering::default(),
            marked: Marked::default(),
            told: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                desk.work();
                drop(held);
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Does `step` whole or not at all; the answer comes when it is on disk.
    ///
    /// `step` may be begun more than once, each time from the same state of the file.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        step: impl FnMut(&mut Step<'_>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (command, answer) = command::waiting(step);
        let queue = self.queue.as_ref().ok_or_else(has_ended)?;
        queue.send(command).map_err(|_| has_ended())?;
        answer.await.map_err(|_| has_ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told to whoever waited.
            let _ = thread.join();
        }
    }
}

/// The writing thread's own.
struct Desk {
    file: Connection,
    ledger: Ledger,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    waiting: Receiver<Waiting>,
    gathering: Gathering,
    marked: Marked,
    /// What the transaction has logged so far.
    told: Vec<Event>,
}

impl Desk {
    fn work(mut self) {
        while let Some(first) = self.next() {
            self.carry_out(first);
        }
    }

    /// The next step to carry out; while none comes, results that wait become rows. `None` when nobody can send any more.
    fn next(&mut self) -> Option<Waiting> {
        while self.ledger.pending > MOST_PENDING && self.settle().is_ok() {}
        let mut quiet = QUIET;
        while self.ledger.pending > 0 {
            match self.waiting.recv_timeout(quiet) {
                Ok(first) => return Some(first),
                // The last who could send is gone: the file is left with everything in its place.
                Err(RecvTimeoutError::Disconnected) => {}
                Err(RecvTimeoutError::Timeout) => quiet = Duration::ZERO,
            }
            if self.settle().is_err() {
                break;
            }
        }
        self.waiting.recv().ok()
    }

    fn settle(&mut self) -> Outcome<()> {
        let before = self.ledger.clone();
        self.begin()?;
        let done = self.step().settle().and_then(|()| self.commit());
        if done.is_err() {
            self.roll_back(before);
        }
        done
    }

    fn carry_out(&mut self, first: Waiting) {
        let before = self.ledger.clone();
        if let Err(why) = self.begin() {
            return self.refuse_all(first, &why);
        }
        self.gathering.begin();
        let begun = Instant::now();
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(mut command) = next {
            let ran = self.run(&mut command);
            batch.push(command);
            if ran == Ran::Broken {
                self.roll_back(before);
                return batch
                    .into_iter()
                    .for_each(|command| self.carry_out_alone(command));
            }
            let is_full = begun.elapsed() > LONGEST_BATCH;
            next = match is_full {
                true => None,
                false => self.gathering.next(&self.waiting, batch.len()),
            };
        }
        let flush_begun = Instant::now();
        let committed = self.commit();
        self.gathering.learn(batch.len(), flush_begun.elapsed());
        match committed {
            Ok(()) => batch.into_iter().for_each(|command| command.answer()),
            Err(why) => {
                self.roll_back(before);
                batch
                    .into_iter()
                    .for_each(|command| command.refuse(why.clone()));
            }
        }
    }

    /// Carries out one of a batch that one of them broke, so that it alone is refused.
    fn carry_out_alone(&mut self, mut command: Waiting) {
        let before = self.ledger.clone();
        if let Err(why) = self.begin() {
            return command.refuse(why);
        }
        if self.run(&mut command) == Ran::Broken {
            self.roll_back(before);
            return command.answer();
        }
        match self.commit() {
            Ok(()) => command.answer(),
            Err(why) => {
                self.roll_back(before);
                command.refuse(why);
            }
        }
    }

    fn run(&mut self, command: &mut Waiting) -> Ran {
        command.run(&mut self.step())
    }

    fn step(&mut self) -> Step<'_> {
        Step {
            view: View { file: &self.file },
            ledger: &mut self.ledger,
            shared: &self.shared,
            marked: &mut self.marked,
            told: &mut self.told,
            now: to_micros(self.clock.now()),
        }
    }

    fn begin(&self) -> Outcome<()> {
        self.file.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn commit(&mut self) -> Outcome<()> {
        self.file.prepare_cached("COMMIT")?.execute([])?;
        self.shared.publish(&self.ledger, &mut self.told);
        Ok(())
    }

    fn roll_back(&mut self, before: Ledger) {
        self.ledger = before;
        self.marked.forget_all();
        self.told.clear();
        // SQLite has rolled back by itself where the disk is full. What fails here fails the next `begin` too.
        if !self.file.is_autocommit() {
            let _ = self.file.execute_batch("ROLLBACK");
        }
    }

    fn refuse_all(&mut self, first: Waiting, why: &Fault) {
        first.refuse(why.clone());
        while let Ok(command) = self.waiting.try_recv() {
            command.refuse(why.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use stock_scheduler_sdk::{
        Bar, Claim, Claimed, DataStore, EventId, EventLog, Grant, HostId, Interval, Job, JobId,
        JobStore, NewRun, NextFire, Overlap, RunId, RunPlan, RunStatus, RunStore, Series,
        StoreErrorKind, StoredJob, Symbol, SymbolOutcome, SymbolResult, SystemClock, TriggeredBy,
        Window,
    };

    use super::MOST_PENDING;
    use crate::fault::Fault;
    use crate::{Settings, SqliteStore};

    fn open(directory: &tempfile::TempDir) -> SqliteStore {
        let path = directory.path().join("jobs.db");
        let clock = std::sync::Arc::new(SystemClock);
        SqliteStore::open(path, &Settings::default(), clock).unwrap()
    }

    fn job(name: &str) -> Job {
        let created_at = chrono::DateTime::UNIX_EPOCH;
        Job::new(
            JobId::random(),
            name,
            vec![],
            serde_json::json!({}),
            created_at,
        )
    }

    #[tokio::test]
    async fn a_step_that_breaks_off_leaves_nothing_and_harms_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let half = "INSERT INTO job_tags VALUES ('half', 1)";
        let (before, after) = (job("Before"), job("After"));

        let (created, broken, panicked, also_created) = tokio::join!(
            store.create(before, NextFire::Never),
            store.write("break off", move |step| {
                step.execute(half, [])?;
                Err::<(), _>(Fault::conflict("broken off"))
            }),
            store.write("panic", move |step| -> crate::fault::Outcome<()> {
                step.execute(half, [])?;
                panic!("a step may not take the writer with it")
            }),
            store.create(after, NextFire::Never),
        );

        assert!(created.is_ok() && also_created.is_ok());
        assert_eq!(broken.unwrap_err().kind(), StoreErrorKind::Conflict);
        assert_eq!(panicked.unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert_eq!(store.counts().await.unwrap().total, 2);
        let log = store.events(EventId::START, 9, std::time::Duration::ZERO);
        assert_eq!(log.await.unwrap().events.len(), 2);
        let left = store.read("look", |view| {
            view.one("SELECT 1 FROM job_tags", [], |_| Ok(()))
        });
        assert_eq!(left.await.unwrap(), None);
    }

    /// A job of so many symbols.
    async fn wide(store: &SqliteStore, symbols: u64) -> (StoredJob, RunPlan) {
        let mut job = job("Wide");
        job.symbols = (0..symbols)
            .map(|n| format!("S{n}").parse().unwrap())
            .collect();
        let stored = store.create(job, NextFire::Never).await.unwrap();
        let dates = Window {
            start: chrono::NaiveDate::default(),
            end: chrono::NaiveDate::default(),
        };
        let plan = RunPlan::of(&stored.job, dates);
        (stored, plan)
    }

    async fn granted(store: &SqliteStore, stored: &StoredJob, plan: &RunPlan) -> Grant {
        let new = NewRun {
            id: RunId::random(),
            fire_time: None,
            triggered_by: TriggeredBy::ManualTrigger,
            plan: plan.clone(),
            overlap: Overlap::Allow,
        };
        let claim = Claim {
            job: stored.job.id.clone(),
            revision: 1,
            advance: None,
            run: Some(new),
        };
        let claimed = store.claim(HostId::random(), vec![claim]).await.unwrap();
        let [Claimed::Granted(grant)] = claimed.as_slice() else {
            panic!("expected a grant, got {claimed:?}");
        };
        grant.clone()
    }

    fn all_failed(plan: &RunPlan) -> Vec<SymbolResult> {
        let failed = |symbol: &Symbol| SymbolResult {
            symbol: symbol.clone(),
            attempts: 1,
            outcome: SymbolOutcome::Failed {
                kind: "no_data".into(),
                message: String::new(),
            },
        };
        plan.symbols.iter().map(failed).collect()
    }

    #[tokio::test]
    async fn however_much_is_told_only_so_much_waits_to_become_rows() {
        const SYMBOLS: u64 = 4_096;
        const BYTES: u64 = SYMBOLS * 64;
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let (stored, plan) = wide(&store, SYMBOLS).await;
        let mut most = 0;

        for _ in 0..=MOST_PENDING / BYTES + 1 {
            let grant = granted(&store, &stored, &plan).await;
            let results = all_failed(&plan);
            store.record(&grant, &plan, results, None).await.unwrap();
            most = most.max(store.shared.ledger().pending);
        }

        assert!(most >= MOST_PENDING, "{most} waited at most");
        assert!(most <= MOST_PENDING + BYTES, "{most} waited");
    }

    #[tokio::test]
    async fn a_page_of_the_log_waits_for_no_more_results_than_it_may_show() {
        const SYMBOLS: u64 = 1_000;
        const RUNS: usize = 12;
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let (stored, plan) = wide(&store, SYMBOLS).await;
        for _ in 0..RUNS {
            let grant = granted(&store, &stored, &plan).await;
            let results = all_failed(&plan);
            store.record(&grant, &plan, results, None).await.unwrap();
        }
        let waited = store.shared.ledger().pending;

        let page = store.events(EventId::START, 100, std::time::Duration::ZERO);
        let page = page.await.unwrap();

        assert_eq!(page.events.len(), 100);
        assert!(store.shared.ledger().pending >= waited - 2 * SYMBOLS * 64);
        let mut log = page.events;
        while let Some(last) = log.last() {
            let page = store.events(last.id, 700, std::time::Duration::ZERO);
            match page.await.unwrap().events {
                more if more.is_empty() => break,
                more => log.extend(more),
            }
        }
        assert!(log.is_sorted_by(|one, next| one.id < next.id));
        // The job was created; each run began, and failed its symbols.
        assert_eq!(log.len(), 1 + RUNS * (1 + SYMBOLS as usize));
    }

    #[tokio::test]
    async fn long_histories_become_rows_in_steps_of_bounded_length() {
        const SYMBOLS: u64 = 40;
        const BARS: i64 = 10_000;
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let (stored, plan) = wide(&store, SYMBOLS).await;
        let grant = granted(&store, &stored, &plan).await;
        let bar = |day: i64| Bar {
            time: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(day),
            close: Some(day as f64 / 7.0),
            adj_close: Some(day as f64 / 7.0),
            volume: 1,
            ..Bar::default()
        };
        let fetched = |symbol: &Symbol| {
            let mut series = Series::new(symbol.clone(), Interval::Day, "UTC".parse().unwrap());
            series.bars = (0..BARS).map(bar).collect();
            SymbolResult {
                symbol: symbol.clone(),
                attempts: 1,
                outcome: SymbolOutcome::Fetched(series.into()),
            }
        };

        let results = plan.symbols.iter().map(fetched).collect();
        let end = Some(RunStatus::Success);
        store.record(&grant, &plan, results, end).await.unwrap();

        let longest = "SELECT ifnull(max(length(bars)), 0) FROM pending_results";
        let longest = store.read("look", |view| {
            view.one(longest, [], |row| row.get::<_, i64>(0))
        });
        let longest = longest.await.unwrap().unwrap();
        assert!(longest < 2 << 20, "{longest} bytes become rows at once");
        let run = store.run(grant.run).await.unwrap().unwrap();
        assert_eq!(run.status, RunStatus::Success);
        assert_eq!(run.counts(), (SYMBOLS as usize, 0));
        let bars = "SELECT count(*) FROM bars";
        let key = plan.key(&plan.symbols[0]);
        assert!(store.dataset(&key).await.unwrap().is_some());
        let count = store.read("count", |view| {
            view.one(bars, [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(count.await.unwrap(), Some(BARS * SYMBOLS.cast_signed()));
    }

    /// Lets the file have so many pages and no more.
    async fn limit(store: &SqliteStore, pages: u32) {
        let limited = store.write("limit the file", move |step| {
            Ok(step
                .file
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        });
        limited.await.unwrap();
    }

    #[tokio::test]
    async fn results_that_a_full_disk_refused_are_new_when_they_are_told_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        let (stored, plan) = wide(&store, 4_096).await;
        let grant = granted(&store, &stored, &plan).await;

        limit(&store, 1).await;
        let refused = store.record(&grant, &plan, all_failed(&plan), None).await;
        let before = store.run(grant.run).await.unwrap().unwrap().counts();
        limit(&store, 1_000_000).await;
        let told = store.record(&grant, &plan, all_failed(&plan), None).await;

        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(before, (0, 0));
        assert!(told.is_ok());
        let after = store.run(grant.run).await.unwrap().unwrap().counts();
        assert_eq!(after, (0, 4_096));
    }

    #[tokio::test]
    async fn a_full_disk_refuses_writes_and_goes_on_once_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        limit(&store, 60).await;
        let mut created = 0;

        let refused = loop {
            match store.create(job(&"x".repeat(200)), NextFire::Never).await {
                Ok(_) => created += 1,
                Err(error) => break error,
            }
        };
        let counted = store.counts().await.unwrap().total;
        limit(&store, 1_000_000).await;
        store.create(job("Tech"), NextFire::Never).await.unwrap();

        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
        assert_eq!(refused.to_string(), "cannot create a job: the disk is full");
        assert_eq!(counted, created);
        assert_eq!(store.counts().await.unwrap().total, created + 1);
    }
}
