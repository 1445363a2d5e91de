//! What a thousand crashes, hangs and floods of programs do to another job, and what they leave behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use stock_scheduler::{Clock, SystemClock};
use tempfile::TempDir;

use super::left::{self, Left, MARK};
use super::{program, programs, section, service};
use crate::process::{Process, client, get, post};
use crate::{figure, http, note, quantile};

/// What the programs do, each as often as the others.
const MODES: [&str; 10] = [
    "crash",
    "kill",
    "hang",
    "banner",
    "unasked",
    "flood_stdout",
    "flood_stderr",
    "grandchild",
    "close_stdout",
    "stubborn",
];
pub(super) const PROGRAMS: usize = 40;
/// So often programs are started again, at least; and before that, so that what failing takes at all is there.
const FAULTS: u64 = 1_000;
const FIRST_FAULTS: u64 = 100;
/// Jobs that are looked at, and jobs that wait.
const WATCHED: usize = 10;
const WAITING: usize = 10_000;

/// Calm and storm by turns: a machine that others use has fast and slow moments.
const ROUNDS: u64 = 3;
const CALM: Duration = Duration::from_secs(8);
const LONGEST_STORM: Duration = Duration::from_secs(30);
const SETTLED: Duration = Duration::from_secs(2);
/// Symbols that failed have tries left for so long.
const LAST_TRIES: Duration = Duration::from_secs(12);

/// Jobs each second over a fetcher that works, beside as many over 40 programs: while they work, and while they fail.
pub(crate) async fn beside_another_job() {
    let folder = tempfile::tempdir().unwrap();
    let storm = folder.path().join("storm");
    let (service, _file) = start(&folder, &storm).await;
    let watched = jobs(&service.url).await;
    note("faults: memory at first", service.memory("VmRSS"), "MB");
    blow(&storm, &service.url, FIRST_FAULTS).await;
    tokio::time::sleep(LAST_TRIES).await;

    let before = Left::behind(&service);
    let (mut calm, mut stormy, mut healed) = (Vec::new(), Vec::new(), 0.0_f64);
    for round in 1..=ROUNDS {
        let since = SystemClock.now();
        tokio::time::sleep(CALM).await;
        calm.extend(lateness(&service.url, &watched, since).await);

        let since = SystemClock.now();
        blow(&storm, &service.url, FIRST_FAULTS + FAULTS * round / ROUNDS).await;
        stormy.extend(lateness(&service.url, &watched, since).await);
        healed = healed.max(until_healed(&service.url).await);
        tokio::time::sleep(SETTLED).await;
    }

    print_lateness(calm, stormy);
    print_faults(&service.url, healed).await;
    tokio::time::sleep(LAST_TRIES).await;
    Left::behind(&service).print(&before, &service);
    service.stop();
    left::print_end();
}

async fn start(folder: &TempDir, storm: &Path) -> (Process, tempfile::NamedTempFile) {
    let keys = format!("timeout = \"1s\"\nstop_timeout = \"1s\"\nset = {{ {MARK} = \"1\" }}");
    let sections = (0..PROGRAMS).map(|number| {
        let mode = MODES[number % MODES.len()];
        let command = program("faulty.py", &[mode, storm.to_str().unwrap()]);
        section(&format!("f{number}"), &command, &keys)
    });
    let store = format!("sqlite:{}", folder.path().join("jobs.db").display());
    service(&store, &sections.collect::<String>()).await
}

/// Creates all jobs, and answers those that are looked at.
async fn jobs(service: &str) -> Vec<String> {
    http::create_jobs(service, WAITING).await;
    let mut watched = Vec::new();
    for number in 0..WATCHED {
        let order = every_second("demo", json!(["AAPL"]), number, WATCHED);
        watched.push(create(service, order).await);
    }
    for number in 0..PROGRAMS {
        let mut order = every_second(
            &format!("f{number}"),
            json!(["A", "B", "C", "D"]),
            number,
            PROGRAMS,
        );
        order["overlap"] = "allow".into();
        create(service, order).await;
    }
    watched
}

