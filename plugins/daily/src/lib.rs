//! Schedule: every day at a time of day.
//!
//! ```json
//! {"kind": "daily", "time": "17:00"}
//! {"kind": "daily", "times": ["09:45", "16:15"], "timezone": "America/New_York"}
//! ```
//!
//! What is written there is read by `spec`. With `"on": "XNYS"` its fires on days without trading are skipped.

mod daily;
mod spec;

pub use daily::Daily;
pub use spec::DailyFactory;
