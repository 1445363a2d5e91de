//! The provider fails, limits or goes away: symbols are asked for again as far as it helps, and the service stays up.

use std::time::Duration;

use serde_json::json;

use crate::support::service::Options;
use crate::support::{Provider, Script, Service};

async fn start(provider: &Provider) -> Service {
    Service::start(&Options::store("memory:").provider(&provider.url())).await
}

#[tokio::test]
async fn a_provider_that_fails_or_limits_is_asked_again_as_it_says() {
    let provider = Provider::start().await;
    provider.script("SICK", Script::Failing(500, 2));
    provider.script("BUSY", Script::Limited(3, 1));
    let service = start(&provider).await;
    let sick = service.job("Sick", &["SICK"]).await;
    let run = service.run(&sick).await;
    let run = service.ended(&run).await;
    assert_eq!(
        (&run["status"], &run["symbols"][0]["attempts"]),
        (&json!("success"), &json!(3))
    );

    let busy = service.job("Busy", &["BUSY"]).await;
    let run = service.run(&busy).await;
    let run = service.ended(&run).await;

    assert_eq!(
        (&run["status"], &run["symbols"][0]["attempts"]),
        (&json!("success"), &json!(2))
    );
    let log = provider.log();
    let asked: Vec<_> = log.iter().filter(|asked| asked.symbol == "BUSY").collect();
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(3));
    assert_eq!(asked[0].target, asked[1].target, "the same question");
}

#[tokio::test]
async fn a_provider_that_is_away_fails_the_run_and_not_the_service() {
    let provider = Provider::start().await;
    let service = start(&provider).await;
    let job = service.job("Away", &["AAPL", "MSFT"]).await;
    provider.stop();

    let run = service.run(&job).await;
    let run = service.ended(&run).await;

    assert_eq!(run["status"], "failed", "{run}");
    for symbol in run["symbols"].as_array().unwrap() {
        assert_eq!(
            (&symbol["error"]["kind"], &symbol["attempts"]),
            (&json!("unavailable"), &json!(4))
        );
    }
    assert_eq!(service.get("/scheduler/datasets").await, json!([]));
    assert_eq!(
        service.get(&format!("/scheduler/jobs/{job}")).await["status"],
        "failed"
    );
}
