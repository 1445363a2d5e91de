//! What can go wrong in a plugin, sorted by what the host can do about it.
//!
//! Each error has a kind for the host, a message for people and, where there is one, the cause.

use std::error::Error as StdError;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

type Source = Box<dyn StdError + Send + Sync>;

/// Why no bars came for a symbol.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    kind: FetchErrorKind,
    message: String,
    source: Option<Source>,
}

/// What the host does about a failed fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The provider does not know the symbol. Not tried again.
    UnknownSymbol,
    /// The provider knows the symbol and has nothing for the dates asked. Not tried again.
    NoData,
    /// The data is not settled yet.
    NotReady {
        /// When to ask again.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The provider refuses us: credentials, address or contract. Not tried again.
    Denied,
    /// The answer cannot be understood. Asked once more.
    Malformed,
    /// Too many requests. The whole provider rests, then the symbol is tried again.
    RateLimited {
        /// How many seconds the provider told us to wait.
        retry_after: Option<u64>,
    },
    /// The contract's allowance is used up.
    QuotaExhausted {
        /// When the allowance is renewed.
        until: Option<DateTime<Utc>>,
    },
    /// The provider cannot be reached, is broken or did not answer in time. Tried again.
    Unavailable,
}

impl FetchErrorKind {
    /// The word for this kind in events, records and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownSymbol => "unknown_symbol",
            Self::NoData => "no_data",
            Self::NotReady { .. } => "not_ready",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::Unavailable => "unavailable",
        }
    }
}

impl FetchError {
    /// An error of `kind`; `message` says what was asked and what came.
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the host can do about it.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Source>,
}

/// What the host does about a store's refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or cannot write now. Whether a write took effect is not known: ask again with the
    /// same request.
    Unavailable,
    /// What was read before has changed: a stale revision, or an id that is taken.
    Conflict,
    /// The run belongs to somebody else by now, or its job is gone. Nothing was written; stop working on it.
    Fenced,
    /// There is no such job, run or dataset.
    NotFound,
    /// What is stored cannot be understood.
    Corrupt,
}

impl StoreError {
    /// An error of `kind`; `message` says what was attempted and on what.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the host can do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

/// Why a plugin cannot be built from what a job or the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// Which part is wrong, as a JSON pointer into what was given (`/time`; empty for the whole).
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    /// An error at `pointer` (RFC 6901) of the plugin's own configuration.
    pub fn at(pointer: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.to_string(),
        }
    }
}
