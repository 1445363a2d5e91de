//! The store `{{name}}`: keeps everything in memory, until `store` keeps it where you want it.

mod store;

use std::sync::Arc;

use stock_scheduler::serde_json::Value;
use stock_scheduler::{Clock, ConfigError, Registry, Section, Store, StoreFactory, async_trait};

pub use store::Kept;

/// Tells a host what this crate has.
pub fn register(registry: &mut dyn Registry) {
    registry.store("{{name}}", Arc::new(Factory));
}

/// Opens [`Kept`] for the address `{{name}}:`. It has no settings.
pub struct Factory;

#[async_trait]
impl StoreFactory for Factory {
    /// Here you would read what follows the scheme, a path or a host, and open it. Do not wait for a server that is away:
    /// its calls fail as `Unavailable` until it is back.
    async fn open(
        &self,
        url: &str,
        section: &Value,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError> {
        if url != "{{name}}:" {
            // An address may have a password in it, so the message does not repeat it.
            let message = "the address of this store is \"{{name}}:\"";
            return Err(ConfigError::at("", message));
        }
        // Settings that are no address are in [plugins.store.{{name}}].
        Section::read(section, &[])?;
        Ok(Arc::new(Kept::new(clock)))
    }
}
