//! Two hundred crashes, hangs and floods: the host stays as it was. Alone in its process, because it
//! looks at all of that.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use support::{Host, Plugin, bad, start};

/// The dead children of this process that nobody has reaped.
fn zombies() -> Vec<String> {
    let mine = format!(" Z {} ", std::process::id());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .filter(|stat| stat.contains(&mine))
        .collect()
}

fn all() -> Option<Vec<Arc<Plugin>>> {
    let modes = [
        "banner",
        "exits",
        "killed",
        "unasked",
        "twice",
        "mute",
        "long_line",
        "grandchild",
        "closes_stdout",
        "floods_stdout",
        "floods_stderr",
        "answers_and_dies",
        "never_described",
        "stubborn",
    ];
    let plugin = |mode: &&str| {
        let mut config = bad(mode)?;
        config.max_line = 256 << 10;
        config.timeout = Duration::from_millis(100);
        config.start_timeout = Duration::from_millis(150);
        config.first_wait = Duration::from_millis(1);
        config.longest_wait = Duration::from_millis(1);
        Some(Arc::new(start(config)))
    };
    modes.iter().map(plugin).collect()
}

/// Asks each plugin a few times, and lets some of the answers go.
async fn torment(plugins: &[Arc<Plugin>]) {
    let mut all = JoinSet::new();
    for plugin in plugins {
        let plugin = plugin.clone();
        all.spawn(async move {
            for _ in 0..3 {
                let _ = plugin.fetch().await;
            }
            let _ = timeout(Duration::from_millis(5), plugin.fetch()).await;
        });
    }
    all.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_failures_leave_nothing_behind() {
    let before = Host::now();
    let Some(plugins) = all() else { return };
    torment(&plugins).await;
    let settled = Host::now();

    let restarts = || {
        plugins
            .iter()
            .map(|plugin| plugin.handle.health().counters["restarts"])
            .sum::<u64>()
    };
    while restarts() < 200 {
        torment(&plugins).await;
    }

    let later = Host::now();
    assert!(
        later.resident_kib < settled.resident_kib + 8 * 1024,
        "{settled:?} became {later:?}"
    );
    for plugin in &plugins {
        plugin.handle.stop().await;
        plugin.assert_gone();
    }
    drop(plugins);
    let after = Host::now();
    assert_eq!(zombies(), [""; 0]);
    // The runtime opened some of its own.
    assert!(
        after.open_files <= before.open_files + 4,
        "{before:?} became {after:?}"
    );
    assert!(
        after.threads <= before.threads,
        "{before:?} became {after:?}"
    );
    eprintln!("{before:?}, then {settled:?}, then {later:?}, then {after:?}");
}
