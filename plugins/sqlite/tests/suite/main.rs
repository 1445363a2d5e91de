//! What the SQLite store promises.

mod conformance;
mod support;
