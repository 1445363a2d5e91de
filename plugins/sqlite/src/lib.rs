//! Store: jobs, runs, data and events in one SQLite file, which any tool may read at any time.
//!
//! One service writes a file; `FILE.lock` beside it says which. One thread does all writing and answers when the disk has
//! what it wrote (`writer`); readers go beside it (`readers`). What a step of each group does is told by the file of that
//! group: `jobs` with `job_list`, `poll`, `claims`, `progress`, `history`, `data` with `bars`, `events`, `records`. The
//! tables are in `schema.sql`, with comments for whoever opens the file.

mod bars;
mod claims;
mod data;
mod events;
mod factory;
mod fault;
mod file;
mod history;
mod job_list;
mod job_row;
mod jobs;
mod ledger;
mod poll;
mod progress;
mod readers;
mod records;
mod runs;
mod settings;
mod step;
mod store;
mod text;
mod upkeep;
mod view;
mod writer;

pub use factory::SqliteStores;
pub use settings::{Durability, Settings};
pub use store::SqliteStore;
