//! Schedules: certain days of the week or of the month.
