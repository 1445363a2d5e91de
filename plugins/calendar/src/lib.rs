//! Schedules: certain days of the week or of the month.
//!
//! ```json
//! {"kind": "weekly", "days": ["mon", "fri"], "time": "17:00"}
//! {"kind": "monthly", "day": 1, "time": "06:00"}
//! {"kind": "monthly", "day": -1, "times": ["06:00", "18:00"], "timezone": "America/New_York"}
//! {"kind": "monthly", "weekday": "fri", "nth": 3, "time": "17:00"}
//! ```
//!
//! What is written there is read by `weekly_spec` and `monthly_spec`. With `"on": "XNYS"` the fires on days without
//! trading are skipped.

mod day_of_month;
mod monthly;
mod monthly_spec;
mod weekday;
mod weekly;
mod weekly_spec;

pub use day_of_month::DayOfMonth;
pub use monthly::Monthly;
pub use monthly_spec::MonthlyFactory;
pub use weekly::Weekly;
pub use weekly_spec::WeeklyFactory;
