//! Plugins in any language: fetchers, schedules and listeners that are child processes.
//!
//! Host and program speak one JSON object a line over the program's standard input and output: `PROTOCOL.md` beside this
//! crate says what, `protocol.schema.json` has every message as a JSON Schema.
//!
//! A plugin in a few lines of Python:
//!
//! ```python
//! import json, sys
//!
//! for line in sys.stdin:
//!     request = json.loads(line)
//!     if request["method"] == "describe":
//!         result = {"protocol": 1, "name": "mine", "version": "1.0.0", "fetcher": {}}
//!     elif request["method"] == "fetch":
//!         date = request["params"]["start"]
//!         result = {"zone": "America/New_York", "bars": [{"date": date, "close": 1.0}]}
//!     else:
//!         continue
//!     print(json.dumps({"id": request["id"], "result": result}), flush=True)
//! ```
//!
//! and the host's side of it:
//!
//! ```no_run
//! # use serde_json::json;
//! # use stock_scheduler_process::{ProcessConfig, ProcessPlugin};
//! # use stock_scheduler_sdk::{FetchRequest, Fetcher};
//! # async fn example(request: FetchRequest) -> Result<(), Box<dyn std::error::Error>> {
//! let section = json!({"command": ["python3", "mine.py"], "in_flight": 4});
//! let plugin = ProcessPlugin::start("mine", ProcessConfig::from_section(&section)?)?;
//!
//! assert!(plugin.describe().await?.fetcher.is_some());
//! let series = plugin.fetcher().fetch(&request).await?;
//!
//! plugin.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A program is not trusted: whatever it writes, or does not, the host stays as it is. What it cannot be kept from is what
//! its user may do; one that gives what it starts a session of its own leaves that behind when it is killed. When the host
//! itself is killed, the program's input ends; one that does not end then outlives it.
//!
//! From the outside in:
//!
//! * `config` says how a program is run, read by `section`; `description` what it says of itself.
//! * `plugin` is the handle; `fetcher`, `schedule` (made by `schedule_factory`) and `listener` are what the host sees,
//!   `series` and `fires` read what was answered; `tables` keeps what was told of schedules.
//! * `owner` is the thread that has the program: it starts it, and again after `backoff`.
//! * `link` is the conversation with a running one: requests in `flights`, texts in `message`, through `line`, and `log`.
//! * `child` starts, ends and reaps processes. `fault` says what was wrong.

mod backoff;
mod call;
mod child;
mod config;
mod description;
mod fault;
mod fetcher;
mod fires;
mod flights;
mod line;
mod link;
mod listener;
mod log;
mod message;
mod owner;
mod plugin;
mod schedule;
mod schedule_factory;
mod section;
mod series;
mod shared;
mod tables;

pub use config::ProcessConfig;
pub use description::{
    Description, FetchExample, FetcherDescription, ListenerDescription, ScheduleDescription,
};
pub use fetcher::{ProcessFetcher, ProcessFetcherFactory};
pub use listener::ProcessListener;
pub use plugin::{ProcessPlugin, WeakProcessPlugin};
pub use schedule_factory::ProcessScheduleFactory;
