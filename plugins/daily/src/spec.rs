//! Reads a daily schedule from a job's JSON.

use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::spec::schema;
use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec};

use crate::Daily;

/// Makes [`Daily`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct DailyFactory;

impl ScheduleFactory for DailyFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &["time", "times", "timezone", "on"], context)?;
        let mut times = spec.times()?.into_iter();
        let named = spec.named_zone()?;
        let first = times.next().unwrap_or_default();
        let daily = Daily::at(first, named.unwrap_or(context.zone));
        let daily = match named {
            Some(_) => daily,
            None => daily.in_given_zone(),
        };
        spec.on_trading_days(times.fold(daily, Daily::and_at))
    }

    fn schema(&self) -> Value {
        let optional = [("timezone", schema::timezone()), ("on", schema::on())];
        let shape = |title, description, name, when| {
            schema::object(title, description, "daily", &[(name, when)], &optional)
        };
        json!({"oneOf": [
            shape("Daily", "Every day at `time`.", "time", schema::time()),
            shape("DailyTimes", "Every day at each of `times`.", "times", schema::times()),
        ]})
    }
}
