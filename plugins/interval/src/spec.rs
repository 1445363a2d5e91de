//! Reads an interval schedule from a job's JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::spec::schema;
use stock_scheduler_sdk::{
    ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec, write_duration,
};

use crate::Interval;
use crate::interval::LENGTHS;

/// Makes [`Interval`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct IntervalFactory;

const ANCHOR: &str = "2026-01-01T09:30:00-05:00";

impl ScheduleFactory for IntervalFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &["every", "anchor", "timezone", "on"], context)?;
        let mut interval = every(&spec)?;
        if let Some(anchor) = anchor(&spec)? {
            interval = interval.anchored_at(anchor);
        }
        if let Some(zone) = spec.named_zone()? {
            interval = interval.shown_in(zone);
        }
        spec.on_trading_days(interval)
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        let every = json!({
            "type": "string",
            "minLength": 2,
            "pattern": "^([0-9]{1,8}d)?([0-9]{1,8}h)?([0-9]{1,8}m)?([0-9]{1,8}s)?$",
            "description": "1 s to 366 d: numbers with the units d, h, m and s, in this order.",
            "example": "15m",
        });
        let anchor = json!({
            "type": "string",
            "format": "date-time",
            "description": "An instant at which it fires; without it 1970-01-01T00:00:00Z.",
            "example": ANCHOR,
        });
        let mut zone = schema::timezone();
        zone["description"] =
            json!("The IANA name of the zone in which the times are shown; without it the job's.");
        let optional = [("anchor", anchor), ("timezone", zone), ("on", schema::on())];
        let description =
            "At all whole multiples of `every` before and after `anchor`, whatever clocks do.";
        schema::object(
            "Interval",
            description,
            "interval",
            &[("every", every)],
            &optional,
        )
    }
}

fn every(spec: &Spec<'_>) -> Result<Interval, ConfigError> {
    let given = spec.needed("every", "15m")?;
    let every = spec.duration("every")?.and_then(Interval::every);
    every.ok_or_else(|| {
        let [shortest, longest] = [LENGTHS.start(), LENGTHS.end()].map(|l| write_duration(*l));
        let message = format!("every is {given:?}, expected {shortest} to {longest}");
        ConfigError::at("/every", message)
    })
}

fn anchor(spec: &Spec<'_>) -> Result<Option<DateTime<Utc>>, ConfigError> {
    let Some(text) = spec.text("anchor", ANCHOR)? else {
        return Ok(None);
    };
    match DateTime::parse_from_rfc3339(text) {
        Ok(anchor) => Ok(Some(anchor.to_utc())),
        Err(_) => {
            let message = format!(
                "anchor is {text:?}, expected an instant with its offset such as {ANCHOR:?}"
            );
            Err(ConfigError::at("/anchor", message))
        }
    }
}