/// A job that fires each second, at a part of it of its own.
fn every_second(fetcher: &str, symbols: Value, number: usize, of: usize) -> Value {
    let part = TimeDelta::milliseconds((1_000 * number / of) as i64);
    let anchor = (DateTime::UNIX_EPOCH + part).to_rfc3339_opts(SecondsFormat::Millis, true);
    let schedule = json!({"kind": "interval", "every": "1s", "anchor": anchor});
    json!({"name": format!("{fetcher} {number}"), "stock_ids": symbols, "fetcher": fetcher, "schedule": schedule})
}

async fn create(service: &str, order: Value) -> String {
    let job = post(&client(), &format!("{service}/scheduler/jobs"), order).await;
    job["job_id"].as_str().expect("a job").to_owned()
}

/// How late `jobs` started since then, in milliseconds; infinitely late where they did not.
async fn lateness(service: &str, jobs: &[String], since: DateTime<Utc>) -> Vec<f64> {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (since, until) = (time(since), time(SystemClock.now() - TimeDelta::seconds(1)));
    let mut all = Vec::new();
    for job in jobs {
        let query = format!("limit=1000&since={since}&until={until}");
        let fires = get(
            &client(),
            &format!("{service}/scheduler/jobs/{job}/fires?{query}"),
        )
        .await;
        let late = fires.as_array().unwrap().iter();
        all.extend(late.map(|fire| {
            fire["lateness_seconds"]
                .as_f64()
                .map_or(f64::INFINITY, |late| late * 1e3)
        }));
    }
    all
}

/// What the programs' counters of this name have, summed up.
async fn counted(service: &str, name: &str) -> u64 {
    let programs = programs(service).await;
    let counts = programs.iter().map(|it| it["counters"][name].as_u64());
    counts.map(Option::unwrap_or_default).sum()
}

/// Lets programs fail until they have been started again so often, all in all.
async fn blow(storm: &Path, service: &str, faults: u64) {
    fs::write(storm, "").unwrap();
    let begun = Instant::now();
    while counted(service, "restarts").await < faults && begun.elapsed() < LONGEST_STORM {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    fs::remove_file(storm).unwrap();
}

/// How long it takes until all programs work again, in seconds.
async fn until_healed(service: &str) -> f64 {
    let begun = Instant::now();
    let works = |program: &Value| program["healthy"] == true;
    while !programs(service).await.iter().all(works) && begun.elapsed() < LONGEST_STORM {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    begun.elapsed().as_secs_f64()
}

fn print_lateness(calm: Vec<f64>, stormy: Vec<f64>) {
    let print = |when: &str, mut all: Vec<f64>| {
        let what = format!("faults: lateness of another job {when}");
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&mut all, share));
        note(&format!("{what}, p50"), p50, "ms");
        figure(&format!("{what}, p99"), p99, "ms", "< 50", p99 < 50.0);
        note(&format!("{what}, most of {}", all.len()), most, "ms");
        p99
    };
    let more = -print("without", calm) + print("with", stormy);
    figure(
        "faults: p99 with - without",
        more,
        "ms",
        "<= 10",
        more <= 10.0,
    );
}

async fn print_faults(service: &str, healed: f64) {
    let count = async |name: &str| counted(service, name).await as f64;
    let restarts = count("restarts").await;
    let least = format!(">= {FAULTS}");
    figure(
        "faults: programs started again",
        restarts,
        "",
        &least,
        restarts >= FAULTS as f64,
    );
    note(
        "faults: requests not answered in time",
        count("timeouts").await,
        "",
    );
    note(
        "faults: lines of logs left out",
        count("log_lines_dropped").await,
        "",
    );
    figure(
        "faults: until all programs work again",
        healed,
        "s",
        "<= 5",
        healed <= 5.0,
    );
}
