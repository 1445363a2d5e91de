//! Store: jobs, runs, data and events in one SQLite file.
