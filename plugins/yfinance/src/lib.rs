//! Fetcher: daily bars from Yahoo's chart endpoint, the same that `yfinance.download` stores.
//!
//! * `fetcher` asks: one request a symbol over one pool of connections.
//! * `answer` understands what came, without any I/O: refusals in `refusal`, bars in `bars`; `quick` reads the usual
//!   document, `chart` any.
//! * `zones` knows in which zone a symbol's dates are meant, before the first answer says so.

mod answer;
mod bars;
mod calendar;
mod chart;
mod clients;
mod config;
mod fetcher;
mod quick;
mod refusal;
mod zones;

pub use answer::{Answer, parse};
pub use config::{Config, factory};
pub use fetcher::YFinance;
