//! What the service promises, tried from outside: the real binary, a real redis-server, a local provider over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

/// Processes and servers that the tests use.
mod support;

/// The main job, from a curl to the stored data, on every store.
mod main_job;

/// The published document.
mod openapi;
