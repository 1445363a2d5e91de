//! A schedule that fires on the last trading day of each month, or some trading days before it.
//!
//! ```json
//! {"kind": "business_month_end", "time": "18:00", "timezone": "America/New_York", "exchange": "XNYS"}
//! {"kind": "business_month_end", "time": "18:00", "days_before": 2}
//! ```
//!
//! Without an exchange, each Monday to Friday is a trading day.

use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler::schedule::spec::schema;
use stock_scheduler::schedule::{TimesOfDay, out_of_coverage};
use stock_scheduler::{
    Calendar, ConfigError, Day, Next, Schedule, ScheduleContext, ScheduleFactory, Spec,
};

/// At most so many trading days before the last: months with fewer are rare.
const MOST_DAYS_BEFORE: u64 = 10;

/// Fires once a month, on a trading day that is counted from the month's end.
///
/// A month without so many trading days is left out. Where the calendar ends, so does what the schedule knows.
struct BusinessMonthEnd {
    time: TimesOfDay,
    exchange: Option<Arc<dyn Calendar>>,
    days_before: u64,
}

/// That the calendar does not know whether a date is a trading day.
struct Unknown;

impl BusinessMonthEnd {
    /// The dates on which it fires, from the month of `today` up to where the calendar ends.
    fn dates(&self, today: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let ends = successors(last_of_month(today), |end| last_of_month(end.succ_opt()?));
        ends.map_while(|end| self.before(end).ok()).flatten()
    }

    /// The date in the month that has this `end`; `None` where the month has too few trading days.
    fn before(&self, end: NaiveDate) -> Result<Option<NaiveDate>, Unknown> {
        let days = successors(Some(end), NaiveDate::pred_opt);
        let mut left = self.days_before;
        for date in days.take_while(|date| date.month() == end.month()) {
            match (self.trades(date)?, left) {
                (true, 0) => return Ok(Some(date)),
                (true, _) => left -= 1,
                (false, _) => {}
            }
        }
        Ok(None)
    }

    fn trades(&self, date: NaiveDate) -> Result<bool, Unknown> {
        let is_weekday = !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        match self.exchange.as_ref().map(|exchange| exchange.day(date)) {
            None => Ok(is_weekday),
            Some(Day::Session(_)) => Ok(true),
            Some(Day::Closed(_)) => Ok(false),
            Some(_) => Err(Unknown),
        }
    }
}

fn last_of_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(date.num_days_in_month().into())
}

impl Schedule for BusinessMonthEnd {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let next = self.time.next_after(instant, |today| self.dates(today));
        match (&next, &self.exchange) {
            (Next::Never, Some(exchange)) => out_of_coverage(exchange.as_ref()),
            _ => next,
        }
    }

    fn describe(&self) -> String {
        format!("{self} of each month at {}", self.time)
    }

    fn zone(&self) -> Option<Tz> {
        self.time.named_zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.time.time_of_day()
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        self.exchange.clone()
    }
}

impl fmt::Display for BusinessMonthEnd {
    /// Writes `2 trading days before the last trading day at XNYS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days_before {
            0 => {}
            1 => write!(f, "1 trading day before ")?,
            days => write!(f, "{days} trading days before ")?,
        }
        match &self.exchange {
            Some(exchange) => write!(f, "the last trading day at {}", exchange.code()),
            None => write!(f, "the last weekday"),
        }
    }
}

/// Makes the schedule from a job's JSON.
pub(crate) struct Factory;

impl ScheduleFactory for Factory {
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let known = ["time", "timezone", "exchange", "days_before"];
        let spec = Spec::read(spec, &known, context)?;
        spec.needed("time", "18:00")?;
        Ok(Box::new(BusinessMonthEnd {
            time: TimesOfDay::read(&spec, context.zone)?,
            exchange: spec.calendar("exchange")?,
            days_before: days_before(&spec)?,
        }))
    }

    fn schema(&self) -> Value {
        let needed = [("time", schema::time())];
        let days_before = json!({"type": "integer", "minimum": 0, "maximum": MOST_DAYS_BEFORE});
        let optional = [
            ("timezone", schema::timezone()),
            (
                "exchange",
                schema::exchange("Whose trading days count; without it, Monday to Friday."),
            ),
            ("days_before", days_before),
        ];
        let description = "On the last trading day of each month, or so many trading days before.";
        schema::object(
            "BusinessMonthEnd",
            description,
            "business_month_end",
            &needed,
            &optional,
        )
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

fn days_before(spec: &Spec<'_>) -> Result<u64, ConfigError> {
    let Some(value) = spec.get("days_before") else {
        return Ok(0);
    };
    let days = value.as_u64().filter(|days| *days <= MOST_DAYS_BEFORE);
    days.ok_or_else(|| {
        let message = format!("days_before is {value}, expected 0 to {MOST_DAYS_BEFORE}");
        ConfigError::at("/days_before", message)
    })
}

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.schedule("business_month_end", Factory))
}

#[cfg(test)]
mod tests {
    use stock_scheduler::conformance::schedule::check;
    use stock_scheduler::{Calendars, Session};

