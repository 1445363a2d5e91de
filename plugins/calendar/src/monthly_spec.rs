//! Reads a monthly schedule from a job's JSON.

use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::TimesOfDay;
use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec};

use crate::{DayOfMonth, Monthly, weekday};

/// Makes [`Monthly`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonthlyFactory;

const FIELDS: [&str; 7] = ["day", "weekday", "nth", "time", "times", "timezone", "on"];

impl ScheduleFactory for MonthlyFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &FIELDS, context)?;
        let day = day_of_month(&spec)?;
        spec.on_trading_days(Monthly::on(day, TimesOfDay::read(&spec, context.zone)?))
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        let shapes =
            |title, dates, needed: &[_]| TimesOfDay::schemas(title, dates, "monthly", needed);
        let by_weekday = [("weekday", weekday::schema()), ("nth", nth_schema())];
        let one_of = [
            shapes("Monthly", "Every month on `day`", &[("day", day_schema())]),
            shapes(
                "MonthlyWeekday",
                "Every month on its `nth` `weekday`",
                &by_weekday,
            ),
        ];
        json!({"oneOf": one_of.concat()})
    }
}

fn day_schema() -> Value {
    json!({
        "type": "integer",
        "minimum": -31,
        "maximum": 31,
        "not": {"enum": [0]},
        "description": "The day of the month; negative ones count from its end, -1 is the last. Months that do not have it are passed over.",
        "example": 1,
    })
}

fn nth_schema() -> Value {
    json!({
        "type": "integer",
        "enum": [1, 2, 3, 4, 5, -1],
        "description": "Which of them; -1 is the last. Months without a fifth are passed over.",
        "example": 3,
    })
}

/// `day`, or `weekday` with `nth`.
fn day_of_month(spec: &Spec<'_>) -> Result<DayOfMonth, ConfigError> {
    match (spec.get("day"), spec.get("weekday"), spec.get("nth")) {
        (Some(day), None, None) => numbered(day),
        (None, Some(weekday), Some(nth)) => nth_weekday(weekday, nth),
        (day, weekday, nth) => Err(neither(day.is_some(), weekday.is_some(), nth.is_some())),
    }
}

/// What is wrong where neither `day` alone nor `weekday` with `nth` is given.
fn neither(day: bool, weekday: bool, nth: bool) -> ConfigError {
    let (pointer, problem) = match (day, weekday, nth) {
        (true, true, _) => ("/weekday", "`day` and `weekday` are both given"),
        (true, false, _) => ("/nth", "`day` and `nth` are both given"),
        (false, true, _) => ("", "`nth` is missing beside `weekday`"),
        (false, false, true) => ("", "`weekday` is missing beside `nth`"),
        (false, false, false) => ("", "the day is missing"),
    };
    let expected = r#"expected `day`, such as 1, or `weekday` with `nth`, such as "fri" with 3"#;
    ConfigError::at(pointer, format!("{problem}, {expected}"))
}

fn numbered(day: &Value) -> Result<DayOfMonth, ConfigError> {
    day.as_i64().and_then(DayOfMonth::numbered).ok_or_else(|| {
        let message = format!("day is {day}, expected 1 to 31, or -1 (the last) to -31");
        ConfigError::at("/day", message)
    })
}

fn nth_weekday(weekday: &Value, nth: &Value) -> Result<DayOfMonth, ConfigError> {
    let weekday = weekday::read("/weekday", weekday)?;
    let day = nth.as_i64().and_then(|nth| DayOfMonth::nth(nth, weekday));
    day.ok_or_else(|| {
        let message = format!("nth is {nth}, expected 1 to 5, or -1 (the last)");
        ConfigError::at("/nth", message)
    })
}
