//! Reads a cron schedule from a job's JSON.

use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::spec::schema;
use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory, Spec};

use crate::Cron;

/// Makes [`Cron`] schedules.
#[derive(Debug, Clone, Copy, Default)]
pub struct CronFactory;

const EXAMPLE: &str = "0 17 * * MON-FRI";

impl ScheduleFactory for CronFactory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let spec = Spec::read(spec, &["expression", "timezone", "on"], context)?;
        let expression = spec.needed("expression", EXAMPLE)?;
        let named = spec.named_zone()?;
        let cron = Cron::parse(expression, named.unwrap_or(context.zone))
            .map_err(|error| ConfigError::at("/expression", error))?;
        let cron = match named {
            Some(_) => cron,
            None => cron.in_given_zone(),
        };
        spec.on_trading_days(cron)
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn schema(&self) -> Value {
        let expression = json!({
            "type": "string",
            "format": "cron",
            "description": "Minute, hour, day of month, month and day of week; with a second before them, and with a \
                year after them too; or a nickname such as @daily. It follows the Open Cron Pattern Specification 1.4.",
            "example": EXAMPLE,
        });
        schema::object(
            "Cron",
            "At the times that a cron expression describes.",
            "cron",
            &[("expression", expression)],
            &[("timezone", schema::timezone()), ("on", schema::on())],
        )
    }
}
