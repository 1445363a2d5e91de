//! Reading what was stored.

use serde_json::{Value, json};

use super::{Api, has_fields};
use crate::support::Service;
use crate::support::service::Options;

/// A service with one stored window for each of these symbols, under `prefix`.
async fn with_data(store: &str, prefix: &str, symbols: &[&str]) -> Api {
    let api = Api(Service::start(&Options::store(store)).await);
    let window = json!({"prefix": prefix, "stock_ids": symbols, "start_date": "2025-01-02", "end_date": "2025-01-31"});
    stored(&api, window).await;
    api
}

async fn stored(api: &Api, window: Value) -> String {
    let path = api.job(window).await;
    let started = api.call(&format!("POST {path}/run")).await.ok();
    let run = api.0.ended(started["execution_id"].as_str().unwrap()).await;
    assert_eq!(run["status"], "success", "{run}");
    path
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[tokio::test]
async fn every_window_is_listed_and_read_by_its_encoded_key() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let symbols = ["^GSPC", "BRK-B", "GBPUSD=X", "M&M.NS", "ES$+_!", "aapl"];
    for store in ["memory:", &sqlite] {
        let api = with_data(store, "my prefix/日本 %41?#", &symbols).await;

        let list = api.call("GET /scheduler/datasets").await;

        let datasets = list.ok();
        assert_eq!(datasets.as_array().unwrap().len(), symbols.len());
        assert_eq!(list.header("link"), None);
        for dataset in datasets.as_array().unwrap() {
            let symbol = dataset["stock_id"].as_str().unwrap();
            assert!(symbols.contains(&symbol), "{symbol}");
            let key = dataset["key"].as_str().unwrap();
            assert_eq!(
                key,
                format!("my prefix/日本 %41?#:{symbol}:2025-01-02:2025-01-31")
            );
            let one = api
                .call(&format!("GET /scheduler/datasets/{}", encoded(key)))
                .await;
            assert_eq!(
                one.ok().as_array().unwrap().len(),
                dataset["record_count"],
                "{key}"
            );
            assert!(one.text.starts_with(r#"[{"Date":"#), "{}", one.text);
            let query = format!(
                "prefix={}&symbol={}",
                encoded("my prefix/日本 %41?#"),
                encoded(symbol)
            );
            let latest = api
                .call(&format!("GET /scheduler/datasets/latest?{query}"))
                .await;
            assert_eq!(latest.text, one.text, "{key}");
            let address = latest.header("content-location").unwrap();
            assert_eq!(api.call(&format!("GET {address}")).await.text, one.text);
            let found = api
                .call(&format!("GET /scheduler/datasets?{query}"))
                .await
                .ok();
            assert_eq!(found, json!([dataset]));
        }
    }
}

#[tokio::test]
async fn a_window_says_what_it_is() {
    let api = with_data("memory:", "p", &["AAPL"]).await;

    let list = api.call("GET /scheduler/datasets").await;

    let dataset = &list.ok()[0];
    let text = list.text.trim_matches(['[', ']']).to_owned();
    let fields = [
        "key",
        "prefix",
        "stock_id",
        "start_date",
        "end_date",
        "record_count",
        "updated_at",
        "job_id",
    ];
    has_fields(&text, &fields);
    assert_eq!(
        (&dataset["prefix"], &dataset["stock_id"]),
        (&json!("p"), &json!("AAPL"))
    );
    assert_eq!(
        (&dataset["start_date"], &dataset["end_date"]),
        (&json!("2025-01-02"), &json!("2025-01-31"))
    );
    assert!(
        dataset["updated_at"].as_str().unwrap().ends_with("+00:00"),
        "{dataset}"
    );
    let job = dataset["job_id"].as_str().unwrap();
    assert_eq!(
        api.call(&format!("GET /scheduler/jobs/{job}")).await.status,
        200
    );
}

#[tokio::test]
async fn records_have_the_order_that_pandas_writes() {
    let api = with_data("memory:", "scheduled_stock_data", &["AAPL"]).await;

    let records = api.call("GET /scheduler/datasets/latest?symbol=AAPL").await;

    let first = records.text[1..].split_inclusive('}').next().unwrap();
    has_fields(first, &["Date", "Close", "High", "Low", "Open", "Volume"]);
    let dates: Vec<_> = records
        .ok()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["Date"].as_i64().unwrap())
        .collect();
    assert!(
        dates.is_sorted() && dates[0] >= 1_735_776_000_000,
        "{dates:?}"
    );
    assert!(dates.last().unwrap() <= &1_738_281_600_000, "{dates:?}");
}

#[tokio::test]
async fn latest_is_the_newest_window() {
    let api = with_data("memory:", "scheduled_stock_data", &["AAPL"]).await;
    stored(
        &api,
        json!({"start_date": "2025-02-03", "end_date": "2025-02-28"}),
    )
    .await;

    let latest = api.call("GET /scheduler/datasets/latest?symbol=AAPL").await;

    let address = latest.header("content-location").unwrap();
    assert_eq!(
        address,
        "/scheduler/datasets/scheduled_stock_data%3AAAPL%3A2025-02-03%3A2025-02-28"
    );
}

#[tokio::test]
async fn the_list_is_paged_in_the_order_of_keys() {
    let symbols: Vec<_> = (0..25).map(|number| format!("S{number:02}")).collect();
    let names: Vec<_> = symbols.iter().map(String::as_str).collect();
    let api = with_data("memory:", "p", &names).await;

    let (mut found, mut next) = (
        Vec::new(),
        Some("/scheduler/datasets?limit=4&prefix=p".to_owned()),
    );
    while let Some(page) = next {
        let answer = api.call(&format!("GET {page}")).await;
        let symbol = |row: &Value| row["stock_id"].as_str().unwrap().to_owned();
        found.extend(answer.ok().as_array().unwrap().iter().map(symbol));
        next = answer
            .header("link")
            .map(|link| link[1..link.find('>').unwrap()].to_owned());
    }

    assert_eq!(found, symbols);
    for query in ["symbol=s07", "symbol=S07&prefix=p"] {
        let one = api
            .call(&format!("GET /scheduler/datasets?{query}"))
            .await
            .ok();
        assert_eq!(one.as_array().unwrap().len(), 1, "{query}");
    }
    for query in ["prefix=P", "prefix=", "symbol=S", "symbol=%25"] {
        assert_eq!(
            api.call(&format!("GET /scheduler/datasets?{query}"))
                .await
                .ok(),
            json!([]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_was_never_stored_is_not_found() {
    let api = Api::start().await;

    for key in [
        "p:AAPL:2025-01-01:2025-01-31",
        "p",
        "%3A%3A%3A",
        "p%3AAAPL%3A2025-01-31%3A2025-01-01",
        "%00",
        "p:AAPL:x:y",
    ] {
        let answer = api.call(&format!("GET /scheduler/datasets/{key}")).await;
        assert_eq!(answer.refused(404), "Dataset not found", "{key}");
    }
    assert_eq!(
        api.call("GET /scheduler/datasets/latest?symbol=AAPL")
            .await
            .refused(404),
        "Dataset not found"
    );
    let missing = api.call("GET /scheduler/datasets/latest?prefix=p").await;
    assert!(missing.refused(400).starts_with("symbol is required"));
}
