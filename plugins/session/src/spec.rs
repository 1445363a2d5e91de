//! Reads a session schedule from a job's JSON.

use chrono::TimeDelta;
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::spec::schema;
use stock_scheduler_sdk::{
    Calendar, ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec, parse_duration,
    write_duration,
};

use crate::{Moment, SessionSchedule};

const MOMENTS: [(&str, Moment); 2] = [("open", Moment::Open), ("close", Moment::Close)];

/// Makes [`SessionSchedule`]s.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionFactory;

impl ScheduleFactory for SessionFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &["exchange", "at", "offset", "timezone"], context)?;
        let calendar = spec.calendar("exchange")?;
        let calendar = calendar.ok_or_else(|| missing("exchange", "XNYS"))?;
        let moment = spec.word("at", &MOMENTS)?;
        let moment = moment.ok_or_else(|| missing("at", "close"))?;
        let offset = offset(&spec, calendar.as_ref())?;
        let schedule = SessionSchedule::new(calendar, moment).with_offset(offset);
        Ok(Box::new(match spec.named_zone()? {
            Some(zone) => schedule.shown_in(zone),
            None => schedule,
        }))
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        let needed = [
            (
                "exchange",
                schema::exchange("The code (MIC) of the exchange, or `24/7` or `24/5`."),
            ),
            (
                "at",
                json!({"type": "string", "enum": ["open", "close"], "example": "close"}),
            ),
        ];
        let optional = [("offset", offset_schema()), ("timezone", timezone_schema())];
        let description = "At the open or the close of each session of an exchange, half-days included; never on other days.";
        schema::object("Session", description, "session", &needed, &optional)
    }
}

fn missing(field: &str, example: &str) -> ConfigError {
    ConfigError::at("", format!("`{field}` is missing, such as {example:?}"))
}

/// A sign and a length of time that is shorter than from one session to the next.
fn offset(spec: &Spec<'_>, calendar: &dyn Calendar) -> Result<TimeDelta, ConfigError> {
    let Some(text) = spec.text("offset", "+30m")? else {
        return Ok(TimeDelta::zero());
    };
    let wrong = |message: String| ConfigError::at("/offset", message);
    let (sign, length) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(length), _) => (1, length),
        (_, Some(length)) => (-1, length),
        _ => {
            let message = format!(
                "offset is {text:?}, expected a sign and a duration such as \"+30m\" or \"-15m\""
            );
            return Err(wrong(message));
        }
    };
    let length = parse_duration(length).map_err(|error| wrong(format!("offset: {error}")))?;
    let limit = calendar.shortest_period();
    if length >= limit {
        let limit = write_duration(limit);
        let code = calendar.code();
        let message = format!(
            "offset is {text:?}, expected less than {limit}, the shortest time from session to session of {code}"
        );
        return Err(wrong(message));
    }
    Ok(length * sign)
}

fn offset_schema() -> Value {
    json!({
        "type": "string",
        "pattern": "^[+-]([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
        "description": "So much later (`+`) or earlier (`-`), less than from one session to the next.",
        "example": "+30m",
    })
}

fn timezone_schema() -> Value {
    json!({
        "type": "string",
        "format": "iana-time-zone",
        "description": "The IANA name of the zone in which the fires are shown; without it the exchange's.",
        "example": "America/New_York",
    })
}
