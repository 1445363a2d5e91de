//! From a plugin's answer to a series, checked against every promise that a fetcher makes.
//!
//! The usual answer is read in one pass. Only where that fails, it is looked for the bar that is wrong.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use stock_scheduler_sdk::conformance::fetcher::check_series;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{
    ActionKind, Bar, CorporateAction, DayMemory, FetchError, FetchErrorKind, FetchRequest,
    Finality, Series, plain_line,
};

use crate::log::is_name;
use crate::message::given;

/// The longest code of a currency and name of a further column, in characters.
const LONGEST_CURRENCY: usize = 32;
const LONGEST_COLUMN: usize = 100;

/// The series that `text`, the plugin's answer to `request`, holds.
pub(crate) fn read(name: &str, text: &str, request: &FetchRequest) -> Result<Series, FetchError> {
    let malformed = |what: String| {
        let what = plain_line(&what, 1_000);
        let message = format!(
            "plugin {name:?} answered wrongly for {}: {what}",
            request.symbol
        );
        FetchError::new(FetchErrorKind::Malformed, message)
    };
    let table: Table = serde_json::from_str(text)
        .map_err(|error| malformed(what_is_wrong(text).unwrap_or(error.to_string())))?;
    if table.bars.is_empty() {
        let FetchRequest {
            symbol, start, end, ..
        } = request;
        let message = format!("plugin {name:?} has no bars of {symbol} from {start} until {end}");
        return Err(FetchError::new(FetchErrorKind::NoData, message));
    }
    let series = table.series(request).map_err(malformed)?;
    check_series(&series, request).map_err(|broken| malformed(broken.to_string()))?;
    Ok(series)
}

#[derive(Deserialize)]
struct Table {
    zone: String,
    #[serde(default)]
    currency: Option<String>,
    bars: Vec<Row>,
    #[serde(default)]
    actions: Vec<CorporateAction>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Row {
    date: Option<NaiveDate>,
    #[serde(deserialize_with = "instant")]
    time: Option<DateTime<Utc>>,
    open: Option<f64>,
    high: Option<f64>,
    low: Option<f64>,
    close: Option<f64>,
    /// `None`: left out.
    #[serde(deserialize_with = "given")]
    adj_close: Option<Option<f64>>,
    #[serde(deserialize_with = "whole")]
    volume: u64,
    #[serde(rename = "final")]
    is_final: bool,
    extra: BTreeMap<String, f64>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            date: None,
            time: None,
            open: None,
            high: None,
            low: None,
            close: None,
            adj_close: None,
            volume: 0,
            is_final: true,
            extra: BTreeMap::new(),
        }
    }
}

impl Table {
    fn series(self, request: &FetchRequest) -> Result<Series, String> {
        let zone = self.zone.parse().map_err(|_| {
            format!(
                "zone is {:?}, expected an IANA name such as \"America/New_York\"",
                self.zone
            )
        })?;
        let mut series = Series::new(request.symbol.clone(), request.interval, zone);
        series.currency = self.currency.map(currency).transpose()?;
        series.bars.reserve_exact(self.bars.len());
        for (place, row) in self.bars.into_iter().enumerate() {
            let wrong = |why| format!("bar {}: {why}", place + 1);
            let time = row
                .begins(request.interval.is_intraday(), zone)
                .map_err(wrong)?;
            row.check_columns().map_err(wrong)?;
            series.bars.push(row.bar(time));
        }
        series.actions = self.actions;
        series.actions.sort_by_key(|action| action.date);
        check_actions(&series.actions, request)?;
        Ok(series)
    }
}

impl Row {
    fn begins(&self, is_intraday: bool, zone: Tz) -> Result<DateTime<Utc>, String> {
        let time = match (is_intraday, self.date, self.time) {
            (true, None, Some(time)) => Some(time),
            (false, Some(date), None) => first_instant(date, zone),
            (true, ..) => return Err("expected a `time` and no `date`".to_owned()),
            (false, ..) => return Err("expected a `date` and no `time`".to_owned()),
        };
        time.filter(|time| (1..=9_999).contains(&time.year()))
            .ok_or_else(|| "expected a year from 1 to 9999".to_owned())
    }

