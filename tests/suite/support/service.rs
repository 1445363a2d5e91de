//! The service as users run it: the binary, as a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Events;

/// A running service; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    client: Client,
}

/// How to start a service.
#[derive(Clone)]
pub(crate) struct Options {
    args: Vec<String>,
}

impl Options {
    /// Keeps everything at `store`.
    pub(crate) fn store(store: &str) -> Self {
        let args = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--timezone",
            "UTC",
            "--store",
            store,
        ];
        Self {
            args: args.map(str::to_owned).into(),
        }
    }

    /// With a further flag and its value.
    pub(crate) fn with(mut self, flag: &str, value: &str) -> Self {
        self.args.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    /// With a further switch.
    pub(crate) fn switch(mut self, flag: &str) -> Self {
        self.args.push(flag.to_owned());
        self
    }

    /// Asking this provider, as fast as can be.
    pub(crate) fn provider(self, url: &str) -> Self {
        self.with("--yfinance-url", url)
            .with("--yfinance-requests-per-second", "0")
            .with("--yfinance-requests-per-hour", "0")
            .with("--yfinance-concurrency", "16")
    }
}

impl Service {
    /// Starts the service and waits until it listens.
    pub(crate) async fn start(options: &Options) -> Self {
        Self::start_binary(env!("CARGO_BIN_EXE_stock-scheduler").as_ref(), options).await
    }

    /// Starts another binary that is a service too, and waits until it listens.
    pub(crate) async fn start_binary(binary: &Path, options: &Options) -> Self {
        let mut child = Command::new(binary)
            .args(&options.args)
            .env_remove("REDIS_URL")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the service starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let mut seen = String::new();
        let url = loop {
            let line = lines.next_line().await.expect("a line of stderr");
            let line = line.unwrap_or_else(|| panic!("the service ended at its start:\n{seen}"));
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
            seen.push_str(&line);
            seen.push('\n');
        };
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if std::env::var_os("SHOW_LOG").is_some() {
                    eprintln!("[service] {line}");
                }
            }
        });
        let client = super::client();
        Self { child, url, client }
    }

    /// A request to the service.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Sends a request with an optional JSON body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        request.send().await.expect("an answer of the service")
    }

    /// The JSON at `path`, which must be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.send(Method::GET, path, None).await;
        let (status, body) = (response.status(), response.text().await.expect("a body"));
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// POSTs and reads the JSON answer, which must be a success.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.send(Method::POST, path, Some(body)).await;
        let (status, body) = (response.status(), response.text().await.expect("a body"));
        assert!(status.is_success(), "POST {path}: {status} {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Creates a job that fires once a day at midnight, for these symbols; answers its id.
    pub(crate) async fn job(&self, name: &str, symbols: &[&str]) -> String {
        let body = json!({"name": name, "stock_ids": symbols, "schedule_time": "00:00"});
        self.post("/scheduler/jobs", body).await["job_id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Runs a job now; answers the run's id.
    pub(crate) async fn run(&self, job: &str) -> String {
        let reply = self
            .post(&format!("/scheduler/jobs/{job}/run"), json!({}))
            .await;
        reply["execution_id"].as_str().expect("an id").to_owned()
    }

    /// The run, once it has ended.
    pub(crate) async fn ended(&self, run: &str) -> Value {
        super::eventually("the run ends", Duration::from_secs(60), async || {
            let run = self.get(&format!("/scheduler/executions/{run}")).await;
            (run["status"] != "running").then_some(run)
        })
        .await
    }

    /// Listens to the event stream.
    pub(crate) async fn events(&self, query: &str) -> Events {
        Events::open(&format!("{}/scheduler/events{query}", self.url), None).await
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("kill the service");
    }

    /// SIGTERM, then the exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        signal(self.child.id().expect("a living service"), "TERM");
        self.child
            .wait()
            .await
            .expect("the end of the service")
            .code()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("a living service")
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "kill -{name} {pid}");
}
