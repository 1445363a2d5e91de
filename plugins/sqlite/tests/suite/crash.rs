//! A process that is killed while it writes loses nothing that it was told is written.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use stock_scheduler_sdk::{
    DataStore, EventId, EventLog, HostId, JobId, JobQuery, JobStore, NextFire, RunStatus, RunStore,
    SystemClock,
};
use stock_scheduler_sqlite::{Settings, SqliteStore};

use crate::support::{Home, by_hand, fetched, granted, job, plan, series};

const PATH: &str = "STORE_OF_THE_KILLED";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_at_any_time() {
    let home = Home::new();
    let mut told = BTreeSet::new();

    for killed_after in [1, 2, 5, 17, 40, 90, 150] {
        told.extend(killed(&home, killed_after));

        let store = home.open();
        for fact in &told {
            assert!(is_there(&store, fact).await, "{fact} is gone");
        }
        that_sums_are_right(&store, &home).await;
    }
}

/// Lets a process write until it has told so many facts, kills it and answers all that it told.
fn killed(home: &Home, after: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(PATH, home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut told = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8_lossy(&line).into_owned();
        told.extend(line.strip_prefix("told ").map(str::to_owned));
        if told.len() == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    // Where the kill fell into a line, its end is missing and nobody was told.
    told.retain(|fact| fact.ends_with('.'));
    assert!(
        told.len() >= after,
        "the process ended before it was killed"
    );
    told
}

async fn is_there(store: &SqliteStore, fact: &str) -> bool {
    let (kind, id) = fact.trim_end_matches('.').split_once(' ').unwrap();
    match kind {
        "job" => store.jobs(&[id.parse().unwrap()]).await.unwrap()[0].is_some(),
        "run" => store.run(id.parse().unwrap()).await.unwrap().is_some(),
        "end" => {
            let run = store.run(id.parse().unwrap()).await.unwrap().unwrap();
            run.status == RunStatus::Success && run.counts() == (1, 0)
        }
        _ => store.dataset(&id.parse().unwrap()).await.unwrap().is_some(),
    }
}

/// The sums and the log are those of the tables, and the tables are sound.
async fn that_sums_are_right(store: &SqliteStore, home: &Home) {
    let counts = store.counts().await.unwrap();
    let query = JobQuery {
        limit: 100_000,
        ..JobQuery::default()
    };
    let page = store.list(&query).await.unwrap();
    assert_eq!(page.jobs.len() as u64, counts.total);
    let running: u32 = page.jobs.iter().map(|stored| stored.state.running).sum();
    assert_eq!(u64::from(running), counts.running);
    let log = store
        .events(EventId::START, 100_000, std::time::Duration::ZERO)
        .await
        .unwrap();
    let created: BTreeSet<JobId> = log.events.iter().map(|event| event.job.clone()).collect();
    assert_eq!(created.len() as u64, counts.total);
    let file = Connection::open(home.path()).unwrap();
    let sound: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, in a process of its own"]
async fn writes_until_it_is_killed() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let store = SqliteStore::open(path, &Settings::default(), Arc::new(SystemClock)).unwrap();
    let store = Arc::new(store);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            loop {
                write_one(&store).await;
            }
        });
    }
    writers.join_next().await;
}

async fn write_one(store: &SqliteStore) {
    let stored = store
        .create(job("Tech", &["AAPL"]), NextFire::Never)
        .await
        .unwrap();
    tell("job", &stored.job.id);
    let mut plan = plan(&stored, "2025-02-01", "2025-03-03");
    plan.prefix = HostId::random().to_string().parse().unwrap();
    let grant = granted(store, by_hand(&stored, &plan)).await;
    tell("run", &grant.run);
    let bars = fetched(series("AAPL", "2025-02-03", &[1.0; 20]));
    let key = plan.key(&bars.symbol);
    let end = Some(RunStatus::Success);
    store.record(&grant, &plan, vec![bars], end).await.unwrap();
    tell("end", &grant.run);
    tell("key", &key);
}

fn tell(kind: &str, id: &dyn std::fmt::Display) {
    let line = format!("told {kind} {id}.\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
