//! The document, its schema and this crate speak of the same messages.

use std::fs;
use std::path::Path;

use chrono_tz::Tz;
use jsonschema::Validator;
use serde_json::{Value, json};
use stock_scheduler_sdk::{
    FetchErrorKind, Fetcher, Listener, Next, ScheduleContext, ScheduleFactory,
};

use crate::support::{good, request, start, until};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What tells messages called `name` from all others.
fn definition(name: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(&file("protocol.schema.json")).unwrap();
    schema.as_object_mut().unwrap().remove("anyOf");
    schema["$ref"] = format!("#/$defs/{name}").into();
    assert!(schema["$defs"][name].is_object(), "there is no {name}");
    jsonschema::validator_for(&schema).unwrap()
}

/// What a message is called, by its shape.
fn name_of(message: &Value) -> String {
    let has = |field: &str| message.get(field).is_some();
    let result = |field: &str| message["result"].get(field).is_some();
    match () {
        () if message["method"] == "cancel" => "cancel".into(),
        () if has("method") => format!("{}_request", message["method"].as_str().unwrap()),
        () if has("error") => "error_answer".into(),
        () if has("protocol") => "description".into(),
        () if has("fires") => "fires".into(),
        () if result("protocol") => "describe_answer".into(),
        () if result("bars") => "fetch_answer".into(),
        () if result("fires") => "fires_answer".into(),
        () if result("description") => "schedule_answer".into(),
        () if has("result") => "deliver_answer".into(),
        () => panic!("what is {message}?"),
    }
}

fn assert_valid(message: &Value) -> String {
    let name = name_of(message);
    if let Err(error) = definition(&name).validate(message) {
        panic!("{message} is no {name}: {error}");
    }
    name
}

/// The JSON in the document: its blocks, and what is whole in its lines.
fn documented() -> Vec<Value> {
    let text = file("PROTOCOL.md");
    let mut messages = Vec::new();
    for (place, part) in text.split("```").enumerate() {
        match part.strip_prefix("json\n") {
            Some(block) => {
                let values = serde_json::Deserializer::from_str(block).into_iter();
                messages.extend(values.map(|value| value.unwrap()));
            }
            None if place % 2 == 0 => {
                let whole = |text: &str| serde_json::from_str::<Value>(text).ok();
                let spans = part.split('`').skip(1).step_by(2).filter_map(whole);
                messages.extend(
                    spans.filter(|span| span.get("method").or(span.get("fires")).is_some()),
                );
            }
            None => {}
        }
    }
    messages
}

