//! The fetcher keeps the promises of a fetcher, and is built from its section of the configuration.

use stock_scheduler::conformance::fetcher::{FetcherCases, check};
use stock_scheduler::serde_json::json;
use stock_scheduler::{FetchRequest, Fetcher, FetcherFactory};

use {{name}}::{Prices, UNKNOWN, factory};

fn request(symbol: &str) -> FetchRequest {
    let date = |text: &str| text.parse().expect("a date");
    let symbol = symbol.parse().expect("a symbol");
    FetchRequest::daily(symbol, date("2025-06-02"), date("2025-06-13"))
}

#[tokio::test]
async fn the_laws_of_a_fetcher_hold() {
    let unknown = UNKNOWN.parse().expect("a symbol");
    let cases = FetcherCases::new(request("AAPL"))
        .and(request("brk-b"))
        .with_unknown(unknown);

    assert_eq!(check(&Prices::default(), cases).await, Ok(()));
}

#[tokio::test]
async fn there_is_a_bar_for_each_weekday() {
    let series = Prices::default().fetch(&request("AAPL")).await;

    assert_eq!(series.expect("bars").bars.len(), 9);
}

#[tokio::test]
async fn the_configuration_moves_all_prices() {
    let fetcher = factory().build(&json!({"level": 500.0}));
    let fetcher = fetcher.expect("a right section");

    let series = fetcher.fetch(&request("AAPL")).await.expect("bars");

    assert!(series.bars.iter().all(|bar| bar.close >= Some(500.0)));
}

#[test]
fn a_wrong_configuration_is_refused() {
    for (section, pointer) in [
        (json!({"level": "high"}), "/level"),
        (json!({"lvel": 5}), "/lvel"),
    ] {
        let error = factory().build(&section).err().expect("an error");

        assert_eq!(error.pointer, pointer, "{error}");
    }
}
