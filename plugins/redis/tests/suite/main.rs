//! What the Redis store promises, tried over real servers that the tests start themselves.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod adoption;
mod conformance;
mod foreign;
mod keys;
mod outage;
mod port;
mod recording;
mod support;
