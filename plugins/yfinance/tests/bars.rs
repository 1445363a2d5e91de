//! What a chart's rows become: the rules of `yfinance.download` on made-up answers, and answers that are no chart.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use serde_json::{Value, json};
use stock_scheduler_sdk::{ActionKind, FetchError, FetchErrorKind, FetchRequest, Finality, Series};
use stock_scheduler_yfinance::{Answer, parse};

use support::{chart, request};

/// 09:30 in New York on 1, 2 and 3 May 2024.
const MAY_1: i64 = 1714570200;
const MAY_2: i64 = 1714656600;
const MAY_3: i64 = 1714743000;
const HOUR: i64 = 3600;

fn first_three_days_of_may() -> FetchRequest {
    request("X", "2024-05-01", "2024-05-04")
}

fn read(body: impl AsRef<[u8]>) -> Result<Series, FetchError> {
    let answer = Answer {
        status: 200,
        retry_after: None,
        body: body.as_ref(),
    };
    parse(&answer, &first_three_days_of_may())
}

/// A chart of New York with bars at `times`, changed by `change`, which gets its only result.
fn changed(times: &[i64], change: impl Fn(&mut Value)) -> Result<Series, FetchError> {
    let mut document: Value = serde_json::from_str(&chart("America/New_York", times)).unwrap();
    change(&mut document["chart"]["result"][0]);
    read(document.to_string())
}

/// Day of the month and raw close of each bar.
fn closes(series: &Series) -> Vec<(String, f64)> {
    let date = |bar| series.local_time(bar).format("%d").to_string();
    series
        .bars
        .iter()
        .map(|bar| (date(bar), bar.close.unwrap()))
        .collect()
}

fn bars(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    expected
        .iter()
        .map(|(day, close)| ((*day).to_owned(), *close))
        .collect()
}

#[test]
fn bars_are_raw_with_the_adjusted_close_beside_them() {
    let series = changed(&[MAY_1], |_| ()).unwrap();

    let bar = &series.bars[0];
    assert_eq!(bar.time.to_string(), "2024-05-01 04:00:00 UTC");
    assert_eq!(
        (bar.open, bar.high, bar.low),
        (Some(10.0), Some(12.0), Some(8.0))
    );
    assert_eq!((bar.close, bar.adj_close), (Some(10.5), Some(5.25)));
    assert_eq!((bar.volume, bar.finality), (100, Finality::Final));
    assert_eq!(series.currency.as_deref(), Some("USD"));
    assert_eq!(series.zone.name(), "America/New_York");
}

#[test]
fn rows_are_sorted_and_kept_within_the_request() {
    let times = [
        MAY_3,
        MAY_1,
        MAY_1 - 24 * HOUR,
        MAY_3 + 24 * HOUR,
        MAY_3 + 72 * HOUR,
        MAY_2,
    ];

    let series = changed(&times, |_| ()).unwrap();

    assert_eq!(
        closes(&series),
        bars(&[("01", 11.5), ("02", 15.5), ("03", 10.5)])
    );
}

#[test]
fn of_two_rows_of_a_session_the_live_one_counts_at_the_end_and_else_the_first() {
    let live = changed(&[MAY_1, MAY_2, MAY_2 + HOUR], |_| ()).unwrap();
    assert_eq!(closes(&live), bars(&[("01", 10.5), ("02", 12.5)]));

    let earlier = changed(&[MAY_1, MAY_1 + HOUR, MAY_2], |_| ()).unwrap();
    assert_eq!(closes(&earlier), bars(&[("01", 10.5), ("02", 12.5)]));

    let three = changed(&[MAY_1, MAY_1 + HOUR, MAY_1 + 2 * HOUR], |_| ()).unwrap();
    assert_eq!(closes(&three), bars(&[("01", 10.5)]));
}

#[test]
fn an_action_after_the_last_bar_hides_a_live_row_as_it_does_in_yfinance() {
    let series = changed(&[MAY_1, MAY_2, MAY_2 + HOUR], |result| {
        result["events"] = json!({"dividends": {"1": {"date": MAY_3, "amount": 0.5}}});
    });

    assert_eq!(
        closes(&series.unwrap()),
        bars(&[("01", 10.5), ("02", 11.5)])
    );
}

