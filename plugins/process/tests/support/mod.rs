//! Plugins of the tests, and what is left of them.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stock_scheduler_process::{ProcessConfig, ProcessPlugin};
use stock_scheduler_sdk::{FetchError, FetchRequest, Fetcher, Series};

/// A plugin of `tests/plugins` and the mark by which its processes are found.
pub(crate) struct Plugin {
    pub(crate) handle: ProcessPlugin,
    mark: Mark,
}

/// What is in the environment of all processes of one plugin.
pub(crate) struct Mark(String);

/// What this process takes of the machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) resident_kib: u64,
    pub(crate) open_files: usize,
    pub(crate) threads: u64,
}

impl Host {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            resident_kib: number("VmRSS:"),
            open_files: fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: number("Threads:"),
        }
    }
}

/// How the good plugin is run; `None`, and a word about it, where there is no Python.
pub(crate) fn good() -> Option<ProcessConfig> {
    script("good.py", &[])
}

/// How a bad plugin is run.
pub(crate) fn bad(mode: &str) -> Option<ProcessConfig> {
    script("bad.py", &[mode])
}

/// As [`bad`], started at once.
pub(crate) fn started(mode: &str) -> Option<Plugin> {
    Some(start(bad(mode)?))
}

/// Starts a plugin that is called `mine`.
pub(crate) fn start(mut config: ProcessConfig) -> Plugin {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{}-{count}-", std::process::id());
    config.set.insert("PLUGIN_MARK".to_owned(), mark.clone());
    let handle = ProcessPlugin::start("mine", config).unwrap();
    Plugin {
        handle,
        mark: Mark(mark),
    }
}

fn script(name: &str, arguments: &[&str]) -> Option<ProcessConfig> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped, because there is no python3");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/plugins")
        .join(name);
    let path = path.to_str().unwrap();
    let mut config = ProcessConfig::new(["python3", "-S", path].iter().chain(arguments).copied());
    config.first_wait = Duration::from_millis(50);
    config.longest_wait = Duration::from_millis(100);
    config.stop_timeout = Duration::from_millis(200);
    Some(config)
}

impl Plugin {
    pub(crate) async fn fetch(&self) -> Result<Series, FetchError> {
        self.handle.fetcher().fetch(&request("AAPL")).await
    }

    /// The sentence of a fetch that fails.
    pub(crate) async fn failure(&self) -> String {
        self.fetch().await.unwrap_err().to_string()
    }

    /// Drops this handle.
    pub(crate) fn let_go(self) -> Mark {
        self.mark
    }

    pub(crate) fn assert_gone(&self) {
        self.mark.assert_gone();
    }

    pub(crate) fn processes(&self) -> Vec<String> {
        self.mark.processes()
    }
}

impl Mark {
    /// Looks that no process is left of it, not even one that a program started.
    pub(crate) fn assert_gone(&self) {
        let left = self.processes();
        assert!(left.is_empty(), "left are {left:?}");
    }

    /// The command lines of the processes that belong to it.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = format!("PLUGIN_MARK={}", self.0);
        let processes = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        processes
            .filter(|process| {
                let environment = fs::read(process.join("environ")).unwrap_or_default();
                String::from_utf8_lossy(&environment).contains(&mark)
            })
            .map(|process| fs::read_to_string(process.join("cmdline")).unwrap_or_default())
            .collect()
    }
}

pub(crate) fn request(symbol: &str) -> FetchRequest {
    let date = |text: &str| text.parse().unwrap();
    FetchRequest::daily(
        symbol.parse().unwrap(),
        date("2025-06-02"),
        date("2025-06-05"),
    )
}

/// Waits until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it never came true"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
