//! Reads a daily schedule from a job's JSON.

use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::TimesOfDay;
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
        let times = TimesOfDay::read(&spec, context.zone)?;
        spec.on_trading_days(Daily::at(times))
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        json!({"oneOf": TimesOfDay::schemas("Daily", "Every day", "daily", &[])})
    }
}
