//! How much history a store keeps: the same numbers in every store, so that moving a job loses nothing unexpected.
//!
//! A store may keep a little more, where exactness would cost. What still goes is never trimmed.

/// Runs kept for each job, the newest.
pub const RUNS: usize = 500;

/// Decided fires kept for each job, the latest.
pub const FIRES: usize = 5_000;

/// Events kept in the log, the newest.
pub const EVENTS: usize = 100_000;
