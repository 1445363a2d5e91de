//! Requests a second, beside an empty poem handler and redis-benchmark.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::process::{Process, Stores, client, get};
use super::{Pairs, figure, median, note};

/// How often a request is compared with its baseline.
const PAIRS: usize = 5;

/// An empty poem handler.
pub(crate) async fn serve_empty() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let app = poem::Route::new().at("/", poem::endpoint::make_sync(|_| ""));
    let acceptor = poem::listener::TcpAcceptor::from_tokio(listener).unwrap();
    poem::Server::new_with_acceptor(acceptor)
        .run(app)
        .await
        .unwrap();
}

/// GET and POST at growing numbers of jobs, on both stores.
pub(crate) async fn all() {
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let service = Process::service(&["--store", &url]);
        let mut stored = 0;
        let mut posts = Vec::new();
        for jobs in [100_usize, 10_000, 100_000] {
            create_jobs(&service.url, jobs.saturating_sub(stored)).await;
            stored = stored.max(jobs);
            let empty = Process::own(&["serve-empty"]);
            let some = get(
                &client(),
                &format!("{}/scheduler/jobs?limit=1", service.url),
            )
            .await;
            let job = some[0]["job_id"].as_str().unwrap();
            for (what, path) in [
                ("GET job", format!("/scheduler/jobs/{job}")),
                ("GET status", "/scheduler/status".into()),
            ] {
                let mut pairs = Pairs::default();
                for _ in 0..PAIRS {
                    let bare = wrk(&format!("{}/", empty.url), None, 1);
                    pairs.add(bare, wrk(&format!("{}{path}", service.url), None, 1));
                }
                let labels = ["empty handler", what, &format!("{what} / empty handler")];
                let labels = labels.map(|label| format!("{name}, {jobs} jobs: {label}"));
                pairs.print(labels.each_ref().map(String::as_str), "req/s", 0.6);
            }
            drop(empty);
            let page = wrk(&format!("{}/scheduler/jobs?limit=50", service.url), None, 2);
            note(
                &format!("{name}, {jobs} jobs: GET a page of 50"),
                page,
                "req/s",
            );
            let (mut pairs, mut rates) = (Pairs::default(), Vec::new());
            for _ in 0..PAIRS {
                let sets = redis_benchmark(stores.redis().port);
                let rate = wrk(&format!("{}/scheduler/jobs", service.url), Some(POST), 1);
                stored += rate as usize;
                pairs.add(sets, rate);
                rates.push(rate);
            }
            let labels = ["redis-benchmark SET", "POST a job", "POST / SET"];
            let labels = labels.map(|label| format!("{name}, {jobs} jobs: {label}"));
            pairs.print(labels.each_ref().map(String::as_str), "req/s", 0.2);
            posts.push(median(rates));
        }
        let flat = posts[posts.len() - 1] / posts[0];
        figure(
            &format!("{name}: POST at the most jobs / at the fewest"),
            flat,
            "",
            ">= 0.8",
            flat >= 0.8,
        );
    }
}

const POST: &str = r#"
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"name":"Bench","stock_ids":["AAPL"],"schedule_time":"00:00"}'
"#;

/// Requests a second over some seconds with 64 connections; fails on answers that are no success.
fn wrk(url: &str, script: Option<&str>, seconds: u32) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c64", &format!("-d{seconds}s")]);
    let file = tempfile::NamedTempFile::new().unwrap();
    if let Some(script) = script {
        std::fs::write(file.path(), script).unwrap();
        command.arg("-s").arg(file.path());
    }
    let output = command.arg(url).output().expect("wrk is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx"), "{text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .expect("a rate");
    line.trim().parse().unwrap()
}

/// Unpipelined SETs a second, with as many connections.
fn redis_benchmark(port: u16) -> f64 {
    let output = Command::new("redis-benchmark")
        .args([
            "-p",
            &port.to_string(),
            "-t",
            "set",
            "-n",
            "100000",
            "-c",
            "64",
            "--csv",
        ])
        .output()
        .expect("redis-benchmark is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("\"SET\""))
        .expect("a rate");
    line.split(',')
        .nth(1)
        .unwrap()
        .trim_matches('"')
        .parse()
        .unwrap()
}

/// Creates jobs that are due at midnight.
pub(crate) async fn create_jobs(service: &str, count: usize) {
    let made = Arc::new(AtomicUsize::new(0));
    let http = client();
    let workers = (0..64).map(|_| {
        let (made, http, url) = (made.clone(), http.clone(), format!("{service}/scheduler/jobs"));
        tokio::spawn(async move {
            loop {
                let number = made.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let body = json!({"name": format!("Job {number}"), "stock_ids": ["AAPL"], "schedule_time": "00:00"});
                let request = http.post(&url).header("content-type", "application/json").body(body.to_string());
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}
