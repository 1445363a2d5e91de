//! Schedule: every day at a time of day.
