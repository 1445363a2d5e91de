//! Listener: tells other services what happened, by signed HTTP requests as Standard Webhooks has them.
//!
//! ```json
//! {"url": "https://example.com/hook", "secret": "whsec_…"}
//! ```
//!
//! * `config` reads the section and builds the listener.
//! * `target` says which URLs may be told, `address` which addresses, and `resolver` keeps to it while connecting.
//! * `signature` signs what is sent, `webhook` sends it, and `answer` sorts what comes of it.

mod address;
mod answer;
mod config;
mod resolver;
mod signature;
mod target;
mod webhook;

pub use config::WebhookFactory;
pub use signature::{InvalidSecret, Secrets};
