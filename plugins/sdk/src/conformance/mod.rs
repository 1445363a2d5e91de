//! Suites that tell a plugin's author which promise the plugin breaks.

use std::fmt;

pub mod fetcher;
pub mod schedule;
pub mod store;

/// A promise that a plugin did not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The law that was broken, in the words of its suite.
    pub law: &'static str,
    /// What was asked and what came.
    pub detail: String,
}

impl Broken {
    /// A breach of `law`; `detail` says what was asked and what came.
    pub fn new(law: &'static str, detail: impl Into<String>) -> Self {
        Self {
            law,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.detail)
    }
}

impl std::error::Error for Broken {}
