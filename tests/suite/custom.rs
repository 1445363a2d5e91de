//! A custom fetcher in a few lines: the example of the README, built and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::Service;
use crate::support::service::Options;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Builds the example as the tests were built, and answers where its binary is.
fn example() -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_stock-scheduler"));
    let folder = ours.parent().expect("the folder of the binaries");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--offline",
        "--example",
        "custom_fetcher",
    ]);
    build.args([
        "--target-dir".as_ref(),
        folder.parent().unwrap().as_os_str(),
    ]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let built = build.current_dir(ROOT).status().expect("cargo runs");
    assert!(built.success(), "the example is built");
    folder.join("examples/custom_fetcher")
}

#[tokio::test]
async fn a_custom_fetcher_in_a_few_lines_stores_its_bars() {
    let binary = tokio::task::spawn_blocking(example).await.unwrap();
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
