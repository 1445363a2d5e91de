//! A host in this process over simulated time: a clock that goes with paused tokio time and can be set, a store in
//! memory, a provider that does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use stock_scheduler::{
    Bar, Clock, Draft, Event, EventId, EventLog, FetchError, FetchErrorKind, FetchRequest, Fetcher,
    FetcherInfo, Fire, FireQuery, FireState, Host, HostBuilder, JobId, Limits, MemoryStore, Mode,
    Next, Run, RunQuery, Schedule, Series, TimerClock, async_trait, from_serde,
};

/// A clock that goes with tokio's time and can be set besides.
#[derive(Debug)]
pub(crate) struct SettableClock {
    timer: TimerClock,
    moved: Mutex<TimeDelta>,
}

impl Clock for SettableClock {
    fn now(&self) -> DateTime<Utc> {
        self.timer.now() + *self.moved.lock().unwrap()
    }
}

/// What the provider does when it is asked for a symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Answers after so long.
    Takes(Duration),
    /// Fails so many times, then answers.
    Fails(FetchErrorKind, usize),
    /// Never answers.
    Hangs,
    /// Panics.
    Panics,
    /// Answers with bars that hold nothing.
    Blank,
}

/// A question that the provider was asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// What was asked.
    pub(crate) request: FetchRequest,
    /// When, by the world's clock.
    pub(crate) at: DateTime<Utc>,
}

/// A provider that does as it is told.
pub(crate) struct Told {
    clock: Arc<SettableClock>,
    acts: Mutex<HashMap<String, Act>>,
    log: Mutex<Vec<Question>>,
}

/// The provider as a plugin.
struct Plugin(Arc<Told>, Limits);

#[async_trait]
impl Fetcher for Plugin {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        match self.0.asked(request) {
            Some(Act::Takes(time)) => tokio::time::sleep(time).await,
            Some(Act::Fails(kind, _)) => return Err(FetchError::new(kind, "as told")),
            Some(Act::Hangs) => std::future::pending().await,
            Some(Act::Panics) => panic!("as told"),
            Some(Act::Blank) => return Ok(blank(request)),
            None => {}
        }
        Ok(bars(request))
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.limits = self.1;
        info
    }
}

impl Told {
    /// From now on does `act` when it is asked for `symbol`.
    pub(crate) fn tell(&self, symbol: &str, act: Act) {
        self.acts.lock().unwrap().insert(symbol.to_owned(), act);
    }

    /// Answers at once when it is asked for `symbol`.
    pub(crate) fn heal(&self, symbol: &str) {
        self.acts.lock().unwrap().remove(symbol);
    }

    /// Everything it was asked.
    pub(crate) fn log(&self) -> Vec<Question> {
        self.log.lock().unwrap().clone()
    }

    /// When it was asked for `symbol`.
    pub(crate) fn asked_for(&self, symbol: &str) -> Vec<DateTime<Utc>> {
        let log = self.log();
        let of_symbol = log.iter().filter(|q| q.request.symbol.as_str() == symbol);
        of_symbol.map(|question| question.at).collect()
    }

    fn asked(&self, request: &FetchRequest) -> Option<Act> {
        let question = Question {
            request: request.clone(),
            at: self.clock.now(),
        };
        self.log.lock().unwrap().push(question);
        let mut acts = self.acts.lock().unwrap();
        let act = acts.get_mut(request.symbol.as_str())?;
        match act {
            Act::Fails(_, 0) => None,
            Act::Fails(kind, left) => {
                *left -= 1;
                Some(Act::Fails(*kind, *left))
            }
            act => Some(*act),
        }
    }
}

/// A bar for each day asked for; its close tells whose it is.
fn bars(request: &FetchRequest) -> Series {
    let mut series = Series::new(request.symbol.clone(), request.interval, chrono_tz::UTC);
    let days = request
        .start
        .iter_days()
        .take_while(|day| *day < request.end);
    series.bars.extend(days.map(|day| Bar {
        time: day.and_time(chrono::NaiveTime::MIN).and_utc(),
        close: Some(price(request.symbol.as_str())),
        adj_close: Some(price(request.symbol.as_str())),
        ..Bar::default()
    }));
    series
}

/// A bar without any number.
fn blank(request: &FetchRequest) -> Series {
    let mut series = Series::new(request.symbol.clone(), request.interval, chrono_tz::UTC);
    series.bars.push(Bar::default());
    series
}

/// The one price that a symbol always has here.
pub(crate) fn price(symbol: &str) -> f64 {
    symbol
        .bytes()
        .fold(1.0, |price, letter| price * 3.0 + f64::from(letter))
}

/// Fires every so many seconds since 1970.
#[derive(Deserialize)]
pub(crate) struct Every {
    seconds: i64,
}

impl Schedule for Every {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let count = instant.timestamp().div_euclid(self.seconds) + 1;
        DateTime::from_timestamp(count * self.seconds, 0).into()
    }

    fn describe(&self) -> String {
        format!("every {} s", self.seconds)
    }
}

/// What outlives a host: clock, store and provider.
#[derive(Clone)]
pub(crate) struct World {
    clock: Arc<SettableClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) provider: Arc<Told>,
    limits: Limits,
}

