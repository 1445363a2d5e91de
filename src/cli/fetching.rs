//! Threads of their own for fetching: a fetcher that keeps its thread busy holds up other fetches, but neither fires nor
//! the API.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Where fetches run: one thread for each processor. They end when this is dropped.
pub(super) struct Fetching {
    pub(super) handle: Handle,
    runtime: Option<Runtime>,
}

impl Fetching {
    pub(super) fn start() -> io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        let runtime = threads.thread_name("fetch").enable_all().build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        // Without waiting: this may be a thread of the other runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
