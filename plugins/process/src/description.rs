//! What a plugin says it is.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use stock_scheduler_sdk::{Interval, Limits, Symbol, plain_line};

use crate::log::is_name;
use crate::message::PROTOCOL;

/// A plugin's answer to `describe`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// The version of the protocol that it speaks.
    pub protocol: u64,
    /// What the plugin calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The shape of its `config` as a JSON Schema, where it tells.
    #[serde(default, deserialize_with = "schema")]
    pub config_schema: Option<Value>,
    /// How it fetches, where it does.
    #[serde(default)]
    pub fetcher: Option<FetcherDescription>,
    /// Its schedules by their kind.
    #[serde(default)]
    pub schedules: BTreeMap<String, ScheduleDescription>,
    /// How it listens, where it does.
    #[serde(default)]
    pub listener: Option<ListenerDescription>,
}

impl Description {
    /// The kinds of its schedules, for people.
    pub fn kinds(&self) -> String {
        let kinds: Vec<_> = self.schedules.keys().collect();
        plain_line(&format!("{kinds:?}"), LONGEST_WRONG)
    }
}

/// What a plugin says of its fetcher. A limit that is left out is none.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FetcherDescription {
    /// The lengths of bars that it can get.
    pub intervals: Vec<Interval>,
    /// Requests that may be under way at once.
    #[serde(deserialize_with = "positive")]
    pub concurrency: Option<usize>,
    /// Requests a second, in the long run.
    #[serde(deserialize_with = "rate")]
    pub requests_per_second: Option<f64>,
    /// Requests that may be made at once after a rest.
    pub burst: Option<u32>,
    /// Requests in any hour.
    pub requests_per_hour: Option<u32>,
    /// How long one request may take.
    #[serde(rename = "timeout_seconds", deserialize_with = "seconds")]
    pub timeout: Option<Duration>,
    /// The shape of a job's options as a JSON Schema.
    #[serde(deserialize_with = "schema")]
    pub options_schema: Option<Value>,
    /// A question that it can answer.
    pub example: Option<FetchExample>,
    /// A symbol that its provider does not know.
    pub unknown_symbol: Option<Symbol>,
}

impl Default for FetcherDescription {
    fn default() -> Self {
        Self {
            intervals: vec![Interval::Day],
            concurrency: None,
            requests_per_second: None,
            burst: None,
            requests_per_hour: None,
            timeout: None,
            options_schema: None,
            example: None,
            unknown_symbol: None,
        }
    }
}

impl FetcherDescription {
    /// How hard it may be asked, where no more than `in_flight` requests may be under way in any case.
    pub(crate) fn limits(&self, in_flight: usize) -> Limits {
        let mut limits = Limits::default();
        limits.concurrency = Some(
            self.concurrency
                .map_or(in_flight, |most| most.min(in_flight)),
        );
        limits.per_second = self.requests_per_second;
        limits.burst = self.burst;
        limits.per_hour = self.requests_per_hour;
        limits.timeout = self.timeout;
        limits
    }
}

/// A question to a fetcher.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct FetchExample {
    /// Whose bars.
    pub symbol: Symbol,
    /// The first date wanted.
    pub start: NaiveDate,
    /// The first date no longer wanted.
    pub end: NaiveDate,
    /// How long a bar is.
    #[serde(default)]
    pub interval: Interval,
    /// Settings of a job, or null.
    #[serde(default)]
    pub options: Value,
}

/// What a plugin says of a kind of schedule.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScheduleDescription {
    /// The shape of a job's schedule as a JSON Schema.
    #[serde(deserialize_with = "schema")]
    pub schema: Option<Value>,
    /// A schedule of this kind.
    pub example: Option<Value>,
}

/// What a plugin says of its listener.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ListenerDescription {
    /// The names of the events that it wants; none: all.
    pub events: Vec<String>,
    /// Events that may be under way at once; left out: one, so that they come in their order.
    #[serde(deserialize_with = "positive")]
    pub concurrency: Option<usize>,
}

