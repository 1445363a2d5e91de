//! Reads a schedule from a job's JSON, strictly: every kind refuses the same mistakes with the same words.

use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{Calendar, Schedule, ScheduleContext, TradingDays, zones};
use crate::ConfigError;
use crate::duration::parse_duration;
use crate::nearest::{self, listed, nearest, nearest_zones};

/// At most so many times a day: every half hour.
pub const MOST_TIMES: usize = 48;

/// The fields of a schedule's JSON. Every error has a pointer to its field.
pub struct Spec<'a> {
    fields: &'a Map<String, Value>,
    context: &'a ScheduleContext,
}

impl<'a> Spec<'a> {
    /// Reads an object that has no other fields than `known`; `kind` may be there too.
    pub fn read(
        spec: &'a Value,
        known: &[&str],
        context: &'a ScheduleContext,
    ) -> Result<Self, ConfigError> {
        let Value::Object(fields) = spec else {
            return Err(ConfigError::at(
                "",
                format!("schedule is {spec}, expected an object"),
            ));
        };
        let is_unknown = |name: &&String| *name != "kind" && !known.contains(&name.as_str());
        if let Some(unknown) = fields.keys().find(is_unknown) {
            return Err(nearest::unknown("field", unknown, known));
        }
        Ok(Self { fields, context })
    }

    /// A field as it is.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name)
    }

    /// A field that is text; `example` shows in errors what would be right.
    pub fn text(&self, name: &str, example: &str) -> Result<Option<&'a str>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value.as_str().map(Some).ok_or_else(|| {
            let message = format!("{name} is {value}, expected text such as {example:?}");
            ConfigError::at(format!("/{name}"), message)
        })
    }

    /// As [`text`](Self::text), for a field that must be there.
    pub fn needed(&self, name: &str, example: &str) -> Result<&'a str, ConfigError> {
        self.text(name, example)?.ok_or_else(|| {
            let message = format!("`{name}` is missing, such as {example:?}");
            ConfigError::at("", message)
        })
    }

    /// A length of time such as `1h30m`.
    pub fn duration(&self, name: &str) -> Result<Option<TimeDelta>, ConfigError> {
        let Some(text) = self.text(name, "1h30m")? else {
            return Ok(None);
        };
        parse_duration(text)
            .map(Some)
            .map_err(|error| ConfigError::at(format!("/{name}"), format!("{name}: {error}")))
    }

    /// One of several words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name, words.first().map_or("", |(word, _)| word))? else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let hint = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("expected {}", listed(&known)),
            };
            ConfigError::at(format!("/{name}"), format!("{name} is {text:?}, {hint}"))
        })
    }

    /// The times of day of `time` or `times`: at least one, in the order given, each once.
    pub fn times(&self) -> Result<Vec<NaiveTime>, ConfigError> {
        match (self.get("time"), self.get("times")) {
            (Some(one), None) => Ok(vec![time("/time", one)?]),
            (None, Some(Value::Array(several))) => all_times(several),
            (None, Some(other)) => {
                let message =
                    format!(r#"times is {other}, expected a list such as ["09:45", "16:15"]"#);
                Err(ConfigError::at("/times", message))
            }
            (None, None) => {
                let message = r#"`time`, such as "17:00", or `times` is missing"#;
                Err(ConfigError::at("", message))
            }
            (Some(_), Some(_)) => {
                let message = "`time` and `times` are both given, expected one of them";
                Err(ConfigError::at("/times", message))
            }
        }
    }

    /// The zone that `timezone` names, under its canonical name.
    pub fn named_zone(&self) -> Result<Option<Tz>, ConfigError> {
        let Some(name) = self.text("timezone", "America/New_York")? else {
            return Ok(None);
        };
        let zone = name.parse().map_err(|_| {
            let near = nearest_zones(name);
            let hint = match near.as_slice() {
                [] => r#"expected an IANA name such as "America/New_York""#.to_owned(),
                near => format!("did you mean {}?", near.join(" or ")),
            };
            ConfigError::at("/timezone", format!("unknown time zone {name:?}, {hint}"))
        })?;
        Ok(Some(zones::canonical(zone)))
    }

    /// The calendar that the field `name` names by its code.
    pub fn calendar(&self, name: &str) -> Result<Option<Arc<dyn Calendar>>, ConfigError> {
        let Some(code) = self.text(name, "XNYS")? else {
            return Ok(None);
        };
        if let Some(calendar) = self.context.calendars.get(code) {
            return Ok(Some(calendar.clone()));
        }
        let codes = || self.context.calendars.codes();
        let hint = match nearest(code, codes()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!(
                "expected a code (MIC) such as XNYS for New York: {}",
                codes().collect::<Vec<_>>().join(", ")
            ),
        };
        let message = format!("unknown exchange {code:?}, {hint}");
        Err(ConfigError::at(format!("/{name}"), message))
    }

    /// `schedule`, with its fires on days when the exchange that `on` names is closed marked to be skipped.
    pub fn on_trading_days(
        &self,
        schedule: impl Schedule,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        Ok(match self.calendar("on")? {
            Some(calendar) => Box::new(TradingDays::new(schedule, calendar)),
            None => Box::new(schedule),
        })
    }
}

