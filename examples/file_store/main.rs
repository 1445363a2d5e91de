//! A store that keeps everything in one file of JSON lines: `serve --store journal:PATH`.
//!
//! Its state is a [`MemoryStore`](stock_scheduler::MemoryStore). Each call that changes something is written to the file
//! first and made then; opening the file makes all of them again. What is acknowledged survives a crash of the service
//! and of the machine.
//!
//! It is for small installations: the file only grows, all of it is read at the start and then is in memory.
//!
//! * `call` has the calls, as they are written and made.
//! * `journal` is the file: read, locked, and written a line at a time.
//! * `store` is the two together.

mod call;
mod journal;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;
use stock_scheduler::{Clock, ConfigError, Section, Store, StoreFactory, async_trait};

use store::FileStore;

/// Opens a [`FileStore`] for addresses like `journal:/var/lib/jobs.journal`. It has no settings.
pub(crate) struct Journals;

#[async_trait]
impl StoreFactory for Journals {
    async fn open(
        &self,
        url: &str,
        section: &Value,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError> {
        let path = url.strip_prefix("journal:").unwrap_or_default().to_owned();
        if path.is_empty() {
            let message = format!("cannot open store {url:?}: expected \"journal:PATH\"");
            return Err(ConfigError::at("", message));
        }
        Section::read(section, &[])?;
        let opening = tokio::task::spawn_blocking(move || FileStore::open(path.as_ref(), clock));
        let wrong = |why| ConfigError::at("", format!("cannot open store {url:?}: {why}"));
        let opened = opening.await.map_err(|gone| wrong(gone.to_string()))?;
        Ok(Arc::new(opened.map_err(wrong)?))
    }
}

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.store_factory("journal", Journals))
}