/// Reads a description; the error says, about the plugin, what is wrong with it.
pub(crate) fn read(text: &str) -> Result<Description, String> {
    #[derive(Deserialize)]
    struct Version {
        protocol: Option<u64>,
    }
    let wrong = |error: serde_json::Error| {
        let error = plain_line(&error.to_string(), LONGEST_WRONG);
        format!("described itself wrongly: {error}")
    };
    // First, because all else may be different in another version.
    let version: Version = serde_json::from_str(text).map_err(wrong)?;
    if let Some(other) = version.protocol
        && other != PROTOCOL
    {
        return Err(format!("speaks protocol {other}, expected {PROTOCOL}"));
    }
    let mut description: Description = serde_json::from_str(text).map_err(wrong)?;
    let events = description.listener.iter_mut();
    let events = events.flat_map(|listener| &mut listener.events);
    for text in [&mut description.name, &mut description.version]
        .into_iter()
        .chain(events)
    {
        *text = plain_line(text, LONGEST_NAME);
    }
    // Another kind would not be the one that jobs name.
    let is_name = |kind: &&String| is_name(kind, LONGEST_NAME);
    if let Some(kind) = description.schedules.keys().find(|kind| !is_name(kind)) {
        let kind = plain_line(kind, LONGEST_NAME);
        return Err(format!(
            "described itself wrongly: the schedule {kind:?}, expected at most {LONGEST_NAME} characters of a line"
        ));
    }
    let of_fetcher = description.fetcher.iter();
    let of_fetcher = of_fetcher.filter_map(|fetcher| fetcher.options_schema.as_ref());
    let of_schedules = description.schedules.values();
    let of_schedules = of_schedules.filter_map(|schedule| schedule.schema.as_ref());
    let schemas = description.config_schema.iter();
    for schema in schemas.chain(of_fetcher).chain(of_schedules) {
        let length = schema.to_string().len();
        if length > LONGEST_SCHEMA {
            return Err(format!(
                "described itself wrongly: a schema has {length} bytes, expected at most {LONGEST_SCHEMA}"
            ));
        }
    }
    if description
        .fetcher
        .as_ref()
        .is_some_and(|fetcher| fetcher.intervals.is_empty())
    {
        return Err(
            "described itself wrongly: intervals is empty, expected some such as \"1d\"".to_owned(),
        );
    }
    let Description {
        fetcher,
        schedules,
        listener,
        ..
    } = &description;
    if fetcher.is_none() && schedules.is_empty() && listener.is_none() {
        return Err(
            "described itself as nothing, expected a fetcher, schedules or a listener".to_owned(),
        );
    }
    Ok(description)
}

fn schema<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let schema = Option::<serde_json::Map<String, Value>>::deserialize(from)?;
    Ok(schema.map(Value::Object))
}

fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let number = Option::<std::num::NonZeroUsize>::deserialize(from)?;
    Ok(number.map(std::num::NonZeroUsize::get))
}

/// A request a day, and more than any program answers.
const LEAST_RATE: f64 = 0.00001;
const MOST_RATE: f64 = 1_000_000.0;
/// The longest name and version, in characters, and the longest list or mistake in a sentence.
const LONGEST_NAME: usize = 100;
/// The longest schema, in bytes: all clients are shown it.
const LONGEST_SCHEMA: usize = 256 << 10;
const LONGEST_WRONG: usize = 300;

fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let rate = Option::<f64>::deserialize(from)?;
    match rate {
        Some(rate) if !(LEAST_RATE..=MOST_RATE).contains(&rate) => Err(serde::de::Error::custom(
            format_args!("requests_per_second is {rate}, expected {LEAST_RATE} to {MOST_RATE}"),
        )),
        rate => Ok(rate),
    }
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let Some(seconds) = Option::<f64>::deserialize(from)? else {
        return Ok(None);
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() => Ok(Some(timeout)),
        _ => Err(serde::de::Error::custom(format_args!(
            "timeout_seconds is {seconds}, expected more than 0"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(description: Value) -> Result<Description, String> {
        super::read(&description.to_string())
    }

    #[test]
    fn what_is_left_out_has_a_meaning() {
        let description = read(json!({
            "protocol": 1, "name": "mine", "version": "1", "fetcher": {}, "listener": {}, "schedules": {"lunar": {}},
            "colour": "green",
        }))
        .unwrap();

        let fetcher = description.fetcher.unwrap();
        assert_eq!(fetcher, FetcherDescription::default());
        assert_eq!(fetcher.limits(8).concurrency, Some(8));
        assert_eq!(description.listener, Some(ListenerDescription::default()));
        assert_eq!(
            description.schedules["lunar"],
            ScheduleDescription::default()
        );
    }

    #[test]
    fn fewer_requests_than_described_are_under_way_where_the_host_allows_no_more() {
        let fetcher = FetcherDescription {
            concurrency: Some(20),
            ..FetcherDescription::default()
        };

        assert_eq!(fetcher.limits(8).concurrency, Some(8));
        assert_eq!(fetcher.limits(100).concurrency, Some(20));
    }

    #[test]
    fn names_are_short_lines() {
        let long = format!("a\n{}", "x".repeat(3_000_000));
        let description = json!({
            "protocol": 1, "name": long, "version": long, "listener": {"events": [long]}, "schedules": {"lunar": {}},
        });

        let description = read(description).unwrap();

        let events = description.listener.unwrap().events;
        for name in [&description.name, &description.version, &events[0]] {
            assert_eq!(name.chars().count(), LONGEST_NAME + 1);
            assert!(name.starts_with("a xxx"), "{name}");
        }
        for kind in [long.as_str(), "a\u{1b}b"] {
            let description =
                json!({"protocol": 1, "name": "a", "version": "1", "schedules": {kind: {}}});
            let error = read(description).unwrap_err();
            assert!(
                error.starts_with("described itself wrongly: the schedule \"a"),
                "{error}"
            );
            assert!(error.len() < 300 && !error.contains('\n'), "{error}");
        }
        let many: serde_json::Map<String, Value> = (0..10_000)
            .map(|number| (number.to_string(), json!({})))
            .collect();
        let description =
            read(json!({"protocol": 1, "name": "a", "version": "1", "schedules": many})).unwrap();
        assert!(description.kinds().starts_with(r#"["0", "1", "10","#));
        assert_eq!(description.kinds().chars().count(), 301);
    }

    #[test]
    fn what_is_wrong_is_short() {
        let interval = format!("a\n{}", "x".repeat(3_000_000));
        let error = read(json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"intervals": [interval]}}))
            .unwrap_err();

        assert!(error.chars().count() < 400, "{error}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (description, message) in [
            (
                json!({"protocol": 2, "anything": "else"}),
                "speaks protocol 2, expected 1",
            ),
            (
                json!("mine"),
                "described itself wrongly: invalid type: string",
            ),
            (
                json!({}),
                "described itself wrongly: missing field `protocol`",
            ),
            (
                json!({"protocol": 1, "name": "a"}),
                "described itself wrongly: missing field `version`",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1"}),
                "described itself as nothing, expected a fetcher, schedules or a listener",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "config_schema": {"title": "a".repeat(300_000)}}),
                "described itself wrongly: a schema has 300012 bytes, expected at most 262144",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"concurrency": 0}}),
                "described itself wrongly: invalid value: integer `0`, expected a nonzero usize",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"requests_per_second": 0}}),
                "described itself wrongly: requests_per_second is 0, expected 0.00001 to 1000000",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"timeout_seconds": -1}}),
                "described itself wrongly: timeout_seconds is -1, expected more than 0",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"intervals": ["1y"]}}),
                "described itself wrongly: interval \"1y\" is none of",
            ),
            (
                json!({"protocol": 1, "name": "a", "version": "1", "fetcher": {"options_schema": true}}),
                "described itself wrongly: invalid type: boolean `true`, expected a map",
            ),
        ] {
            let error = read(description).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