#[test]
fn blank_rows_are_left_out_and_unknown_volume_is_zero() {
    let series = changed(&[MAY_1, MAY_2, MAY_3], |result| {
        let quote = &mut result["indicators"]["quote"][0];
        for column in ["open", "high", "low", "close"] {
            quote[column][1] = Value::Null;
        }
        quote["volume"] = json!([null, null, 7.0]);
        result["indicators"]["adjclose"][0]["adjclose"][1] = Value::Null;
    })
    .unwrap();

    assert_eq!(closes(&series), bars(&[("01", 10.5), ("03", 12.5)]));
    assert_eq!((series.bars[0].volume, series.bars[1].volume), (0, 7));
}

#[test]
fn without_adjusted_closes_the_close_is_the_adjusted_close() {
    let series = changed(&[MAY_1], |result| {
        result["indicators"]
            .as_object_mut()
            .unwrap()
            .remove("adjclose");
    });

    assert_eq!(series.unwrap().bars[0].adj_close, Some(10.5));
}

#[test]
fn actions_are_those_from_the_first_bar_until_the_end_of_the_request() {
    let series = changed(&[MAY_2, MAY_3], |result| {
        result["events"] = json!({
            "dividends": {
                "a": {"date": MAY_1, "amount": 0.1},
                "b": {"date": MAY_3, "amount": 0.3},
                "c": {"date": MAY_3 + 24 * HOUR, "amount": 0.4},
            },
            "splits": {"d": {"date": MAY_2, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}},
            "capitalGains": {"e": {"date": MAY_3, "amount": 1}},
        });
    })
    .unwrap();

    let actions: Vec<_> = series
        .actions
        .iter()
        .map(|a| (a.date.to_string(), a.kind))
        .collect();
    assert_eq!(
        actions,
        [
            ("2024-05-02".to_owned(), ActionKind::Split { ratio: 4.0 }),
            (
                "2024-05-03".to_owned(),
                ActionKind::Dividend { amount: 0.3 }
            ),
            (
                "2024-05-03".to_owned(),
                ActionKind::CapitalGain { amount: 1.0 }
            ),
        ]
    );
}

#[test]
fn a_bar_is_provisional_while_the_last_price_is_older_than_the_end_of_its_session() {
    let close = MAY_3 + 13 * HOUR / 2;
    for (last_price, period, expected) in [
        (close - 1, MAY_3, Finality::Provisional),
        (close, MAY_3, Finality::Final),
        (close + 5, MAY_3, Finality::Final),
        // The provider has turned to the next session, which has no bar yet.
        (close, MAY_3 + 24 * HOUR, Finality::Final),
    ] {
        let series = changed(&[MAY_2, MAY_3], |result| {
            result["meta"]["regularMarketTime"] = json!(last_price);
            let regular = json!({"start": period, "end": period + 13 * HOUR / 2});
            result["meta"]["currentTradingPeriod"] = json!({ "regular": regular });
        })
        .unwrap();

        assert_eq!(series.bars[0].finality, Finality::Final);
        assert_eq!(series.bars[1].finality, expected, "{last_price} {period}");
    }
}

