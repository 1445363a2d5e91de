//! What the SQLite store promises.

mod conformance;
mod crash;
mod history;
mod opening;
mod people;
mod support;
mod text;
