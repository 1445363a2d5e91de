//! Threads of their own for fetching: a fetcher that keeps its thread busy holds up other fetches, but neither fires nor
//! the API.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where fetches run; they end when this is dropped.
pub(super) struct Fetching {
    pub(super) handle: Handle,
    _stop: DropGuard,
}

impl Fetching {
    /// Starts one thread for each processor but the one that the rest of the service needs.
    pub(super) fn start() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, |n| n.get() - 1);
        let mut builder = match threads {
            // One thread needs no other to take work from it, which makes it quicker.
            0 | 1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(threads.max(1))
            .thread_name("fetch")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        thread::Builder::new()
            .name("fetch".into())
            .spawn(move || runtime.block_on(stopped))?;
        Ok(Self {
            handle,
            _stop: stop.drop_guard(),
        })
    }
}