#[test]
fn every_message_in_the_document_is_in_the_schema() {
    let names: Vec<_> = documented().iter().map(assert_valid).collect();

    for name in [
        "fetch_request",
        "fetch_answer",
        "error_answer",
        "description",
        "fires",
        "cancel",
    ] {
        assert!(
            names.iter().any(|found| found == name),
            "{name} is not among {names:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_that_is_sent_is_in_the_schema() {
    let Some(mut config) = good() else { return };
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    config.config = json!({"log": log});
    let plugin = start(config);
    let sent = || -> Vec<Value> {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };

    let waiting = tokio::time::timeout(std::time::Duration::from_millis(500), async {
        plugin.handle.fetcher().fetch(&request("WAIT")).await
    });
    assert!(waiting.await.is_err());
    let delivery = crate::listener::delivery();
    plugin.handle.listener().deliver(&delivery).await.unwrap();
    let context = ScheduleContext::new(Tz::UTC);
    let schedule = plugin
        .handle
        .schedule("every")
        .build(&json!({"hours": 6}), &context)
        .unwrap();
    schedule.next_after(delivery.event.at + chrono::TimeDelta::nanoseconds(1_234));
    until(|| sent().len() == 6).await;

    let mut names: Vec<_> = sent().iter().map(assert_valid).collect();
    names.sort();
    let all = [
        "cancel",
        "deliver_request",
        "describe_request",
        "fetch_request",
        "fires_request",
        "schedule_request",
    ];
    assert_eq!(names, all);
}

#[tokio::test]
async fn an_answer_is_taken_where_the_schema_takes_it() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let series = definition("series");
    let bar = |fields: Value| {
        let mut bar = json!({"date": "2025-06-02"});
        bar.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        json!({"zone": "UTC", "bars": [bar]})
    };
    let action = |action: Value| json!({"zone": "UTC", "bars": [{"date": "2025-06-02"}], "actions": [action]});
    for answer in [
        bar(json!({})),
        bar(
            json!({"open": null, "high": 1, "volume": 5.0, "final": false, "extra": {"x": 1}, "other": []}),
        ),
        bar(json!({"date": null})),
        bar(json!({"time": "2025-06-02T00:00:00Z"})),
        bar(json!({"date": "2 June"})),
        bar(json!({"open": "1"})),
        bar(json!({"volume": -1})),
        bar(json!({"volume": 1.5})),
        bar(json!({"volume": null})),
        bar(json!({"final": null})),
        bar(json!({"extra": {"x": null}})),
        json!({"bars": []}),
        json!({"zone": null, "bars": []}),
        json!({"zone": "UTC", "bars": null}),
        json!({"zone": "UTC", "currency": 1, "bars": []}),
        action(json!({"date": "2025-06-02", "kind": "dividend", "amount": 1})),
        action(json!({"date": "2025-06-02", "kind": "capital_gain", "amount": 1})),
        action(json!({"date": "2025-06-02", "kind": "split", "ratio": 2})),
        action(json!({"date": "2025-06-02", "kind": "split", "amount": 2})),
        action(json!({"date": "2025-06-02", "kind": "split", "ratio": 0})),
        action(json!({"date": "2025-06-02", "kind": "merger", "ratio": 1})),
        action(json!({"kind": "dividend", "amount": 1})),
    ] {
        let question = request("AAPL").with_options(json!({"answer": answer}));

        let taken = plugin.handle.fetcher().fetch(&question).await;

        let is_taken = match taken {
            Ok(_) => true,
            Err(error) => error.kind() == FetchErrorKind::NoData,
        };
        assert_eq!(is_taken, series.is_valid(&answer), "{answer}");
    }
}

#[tokio::test]
async fn a_description_is_taken_where_the_schema_takes_it() {
    let Some(config) = good() else { return };
    let schema = definition("description");
    let fetcher =
        |fetcher: Value| json!({"protocol": 1, "name": "a", "version": "1", "fetcher": fetcher});
    for answer in [
        fetcher(json!({})),
        fetcher(Value::Null),
        fetcher(json!({"concurrency": null, "burst": 0, "timeout_seconds": 0.5, "other": 1})),
        fetcher(json!({"concurrency": 0})),
        fetcher(json!({"requests_per_second": 0})),
        fetcher(json!({"burst": -1})),
        fetcher(json!({"timeout_seconds": 0})),
        fetcher(json!({"intervals": ["0m"]})),
        fetcher(json!({"intervals": ["3mo", "1wk", "15m"]})),
        fetcher(json!({"options_schema": []})),
        fetcher(json!({"example": {"symbol": "A"}})),
        fetcher(json!({"example": {"symbol": "A B", "start": "2025-06-02", "end": "2025-06-05"}})),
        fetcher(json!({"unknown_symbol": "NO SUCH"})),
        json!({"protocol": 1, "name": "a", "version": 1, "fetcher": {}}),
        json!({"protocol": 2, "name": "a", "version": "1", "fetcher": {}}),
        json!({"protocol": 1, "name": "a", "version": "1"}),
        json!({"protocol": 1, "name": "a", "version": "1", "schedules": {}}),
        json!({"protocol": 1, "name": "a", "version": "1", "schedules": {"x": {"schema": 1}}}),
        json!({"protocol": 1, "name": "a", "version": "1", "schedules": {"x": {}}}),
        json!({"protocol": 1, "name": "a", "version": "1", "listener": {"events": "all"}}),
        json!({"protocol": 1, "name": "a", "version": "1", "listener": {"events": [], "concurrency": 3}}),
    ] {
        let mut config = config.clone();
        config.config = json!({"answer": answer});
        let plugin = start(config);

        let taken = plugin.handle.describe().await;

        assert_eq!(
            taken.is_ok(),
            schema.is_valid(&answer),
            "{answer}: {taken:?}"
        );
    }
}

#[test]
fn fires_are_taken_where_the_schema_takes_them() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let schema = definition("fires");
    let at = "2025-06-03T00:00:00+00:00";
    let fire = |fire: Value| json!({"fires": [fire], "ends": "never"});
    for answer in [
        fire(json!({"at": at})),
        fire(json!({"at": at, "skip": null, "notes": ["a"], "other": 1})),
        fire(json!({"at": at, "skip": 1})),
        fire(json!({"at": at, "notes": null})),
        fire(json!({"at": "2025-06-03"})),
        fire(json!({"at": "2025-06-03T00:00:00"})),
        fire(json!({"at": 1})),
        json!({"fires": null}),
        json!({"fires": [], "ends": "never"}),
        json!({"fires": [], "ends": "soon"}),
        json!({"fires": [], "ends": {"unknown_from": at}}),
        json!({"fires": [], "ends": {"unknown_from": at, "reason": "a"}}),
    ] {
        let context = ScheduleContext::new(Tz::UTC);
        let spec = json!({"hours": 1, "answer": answer});
        let schedule = plugin
            .handle
            .schedule("every")
            .build(&spec, &context)
            .unwrap();

        let next = schedule.next_after("2025-06-02T00:00:00Z".parse().unwrap());

        let is_taken = match &next {
            Next::Unknown { reason, .. } => reason == "a",
            _ => true,
        };
        assert_eq!(is_taken, schema.is_valid(&answer), "{answer}: {next:?}");
    }
}
