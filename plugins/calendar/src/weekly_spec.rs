//! Reads a weekly schedule from a job's JSON.

use chrono::Weekday;
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::TimesOfDay;
use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec};

use crate::{Weekly, weekday};

/// Makes [`Weekly`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeeklyFactory;

impl ScheduleFactory for WeeklyFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &["days", "time", "times", "timezone", "on"], context)?;
        let (first, others) = days(&spec)?;
        let weekly = Weekly::on(first, TimesOfDay::read(&spec, context.zone)?);
        spec.on_trading_days(others.into_iter().fold(weekly, Weekly::and_on))
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        let days = json!({
            "type": "array",
            "items": weekday::schema(),
            "minItems": 1,
            "maxItems": 7,
            "uniqueItems": true,
        });
        let dates = "Every week on each of `days`";
        json!({"oneOf": TimesOfDay::schemas("Weekly", dates, "weekly", &[("days", days)])})
    }
}

/// The first day and the others, each once.
fn days(spec: &Spec<'_>) -> Result<(Weekday, Vec<Weekday>), ConfigError> {
    let example = r#"["mon", "fri"]"#;
    match spec.get("days") {
        Some(Value::Array(days)) => all_days(days),
        Some(other) => {
            let message = format!("days is {other}, expected a list such as {example}");
            Err(ConfigError::at("/days", message))
        }
        None => {
            let message = format!("`days` is missing, such as {example}");
            Err(ConfigError::at("", message))
        }
    }
}

fn all_days(values: &[Value]) -> Result<(Weekday, Vec<Weekday>), ConfigError> {
    let mut days = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let pointer = format!("/days/{place}");
        let day = weekday::read(&pointer, value)?;
        if days.contains(&day) {
            let message = format!("{} is given twice", weekday::full_name(day));
            return Err(ConfigError::at(pointer, message));
        }
        days.push(day);
    }
    // Of more than seven one is given twice.
    match days.split_first() {
        Some((first, others)) => Ok((*first, others.to_vec())),
        None => Err(ConfigError::at(
            "/days",
            "days has 0 entries, expected 1 to 7",
        )),
    }
}
