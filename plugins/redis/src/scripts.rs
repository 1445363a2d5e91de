//! The Lua scripts: every decision is one of them, so that it is one step whoever else decides at the same time. `step`
//! alone decides nothing: its caller has done so, and it is part of a transaction that is void if something has changed.
//!
//! Each file tells its arguments and answers. `log.lua` stands before all of them, and `common.lua` before all but the
//! shortest; what they add to shared indexes and to the event log is written once, at their end.

use std::sync::{Arc, LazyLock};

use redis::{Cmd, ToRedisArgs, cmd};
use stock_scheduler_sdk::retention;

use crate::gather::Part;

/// How long the id of a deleted job cannot be used again, and its runs stay readable.
const TOMBSTONE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// A script, known to the server by its hash.
pub(crate) struct Script {
    name: &'static str,
    code: String,
    hash: String,
}

impl Script {
    fn new(name: &'static str, body: &str) -> Self {
        let common = include_str!("lua/common.lua");
        let body = format!(
            "{common}\nlocal function script()\n{body}\nend\n\
             local answer = script()\nwrite_indexes()\nwrite_log()\nreturn answer",
        );
        Self::short(name, &body)
    }

    /// A script without what most share, for what is called most.
    fn short(name: &'static str, body: &str) -> Self {
        let code = format!(
            "local RUNS, FIRES, EVENTS, TOMBSTONE = {}, {}, '{}', {TOMBSTONE_SECONDS}\n{}\n{body}",
            retention::RUNS,
            retention::FIRES,
            retention::EVENTS,
            include_str!("lua/log.lua"),
        );
        let hash = sum(&code);
        Self { name, code, hash }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A call without arguments yet.
    pub(crate) fn call(&'static self) -> Call {
        let mut command = cmd("EVALSHA");
        command.arg(&self.hash).arg(0);
        Call {
            script: self,
            command,
        }
    }

    /// Makes the script known to a server that has forgotten it.
    pub(crate) fn load(&self) -> Cmd {
        let mut command = cmd("SCRIPT");
        command.arg("LOAD").arg(&self.code);
        command
    }
}

/// The hash of `text` that a script computes by `redis.sha1hex`.
pub(crate) fn sum(text: &str) -> String {
    redis::Script::new(text).get_hash().to_owned()
}

/// A call of a script.
pub(crate) struct Call {
    pub(crate) script: &'static Script,
    pub(crate) command: Cmd,
}

impl Call {
    /// Adds all arguments of these parts.
    pub(crate) fn parts(&mut self, parts: &[Arc<Part>]) -> &mut Self {
        for argument in parts.iter().flat_map(|part| part.iter()) {
            self.command.arg(argument.as_slice());
        }
        self
    }

    /// Adds an argument, or each of several.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new($file, include_str!(concat!("lua/", $file, ".lua"))));)*
    };
}

scripts! {
    ADOPT = "adopt";
    CHECK = "check";
    CLAIM = "claim";
    COUNTS = "counts";
    CREATE = "create";
    DATASETS = "datasets";
    DELETE = "delete";
    EDIT = "edit";
    INDEX = "index";
    LATEST = "latest";
    LIST = "list";
    LISTED = "listed";
    POLL = "poll";
    PUT = "put";
    READ = "read";
    RECORD = "record";
    RUNS = "runs";
    SCAN = "scan";
    TAKE_OVER = "take_over";
    UNKNOWN = "unknown";
}

/// Marks and logs a step of a run that goes on.
pub(crate) static STEP: LazyLock<Script> =
    LazyLock::new(|| Script::short("step", include_str!("lua/step.lua")));
