//! What the SQLite store promises.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests end in a panic as the tests themselves do"
)]

mod conformance;
mod crash;
mod history;
mod opening;
mod pending;
mod people;
mod support;
mod text;