    use super::*;

    /// An exchange that trades on weekdays of 2025 but the last five days of May, and never in July.
    struct Closing;

    impl Calendar for Closing {
        fn code(&self) -> &str {
            "XXXX"
        }

        fn name(&self) -> &str {
            "Test"
        }

        fn zone(&self) -> Tz {
            Tz::America__New_York
        }

        fn covered(&self) -> (NaiveDate, NaiveDate) {
            (date(2025, 1, 1), date(2025, 12, 31))
        }

        fn day(&self, date: NaiveDate) -> Day {
            let open = date.and_time(Default::default()).and_utc();
            match (date.year(), date.month(), date.day(), date.weekday()) {
                (2025, _, _, Weekday::Sat | Weekday::Sun) => Day::Closed("weekend"),
                (2025, 5, 27.., _) | (2025, 7, ..) => Day::Closed("holiday"),
                (2025, ..) => Day::Session(Session::new(date, open, open)),
                _ => Day::Unknown,
            }
        }

        fn shortest_period(&self) -> chrono::TimeDelta {
            chrono::TimeDelta::days(1)
        }
    }

    fn date(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    fn built(spec: Value) -> Result<Box<dyn Schedule>, ConfigError> {
        let calendars = Calendars::from_iter([Arc::new(Closing) as Arc<dyn Calendar>]);
        let context = ScheduleContext::new(Tz::America__New_York).with_calendars(calendars);
        Factory.build(&spec, &context)
    }

    /// The local times of the first fires of 2025, and what comes after them.
    fn fires(spec: Value, most: usize) -> (Vec<String>, Next) {
        let schedule = built(spec).unwrap();
        let (mut fires, mut instant) = (Vec::new(), "2025-01-01T05:00:00Z".parse().unwrap());
        loop {
            match schedule.next_after(instant) {
                Next::At(fire) if fires.len() < most => {
                    instant = fire.at;
                    fires.push(
                        instant
                            .with_timezone(&Tz::America__New_York)
                            .format("%m-%d %H:%M")
                            .to_string(),
                    );
                }
                next => return (fires, next),
            }
        }
    }

    #[test]
    fn every_law_of_a_schedule_holds_from_the_first_instant_to_the_last() {
        for spec in [
            json!({"time": "18:00"}),
            json!({"time": "00:00", "timezone": "Pacific/Apia", "days_before": 10}),
            json!({"time": "02:30", "exchange": "XXXX"}),
        ] {
            let schedule = built(spec.clone()).unwrap();
            let [min, max] = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
            let years_before_the_end = max - chrono::TimeDelta::days(3_000);
            for from in [
                "2025-01-01T00:00:00Z".parse().unwrap(),
                min,
                years_before_the_end,
            ] {
                assert_eq!(
                    check(schedule.as_ref(), from, max),
                    Ok(()),
                    "{spec} from {from}"
                );
            }
        }
    }

    #[test]
    fn without_an_exchange_it_fires_on_the_last_weekday() {
        let (fires, _) = fires(json!({"time": "18:00"}), 5);

        assert_eq!(
            fires,
            [
                "01-31 18:00",
                "02-28 18:00",
                "03-31 18:00",
                "04-30 18:00",
                "05-30 18:00"
            ]
        );
    }

    #[test]
    fn days_before_are_trading_days() {
        let (fires, _) = fires(json!({"time": "18:00", "days_before": 2}), 3);

        assert_eq!(fires, ["01-29 18:00", "02-26 18:00", "03-27 18:00"]);
    }

    #[test]
    fn holidays_months_without_trading_and_the_calendars_end_are_known() {
        let (fires, then) = fires(json!({"time": "18:00", "exchange": "XXXX"}), 99);

        assert_eq!(fires.len(), 11, "{fires:?}");
        assert_eq!(fires[4..7], ["05-26 18:00", "06-30 18:00", "08-29 18:00"]);
        assert!(matches!(then, Next::Unknown { .. }), "{then:?}");
    }

    #[test]
    fn it_says_what_it_is() {
        for (spec, words) in [
            (
                json!({"time": "18:00"}),
                "the last weekday of each month at 18:00 (America/New_York)",
            ),
            (
                json!({"time": "18:00", "timezone": "UTC", "exchange": "XXXX", "days_before": 2}),
                "2 trading days before the last trading day at XXXX of each month at 18:00 (UTC)",
            ),
        ] {
            assert_eq!(built(spec).unwrap().describe(), words);
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (spec, pointer) in [
            (json!({}), ""),
            (json!({"time": "6 PM"}), "/time"),
            (json!({"time": "18:00", "times": ["18:00"]}), "/times"),
            (json!({"time": "18:00", "exchange": "XXXY"}), "/exchange"),
            (json!({"time": "18:00", "days_before": 11}), "/days_before"),
            (json!({"time": "18:00", "days_before": -1}), "/days_before"),
        ] {
            let refused = built(spec.clone()).err().expect("a refusal");
            assert_eq!(refused.pointer, pointer, "{spec}: {refused}");
        }
    }
}
