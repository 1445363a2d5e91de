//! A schedule says when a job is due.
//!
//! # What you promise
//!
//! * [`next_after`] answers the first fire strictly after an instant. It is pure: no clock, no state, no I/O.
//! * Asking again gives the same; a later instant never gives an earlier fire; none is passed over.
//! * No instant makes it panic, the first and the last of all included.
//! * Where it cannot know, because a calendar ends, it says [`Unknown`]. It never guesses.
//!
//! # The smallest one that works
//!
//! With its factory and its test: the first day of each quarter. [`TimesOfDay`] does what is hard, clock changes and time
//! zones; which dates match is your own business.
//!
//! ```
//! use stock_scheduler_sdk::chrono::{DateTime, Datelike, Utc};
//! use stock_scheduler_sdk::chrono_tz::Tz;
//! use stock_scheduler_sdk::conformance::schedule::check;
//! use stock_scheduler_sdk::schedule::TimesOfDay;
//! use stock_scheduler_sdk::serde_json::{Value, json};
//! use stock_scheduler_sdk::{ConfigError, Next, Schedule, ScheduleContext, Spec};
//!
//! struct Quarterly {
//!     times: TimesOfDay,
//! }
//!
//! impl Schedule for Quarterly {
//!     fn next_after(&self, instant: DateTime<Utc>) -> Next {
//!         self.times.next_after(instant, |today| {
//!             today.iter_days().filter(|date| date.day() == 1 && date.month() % 3 == 1)
//!         })
//!     }
//!
//!     fn describe(&self) -> String {
//!         format!("on the first day of each quarter at {}", self.times)
//!     }
//!
//!     fn zone(&self) -> Option<Tz> {
//!         self.times.named_zone()
//!     }
//! }
//!
//! fn factory(spec: &Value, context: &ScheduleContext) -> Result<Box<dyn Schedule>, ConfigError> {
//!     let spec = Spec::read(spec, &["time", "times", "timezone", "on"], context)?;
//!     let times = TimesOfDay::read(&spec, context.zone)?;
//!     spec.on_trading_days(Quarterly { times })
//! }
//!
//! # /*
//! #[test]
//! # */
//! fn every_law_of_a_schedule_holds() {
//!     let context = ScheduleContext::new(Tz::America__New_York);
//!     let schedule = factory(&json!({"time": "09:00"}), &context).unwrap();
//!
//!     for year in [DateTime::<Utc>::MIN_UTC, "2025-01-01T00:00:00Z".parse().unwrap()] {
//!         assert_eq!(check(schedule.as_ref(), year, DateTime::<Utc>::MAX_UTC), Ok(()));
//!     }
//! }
//! # every_law_of_a_schedule_holds();
//! ```
//!
//! # Register and configure it
//!
//! ```
//! # use stock_scheduler_sdk::{ConfigError, Schedule, ScheduleContext, ScheduleFactory, serde_json::Value};
//! # mod stock_scheduler {
//! #     pub mod cli {
//! #         pub fn run(_: impl FnOnce(crate::Builder) -> crate::Builder) -> std::process::ExitCode {
//! #             std::process::ExitCode::SUCCESS
//! #         }
//! #     }
//! # }
//! # struct Builder;
//! # impl Builder { fn schedule(self, _: &str, _: impl ScheduleFactory) -> Self { self } }
//! # fn factory(_: &Value, _: &ScheduleContext) -> Result<Box<dyn Schedule>, ConfigError> { Err(ConfigError::at("", "")) }
//! fn main() -> std::process::ExitCode {
//!     stock_scheduler::cli::run(|builder| builder.schedule("quarterly", factory))
//! }
//! ```
//!
//! A schedule has no section in the configuration: all that it knows is in the job's JSON, which reaches the factory
//! without its `kind`, and in the [`ScheduleContext`]: the zone where the JSON names none, and the exchanges' calendars.
//!
//! ```json
//! {"name": "Reports", "stock_ids": ["AAPL"], "schedule": {"kind": "quarterly", "time": "09:00", "on": "XNYS"}}
//! ```
//!
//! To have it in Swagger, write a type for the factory and implement [`ScheduleFactory::schema`].
//!
//! # Errors, and what the host does
//!
//! | answer | the host |
//! |---|---|
//! | [`ConfigError`] of the factory | refuses the job, with the field at fault; a job that was stored before is kept, cannot fire, and says why |
//! | [`Unknown`] | fires nothing that it does not know of, and asks again later |
//! | [`Never`] | the job has no next fire |
//! | a fire with [`skip`] | records it as skipped, with the reason |
//!
//! # What never to do
//!
//! * Ask for the time, draw a random number, or remember what was asked before.
//! * Read a time of day in a zone by hand. [`wall_clock`] is the one rule of all kinds.
//! * Search without an end: `next_after` is asked often, and everybody waits. Where it must ask a program or another machine,
//!   its factory says [`may_wait`], and remembers what it was told: then its own jobs are late, and no others.
//!
//! The example `business_month_end` of the repository is a whole one, with an exchange, a schema and tests.
//!
//! [`next_after`]: crate::Schedule::next_after
//! [`may_wait`]: crate::ScheduleFactory::may_wait
//! [`Unknown`]: crate::Next::Unknown
//! [`Never`]: crate::Next::Never
//! [`skip`]: crate::Occurrence::skip
//! [`TimesOfDay`]: crate::schedule::TimesOfDay
//! [`ScheduleContext`]: crate::ScheduleContext
//! [`ScheduleFactory::schema`]: crate::ScheduleFactory::schema
//! [`ConfigError`]: crate::ConfigError
//! [`wall_clock`]: crate::schedule::wall_clock
