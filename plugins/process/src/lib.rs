//! Plugins in any language: fetchers, schedules and listeners that are child processes.
