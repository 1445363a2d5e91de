//! The kind of schedule `{{name}}`: around Easter, until `feast` computes dates of your own.

use std::sync::Arc;

use stock_scheduler::chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use stock_scheduler::chrono_tz::Tz;
use stock_scheduler::schedule::TimesOfDay;
use stock_scheduler::schedule::spec::schema;
use stock_scheduler::serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, Next, Registry, Schedule, ScheduleContext, ScheduleFactory, Spec,
};

/// At most so many days before or after: with more, the days of one year would come in the next.
const MOST_DAYS: i64 = 50;

/// Fires once a year, so many days after Easter Sunday.
pub struct AroundEaster {
    /// What is hard about times of day, clock changes and time zones, is done by this.
    times: TimesOfDay,
    days_after: i64,
}

impl Schedule for AroundEaster {
    // The same question must always have the same answer: no clock, no network, no memory.
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        self.times.next_after(instant, |today| self.dates(today))
    }

    fn describe(&self) -> String {
        let days = self.days_after;
        format!("{days} days after Easter Sunday at {}", self.times)
    }

    fn zone(&self) -> Option<Tz> {
        self.times.named_zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.times.time_of_day()
    }
}

impl AroundEaster {
    /// The dates on which it fires, in order, from the year of `today` up to where the calendar ends.
    fn dates(&self, today: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let days = TimeDelta::days(self.days_after);
        (today.year()..).map_while(move |year| feast(year)?.checked_add_signed(days))
    }
}

/// Easter Sunday: the Sunday after the first full moon of spring, as the Gregorian calendar reckons them. `None` where the
/// calendar ends.
///
/// Put your own rule here: another lunar holiday, the days on which futures expire, a table of dates.
pub fn feast(year: i32) -> Option<NaiveDate> {
    let (century, cycle) = (year.div_euclid(100), year.rem_euclid(19));
    let leap = century - century.div_euclid(4);
    let moon = (8 * century + 13).div_euclid(25);
    // How far the calendar's moon has come on 21 March, in days of 30; two of them are moved back by one.
    let epact = match (19 * cycle + leap - moon + 15).rem_euclid(30) {
        29 => 28,
        28 if cycle > 10 => 27,
        epact => epact,
    };
    let full_moon = NaiveDate::from_ymd_opt(year, 3, 21)? + TimeDelta::days(epact.into());
    let days = 7 - full_moon.weekday().num_days_from_sunday();
    full_moon.checked_add_days(Days::new(days.into()))
}

/// Tells a host what this crate has.
pub fn register(registry: &mut dyn Registry) {
    registry.schedule("{{name}}", Arc::new(Factory));
}

/// Makes [`AroundEaster`] from a job's JSON: `{"time": "09:00", "days_after": 1}`.
pub struct Factory;

impl ScheduleFactory for Factory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let known = ["time", "timezone", "on", "days_after"];
        let spec = Spec::read(spec, &known, context)?;
        let times = TimesOfDay::read(&spec, context.zone)?;
        let days_after = days_after(&spec)?;
        // With `on`, it is skipped where that exchange is closed.
        spec.on_trading_days(AroundEaster { times, days_after })
    }

    fn schema(&self) -> Value {
        let days = json!({"type": "integer", "minimum": -MOST_DAYS, "maximum": MOST_DAYS});
        schema::object(
            "AroundEaster",
            "So many days after Easter Sunday.",
            "{{name}}",
            &[("time", schema::time())],
            &[
                ("timezone", schema::timezone()),
                ("on", schema::on()),
                ("days_after", days),
            ],
        )
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

fn days_after(spec: &Spec<'_>) -> Result<i64, ConfigError> {
    let Some(value) = spec.get("days_after") else {
        return Ok(0);
    };
    let days = value.as_i64().filter(|days| days.abs() <= MOST_DAYS);
    days.ok_or_else(|| {
        let message = format!("days_after is {value}, expected -{MOST_DAYS} to {MOST_DAYS}");
        ConfigError::at("/days_after", message)
    })
}
