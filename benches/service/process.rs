//! Processes that are measured: started, watched, killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A child process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// What it said of where it listens.
    pub(crate) url: String,
}

impl Process {
    /// This benchmark again, as a server; its first line on stdout is its address.
    pub(crate) fn own(args: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            url: line.trim().to_owned(),
        }
    }

    /// The service with these flags.
    pub(crate) fn service(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stock-scheduler"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--timezone",
                "UTC",
                "--log-level",
                "warn",
            ])
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the service listens").unwrap();
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// A size in `/proc/PID/status`, in MB.
    pub(crate) fn memory(&self, field: &str) -> f64 {
        self.status(field) / 1024.0
    }

    /// A number in `/proc/PID/status`.
    pub(crate) fn status(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many files, pipes and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        files.unwrap().count()
    }

    /// How many of its children have ended and were not waited for.
    pub(crate) fn zombies(&self) -> usize {
        let dead = format!(") Z {} ", self.child.id());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = processes.filter_map(|it| std::fs::read_to_string(it.path().join("stat")).ok());
        stats.filter(|stat| stat.contains(&dead)).count()
    }

    /// The processor time it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// SIGTERM, then its end.
    pub(crate) fn stop(mut self) {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A redis-server of its own.
pub(crate) struct Redis {
    child: Child,
    _dir: tempfile::TempDir,
    /// Its port.
    pub(crate) port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
            ])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "redis-server starts"
            );
            std::thread::yield_now();
        }
        Self {
            child,
            _dir: dir,
            port,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both stores, each as a name and an address that lives as long as the guard.
pub(crate) struct Stores {
    redis: Redis,
    dir: tempfile::TempDir,
}

impl Stores {
    pub(crate) fn new() -> Self {
        Self {
            redis: Redis::start(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn all(&self) -> [(&'static str, String); 2] {
        let file = self.dir.path().join("jobs.db");
        [
            ("redis", self.redis.url()),
            ("sqlite", format!("sqlite:{}", file.display())),
        ]
    }

    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }
}

/// An HTTP client like the service's own.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .tcp_nodelay(true)
        .build()
        .unwrap()
}

pub(crate) async fn get(client: &reqwest::Client, url: &str) -> Value {
    serde_json::from_str(&client.get(url).send().await.unwrap().text().await.unwrap()).unwrap()
}

pub(crate) async fn post(client: &reqwest::Client, url: &str, body: Value) -> Value {
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}
