//! How to write a plugin: five minutes a chapter, each with a plugin that works.
//!
//! | you have | you write | chapter |
//! |---|---|---|
//! | a source of prices | a [`Fetcher`](crate::Fetcher) | [`fetcher`] |
//! | a rule for when a job is due | a [`Schedule`](crate::Schedule) | [`schedule`] |
//! | a place to keep everything | a [`Store`](crate::Store) | [`store`] |
//! | somebody who wants to be told | a [`Listener`](crate::Listener) | [`listener`] |
//! | any of these but the store, in another language | a program | [`process`] |
//!
//! What you may rely on from one release to the next is in [`versions`].
//!
//! # What you need
//!
//! This crate. It hands you the crates whose types it speaks: [`chrono`], [`chrono_tz`], [`serde_json`] and
//! [`async_trait`](crate::async_trait).
//!
//! ```toml
//! [dependencies]
//! stock-scheduler-sdk = "0.1" # from a checkout: { path = "…/plugins/sdk" }
//!
//! [dev-dependencies]
//! tokio = { version = "1", features = ["macros", "rt", "time"] }
//! ```
//!
//! `stock-scheduler plugin new --lang rust mine` writes a crate with a fetcher, its test and the program below; with
//! `--role schedule`, `listener` or `store` it is one of these.
//!
//! The program that runs your plugin is a few lines: the whole service, and your plugin in it. The crate
//! `stock-scheduler` has everything of this one under the same names.
//!
//! ```
//! # mod stock_scheduler {
//! #     pub use stock_scheduler_sdk::*;
//! #     pub struct Builder;
//! #     impl Builder { pub fn store_factory(self, _: &str, _: impl StoreFactory) -> Self { self } }
//! #     pub mod cli {
//! #         pub fn run(extend: impl FnOnce(super::Builder) -> super::Builder) -> std::process::ExitCode {
//! #             extend(super::Builder);
//! #             std::process::ExitCode::SUCCESS
//! #         }
//! #     }
//! # }
//! use stock_scheduler::MemoryStores;
//!
//! fn main() -> std::process::ExitCode {
//!     stock_scheduler::cli::run(|builder| builder.store_factory("scratch", MemoryStores))
//! }
//! ```
//!
//! A crate of plugins that others build in has one function for a [`Registry`](crate::Registry) and needs this crate alone:
//! `stock-scheduler plugin build --with CRATE@VERSION` makes the program for it.
//!
//! # What holds for all plugins
//!
//! * **Do one thing and say what came of it.** The host waits, tries again, limits, logs and counts. A plugin that does
//!   so too does it twice.
//! * **Sort errors by what the host can do.** The kind decides; the message is for a person at night: what was tried and
//!   on what, then what came.
//! * **Be droppable.** The host cancels by dropping the future. Make the step that lasts the last one.
//! * **Keep threads free.** Work that blocks belongs on `tokio::task::spawn_blocking`.
//! * **Refuse what you do not know.** [`Section`](crate::Section) and [`Spec`](crate::Spec) read settings so that a
//!   misspelt one is an error that points at it.
//! * **Keep secrets.** No message has a key, a password or an address that works like one.
//! * **Run the suite of your trait** in your tests: [`conformance`](crate::conformance) tells in a sentence which promise
//!   is broken.

pub mod fetcher;
pub mod listener;
pub mod process;
pub mod schedule;
pub mod store;
pub mod versions;
