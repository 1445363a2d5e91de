//! What ten thousand jobs cost while nothing is due, and how soon a service with stored jobs is up.

use std::time::{Duration, Instant};

use super::process::{Process, Stores, client, get};
use super::{figure, http, note};

const WATCHED: Duration = Duration::from_secs(10);

/// 10,000 and 100,000 stored jobs: start, memory, idle load.
pub(crate) async fn ten_thousand_jobs() {
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let mut stored = 0;
        for (jobs, up_within) in [(10_000, 0.5), (100_000, 2.0)] {
            let service = Process::service(&["--store", &url]);
            http::create_jobs(&service.url, jobs - stored).await;
            stored = jobs;
            service.stop();
            let begun = Instant::now();
            let service = Process::service(&["--store", &url]);
            let status = get(&client(), &format!("{}/scheduler/status", service.url)).await;
            let up = begun.elapsed().as_secs_f64();
            assert_eq!(status["total_jobs_count"], jobs, "{status}");
            assert!(status["next_fire"]["at"].is_string(), "{status}");
            figure(
                &format!("{name}: {jobs} jobs: API up, next fire armed"),
                up,
                "s",
                &format!("<= {up_within}"),
                up <= up_within,
            );
            tokio::time::sleep(Duration::from_secs(3)).await;
            let (cpu, calls) = (service.cpu(), calls(name, &stores));
            tokio::time::sleep(WATCHED).await;
            let load = (service.cpu() - cpu).as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
            let resident = service.memory("VmRSS");
            if jobs == 10_000 {
                figure(
                    &format!("{name}: {jobs} jobs idle: processor"),
                    load,
                    "% core",
                    "< 0.5",
                    load < 0.5,
                );
                figure(
                    &format!("{name}: {jobs} jobs idle: memory"),
                    resident,
                    "MB",
                    "< 60",
                    resident < 60.0,
                );
            } else {
                note(
                    &format!("{name}: {jobs} jobs idle: processor"),
                    load,
                    "% core",
                );
                note(&format!("{name}: {jobs} jobs idle: memory"), resident, "MB");
            }
            if name == "redis" {
                // The question itself is one call.
                let rate = (self::calls(name, &stores) - calls - 1.0) / WATCHED.as_secs_f64();
                figure(
                    &format!("{name}: {jobs} jobs idle: store calls"),
                    rate,
                    "calls/s",
                    "<= 5",
                    rate <= 5.0,
                );
            }
        }
    }
}

/// Questions that clients have asked Redis so far: what a script does inside, and what is read in one step with the next
/// events, is part of its one call.
fn calls(store: &str, stores: &Stores) -> f64 {
    if store != "redis" {
        return 0.0;
    }
    let port = stores.redis().port.to_string();
    let output = std::process::Command::new("redis-cli")
        .args(["-p", &port, "info", "commandstats"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let count = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.and_then(|rest| rest.split(',').next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    ["evalsha", "eval", "fcall", "xread", "info", "ping"]
        .into_iter()
        .map(count)
        .sum()
}
