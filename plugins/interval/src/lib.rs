//! Schedule: every so often, anchored in time.
//!
//! ```json
//! {"kind": "interval", "every": "15m"}
//! {"kind": "interval", "every": "1h30m", "anchor": "2026-01-01T09:30:00-05:00", "timezone": "America/New_York"}
//! ```
//!
//! What is written there is read by `spec`. With `"on": "XNYS"` the fires on days without trading are skipped.

mod interval;
mod spec;

pub use interval::Interval;
pub use spec::IntervalFactory;
