//! The clockwork on simulated time: days pass in a moment, and every fire is accounted for.

/// Jobs that follow other jobs.
mod chain;
/// Fires on time, across clock changes, downtime and clocks that are set.
mod firing;
/// Hosts that start, stop and follow one another.
mod hosts;
/// Who is told what happens, and what becomes of events that do not arrive.
mod listeners;
/// What people do to a job while it goes or waits.
mod orders;
/// Misfires, overlap, jitter, ends, calendars that change, and fire times of the past.
mod policies;
/// One symbol's trouble is its own; the provider is asked as it allows.
mod symbols;
/// Ten thousand jobs through a year.
mod year;
