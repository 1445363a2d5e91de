//! The demo fetcher keeps the promises of a fetcher, and its failures are the ones announced.

use std::time::Duration;

use chrono::NaiveDate;
use stock_scheduler_demo::{Demo, factory};
use stock_scheduler_sdk::conformance::fetcher::{FetcherCases, check};
use stock_scheduler_sdk::{
    FetchErrorKind, FetchRequest, Fetcher, FetcherFactory, Interval, Series, Symbol,
};

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn request(symbol: &str, start: &str, end: &str) -> FetchRequest {
    FetchRequest::daily(symbol.parse().expect("a symbol"), date(start), date(end))
}

async fn fetch(request: &FetchRequest) -> Result<Series, FetchErrorKind> {
    let demo = Demo::default().with_delay(Duration::ZERO);
    demo.fetch(request).await.map_err(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn the_laws_of_a_fetcher_hold() {
    let fail: Symbol = "FAIL".parse().expect("a symbol");
    let cases = FetcherCases::new(request("AAPL", "2025-01-01", "2025-04-01"))
        .and(request("brk-b", "2024-02-29", "2024-03-01"))
        .and(request("MSFT", "1969-12-01", "1970-02-01"))
        .with_unknown(fail);

    assert_eq!(check(&Demo::default(), cases).await, Ok(()));
}

#[tokio::test]
async fn a_date_has_the_same_bar_in_every_window() {
    let long = fetch(&request("AAPL", "2024-01-01", "2025-01-01"))
        .await
        .expect("bars");
    let short = fetch(&request("aapl", "2024-06-03", "2024-06-08"))
        .await
        .expect("bars");
    let other = fetch(&request("MSFT", "2024-06-03", "2024-06-08"))
        .await
        .expect("bars");

    assert_eq!(short.bars.len(), 5);
    assert!(short.bars.iter().all(|bar| long.bars.contains(bar)));
    assert!(!other.bars.iter().any(|bar| long.bars.contains(bar)));
}

#[tokio::test]
async fn any_window_has_an_answer() {
    let all = FetchRequest::daily(
        "AAPL".parse().expect("a symbol"),
        NaiveDate::MIN,
        NaiveDate::MAX,
    );

    let series = fetch(&all).await.expect("bars");

    let first = series.bars.first().map(|bar| series.local_time(bar).date());
    let last = series.bars.last().map(|bar| series.local_time(bar).date());
    assert_eq!(
        (first, last),
        (Some(date("1970-01-01")), Some(date("2099-12-31")))
    );
}

#[tokio::test]
async fn failures_are_the_ones_announced() {
    let hourly = request("AAPL", "2025-03-03", "2025-03-04").with_interval(Interval::Hours(1));
    for (request, kind) in [
        (
            request("FAIL", "2025-03-03", "2025-03-04"),
            FetchErrorKind::UnknownSymbol,
        ),
        (
            request("fail", "2025-03-03", "2025-03-04"),
            FetchErrorKind::UnknownSymbol,
        ),
        (
            request("AAPL", "2025-03-01", "2025-03-03"),
            FetchErrorKind::NoData,
        ),
        (
            request("AAPL", "2101-01-01", "2102-01-01"),
            FetchErrorKind::NoData,
        ),
        (hourly, FetchErrorKind::NoData),
    ] {
        assert_eq!(fetch(&request).await.err(), Some(kind), "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_the_delay_that_is_set() {
    let fetcher = factory()
        .build(&serde_json::json!({"delay": 1.5}))
        .expect("a right section");
    let start = tokio::time::Instant::now();

    let answer = fetcher
        .fetch(&request("AAPL", "2025-03-03", "2025-03-04"))
        .await;

    assert!(answer.is_ok());
    assert_eq!(start.elapsed(), Duration::from_millis(1_500));
}
