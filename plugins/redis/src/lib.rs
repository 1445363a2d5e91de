//! Store: jobs, runs, data and events in Redis.
