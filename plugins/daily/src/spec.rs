//! Reads a daily schedule from a job's JSON, strictly.

use chrono::NaiveTime;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory};

use crate::Daily;
use crate::nearest::{nearest_field, nearest_zones};

/// At most so many times a day: every half hour.
const MOST_TIMES: usize = 48;

const FIELDS: [&str; 4] = ["kind", "time", "times", "timezone"];

/// Makes [`Daily`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct DailyFactory;

impl ScheduleFactory for DailyFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let Value::Object(fields) = spec else {
            return Err(ConfigError::at(
                "",
                format!("schedule is {spec}, expected an object"),
            ));
        };
        check_names(fields)?;
        let times = times(fields)?;
        let named = fields.get("timezone").map(zone).transpose()?;
        let daily = |first| {
            let in_zone = Daily::at(first, named.unwrap_or(context.zone));
            match named {
                Some(_) => in_zone,
                None => in_zone.in_given_zone(),
            }
        };
        let mut times = times.into_iter();
        let first = times.next().expect("at least one time was read");
        Ok(Box::new(times.fold(daily(first), Daily::and_at)))
    }

    fn schema(&self) -> Value {
        let time = json!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$",
            "example": "17:00",
        });
        let times = json!({
            "type": "array",
            "items": time,
            "minItems": 1,
            "maxItems": MOST_TIMES,
            "uniqueItems": true,
        });
        let shape = |title, description, name: &str, when| {
            json!({
                "type": "object",
                "title": title,
                "description": description,
                "required": ["kind", name],
                "additionalProperties": false,
                "properties": {
                    "kind": {"type": "string", "enum": ["daily"]},
                    name: when,
                    "timezone": {
                        "type": "string",
                        "format": "iana-time-zone",
                        "description": "The IANA name of the zone in which the times are meant; without it the job's.",
                        "example": "America/New_York",
                    },
                },
            })
        };
        json!({"oneOf": [
            shape("Daily", "Every day at `time`.", "time", time),
            shape("DailyTimes", "Every day at each of `times`.", "times", times),
        ]})
    }
}

fn check_names(fields: &Map<String, Value>) -> Result<(), ConfigError> {
    let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) else {
        return Ok(());
    };
    let hint = match nearest_field(unknown, &FIELDS) {
        Some(field) => format!("did you mean `{field}`?"),
        None => "expected `time`, `times` or `timezone`".to_owned(),
    };
    let pointer = format!("/{}", unknown.replace('~', "~0").replace('/', "~1"));
    Err(ConfigError::at(
        pointer,
        format!("unknown field `{unknown}`, {hint}"),
    ))
}

/// The times of `time` or `times`, at least one and each once.
fn times(fields: &Map<String, Value>) -> Result<Vec<NaiveTime>, ConfigError> {
    match (fields.get("time"), fields.get("times")) {
        (Some(one), None) => Ok(vec![time("/time", one)?]),
        (None, Some(Value::Array(several))) => all_times(several),
        (None, Some(other)) => {
            let message =
                format!(r#"times is {other}, expected a list such as ["09:45", "16:15"]"#);
            Err(ConfigError::at("/times", message))
        }
        (None, None) => {
            let message = r#"a daily schedule needs `time`, such as "17:00", or `times`"#;
            Err(ConfigError::at("", message))
        }
        (Some(_), Some(_)) => {
            let message = "`time` and `times` are both given, expected one of them";
            Err(ConfigError::at("/times", message))
        }
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
    value.as_str().and_then(hh_mm).ok_or_else(|| {
        let message = format!("{value} is no time of day, expected HH:MM from 00:00 to 23:59");
        ConfigError::at(pointer, message)
    })
}

/// Reads `HH:MM`, five characters and nothing else.
fn hh_mm(text: &str) -> Option<NaiveTime> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else {
        return None;
    };
    let number = |tens: &u8, ones: &u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    NaiveTime::from_hms_opt(number(h1, h2)?, number(m1, m2)?, 0)
}

fn zone(value: &Value) -> Result<Tz, ConfigError> {
    let name = value.as_str().ok_or_else(|| {
        let message = format!(r#"timezone is {value}, expected a name such as "America/New_York""#);
        ConfigError::at("/timezone", message)
    })?;
    name.parse().map_err(|_| {
        let near = nearest_zones(name);
        let hint = match near.as_slice() {
            [] => r#"expected an IANA name such as "America/New_York""#.to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        ConfigError::at("/timezone", format!("unknown time zone {name:?}, {hint}"))
    })
}
