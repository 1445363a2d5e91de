//! Fetcher: made-up prices, for trying the scheduler without a network.
//!
//! * `fetcher` answers as a provider would, after a short wait.
//! * `prices` makes the prices up: the same ones for a symbol and a date, for ever.
//! * `config` reads the one setting there is.

mod config;
mod fetcher;
mod prices;

pub use config::factory;
pub use fetcher::Demo;
