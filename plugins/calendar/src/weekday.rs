//! Days of the week as they are written in a job's JSON and in sentences.

use chrono::Weekday;
use serde_json::{Value, json};
use stock_scheduler_sdk::ConfigError;

const SHORT: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const FULL: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Reads `fri` or `friday`, in any case.
pub(crate) fn read(pointer: &str, value: &Value) -> Result<Weekday, ConfigError> {
    let day = value.as_str().and_then(|name| name.parse().ok());
    day.ok_or_else(|| {
        let [most @ .., last] = SHORT;
        let known = format!("{} or {last}", most.join(", "));
        let message = format!("{value} is no day of the week, expected {known}");
        ConfigError::at(pointer, message)
    })
}

/// `Friday`.
pub(crate) fn full_name(day: Weekday) -> &'static str {
    FULL[day.num_days_from_monday() as usize]
}

/// The JSON Schema of a day. Other spellings that are read are not in it, so that clients can offer seven.
pub(crate) fn schema() -> Value {
    json!({
        "type": "string",
        "enum": SHORT,
        "description": "A day of the week. Capitals and full English names are read too.",
        "example": "fri",
    })
}
