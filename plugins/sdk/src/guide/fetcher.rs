//! A fetcher gets the bars of one symbol from one provider.
//!
//! # What you promise
//!
//! * Bars come oldest first, at most one a session, none outside the request: from `start` on, before `end`.
//! * A bar of a day or longer begins with its date, at the first instant of it in the series' zone.
//! * No bars is an error, [`NoData`], never an empty series; a symbol that nobody knows is [`UnknownSymbol`].
//! * Asking twice is harmless, and so is a question that is dropped half-way.
//!
//! # The smallest one that works
//!
//! With its factory and its test. This provider knows one symbol, whose price is in the settings.
//!
//! ```
//! use std::sync::Arc;
//!
//! use stock_scheduler_sdk::chrono::{NaiveDate, NaiveTime};
//! use stock_scheduler_sdk::chrono_tz::Tz;
//! use stock_scheduler_sdk::conformance::fetcher::{FetcherCases, check};
//! use stock_scheduler_sdk::schedule::wall_clock;
//! use stock_scheduler_sdk::serde_json::{Value, json};
//! use stock_scheduler_sdk::{
//!     Bar, ConfigError, FetchError, FetchErrorKind, FetchRequest, Fetcher, Section, Series, async_trait,
//! };
//!
//! struct Flat {
//!     price: f64,
//! }
//!
//! const ZONE: Tz = Tz::America__New_York;
//!
//! #[async_trait]
//! impl Fetcher for Flat {
//!     async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
//!         if request.symbol.to_upper() != "FLAT" {
//!             let message = format!("there is no symbol {}, only FLAT", request.symbol);
//!             return Err(FetchError::new(FetchErrorKind::UnknownSymbol, message));
//!         }
//!         let mut series = Series::new(request.symbol.clone(), request.interval, ZONE);
//!         let days = request.start.iter_days().take_while(|day| *day < request.end);
//!         series.bars = days.filter_map(|day| self.bar(day)).collect();
//!         if series.bars.is_empty() {
//!             let message = format!("no day from {} until {}", request.start, request.end);
//!             return Err(FetchError::new(FetchErrorKind::NoData, message));
//!         }
//!         Ok(series)
//!     }
//! }
//!
//! impl Flat {
//!     fn bar(&self, day: NaiveDate) -> Option<Bar> {
//!         let price = Some(self.price);
//!         Some(Bar {
//!             time: wall_clock::instant(day.and_time(NaiveTime::MIN), ZONE)?,
//!             open: price,
//!             high: price,
//!             low: price,
//!             close: price,
//!             adj_close: price,
//!             ..Bar::default()
//!         })
//!     }
//! }
//!
//! fn factory(section: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> {
//!     let section = Section::read(section, &["price"])?;
//!     let price = section.get("price").and_then(Value::as_f64);
//!     let price = price.ok_or_else(|| ConfigError::at("/price", "`price` is no number, expected one such as 42.5"))?;
//!     Ok(Arc::new(Flat { price }))
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! async fn every_law_of_a_fetcher_holds() {
//!     let flat = factory(&json!({"price": 42.5})).unwrap();
//!     let [start, end] = [2, 4].map(|day| NaiveDate::from_ymd_opt(2025, 6, day).unwrap());
//!     let request = FetchRequest::daily("FLAT".parse().unwrap(), start, end);
//!     let cases = FetcherCases::new(request).with_unknown("NO-SUCH".parse().unwrap());
//!
//!     assert_eq!(check(flat.as_ref(), cases).await, Ok(()));
//! }
//! # every_law_of_a_fetcher_holds();
//! # assert!(factory(&json!({"prize": 42.5})).is_err());
//! ```
//!
//! # Register and configure it
//!
//! ```
//! # use std::sync::Arc;
//! # use stock_scheduler_sdk::{ConfigError, Fetcher, FetcherFactory, serde_json::Value};
//! # mod stock_scheduler {
//! #     pub mod cli {
//! #         pub fn run(_: impl FnOnce(crate::Builder) -> crate::Builder) -> std::process::ExitCode {
//! #             std::process::ExitCode::SUCCESS
//! #         }
//! #     }
//! # }
//! # struct Builder;
//! # impl Builder { fn fetcher(self, _: &str, _: impl FetcherFactory) -> Self { self } }
//! # fn factory(_: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> { Err(ConfigError::at("", "")) }
//! fn main() -> std::process::ExitCode {
//!     stock_scheduler::cli::run(|builder| builder.fetcher("flat", factory))
//! }
//! ```
//!
//! ```toml
//! [plugins.fetcher.flat]
//! price = 42.5
//! ```
//!
//! The keys of the section reach the factory as a JSON object; without a section it gets null. A job asks for the fetcher
//! with `"fetcher": "flat"`, or with `{"name": "flat", "options": {…}}` where the factory has
//! [`check_options`]: these come with each request.
//!
//! How hard the provider may be asked is in [`Fetcher::info`]: the host keeps to these [`Limits`] for all jobs together.
//!
//! # Options of a job
//!
//! What differs from job to job comes with each request as [`FetchRequest::options`]. Then the factory is a type, which
//! reads them when a job is saved:
//!
//! ```
//! # use std::sync::Arc;
//! use stock_scheduler_sdk::serde_json::{Value, json};
//! use stock_scheduler_sdk::{ConfigError, Fetcher, FetcherFactory, Section};
//!
//! struct Factory;
//!
//! impl FetcherFactory for Factory {
//!     fn build(&self, section: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> {
//! #       let _ = r#"
//!         …
//! #       "#;
//! #       Err(ConfigError::at("", ""))
//!     }
//!
//!     fn check_options(&self, options: &Value) -> Result<(), ConfigError> {
//!         let options = Section::read(options, &["feed"])?;
//!         match options.text("feed", "sip")? {
//!             None | Some("sip" | "iex") => Ok(()),
//!             Some(feed) => Err(ConfigError::at("/feed", format!("feed is {feed:?}, expected \"sip\" or \"iex\""))),
//!         }
//!     }
//! }
//! # assert_eq!(Factory.check_options(&json!({"feed": "sib"})).unwrap_err().pointer, "/feed");
//! # assert!(Factory.check_options(&json!({"feed": "iex"})).is_ok());
//! ```
//!
//! With `options_schema` the host checks their shape before that, and Swagger shows it. Options of a stored job that the
//! fetcher no longer takes are [`Denied`]. A relative path in settings begins where the service runs.
//!
//! # Errors, and what the host does
//!
//! | kind | the host |
//! |---|---|
//! | [`UnknownSymbol`], [`NoData`], [`Denied`] | fails the symbol |
//! | [`NotReady`], [`QuotaExhausted`] | fails the symbol; the next fire asks again |
//! | [`Malformed`] | asks once more |
//! | [`RateLimited`] | lets the provider rest as long as it says, else 15 minutes and longer, then asks again; four tries in all |
//! | [`Unavailable`] | asks again after about 1, 2 and 4 seconds |
//!
//! A symbol that fails leaves the others alone, and what was stored for it before.
//!
//! # What never to do
//!
//! * Wait, try again, or count requests: the host does, for all symbols at once.
//! * Fill gaps with made-up bars, or send a bar that can still change as [`Final`].
//! * Keep the thread busy: parsing a large file belongs on `tokio::task::spawn_blocking`.
//!
//! The example `csv_folder` of the repository is a whole one, with its tests.
//!
//! [`NoData`]: crate::FetchErrorKind::NoData
//! [`UnknownSymbol`]: crate::FetchErrorKind::UnknownSymbol
//! [`Denied`]: crate::FetchErrorKind::Denied
//! [`NotReady`]: crate::FetchErrorKind::NotReady
//! [`QuotaExhausted`]: crate::FetchErrorKind::QuotaExhausted
//! [`Malformed`]: crate::FetchErrorKind::Malformed
//! [`RateLimited`]: crate::FetchErrorKind::RateLimited
//! [`Unavailable`]: crate::FetchErrorKind::Unavailable
//! [`Final`]: crate::Finality::Final
//! [`check_options`]: crate::FetcherFactory::check_options
//! [`Fetcher::info`]: crate::Fetcher::info
//! [`Limits`]: crate::Limits
//! [`FetchRequest::options`]: crate::FetchRequest::options
