//! The store's section of the configuration.

use serde::Deserialize;

/// How the file is kept. Every setting has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// A crash of the process, of the system and a power cut: the disk is asked to flush before the answer.
    #[default]
    Full,
    /// A crash of the process. A power cut may lose the last seconds, never what is older, and never harms the file.
    Normal,
}

impl Durability {
    pub(crate) fn synchronous(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}