impl World {
    /// A world whose clock shows `start` now; tokio's time must be paused.
    pub(crate) fn at(start: &str) -> Self {
        let clock = Arc::new(SettableClock {
            timer: TimerClock::starting_at(instant(start)),
            moved: Mutex::default(),
        });
        let provider = Told {
            clock: clock.clone(),
            acts: Mutex::default(),
            log: Mutex::default(),
        };
        Self {
            store: Arc::new(MemoryStore::new(clock.clone())),
            provider: Arc::new(provider),
            clock,
            limits: Limits::default(),
        }
    }

    /// The same world, in which the provider may only be asked so hard.
    pub(crate) fn limited(mut self, limit: impl FnOnce(&mut Limits)) -> Self {
        limit(&mut self.limits);
        self
    }

    /// A host to be: the world's store and clock, the standard schedules and `every`, no fetcher yet.
    pub(crate) fn without_fetcher(&self) -> HostBuilder {
        Host::builder()
            .clock(self.clock.clone())
            .store(self.store.clone())
            .calendars(stock_scheduler_exchanges::Exchanges::shipped())
            .schedule("cron", stock_scheduler_cron::CronFactory)
            .schedule("daily", stock_scheduler_daily::DailyFactory)
            .schedule("interval", stock_scheduler_interval::IntervalFactory)
            .schedule("monthly", stock_scheduler_calendar::MonthlyFactory)
            .schedule("session", stock_scheduler_session::SessionFactory)
            .schedule("weekly", stock_scheduler_calendar::WeeklyFactory)
            .schedule("every", from_serde::<Every>())
    }

    /// The same with the provider as the fetcher `yfinance`.
    pub(crate) fn builder(&self) -> HostBuilder {
        let plugin = Plugin(self.provider.clone(), self.limits);
        self.without_fetcher().fetcher_instance("yfinance", plugin)
    }

    /// Starts a host.
    pub(crate) async fn host(&self) -> Host {
        self.builder().start().await.unwrap()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sets the clock forward, or back if `by` is negative, without time going by.
    pub(crate) fn set_clock(&self, by: TimeDelta) {
        *self.clock.moved.lock().unwrap() += by;
    }

    /// Lets time go by until the clock shows `at`.
    pub(crate) async fn until(&self, at: &str) {
        let left = instant(at) - self.now();
        let left = left
            .to_std()
            .unwrap_or_else(|_| panic!("{at} has passed: it is {}", self.now()));
        tokio::time::sleep(left).await;
    }

    /// Lets so many seconds go by.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Everything that happened so far.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let all = self
            .store
            .events(EventId::START, usize::MAX, Duration::ZERO);
        all.await.unwrap().events
    }

    /// The names of everything that happened to `job` so far.
    pub(crate) async fn names(&self, job: &JobId) -> Vec<&'static str> {
        let events = self.events().await;
        let of_job = events.iter().filter(|event| event.job == *job);
        of_job.map(|event| event.kind.name()).collect()
    }
}

/// Creates a job; `fields` besides its name and, if missing, the symbol `AAPL`.
pub(crate) async fn job(host: &Host, mut fields: Value) -> JobId {
    fields["name"] = "Sim".into();
    if fields["stock_ids"].is_null() {
        fields["stock_ids"] = serde_json::json!(["AAPL"]);
    }
    let draft = Draft::read(fields, Mode::Create).unwrap();
    let job = host.create_job(draft, JobId::random(), host.now()).await;
    job.unwrap().stored.job.id.clone()
}

/// Changes a job as PUT does.
pub(crate) async fn edit(host: &Host, job: &JobId, fields: Value) {
    let draft = Draft::read(fields, Mode::Merge).unwrap();
    host.edit_job(job, draft, Mode::Merge, None).await.unwrap();
}

/// A job's runs, oldest first.
pub(crate) async fn runs(host: &Host, job: &JobId) -> Vec<Run> {
    let query = RunQuery {
        job: job.clone(),
        status: None,
        after: None,
        limit: 10_000,
    };
    let mut runs = host.runs(&query).await.unwrap().runs;
    runs.reverse();
    runs
}

/// A job's decided fires, oldest first.
pub(crate) async fn fires(host: &Host, job: &JobId) -> Vec<Fire> {
    let query = FireQuery {
        job: job.clone(),
        since: None,
        until: None,
        limit: 100_000,
    };
    let mut fires = host.fires(&query).await.unwrap();
    fires.reverse();
    fires
}

/// What became of a job's fires, oldest first: `fired`, `skipped overlap`, `missed down`.
pub(crate) async fn fates(host: &Host, job: &JobId) -> Vec<String> {
    let fate = |fire: Fire| match (fire.state, fire.reason) {
        (FireState::Fired, _) => "fired".to_owned(),
        (state, reason) => format!("{} {}", state.as_str(), reason.unwrap_or_default()),
    };
    fires(host, job).await.into_iter().map(fate).collect()
}

/// When a job is due next.
pub(crate) async fn next_run(host: &Host, job: &JobId) -> Option<DateTime<Utc>> {
    host.job(job).await.unwrap().stored.state.next.at()
}

/// Reads an instant.
pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
