//! Store: jobs, runs, data and events in one Redis server (6.2 or newer), or anything that speaks to one primary.
//!
//! # Keys
//!
//! Three names are fixed, because other programs read them:
//!
//! | key | holds |
//! |---|---|
//! | `scheduler:job:{job_id}` | a job's definition as JSON, never its run state |
//! | `scheduler:job_index` | the ids of all jobs as a JSON list; it follows within a second, or 0.2 ms for each job where that is more |
//! | `{prefix}:{SYMBOL}:{start}:{end}` | a JSON array of records |
//!
//! Everything else is the store's own and lies in one hash slot. Instants are microseconds since 1970.
//!
//! | key | kind | holds |
//! |---|---|---|
//! | `{scheduler}:jobs` | zset | the ids by their place in the order of creation, given out by `{scheduler}:seq` |
//! | `{scheduler}:active`, `…:status:<word>`, `…:tag:<tag>` | zset | the same places, for lists and counts |
//! | `{scheduler}:due`, `…:look` | zset | when to look at a job: its next fire; or when to work that out |
//! | `{scheduler}:rt:<job>` | hash | revision, next and last fire, token, runs that go, latest run |
//! | `{scheduler}:fires:<job>` | zset | `fire state run started reason`, by fire time |
//! | `{scheduler}:runs:<job>` | zset | ids of runs by their first token |
//! | `{scheduler}:run:<run>` | hash | a run: `head` never changes, `state` does, `b:<N>` and `s:<SYMBOL>` are how far its symbols are |
//! | `{scheduler}:leases`, `…:held:<host>` | zset, hash | until when a host lives, and the runs that it holds |
//! | `{scheduler}:events` | stream | the event log; an event's id is its stream id |
//! | `{scheduler}:datasets`, `…:dataset` | zset, hash | the stored windows by key; rows, when and by which job |
//! | `{scheduler}:record:<space>:<key>`, `…:records:<space>` | string, zset | small documents, and their keys |
//! | `{scheduler}:record-ends` | zset | when documents end |
//! | `{scheduler}:index` | hash | whether and when the list of ids has to be, and was, rewritten |
//! | `{scheduler}:gone:<job>` | string | the request that deleted a job; for 30 days |
//! | `{scheduler}:original:<job>` | string | the document that another writer left, as it was found |
//!
//! # What it promises
//!
//! Every decision is one Lua script and asks no clock but the server's. What a run has fetched is written beside the script
//! that marks it, in one transaction that watches the run from when it was last seen: of a run that is taken over
//! meanwhile nothing is written. When that was is told by the server's clock at that sight and the time since. A call fails
//! within a second while the server is away, and works again as soon as the server does.
//!
//! What was acknowledged survives a crash of this process. What it survives besides is up to the server: nothing without
//! persistence, all but the last second (two while the disk is busy) with `appendonly yes` and `appendfsync everysec`,
//! all with `appendfsync always`. A server with another `maxmemory-policy` than `noeviction` may drop jobs.
//!
//! # Other writers
//!
//! [`reconcile`](stock_scheduler_sdk::Store::reconcile) adopts job documents and data windows that somebody else wrote,
//! at once where their id stands in `scheduler:job_index`, else as scanning the server finds them. A document that
//! somebody else changes is taken as an edit, one that somebody else deletes as a deletion; run state is never read from
//! a document again.

mod adopt;
mod claims;
mod data;
mod event;
mod gather;
mod jobs;
mod link;
mod list;
mod log;
mod reconcile;
mod record;
mod records;
mod run;
mod runs;
mod scripts;
mod settings;
mod sight;
mod step;
mod store;
mod transaction;
mod watches;
mod windows;
mod wire;

pub use settings::{RedisSettings, RedisStores, ValueFormat};
pub use store::RedisStore;
