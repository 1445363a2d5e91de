//! A Redis server of a test's own: started on a free port in a directory of its own, gone when the test is.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use stock_scheduler_redis::{RedisSettings, RedisStore};
use stock_scheduler_sdk::{
    Advance, Bar, Claim, Claimed, Grant, HostId, Interval, Job, JobId, NewRun, NextFire, Overlap,
    RunId, RunPlan, Series, StoredJob, SymbolOutcome, SymbolResult, TriggeredBy,
};
use tempfile::TempDir;

use crate::port::free_port;

pub(crate) struct Server {
    directory: TempDir,
    port: u16,
    fsync: &'static str,
    process: Child,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with("everysec").await
    }

    /// A server that loses nothing when it is killed.
    pub(crate) async fn start_durable() -> Self {
        Self::start_with("always").await
    }

    async fn start_with(fsync: &'static str) -> Self {
        loop {
            let directory = tempfile::tempdir().unwrap();
            let port = free_port();
            let process = spawn(&directory, port, fsync);
            let mut server = Self {
                directory,
                port,
                fsync,
                process,
            };
            if server.is_ready().await {
                return server;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn store(&self) -> RedisStore {
        self.store_with(RedisSettings::default())
    }

    pub(crate) fn store_with(&self, settings: RedisSettings) -> RedisStore {
        RedisStore::open(&self.url(), settings).unwrap()
    }

    /// A connection for what other programs do.
    pub(crate) async fn client(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        let config =
            AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .unwrap()
    }

    /// Makes the store believe that it wrote the list of ids a second ago, as long as it has to rest before it writes again.
    pub(crate) async fn a_second_passes_for_the_list_of_ids(&self) {
        let mut earlier = redis::cmd("HINCRBY");
        earlier
            .arg("{scheduler}:index")
            .arg("written")
            .arg(-1_000_000);
        earlier.exec_async(&mut self.client().await).await.unwrap();
    }

    /// Waits until so many clients wait for something to happen.
    pub(crate) async fn clients_wait(&self, count: usize) {
        let mut client = self.client().await;
        let line = format!("blocked_clients:{count}\r\n");
        loop {
            let mut info = redis::cmd("INFO");
            let info: String = info.arg("clients").query_async(&mut client).await.unwrap();
            if info.contains(&line) {
                return;
            }
        }
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.process = spawn(&self.directory, self.port, self.fsync);
        assert!(self.is_ready().await, "port {} was taken", self.port);
    }

    /// Sends `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until this very server answers; `false` where it ended because its port is another's.
    async fn is_ready(&mut self) -> bool {
        let client = redis::Client::open(self.url()).unwrap();
        let own = format!("process_id:{}\r\n", self.process.id());
        for _ in 0..500 {
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && let Ok(info) = redis::cmd("INFO")
                    .query_async::<String>(&mut connection)
                    .await
                && info.contains(&own)
                && info.contains("loading:0")
            {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer on port {}", self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn(directory: &TempDir, port: u16, fsync: &str) -> Child {
    let port = port.to_string();
    let options = [
        "--port",
        &port,
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        fsync,
    ];
    let mut command = Command::new("redis-server");
    command.args(options).arg("--dir").arg(directory.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        panic!("these tests need redis-server 6.2 or newer on the path (apt-get install redis-server): {error}")
    })
}

pub(crate) fn job(id: &str, symbols: &[&str], now: DateTime<Utc>) -> Job {
    let symbols = symbols
        .iter()
        .map(|symbol| symbol.parse().unwrap())
        .collect();
    let schedule = serde_json::json!({"kind": "daily", "time": "17:00"});
    Job::new(id.parse::<JobId>().unwrap(), "Tech", symbols, schedule, now)
}

/// A claim for the fire that `stored` is due for; the next one is a day later.
pub(crate) fn claim(stored: &StoredJob) -> Claim {
    let from = stored.state.next.clone();
    let fire_time = from.at().unwrap();
    let window = stored.job.window(fire_time.date_naive());
    let run = NewRun {
        id: RunId::random(),
        fire_time: Some(fire_time),
        triggered_by: TriggeredBy::SchedulerAuto,
        plan: RunPlan::of(&stored.job, window),
        overlap: Overlap::Skip,
    };
    Claim {
        job: stored.job.id.clone(),
        revision: stored.job.revision,
        advance: Some(Advance {
            from,
            to: NextFire::At(fire_time + TimeDelta::days(1)),
            passed: Vec::new(),
        }),
        run: Some(run),
    }
}

pub(crate) fn granted(claimed: &Claimed) -> Grant {
    match claimed {
        Claimed::Granted(grant) => grant.clone(),
        other => panic!("{other:?} is no grant"),
    }
}

pub(crate) fn fetched(symbol: &str, close: f64) -> SymbolResult {
    let symbol: stock_scheduler_sdk::Symbol = symbol.parse().unwrap();
    let mut series = Series::new(
        symbol.clone(),
        Interval::Day,
        chrono_tz::Tz::America__New_York,
    );
    series.bars.push(Bar {
        time: "2025-10-21T04:00:00Z".parse().unwrap(),
        open: Some(close),
        high: Some(close),
        low: Some(close),
        close: Some(close),
        adj_close: Some(close),
        volume: 7,
        ..Bar::default()
    });
    SymbolResult {
        symbol,
        attempts: 1,
        outcome: SymbolOutcome::Fetched(series.into()),
    }
}

pub(crate) fn host() -> HostId {
    HostId::random()
}
