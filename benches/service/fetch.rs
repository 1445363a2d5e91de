//! How fast one job's symbols are fetched and stored, beside a loop that only fetches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::process::{Process, Stores, client, get, post};
use super::{Pairs, figure};

/// 500 symbols, one month of daily bars, a provider that answers at once.
pub(crate) async fn at_once() {
    let provider = Process::own(&["serve-provider", "0"]);
    compare(&provider.url, 500, 32, 25, 0.6, Some(40.0)).await;
}

/// 5,000 symbols, 50 ms for every answer, 64 requests under way.
pub(crate) async fn with_latency() {
    let provider = Process::own(&["serve-provider", "50"]);
    compare(&provider.url, 5_000, 64, 1, 0.95, None).await;
}

async fn compare(
    provider: &str,
    symbols: usize,
    concurrency: usize,
    rounds: usize,
    least: f64,
    most_mb: Option<f64>,
) {
    let names: Vec<String> = (0..symbols).map(|i| format!("S{i:04}")).collect();
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let flags = [
            "--store",
            &url,
            "--yfinance-url",
            provider,
            "--yfinance-concurrency",
            &concurrency.to_string(),
        ]
        .map(str::to_owned);
        let limits = [
            "--yfinance-requests-per-second",
            "0",
            "--yfinance-requests-per-hour",
            "0",
        ];
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(limits).collect();
        let service = Process::service(&flags);
        let http = client();
        let body = json!({"name": "Bench", "stock_ids": names, "schedule_time": "00:00", "duration_days": 30});
        let job =
            post(&http, &format!("{}/scheduler/jobs", service.url), body).await["job_id"].clone();
        let job = job.as_str().unwrap();
        let warm = client();
        let mut pairs = Pairs::default();
        for round in 0..=rounds {
            let bare_rate = symbols as f64
                / fetch_only(&warm, provider, &names, concurrency)
                    .await
                    .as_secs_f64();
            let our_rate = symbols as f64 / run(&http, &service.url, job).await;
            // The first round opens connections and fills caches.
            if round > 0 || rounds == 1 {
                pairs.add(bare_rate, our_rate);
            }
        }
        let labels = [
            format!("{name}: bare loop, {symbols} symbols, {concurrency} at once"),
            format!("{name}: the job"),
            format!("{name}: job / bare loop"),
        ];
        pairs.print(labels.each_ref().map(String::as_str), "symbols/s", least);
        if let Some(most) = most_mb {
            let peak = service.memory("VmHWM");
            figure(
                &format!("{name}: peak memory"),
                peak,
                "MB",
                &format!("< {most}"),
                peak < most,
            );
        }
    }
}

/// Fetches all, parses and stores nothing.
async fn fetch_only(
    client: &reqwest::Client,
    provider: &str,
    names: &[String],
    concurrency: usize,
) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let names: Arc<[String]> = names.into();
    let begun = Instant::now();
    let workers = (0..concurrency).map(|_| {
        let (client, next, names, provider) = (
            client.clone(),
            next.clone(),
            names.clone(),
            provider.to_owned(),
        );
        tokio::spawn(async move {
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let window = "period1=1761264000&period2=1763942400&interval=1d";
                let url = format!(
                    "{provider}/v8/finance/chart/{name}?{window}&includePrePost=false&events=div"
                );
                client.get(url).send().await.unwrap().bytes().await.unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    begun.elapsed()
}

/// Runs the job; how long it took from its claim to its end, in seconds.
pub(crate) async fn run(http: &reqwest::Client, service: &str, job: &str) -> f64 {
    let reply = post(
        http,
        &format!("{service}/scheduler/jobs/{job}/run"),
        json!({}),
    )
    .await;
    let run = reply["execution_id"].as_str().unwrap().to_owned();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let url = format!("{service}/scheduler/jobs/{job}");
        let last = get(http, &url).await["last_execution"].clone();
        assert_eq!(last["execution_id"], run.as_str());
        if last["status"] != "running" {
            assert_eq!(last["status"], "success");
            return get(http, &format!("{service}/scheduler/executions/{run}")).await["duration_seconds"].as_f64().unwrap();
        }
    }
}
