//! When exchanges trade: facts, shipped in the binary, and files that add to them or correct them.
//!
//! [`Exchanges`] makes the calendars. What follows is the form of the files.
//!
#![doc = include_str!("../data/README.md")]

mod correction;
mod dates;
mod definition;
mod error;
mod exchange;
mod exchanges;
mod file;
mod hours;
mod said;
mod shipped;
mod since;
mod soundness;
mod times;
mod words;

pub use error::FileError;
pub use exchanges::Exchanges;
