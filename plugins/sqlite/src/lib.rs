//! Store: jobs, runs, data and events in one SQLite file, which any tool may read at any time.
//!
//! One service writes a file; `FILE.lock` beside it says which. One thread does all writing and answers when the disk has
//! what it wrote (`writer`); readers go beside it (`readers`). What a step of each group does is told by the file of that
//! group: `jobs` with `definitions` and `job_list`, `runs` with `poll`, `claims`, `progress` and `history`, `data` with
//! `bars`, `events`, `records`. The tables are in `schema.sql` and `schema_2.sql`, with comments for whoever opens the file.
//!
//! What a run tells of its symbols is on disk when it is answered, as one row of `pending_results` for each step: that
//! costs a tenth of the rows it stands for, and those come when the service has nothing else to write, usually within a
//! second (`pending`). Who asks the store sees no difference; who opens the file sees the symbols of a run, their bars and
//! their events that moment later.
//!
//! For whoever opens the file there are also views:
//!
//! ```sql
//! SELECT symbol, date, close FROM latest_prices;
//! SELECT job_name, symbol, message FROM failures WHERE started_at > datetime('now', '-1 day');
//! SELECT date, adj_close FROM latest_bars WHERE symbol = 'AAPL' ORDER BY date;
//! ```
//!
//! A program that keeps one query open for long keeps the write-ahead log beside the file growing meanwhile; it shrinks
//! again afterwards.

mod bars;
mod claims;
mod command;
mod data;
mod definitions;
mod events;
mod factory;
mod fault;
mod file;
mod gathering;
mod history;
mod job_list;
mod job_row;
mod jobs;
mod ledger;
mod marks;
mod packed;
mod pending;
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