    fn check_columns(&self) -> Result<(), String> {
        let mut names = self.extra.keys();
        match names.find(|name| !is_name(name, LONGEST_COLUMN)) {
            Some(name) => Err(format!(
                "the column {:?} is no name, expected at most {LONGEST_COLUMN} characters of a line",
                plain_line(name, LONGEST_COLUMN)
            )),
            None => Ok(()),
        }
    }

    fn bar(self, time: DateTime<Utc>) -> Bar {
        Bar {
            time,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            adj_close: self.adj_close.unwrap_or(self.close),
            volume: self.volume,
            finality: match self.is_final {
                true => Finality::Final,
                false => Finality::Provisional,
            },
            extra: self.extra,
        }
    }
}

fn currency(code: String) -> Result<String, String> {
    match is_name(&code, LONGEST_CURRENCY) {
        true => Ok(code),
        false => Err(format!(
            "currency is {:?}, expected a code such as \"USD\"",
            plain_line(&code, LONGEST_CURRENCY)
        )),
    }
}

fn first_instant(date: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    thread_local! {
        static KNOWN: DayMemory<Option<DateTime<Utc>>> = const { DayMemory::new() };
    }
    let midnight = date.and_time(NaiveTime::MIN);
    let look_up = || wall_clock::instant(midnight, zone);
    let is_usual = (1..=9_999).contains(&date.year());
    is_usual
        .then(|| KNOWN.with(|known| known.get(zone, midnight.and_utc().timestamp(), look_up)))?
}

fn check_actions(actions: &[CorporateAction], request: &FetchRequest) -> Result<(), String> {
    for CorporateAction { date, kind } in actions {
        if *date >= request.end {
            return Err(format!(
                "there is an action of {date}, which was not asked for"
            ));
        }
        if let ActionKind::Split { ratio } = kind
            && *ratio <= 0.0
        {
            return Err(format!(
                "the split of {date} has the ratio {ratio}, expected more than 0"
            ));
        }
    }
    Ok(())
}

/// RFC 3339 alone, in which there is always an offset.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    match DateTime::parse_from_rfc3339(&text) {
        Ok(time) => Ok(Some(time.to_utc())),
        Err(_) => Err(D::Error::custom(
            "expected RFC 3339 with an offset, such as 2025-06-02T09:30:00-04:00",
        )),
    }
}

/// A whole number, also written as `10.0`; null is 0.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else {
        return Ok(0);
    };
    let from_float = |number: f64| {
        let is_whole = number.fract() == 0.0 && (0.0..1e19).contains(&number);
        is_whole.then_some(number as u64)
    };
    let whole = number.as_u64().or_else(|| from_float(number.as_f64()?));
    whole.ok_or_else(|| D::Error::custom("expected a whole number from 0 up"))
}

/// Which bar or action of `text` cannot be read, and why; `None` where that is not what is wrong.
fn what_is_wrong(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    wrong_row::<Row>(&answer, "bars", "bar")
        .or_else(|| wrong_row::<CorporateAction>(&answer, "actions", "action"))
}

fn wrong_row<T: DeserializeOwned>(answer: &Value, list: &str, what: &str) -> Option<String> {
    let rows = answer.get(list)?.as_array()?;
    let read = |row: &Value| serde_json::from_value::<T>(row.clone()).err();
    let (place, row, error) = rows
        .iter()
        .enumerate()
        .find_map(|(place, row)| Some((place + 1, row, read(row)?)))?;
    let named = match row.get("date").or_else(|| row.get("time")) {
        Some(Value::String(date)) => format!("{what} {place} of {date}"),
        _ => format!("{what} {place}"),
    };
    match wrong_field(row) {
        Some((field, error)) => Some(format!("{named}: {field} is {}: {error}", row[field])),
        None => Some(format!("{named}: {error}")),
    }
}

