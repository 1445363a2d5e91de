//! Stores what the Python system stored: real answers of the provider, and made-up ones for its rarer habits, give the
//! very text that yfinance and pandas made of them.
//!
//! The recordings are not part of this repository. Where their folder is missing, these tests say so and pass.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use stock_scheduler_sdk::records::render;
use stock_scheduler_sdk::{FetchError, FetchErrorKind, FetchRequest, Series};
use stock_scheduler_yfinance::{Answer, parse};

use support::{Provider, Reply, request};

/// A recorded answer and what was stored for it.
struct Case {
    name: String,
    request: FetchRequest,
    status: u16,
    body: Vec<u8>,
    stored: String,
    /// The path and query with which the answer was asked for, where the recording says so.
    target: Option<String>,
}

/// Rows outside the request are kept by yfinance and left out by us.
const DIFFERENT_ON_PURPOSE: &str = "two_overrun";

const KINDS_WHERE_NOTHING_IS_STORED: [(&str, FetchErrorKind); 13] = [
    ("AAPL_1d_empty_n0", FetchErrorKind::Malformed),
    ("AAPL_1d_empty_n0_v2", FetchErrorKind::NoData),
    ("AAPL_1d_empty_n0_v3", FetchErrorKind::NoData),
    ("APS.AX_1d_empty_n0", FetchErrorKind::NoData),
    ("MUV2.DE_1d_2017-11-27_n124_v2", FetchErrorKind::Malformed),
    ("XSP.TO_1d_empty_n0", FetchErrorKind::NoData),
    ("err_400_no_data_for_range", FetchErrorKind::NoData),
    ("err_400_no_data_for_range_2", FetchErrorKind::NoData),
    ("err_401_invalid_crumb", FetchErrorKind::Denied),
    ("err_404_not_found", FetchErrorKind::UnknownSymbol),
    ("err_422_1m_30days", FetchErrorKind::NoData),
    ("err_422_5m_60days", FetchErrorKind::NoData),
    (
        "err_429_too_many_requests",
        FetchErrorKind::RateLimited { retry_after: None },
    ),
];

#[test]
fn recorded_answers_give_what_was_stored() {
    let Some(cases) = recorded_cases() else {
        return;
    };

    for case in &cases {
        let answer = Answer {
            status: case.status,
            retry_after: None,
            body: &case.body,
        };
        case.check(parse(&answer, &case.request));
    }
}

#[tokio::test]
async fn recorded_answers_give_what_was_stored_over_http() {
    let Some(cases) = recorded_cases() else {
        return;
    };
    let now_playing = Arc::new(Mutex::new(Reply::Silence));
    let played = now_playing.clone();
    let provider = Provider::start(move |_| played.lock().unwrap().clone()).await;
    let fetcher = provider.fetcher(false);

    for case in &cases {
        *now_playing.lock().unwrap() = Reply::new(case.status, case.body.clone());

        case.check(fetcher.fetch(&case.request).await);

        let asked = provider.targets().pop();
        assert!(
            case.target.is_none() || asked == case.target,
            "{}: {asked:?}",
            case.name
        );
    }
    assert!(
        provider.connections() <= 2,
        "one pool of connections serves all"
    );
    let most = cases.len() + 8;
    assert!(
        provider.requests().len() <= most,
        "asked twice only where a zone was a surprise"
    );
}

impl Case {
    fn check(&self, fetched: Result<Series, FetchError>) {
        let name = &self.name;
        let expected_kind = KINDS_WHERE_NOTHING_IS_STORED
            .iter()
            .find(|(case, _)| case == name);
        match (fetched, expected_kind) {
            (Ok(series), None) => assert_eq!(render(&series).json, self.expected(), "{name}"),
            (Err(error), Some((_, kind))) => {
                assert_eq!(self.stored, "[]", "{name}");
                assert_eq!(error.kind(), *kind, "{name}: {error}");
            }
            (Ok(_), Some((_, kind))) => panic!("{name}: expected {kind:?}, got a series"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }

    fn expected(&self) -> String {
        if self.name != DIFFERENT_ON_PURPOSE {
            return self.stored.clone();
        }
        let first_row = self.stored.find("},").expect("several rows were stored");
        format!("{}}}]", &self.stored[..first_row])
    }
}

fn recorded_cases() -> Option<Vec<Case>> {
    let shared = std::env::var_os("STOCK_SCHEDULER_SHARED").map(PathBuf::from);
    let shared = shared
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")));
    let folder = shared.join("data/yahoo");
    if !folder.is_dir() {
        eprintln!("SKIPPED: there are no recordings in {}", folder.display());
        return None;
    }
    let mut cases = Vec::new();
    for part in ["recorded", "synthetic"] {
        let folder = folder.join(part);
        let index = read_json(folder.join("index.json"));
        for entry in index.as_array().unwrap() {
            let file = entry["file"].as_str().unwrap();
            let name = file.rsplit_once('.').unwrap().0;
            let expected = read_json(folder.join(format!("{name}.expected.json")));
            let body = std::fs::read(folder.join(file)).unwrap();
            for case in expected["cases"].as_array().unwrap() {
                if case["case"] == "seed" && case["args"]["interval"] == "1d" {
                    cases.push(recorded_case(name, entry, case, body.clone()));
                }
            }
        }
    }
    assert_eq!(cases.len(), 78);
    Some(cases)
}

fn recorded_case(name: &str, entry: &Value, case: &Value, body: Vec<u8>) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let symbol = entry["symbol"].as_str().unwrap_or("NOPE");
    let args = &case["args"];
    Case {
        name: name.to_owned(),
        request: request(symbol, &text(&args["start"]), &text(&args["end"])),
        status: entry["http_status"].as_u64().unwrap_or(200) as u16,
        body,
        stored: text(&case["stored"]),
        target: case["requests"]
            .as_array()
            .and_then(|asked| target(asked.last()?)),
    }
}

fn target(asked: &Value) -> Option<String> {
    let query = &asked["query"];
    Some(format!(
        "{}?period1={}&period2={}&interval={}&includePrePost={}&events={}",
        asked["path"].as_str()?,
        query["period1"].as_str()?,
        query["period2"].as_str()?,
        query["interval"].as_str()?,
        query["includePrePost"].as_str()?,
        query["events"].as_str()?,
    ))
}

fn read_json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
