//! A custom fetcher in a few lines: the example of the README, built and run.

use std::path::Path;

use serde_json::json;

use crate::support::service::Options;
use crate::support::{Service, example};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn a_custom_fetcher_in_a_few_lines_stores_its_bars() {
    let binary = example("custom_fetcher").await;
    let service = Service::start_binary(&binary, &Options::store("memory:")).await;
    let order = json!({"name": "Mine", "stock_ids": ["ABC"], "schedule_time": "17:00", "fetcher": "mine",
        "start_date": "2025-06-02", "end_date": "2025-06-03"});

    let created = service.post("/scheduler/jobs", order).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;
    let run = service.ended(&run).await;

    assert_eq!(run["status"], "success", "{run}");
    let records = service.get("/scheduler/datasets/latest?symbol=ABC").await;
    let closes: Vec<_> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["Close"].clone())
        .collect();
    assert_eq!(closes, [42.0, 42.0]);
    let status = service.get("/scheduler/status").await;
    assert!(status["fetchers"].to_string().contains("mine"), "{status}");
}

#[test]
fn the_readme_shows_the_very_example() {
    let read = |name| std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let (example, readme) = (read("examples/custom_fetcher.rs"), read("README.md"));

    let (_, code) = example
        .split_once("\n\n")
        .expect("a line of documentation, then the code");

    assert!(
        readme.contains(&format!("```rust\n{code}```\n")),
        "README.md has another example"
    );
}
