//! Webhooks as those who are told see them.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod addresses;
mod delivery;
mod others;
mod support;
