//! Real programs, good and bad, as the host sees them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod fetcher;
mod life;
mod listener;
mod messages;
mod schedule;
