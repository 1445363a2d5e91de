//! Opens a store from its address, `sqlite:PATH`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use stock_scheduler_sdk::{Clock, ConfigError, Store, StoreFactory, async_trait};
use tokio::task::spawn_blocking;

use crate::{Settings, SqliteStore};

/// Opens a [`SqliteStore`] for addresses like `sqlite:jobs.db` or `sqlite:/var/lib/jobs.db`; its section of the
/// configuration is [`Settings`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteStores;

#[async_trait]
impl StoreFactory for SqliteStores {
    async fn open(
        &self,
        url: &str,
        section: &Value,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError> {
        let path = path(url)?;
        let settings = settings(section)?;
        let opening = spawn_blocking(move || SqliteStore::open(path, &settings, clock));
        let failed = |e| ConfigError::at("", format!("cannot open store {url:?}: {e}"));
        Ok(Arc::new(opening.await.map_err(failed)??))
    }
}

/// The path in an address. `sqlite:///a/b` is `/a/b`, as other programs write it.
fn path(url: &str) -> Result<PathBuf, ConfigError> {
    let wrong = |why: &str| {
        let message = format!("cannot open store {url:?}: {why}, expected \"sqlite:PATH\"");
        ConfigError::at("", message)
    };
    let path = url
        .strip_prefix("sqlite:")
        .ok_or_else(|| wrong("it is no address of a file"))?;
    match path.strip_prefix("//").unwrap_or(path) {
        "" => Err(wrong("it names no file")),
        ":memory:" => Err(wrong(
            "it names no file (\"memory:\" keeps everything in memory)",
        )),
        path => Ok(path.into()),
    }
}

fn settings(section: &Value) -> Result<Settings, ConfigError> {
    match section {
        Value::Null => Ok(Settings::default()),
        section => Settings::deserialize(section).map_err(|e| ConfigError::at("", e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_path() {
        for (url, expected) in [
            ("sqlite:jobs.db", "jobs.db"),
            ("sqlite:/var/lib/jobs.db", "/var/lib/jobs.db"),
            ("sqlite:///var/lib/jobs.db", "/var/lib/jobs.db"),
            ("sqlite:a b/c:d.db", "a b/c:d.db"),
        ] {
            assert_eq!(path(url).unwrap(), PathBuf::from(expected), "{url}");
        }
        for bad in ["redis://x", "sqlite:", "sqlite::memory:", "sqlite://"] {
            let refused = path(bad);
            assert!(refused.is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let given = serde_json::json!({"durability": "normal"});
        let unknown = serde_json::json!({"durabilty": "normal"});

        assert_eq!(settings(&Value::Null), Ok(Settings::default()));
        assert_eq!(
            settings(&given).unwrap().durability,
            crate::Durability::Normal
        );
        let refused = settings(&unknown).unwrap_err();
        assert!(refused.message.contains("durabilty"), "{refused}");
        assert!(refused.message.contains("durability"), "{refused}");
    }
}