#[test]
fn an_answer_without_bars_of_the_request_is_no_data() {
    let empty_quote = |result: &mut Value| {
        result.as_object_mut().unwrap().remove("timestamp");
        result["indicators"] = json!({"quote": [{}], "adjclose": [{}]});
    };
    let only_blank = |result: &mut Value| {
        result["indicators"]["quote"][0]["volume"] = json!([0]);
        result["indicators"]["adjclose"][0]["adjclose"] = json!([null]);
    };
    for answer in [
        changed(&[MAY_1], empty_quote),
        changed(&[MAY_1], only_blank),
        changed(&[], |_| ()),
        changed(&[MAY_3 + 48 * HOUR], |_| ()),
        read(r#"{"chart":{"result":[],"error":null}}"#),
        read(r#"{"chart":{"result":null,"error":null}}"#),
    ] {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::NoData);
        assert_eq!(
            error.to_string(),
            "yahoo has no bars of X from 2024-05-01 until 2024-05-04"
        );
    }
}

#[test]
fn an_error_in_a_successful_answer_is_classified_by_its_code() {
    for (code, expected) in [
        ("Not Found", FetchErrorKind::UnknownSymbol),
        ("Bad Request", FetchErrorKind::NoData),
        ("Unprocessable Entity", FetchErrorKind::NoData),
        ("Unauthorized", FetchErrorKind::Denied),
        ("Forbidden", FetchErrorKind::Denied),
        (
            "Too Many Requests",
            FetchErrorKind::RateLimited { retry_after: None },
        ),
        ("Internal Server Error", FetchErrorKind::Unavailable),
    ] {
        let problem = json!({"code": code, "description": "Because\nof this."});
        let error =
            read(json!({"chart": {"result": null, "error": problem}}).to_string()).unwrap_err();

        assert_eq!(error.kind(), expected, "{code}");
        assert!(error.to_string().ends_with(": Because of this"), "{error}");
    }
}

#[test]
fn what_is_no_chart_is_malformed_and_says_why() {
    let in_result = |pointer: &'static str, value: Value| {
        changed(&[MAY_1, MAY_2], move |result| {
            *result.pointer_mut(pointer).unwrap() = value.clone();
        })
    };
    let split = |numerator: f64, denominator: f64| {
        changed(&[MAY_1], move |result| {
            let split = json!({"date": MAY_1, "numerator": numerator, "denominator": denominator});
            result["events"] = json!({"splits": {"x": split}});
        })
    };
    let whole = chart("America/New_York", &[MAY_1]);
    for (answer, why) in [
        (
            read("  <!DOCTYPE html><html></html>"),
            "it is a web page, not JSON",
        ),
        (read(" \r\n"), "it is empty"),
        (read("{}"), "missing field `chart`"),
        (read("null"), "it is not the JSON of a chart"),
        (read(&whole[..whole.len() / 2]), "EOF while parsing"),
        (read(whole.replace("10.5", "1e999")), "number out of range"),
        (read(whole.replace("10.5", "NaN")), "expected value"),
        (read("[".repeat(100_000)), "it is not the JSON of a chart"),
        (
            in_result("/meta/exchangeTimezoneName", json!("Mars/Olympus")),
            "\"Mars/Olympus\" is no zone",
        ),
        (
            in_result("/meta/exchangeTimezoneName", Value::Null),
            "names no exchangeTimezoneName",
        ),
        (
            in_result("/meta/dataGranularity", json!("3mo")),
            "its bars are of \"3mo\", not of 1d",
        ),
        (
            in_result("/timestamp", json!([MAY_1])),
            "column \"adjclose\" has 2 rows, timestamp has 1",
        ),
        (
            in_result("/timestamp", json!([MAY_1, null])),
            "invalid type: null",
        ),
        (
            in_result("/timestamp", json!([MAY_1 * 1000, 0])),
            "timestamp 1714570200000 is no trading time",
        ),
        (
            in_result("/timestamp", json!([i64::MIN, 0])),
            "is no trading time",
        ),
        (
            in_result("/timestamp", Value::Null),
            "it has prices without timestamps",
        ),
        (
            in_result("/indicators/quote", json!([])),
            "column \"open\" is missing",
        ),
        (
            in_result("/indicators/quote/0/low", json!([1.0])),
            "column \"low\" has 1 rows",
        ),
        (
            in_result("/indicators/quote/0/volume", Value::Null),
            "column \"volume\" is missing",
        ),
        (
            in_result("/indicators/quote/0/volume", json!([-1, 1])),
            "expected a volume from 0",
        ),
        (
            in_result("/indicators/quote/0/volume", json!([1e19, 1])),
            "expected a volume from 0",
        ),
        (
            in_result("/indicators/quote/0/volume", json!([u64::MAX, 1])),
            "expected a volume from 0",
        ),
        (
            in_result("/indicators/quote/0/volume", json!(["1", 1])),
            "expected a volume from 0",
        ),
        (
            in_result("/indicators/quote/0/close", json!(["x", 1])),
            "expected f64",
        ),
        (
            in_result("/indicators/adjclose", json!([{}])),
            "column \"adjclose\" is missing",
        ),
        (split(4.0, 0.0), "a split of ratio inf is none"),
        (split(0.0, 0.0), "a split of ratio NaN is none"),
        (split(-1.0, 1.0), "a split of ratio -1 is none"),
    ] {
        let error = answer.expect_err(why);
        assert_eq!(error.kind(), FetchErrorKind::Malformed, "{error}");
        let start = "cannot read yahoo's answer for X: ";
        assert!(error.to_string().starts_with(start), "{error}");
        assert!(
            error.to_string().contains(why),
            "{error} does not say {why}"
        );
    }
}

#[test]
fn no_damage_to_an_answer_makes_us_panic() {
    let mut result: Value =
        serde_json::from_str(&chart("America/New_York", &[MAY_1, MAY_2])).unwrap();
    result["chart"]["result"][0]["events"] =
        json!({"splits": {"x": {"date": MAY_1, "numerator": 2, "denominator": 1}}});
    let whole = result.to_string().into_bytes();

    for at in 0..whole.len() {
        let _ = read(&whole[..at]);
        for byte in *b"\0\"-9e[{}],:\xff" {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let _ = read(damaged);
        }
    }
}
