//! The contract between stock-scheduler and its plugins: vocabulary, the traits, events, errors and the suites
//! that tell an author whether a plugin keeps its promises.
//!
//! To write a plugin, read the [`guide`] first: five minutes a chapter.
//!
//! * [`Fetcher`] gets bars from one provider.
//! * [`Schedule`] says when a job is due.
//! * [`Store`] keeps jobs, fires, runs, data and the event log, and decides atomically who may do what.
//! * [`Listener`] carries events to somebody outside.
//!
//! A plugin depends on this crate alone. The host depends on it too and re-exports it, so that a custom binary needs
//! only the host.

mod bar;
mod clock;
pub mod conformance;
mod day_memory;
mod duration;
mod error;
mod event;
mod fetcher;
pub mod guide;
mod health;
mod job;
mod listener;
mod memory;
mod nearest;
mod plain;
mod policy;
pub mod records;
mod registry;
mod run;
pub mod schedule;
mod section;
mod store;
mod symbol;

pub use bar::{ActionKind, Bar, CorporateAction, Finality, Interval, Series};
pub use clock::{Clock, ManualClock, SystemClock, TimerClock};
pub use day_memory::DayMemory;
pub use duration::{parse_duration, write_duration};
pub use error::{ConfigError, FetchError, FetchErrorKind, StoreError, StoreErrorKind};
pub use event::{Event, EventId, EventKind, write_time};
pub use fetcher::{FetchRequest, Fetcher, FetcherFactory, FetcherInfo, Limits, WithSchema};
pub use health::Health;
pub use job::{
    DataKey, FetcherRef, Job, JobState, JobStatus, LastExecution, NextFire, StoredJob, Window,
};
pub use listener::{
    Delivery, DeliveryError, DeliveryErrorKind, Listener, ListenerFactory, ListenerInfo,
};
pub use memory::{MemoryStore, MemoryStores};
pub use plain::{is_plain, plain_line};
pub use policy::{Misfire, MisfirePolicy, Overlap};
pub use registry::Registry;
pub use run::{
    Grant, HostId, NewRun, RequestId, Run, RunId, RunPlan, RunStatus, SymbolOutcome,
    SymbolProgress, SymbolResult, SymbolState, TriggeredBy,
};
pub use schedule::{
    Calendar, Calendars, Day, Next, Occurrence, Schedule, ScheduleContext, ScheduleFactory,
    Session, Spec, TradingDays, from_serde,
};
pub use section::Section;
pub use store::{
    Advance, Agenda, Claim, Claimed, DataStore, Dataset, DatasetPage, DatasetQuery, Due, Edit,
    EditKind, EventLog, EventPage, Fire, FireQuery, FireState, JobCounts, JobPage, JobQuery,
    JobStore, Orphan, Poll, Record, RecordStore, Refusal, RunPage, RunQuery, RunStore, Store,
    StoreFactory, TakeOver, retention,
};
pub use symbol::{InvalidName, JobId, Prefix, Symbol};

// The crates whose types the traits speak, so that a plugin cannot meet another version of them.
pub use {async_trait::async_trait, chrono, chrono_tz, serde_json};