/// The field of a bar that cannot be read.
fn wrong_field(row: &Value) -> Option<(&String, serde_json::Error)> {
    let alone = |field: &String, value: &Value| {
        let alone = Map::from_iter([(field.clone(), value.clone())]);
        serde_json::from_value::<Row>(Value::Object(alone)).err()
    };
    let mut fields = row.as_object()?.iter();
    fields.find_map(|(field, value)| Some((field, alone(field, value)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stock_scheduler_sdk::Interval;

    use super::*;

    fn request() -> FetchRequest {
        let date = |text: &str| text.parse().unwrap();
        FetchRequest::daily(
            "AAPL".parse().unwrap(),
            date("2025-06-02"),
            date("2025-06-05"),
        )
    }

    fn read(answer: &Value, request: &FetchRequest) -> Result<Series, FetchError> {
        super::read("mine", &answer.to_string(), request)
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let long = "x".repeat(3_000_000);
        let answer = |currency: &str, column: &str| {
            let bar = json!({"date": "2025-06-02", "close": 2, "extra": {column: 1}});
            json!({"zone": "UTC", "currency": currency, "bars": [bar]})
        };
        for (answer, message) in [
            (answer(&long, "a"), "currency is \"xxx"),
            (answer("U\nS", "a"), "currency is \"U S\", expected a code"),
            (answer("USD", &long), "bar 1: the column \"xxx"),
            (answer("USD", "a\u{1b}b"), "bar 1: the column \"a b\""),
        ] {
            let error = read(&answer, &request()).unwrap_err().to_string();

            let begin = format!("plugin \"mine\" answered wrongly for AAPL: {message}");
            assert!(error.starts_with(&begin), "{error}");
            assert!(error.chars().count() < 250, "{error}");
        }
        assert!(read(&answer("USDT.e", "trades at close"), &request()).is_ok());
    }

    #[test]
    fn what_is_left_out_has_a_meaning() {
        let series = read(
            &json!({"zone": "America/New_York", "colour": "green", "bars": [
                {"date": "2025-06-02", "close": 2},
                {"date": "2025-06-03", "close": 2, "adj_close": null, "volume": null},
                {"date": "2025-06-04", "open": 1, "high": 3.5, "low": 1, "close": 2, "adj_close": 1.5, "volume": 7.0,
                 "final": false, "extra": {"trades": 3}},
            ]}),
            &request(),
        )
        .unwrap();

        let [first, second, third] = series.bars.as_slice() else {
            panic!()
        };
        assert_eq!(first.time.to_string(), "2025-06-02 04:00:00 UTC");
        assert_eq!(
            (first.open, first.close, first.adj_close),
            (None, Some(2.0), Some(2.0))
        );
        assert_eq!((first.volume, first.finality), (0, Finality::Final));
        assert_eq!((second.adj_close, second.volume), (None, 0));
        assert_eq!((third.adj_close, third.volume), (Some(1.5), 7));
        assert_eq!(
            (third.finality, third.extra["trades"]),
            (Finality::Provisional, 3.0)
        );
        assert_eq!(series.currency, None);
    }

    #[test]
    fn shorter_bars_have_times() {
        let request = request().with_interval(Interval::Hours(1));
        let bar = |time: &str| json!({"zone": "America/New_York", "bars": [{"time": time}]});

        let series = read(&bar("2025-06-02T09:30:00-04:00"), &request).unwrap();

        assert_eq!(series.bars[0].time.to_string(), "2025-06-02 13:30:00 UTC");
        let error = read(&bar("2025-06-02T09:30:00"), &request)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected RFC 3339 with an offset"),
            "{error}"
        );
    }

    #[test]
    fn actions_come_oldest_first() {
        let answer = json!({"zone": "UTC", "bars": [{"date": "2025-06-02"}], "actions": [
            {"date": "2025-06-04", "kind": "split", "ratio": 4},
            {"date": "2025-06-02", "kind": "dividend", "amount": 0.5},
        ]});

        let series = read(&answer, &request()).unwrap();

        assert_eq!(series.actions[0].kind, ActionKind::Dividend { amount: 0.5 });
        assert_eq!(series.actions[1].kind, ActionKind::Split { ratio: 4.0 });
    }

    #[test]
    fn no_bars_are_no_data() {
        let error = read(&json!({"zone": "UTC", "bars": []}), &request()).unwrap_err();

        assert_eq!(error.kind(), FetchErrorKind::NoData);
        assert_eq!(
            error.to_string(),
            r#"plugin "mine" has no bars of AAPL from 2025-06-02 until 2025-06-05"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_the_bar() {
        let day = |fields: Value| {
            let mut second = json!({"date": "2025-06-03"});
            second
                .as_object_mut()
                .unwrap()
                .extend(fields.as_object().unwrap().clone());
            json!({"zone": "UTC", "bars": [{"date": "2025-06-02"}, second]})
        };
        let action = |action: Value| json!({"zone": "UTC", "bars": [{"date": "2025-06-02"}], "actions": [action]});
        for (answer, message) in [
            (
                json!({"bars": [{"date": "2025-06-02"}]}),
                "missing field `zone`",
            ),
            (json!([]), "invalid length 0"),
            (
                json!({"zone": "UTC", "bars": {}}),
                "invalid type: map, expected a sequence",
            ),
            (
                json!({"zone": "America/NewYork", "bars": [{"date": "2025-06-02"}]}),
                "zone is \"America/NewYork\", expected an IANA name such as \"America/New_York\"",
            ),
            (
                day(json!({"close": "NaN"})),
                "bar 2 of 2025-06-03: close is \"NaN\": invalid type: string \"NaN\", expected f64",
            ),
            (
                day(json!({"volume": -5})),
                "bar 2 of 2025-06-03: volume is -5: expected a whole number from 0 up",
            ),
            (
                day(json!({"volume": 1.5})),
                "bar 2 of 2025-06-03: volume is 1.5: expected a whole number from 0 up",
            ),
            (
                day(json!({"extra": {"x": null}})),
                "bar 2 of 2025-06-03: extra is {\"x\":null}: invalid type: null",
            ),
            (
                day(json!({"date": "3rd of June"})),
                "bar 2 of 3rd of June: date is \"3rd of June\"",
            ),
            (
                day(json!({"date": null})),
                "bar 2: expected a `date` and no `time`",
            ),
            (
                day(json!({"time": "2025-06-03T00:00:00Z"})),
                "bar 2: expected a `date` and no `time`",
            ),
            (
                day(json!({"date": "2025-06-02"})),
                "there is at most one bar a session: asked for AAPL 1d from 2025-06-02 until 2025-06-05: 2025-06-02",
            ),
            (day(json!({"date": "2025-06-01"})), "bars come oldest first"),
            (
                day(json!({"date": "2025-06-05"})),
                "no bar is outside the request",
            ),
            (
                json!({"zone": "UTC", "bars": [{"date": "+123456-01-01"}]}),
                "bar 1: expected a year from 1 to 9999",
            ),
            (
                action(json!({"date": "2025-06-05", "kind": "dividend", "amount": 1})),
                "there is an action of 2025-06-05, which was not asked for",
            ),
            (
                action(json!({"date": "2025-06-02", "kind": "split", "ratio": 0})),
                "the split of 2025-06-02 has the ratio 0, expected more than 0",
            ),
            (
                action(json!({"date": "2025-06-02", "kind": "spinoff"})),
                "action 1 of 2025-06-02: unknown variant `spinoff`",
            ),
        ] {
            let error = read(&answer, &request()).unwrap_err();
            let expected = format!("plugin \"mine\" answered wrongly for AAPL: {message}");
            assert_eq!(error.kind(), FetchErrorKind::Malformed, "{error}");
            assert!(
                error.to_string().starts_with(&expected),
                "{error}\n{expected}"
            );
        }
    }
}
