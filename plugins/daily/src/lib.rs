//! Schedule: every day at a time of day.
//!
//! ```json
//! {"kind": "daily", "time": "17:00"}
//! {"kind": "daily", "times": ["09:45", "16:15"], "timezone": "America/New_York"}
//! ```
//!
//! What is written there is read by `spec`; how a wall clock becomes an instant, also where clocks change, is told by
//! `wall`.

mod daily;
mod nearest;
mod spec;
mod wall;

pub use daily::Daily;
pub use spec::DailyFactory;
