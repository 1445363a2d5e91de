//! A listener carries events to somebody outside.
//!
//! # What you promise
//!
//! * You try once and say what came of it. The host tries again, for a day, and remembers what was delivered.
//! * An event that comes twice does no harm: [`Delivery::id`] is the same at every try, so that whoever gets it can tell.
//! * A dropped future leaves nothing behind that a second try would not mend.
//!
//! # The smallest one that works
//!
//! With its factory and its test: it appends a line to a file for each symbol that failed.
//!
//! ```
//! use std::fs::OpenOptions;
//! use std::io::Write;
//! use std::path::PathBuf;
//! use std::sync::Arc;
//!
//! use stock_scheduler_sdk::chrono::DateTime;
//! use stock_scheduler_sdk::serde_json::{Value, json};
//! use stock_scheduler_sdk::{
//!     ConfigError, Delivery, DeliveryError, DeliveryErrorKind, Event, EventId, EventKind, Listener,
//!     ListenerInfo, RunId, Section, async_trait,
//! };
//!
//! struct Failures {
//!     path: PathBuf,
//! }
//!
//! #[async_trait]
//! impl Listener for Failures {
//!     async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
//!         let EventKind::StockFailed { stock_id, message, .. } = &delivery.event.kind else {
//!             return Ok(());
//!         };
//!         let line = format!("{} {stock_id}: {message}\n", delivery.id);
//!         let file = OpenOptions::new().create(true).append(true).open(&self.path);
//!         // One small write is quick; more than that belongs on `tokio::task::spawn_blocking`.
//!         let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
//!         written.map_err(|error| {
//!             let message = format!("cannot write to {}: {error}", self.path.display());
//!             DeliveryError::new(DeliveryErrorKind::Unavailable, message).with_source(error)
//!         })
//!     }
//!
//!     fn info(&self) -> ListenerInfo {
//!         let mut info = ListenerInfo::default();
//!         info.events = vec!["StockFailed".into()];
//!         info
//!     }
//! }
//!
//! fn factory(section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
//!     let section = Section::read(section, &["path"])?;
//!     let path = section.needed("path", "/var/log/failures.txt")?.into();
//!     Ok(Arc::new(Failures { path }))
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! async fn a_failed_symbol_is_a_line() {
//!     let path = std::env::temp_dir().join(RunId::random().to_string());
//!     let listener = factory(&json!({"path": path})).unwrap();
//!     let delivery = Delivery::new(Event {
//!         id: EventId { ms: 1, seq: 0 },
//!         at: DateTime::UNIX_EPOCH,
//!         job: "tech".parse().unwrap(),
//!         kind: EventKind::StockFailed {
//!             execution_id: RunId::random(),
//!             stock_id: "AAPL".into(),
//!             kind: "no_data".into(),
//!             message: "no rows".into(),
//!             attempts: 1,
//!         },
//!     });
//!
//!     listener.deliver(&delivery).await.unwrap();
//!
//!     assert_eq!(std::fs::read_to_string(&path).unwrap(), "1-0 AAPL: no rows\n");
//! #     std::fs::remove_file(&path).unwrap();
//! }
//! # a_failed_symbol_is_a_line();
//! ```
//!
//! There is no suite for listeners, because what they promise shows on the other side. Test what is delivered, what each
//! answer of the other side becomes, and that no message has a secret.
//!
//! # Register and configure it
//!
//! ```
//! # use std::sync::Arc;
//! # use stock_scheduler_sdk::{ConfigError, Listener, ListenerFactory, serde_json::Value};
//! # mod stock_scheduler {
//! #     pub mod cli {
//! #         pub fn run(_: impl FnOnce(crate::Builder) -> crate::Builder) -> std::process::ExitCode {
//! #             std::process::ExitCode::SUCCESS
//! #         }
//! #     }
//! # }
//! # struct Builder;
//! # impl Builder { fn listener(self, _: &str, _: impl ListenerFactory) -> Self { self } }
//! # fn factory(_: &Value) -> Result<Arc<dyn Listener>, ConfigError> { Err(ConfigError::at("", "")) }
//! fn main() -> std::process::ExitCode {
//!     stock_scheduler::cli::run(|builder| builder.listener("failures", factory))
//! }
//! ```
//!
//! ```toml
//! [plugins.listener.failures]
//! path = "/var/log/failures.txt"
//! ```
//!
//! The keys of the section reach the factory as a JSON object. A listener without a section does not run: each section
//! makes one, and a section of another name with `kind = "failures"` makes one more. It hears all events from then on,
//! whatever is restarted in between.
//!
//! [`ListenerInfo`] says how many deliveries may be under way at once, how long one may take, and which events it wants.
//! With one at a time, the default, they come in their order.
//!
//! # Errors, and what the host does
//!
//! | kind | the host |
//! |---|---|
//! | [`Unavailable`] | tries again, after 5 seconds at first, less and less often, for a day |
//! | [`RateLimited`] | the same, not before the time that was asked for |
//! | [`Refused`] | gives this event up |
//! | [`Gone`] | gives this event up and disables the listener |
//!
//! # What never to do
//!
//! * Try again, or keep a queue: what is in it is lost at the next restart, and the host believes it delivered.
//! * Answer `Ok` for what was not delivered.
//! * Hold up others: a delivery that takes longer than [`timeout`] is dropped and counts as failed.
//!
//! The example `chat_listener` of the repository is a whole one, over HTTP, with its tests.
//!
//! [`Delivery::id`]: crate::Delivery::id
//! [`ListenerInfo`]: crate::ListenerInfo
//! [`timeout`]: crate::ListenerInfo::timeout
//! [`Unavailable`]: crate::DeliveryErrorKind::Unavailable
//! [`RateLimited`]: crate::DeliveryErrorKind::RateLimited
//! [`Refused`]: crate::DeliveryErrorKind::Refused
//! [`Gone`]: crate::DeliveryErrorKind::Gone
