//! stock-scheduler: fetches market data at the right moment, for many symbols a job, stores it where it is read, and
//! tells what happened.
//!
//! # The map
//!
//! * [`Fetcher`], [`Schedule`], [`Store`]: the three traits that plugins implement, with everything else of the sdk.
//! * [`Host`]: plugins by name, a store, the clockwork and the [`EventBus`]; the use cases behind every face.
//! * `engine`: when a job fires, who runs it, how providers are asked.
//! * `api`: the HTTP face. `cli`: the command line and the configuration.
//! * `defaults`: the standard plugins; the only place that knows them.

mod api;
pub mod cli;
mod defaults;
mod engine;
mod events;
mod host;
mod metrics;

pub use api::{Server, document};
pub use events::{EventBus, Heard, Published};
pub use host::{
    AskedTime, Backfill, BackfillStatus, BackfillWish, BuildError, Cause, DeliveryRecord,
    DeliveryStatus, Draft, Ends, ExchangeDay, Explanation, FieldError, FollowedCalendar, Host,
    HostBuilder, HostError, JobView, MOST_SYMBOLS, ManualRun, Mode, Origin, PluginView, Preview,
    PreviewWish, Status, Try, Upcoming, Webhook, WebhookWish,
};
pub use stock_scheduler_sdk::*;
