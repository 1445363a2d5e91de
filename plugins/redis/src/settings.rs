//! How a Redis store is chosen and what can be set about it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use stock_scheduler_sdk::{Clock, ConfigError, Store, StoreFactory};

use crate::RedisStore;

/// The store's section of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RedisSettings {
    /// How windows of data are written; both are read.
    pub value_format: ValueFormat,
    /// The zone in which adopted jobs mean stamps without one; `None` is UTC.
    pub timezone: Option<Tz>,
}

/// How a window of data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueFormat {
    /// The array of records alone.
    #[default]
    Bare,
    /// `{"data": […], "metadata": {…}}`.
    Wrapped,
}

/// Opens a [`RedisStore`] for addresses that begin with `redis:` or, where TLS is built in, `rediss:`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedisStores {
    zone: Tz,
}

impl RedisStores {
    /// A factory whose stores mean `zone` where their section names none.
    pub fn in_zone(zone: Tz) -> Self {
        Self { zone }
    }
}

#[async_trait]
impl StoreFactory for RedisStores {
    /// The clock is not used: the server's own decides.
    async fn open(
        &self,
        url: &str,
        section: &Value,
        _clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Store>, ConfigError> {
        let mut settings = match section {
            Value::Null => RedisSettings::default(),
            section => RedisSettings::deserialize(section).map_err(|e| ConfigError::at("", e))?,
        };
        settings.timezone.get_or_insert(self.zone);
        Ok(Arc::new(RedisStore::open(url, settings)?))
    }
}

#[cfg(test)]
mod tests {
    use stock_scheduler_sdk::SystemClock;

    use super::*;

    async fn open(url: &str, section: &str) -> Result<(), String> {
        let section = serde_json::from_str(section).unwrap();
        let clock = Arc::new(SystemClock);
        let opened = RedisStores::default().open(url, &section, clock).await;
        opened.map(|_| ()).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn settings_are_checked_and_a_server_that_is_away_is_not_waited_for() {
        assert_eq!(open("redis://localhost:1", "null").await, Ok(()));
        let section = r#"{"value_format": "wrapped", "timezone": "America/New_York"}"#;
        assert_eq!(open("redis://localhost:1/3", section).await, Ok(()));
        let refused = open("redis://localhost:1", r#"{"value_fromat": "bare"}"#).await;
        assert!(
            refused
                .unwrap_err()
                .contains("unknown field `value_fromat`")
        );
    }

    #[tokio::test]
    async fn a_wrong_address_is_refused_without_its_password() {
        for url in [
            "redis://:s3cret@",
            "redis://:s3cret@host:port",
            "http://:s3cret@host",
        ] {
            let refused = open(url, "null").await.unwrap_err();
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
