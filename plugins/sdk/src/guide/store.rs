//! A store keeps jobs, fires, runs, data and the event log, and decides atomically who may do what.
//!
//! It is the largest plugin. Whatever else goes wrong, no fire runs twice and none is lost, because the store says so.
//!
//! # What you promise
//!
//! The eight laws of [`Store`](crate::Store#laws). The three that cost most:
//!
//! * A call is one step: whole or not at all, also when the process is killed in between.
//! * What is acknowledged survives a crash of the process. Calls are repeated with the same ids after a lost answer, and
//!   have the effect of once.
//! * A write under an overtaken token fails as [`Fenced`] and changes nothing.
//!
//! # Where to begin
//!
//! [`MemoryStore`](crate::MemoryStore) is the reference: what it answers is right. There are two ways from there.
//!
//! * **A journal.** Write each call down, then let a `MemoryStore` make it; read all calls at the start. The example
//!   `file_store` of the repository does that in a few pages.
//! * **A database.** Make each call one transaction. `plugins/sqlite` of the repository does that.
//!
//! # The smallest one that works
//!
//! A factory is what you register. This one hands out memory stores under a name of its own; the test is what matters, and
//! is the same for yours.
//!
//! ```
//! use std::sync::Arc;
//!
//! use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check};
//! use stock_scheduler_sdk::serde_json::{Value, json};
//! use stock_scheduler_sdk::{
//!     Clock, ConfigError, ManualClock, MemoryStore, Section, Store, StoreFactory, async_trait,
//! };
//!
//! struct Scratch;
//!
//! #[async_trait]
//! impl StoreFactory for Scratch {
//!     async fn open(
//!         &self,
//!         url: &str,
//!         section: &Value,
//!         clock: Arc<dyn Clock>,
//!     ) -> Result<Arc<dyn Store>, ConfigError> {
//!         if url != "scratch:" {
//!             let message = format!("cannot open store {url:?}: expected \"scratch:\"");
//!             return Err(ConfigError::at("", message));
//!         }
//!         Section::read(section, &[])?;
//!         Ok(Arc::new(MemoryStore::new(clock)))
//!     }
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! async fn every_law_of_a_store_holds() {
//!     let kept = check(|| async {
//!         let clock = Arc::new(ManualClock::new("2025-03-03T21:59:30Z".parse().unwrap()));
//!         let store = Scratch.open("scratch:", &json!({}), clock.clone()).await.unwrap();
//!         // A store that lasts adds `.reopened_by(…)`, which opens it again as after a crash.
//!         StoreUnderTest::with_clock(store, clock)
//!     });
//!
//!     assert_eq!(kept.await, Ok(()));
//! }
//! # every_law_of_a_store_holds();
//! ```
//!
//! A store whose server has a clock of its own is checked
//! [`in_real_time`](crate::conformance::store::StoreUnderTest::in_real_time).
//!
//! # Register and configure it
//!
//! ```
//! # use stock_scheduler_sdk::{MemoryStores as Scratch, StoreFactory};
//! # mod stock_scheduler {
//! #     pub mod cli {
//! #         pub fn run(_: impl FnOnce(crate::Builder) -> crate::Builder) -> std::process::ExitCode {
//! #             std::process::ExitCode::SUCCESS
//! #         }
//! #     }
//! # }
//! # struct Builder;
//! # impl Builder { fn store_factory(self, _: &str, _: impl StoreFactory) -> Self { self } }
//! fn main() -> std::process::ExitCode {
//!     stock_scheduler::cli::run(|builder| builder.store_factory("scratch", Scratch))
//! }
//! ```
//!
//! The name is the scheme of the address: `serve --store scratch:`. Settings that are no address are in
//! `[plugins.store.scratch]`, and reach [`open`](crate::StoreFactory::open) as a JSON object.
//!
//! # Errors, and what the host does
//!
//! | kind | the host |
//! |---|---|
//! | [`Unavailable`] | answers 503, and repeats what it was doing with the same ids until it is done |
//! | [`Conflict`] | reads again and decides anew, or answers 409 |
//! | [`Fenced`] | stops working on the run: somebody else has it |
//! | [`NotFound`] | answers 404 |
//! | [`Corrupt`] | answers 500 with the message, and goes on with the rest |
//!
//! # What never to do
//!
//! * Hang. A call that cannot be made fails as [`Unavailable`] within two seconds.
//! * Ask another clock than the one that [`now`](crate::Store::now) answers from.
//! * Undo a step when nobody waits for its answer any more: make it last, or whole.
//!
//! [`Unavailable`]: crate::StoreErrorKind::Unavailable
//! [`Conflict`]: crate::StoreErrorKind::Conflict
//! [`Fenced`]: crate::StoreErrorKind::Fenced
//! [`NotFound`]: crate::StoreErrorKind::NotFound
//! [`Corrupt`]: crate::StoreErrorKind::Corrupt
