//! The store itself: a link to the server, and what is set about it.
//!
//! What it does is told by the file of each group: `jobs` and `list`, `runs` with `claims` and `run`, `record` with `step`,
//! `sight`, `transaction`, `windows` and `watches`, then `data`, `log`, `records`, and `reconcile` with `adopt`.

use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use redis::cmd;
use stock_scheduler_sdk::{ConfigError, Store, StoreError, StoreErrorKind};

use crate::gather::Gather;
use crate::link::Link;
use crate::reconcile::Progress;
use crate::step::RecordStep;
use crate::watches::Watches;
use crate::{RedisSettings, ValueFormat, wire};

/// Keeps everything in one Redis server; any number of hosts may share it.
pub struct RedisStore {
    pub(crate) link: Link,
    pub(crate) value_format: ValueFormat,
    pub(crate) zone: Tz,
    pub(crate) progress: Mutex<Progress>,
    pub(crate) creations: Gather,
    pub(crate) steps: Gather<RecordStep>,
    pub(crate) watches: Watches,
}

impl RedisStore {
    /// A store over the server that `url` names. Does not wait for the server; must be called within a tokio runtime.
    pub fn open(url: &str, settings: RedisSettings) -> Result<Self, ConfigError> {
        Ok(Self {
            link: Link::new(url)?,
            value_format: settings.value_format,
            zone: settings.timezone.unwrap_or(Tz::UTC),
            progress: Mutex::default(),
            creations: Gather::default(),
            steps: Gather::default(),
            watches: Watches::default(),
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.link)
    }
}

#[async_trait]
impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let (seconds, micros): (i64, u32) = self.link.ask("read the time", &cmd("TIME")).await?;
        DateTime::from_timestamp(seconds, micros * 1000)
            .ok_or_else(|| corrupt(format!("the server's time {seconds} is none")))
    }

    async fn reconcile(&self) -> Result<(), StoreError> {
        self.reconcile_some().await
    }
}

pub(crate) fn corrupt(message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, message)
}

/// An instant that a script answered.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, StoreError> {
    wire::instant(text).ok_or_else(|| corrupt(format!("{text:?} is no instant")))
}
