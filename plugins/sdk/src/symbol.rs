//! The names of things that outsiders give us: symbols, prefixes and job ids, checked once at the border.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a name was refused: a sentence that holds the value and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);

impl InvalidName {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }
}

/// Writes a checked text type: shared, cheap to clone, deserialised through its check.
macro_rules! checked_text {
    ($name:ident, $check:path) => {
        impl $name {
            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(source)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A ticker as the provider writes it: 1 to 32 of `A–Z a–z 0–9 . - ^ = & _ + $ !`.
///
/// Its case is kept, because the key of the stored data has it; a provider is asked in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Symbol(Arc<str>);

checked_text!(Symbol, check_symbol);

impl Symbol {
    /// The symbol as a provider is asked for it.
    pub fn to_upper(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

fn check_symbol(text: &str) -> Result<(), InvalidName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-^=&_+$!".contains(c);
    if (1..=32).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(InvalidName(format!(
        "symbol {text:?} is not 1 to 32 of A-Z a-z 0-9 . - ^ = & _ + $ !"
    )))
}

/// The first part of the keys of stored data: 1 to 100 characters without `{`, `}`, `:` and control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Prefix(Arc<str>);

checked_text!(Prefix, check_prefix);

impl Default for Prefix {
    fn default() -> Self {
        Self("scheduled_stock_data".into())
    }
}

fn check_prefix(text: &str) -> Result<(), InvalidName> {
    let refused = |c: char| c.is_control() || "{}:".contains(c);
    if (1..=100).contains(&text.chars().count()) && !text.contains(refused) {
        return Ok(());
    }
    Err(InvalidName(format!(
        "prefix {text:?} is not 1 to 100 characters without '{{', '}}', ':' and control characters"
    )))
}

/// The name of a job: 1 to 64 of `A–Z a–z 0–9 _ -`; new ones are UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct JobId(Arc<str>);

checked_text!(JobId, check_job_id);

impl JobId {
    /// A new id that nobody else has: a UUID whose order is that of creation.
    pub fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }
}

fn check_job_id(text: &str) -> Result<(), InvalidName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(InvalidName(format!(
        "job id {text:?} is not 1 to 64 of A-Z a-z 0-9 _ -"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_keep_their_case_and_refuse_what_keys_cannot_hold() {
        for good in [
            "AAPL", "aapl", "^GSPC", "BRK-B", "GBPUSD=X", "M&M.NS", "0700.HK",
        ] {
            assert_eq!(good.parse::<Symbol>().unwrap().as_str(), good);
        }
        let long = "A".repeat(33);
        for bad in ["", " AAPL", "A:B", "{A}", "A\n", "É", long.as_str()] {
            assert!(bad.parse::<Symbol>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn prefixes_and_job_ids_refuse_separators() {
        assert!("rolling_60d".parse::<Prefix>().is_ok());
        for bad in ["", "a:b", "{a}", "a\u{7}"] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad:?}");
        }
        assert!("deadbeef-0000".parse::<JobId>().is_ok());
        assert!("a b".parse::<JobId>().is_err());
    }
}
