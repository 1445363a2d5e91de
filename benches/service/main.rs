//! Measures the service from outside, each figure beside its baseline in the same run and the limit it must keep.
//!
//! `cargo bench --profile dist --bench service` runs all, with `-- fetch burst` behind it some; `wrk`, `redis-server`,
//! `redis-benchmark` and `python3` must be installed.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement stops where it cannot go on"
)]
#![expect(clippy::print_stdout, reason = "what the command is for")]

/// What the service itself uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod burst;
mod fetch;
mod http;
mod idle;
mod plugins;
mod process;
#[path = "../../tests/suite/support/provider.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod provider;
mod schedules;
mod sse;

use std::time::Duration;

const ALL: [&str; 9] = [
    "fetch",
    "latency",
    "burst",
    "lateness",
    "idle",
    "schedules",
    "plugins",
    "http",
    "sse",
];

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match args.first().map(String::as_str) {
        Some("serve-provider") => runtime.block_on(serve_provider(args[1].parse().unwrap())),
        Some("serve-empty") => runtime.block_on(http::serve_empty()),
        _ => runtime.block_on(measure(&args)),
    }
}

async fn measure(wanted: &[String]) {
    for name in ALL {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        println!("\n== {name}");
        match name {
            "fetch" => fetch::at_once().await,
            "latency" => fetch::with_latency().await,
            "burst" => burst::ten_thousand_at_once().await,
            "lateness" => burst::one_job_often().await,
            "idle" => idle::ten_thousand_jobs().await,
            "schedules" => {
                schedules::next_after();
                schedules::start_with_many().await;
            }
            "plugins" => plugins::all().await,
            "http" => http::all().await,
            _ => sse::a_thousand_streams().await,
        }
    }
}

/// Prints a figure beside its limit.
fn figure(what: &str, value: f64, unit: &str, limit: &str, kept: bool) {
    let verdict = if kept { "ok" } else { "FALLS SHORT" };
    println!("{what:<64} {value:>12.3} {unit:<10} {limit:<12} {verdict}");
}

/// Prints a figure that has no limit.
fn note(what: &str, value: f64, unit: &str) {
    println!("{what:<64} {value:>12.3} {unit}");
}

/// Rates of ours, each measured just after its baseline: a machine that others use has fast and slow moments.
#[derive(Default)]
struct Pairs {
    bare: Vec<f64>,
    ours: Vec<f64>,
}

impl Pairs {
    fn add(&mut self, bare: f64, ours: f64) {
        self.bare.push(bare);
        self.ours.push(ours);
    }

    /// Prints the middle of each side, and the middle of their ratios, which must be `least` or more.
    fn print(self, [bare, ours, ratio]: [&str; 3], unit: &str, least: f64) {
        let ratios = self.ours.iter().zip(&self.bare);
        let middle = median(ratios.map(|(ours, bare)| ours / bare).collect());
        note(bare, median(self.bare), unit);
        note(ours, median(self.ours), unit);
        figure(ratio, middle, "", &format!(">= {least}"), middle >= least);
    }
}

/// The middle of several measurements.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which `share` of all lie.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// A provider in a process of its own, so that it does not share the runtime of what is measured.
async fn serve_provider(delay_ms: u64) {
    let provider = provider::Provider::start().await;
    provider.quiet();
    provider.delay(Duration::from_millis(delay_ms));
    println!("{}", provider.url());
    std::future::pending::<()>().await;
}
