//! What the service promises, tried from outside: the real binary, a real redis-server, a local provider over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![expect(
    clippy::disallowed_methods,
    reason = "processes live by the machine's clock"
)]
#![expect(clippy::print_stdout, reason = "a seed, or what was left out, is told")]

/// Processes and servers that the tests use.
mod support;

/// The main job, from a curl to the stored data, on every store.
mod main_job;

/// Taking over what the Python module left in Redis.
mod adoption;

/// Services that are killed.
mod crash;

/// A binary with a fetcher of one's own.
mod custom;

/// The examples of plugins, one for each trait, as services.
mod examples;

/// What the Python module got wrong.
mod defects;

/// Events that are told while services are killed and stores go away.
mod delivery;

/// The clockwork on simulated time.
mod engine;

/// A store that goes away, hangs or is full.
mod outage;

/// A provider that fails, limits or is away.
mod provider_trouble;

/// The published document.
mod openapi;

/// Plugins that are programs.
mod plugins;

/// Jobs that follow others, over a real store.
mod following;

/// What `plugin check` says.
mod checking;

/// Programs that start slowly, change or do not work.
mod reload;

/// The wire contract.
mod http;
