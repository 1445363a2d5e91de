//! Schedule: cron expressions.
