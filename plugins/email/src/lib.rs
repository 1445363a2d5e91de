//! Listener: tells people by e-mail what failed, what works again and what was missed.
//!
//! ```json
//! {"smtp": "smtp://user:password@mail.example.com:587", "from": "scheduler@example.com", "to": ["me@example.com"]}
//! ```
//!
//! * `config` reads the section and builds the listener.
//! * `occasion` says what is worth a mail, `text` what it says, and `email` makes it one.
//! * `server` reads the URL of a mail server and hands mails to it.

mod config;
mod email;
mod occasion;
mod server;
mod text;

pub use config::EmailFactory;