fn all_times(several: &[Value]) -> Result<Vec<NaiveTime>, ConfigError> {
    if !(1..=MOST_TIMES).contains(&several.len()) {
        let message = format!(
            "times has {} entries, expected 1 to {MOST_TIMES}",
            several.len()
        );
        return Err(ConfigError::at("/times", message));
    }
    let mut times = Vec::with_capacity(several.len());
    for (place, value) in several.iter().enumerate() {
        let pointer = format!("/times/{place}");
        let time = time(&pointer, value)?;
        if times.contains(&time) {
            return Err(ConfigError::at(pointer, format!("{value} is given twice")));
        }
        times.push(time);
    }
    Ok(times)
}

fn time(pointer: &str, value: &Value) -> Result<NaiveTime, ConfigError> {
    value.as_str().and_then(parse_time).ok_or_else(|| {
        let message = format!("{value} is no time of day, expected HH:MM from 00:00 to 23:59");
        ConfigError::at(pointer, message)
    })
}

/// Reads `HH:MM`, five characters and nothing else.
fn parse_time(text: &str) -> Option<NaiveTime> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else {
        return None;
    };
    let number = |tens: &u8, ones: &u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    NaiveTime::from_hms_opt(number(h1, h2)?, number(m1, m2)?, 0)
}

/// JSON Schemas of the fields that several kinds have.
pub mod schema {
    use super::{MOST_TIMES, Value, json};

    /// An object of `kind` that has `needed` and may have `optional` fields, each a name and its schema.
    pub fn object(
        title: &str,
        description: &str,
        kind: &str,
        needed: &[(&str, Value)],
        optional: &[(&str, Value)],
    ) -> Value {
        let mut properties = serde_json::Map::new();
        properties.insert("kind".into(), json!({"type": "string", "enum": [kind]}));
        for (name, field) in needed.iter().chain(optional) {
            properties.insert((*name).into(), field.clone());
        }
        let required: Vec<_> = std::iter::once("kind")
            .chain(needed.iter().map(|(name, _)| *name))
            .collect();
        json!({
            "type": "object",
            "title": title,
            "description": description,
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        })
    }

    /// `time`.
    pub fn time() -> Value {
        json!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
            "example": "17:00",
        })
    }

    /// `times`.
    pub fn times() -> Value {
        json!({
            "type": "array",
            "items": time(),
            "minItems": 1,
            "maxItems": MOST_TIMES,
            "uniqueItems": true,
        })
    }

    /// `timezone`.
    pub fn timezone() -> Value {
        json!({
            "type": "string",
            "format": "iana-time-zone",
            "description": "The IANA name of the zone in which the times are meant; without it the job's.",
            "example": "America/New_York",
        })
    }

    /// `on`, or the exchange of a session.
    pub fn exchange(description: &str) -> Value {
        json!({
            "type": "string",
            "format": "exchange",
            "description": description,
            "example": "XNYS",
        })
    }

    /// `on`.
    pub fn on() -> Value {
        exchange(
            "The code (MIC) of an exchange: on days when it is closed, by its own date, the fire is recorded as skipped.",
        )
    }
}
