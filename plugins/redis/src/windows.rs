//! Windows of data on their way to the server, with what the index tells of them.

use redis::{Cmd, Pipeline};

/// Enough for a key, or for what is told of it.
const ROOM_FOR_A_KEY: usize = 64;
/// A field of the index whose value is too long for the lists that Redis makes of hashes of up to 512 fields: they are
/// searched from their beginning.
const WHY_A_TABLE: [&str; 2] = [
    "",
    "not a window: a value of more than 64 bytes makes Redis keep this hash as a table",
];

/// The windows that are written, and what the index tells of them.
pub(crate) struct Windows {
    windows: Cmd,
    facts: Cmd,
    keys: Cmd,
    is_empty: bool,
}

impl Windows {
    /// None yet, with room for `count` of together `bytes`.
    pub(crate) fn with_room(count: usize, bytes: usize) -> Self {
        let command = |name: &str, bytes| {
            let mut command = Cmd::with_capacity(2 * count + 4, count * ROOM_FOR_A_KEY + bytes);
            command.arg(name);
            command
        };
        let mut windows = Self {
            windows: command("MSET", bytes),
            facts: command("HSET", count * ROOM_FOR_A_KEY),
            keys: command("ZADD", 0),
            is_empty: true,
        };
        windows.facts.arg("{scheduler}:dataset").arg(&WHY_A_TABLE);
        windows.keys.arg("{scheduler}:datasets");
        windows
    }

    /// Adds one that holds `rows` records, with when and by which job it was `written_by`.
    pub(crate) fn add(&mut self, key: &str, text: &[u8], rows: usize, written_by: &str) {
        self.windows.arg(key).arg(text);
        let facts = [&rows.to_string(), " ", written_by].concat();
        self.facts.arg(key).arg(facts);
        self.keys.arg(0).arg(key);
        self.is_empty = false;
    }

    pub(crate) fn write(self, all: &mut Pipeline) {
        if !self.is_empty {
            for command in [self.windows, self.facts, self.keys] {
                all.add_command(command).ignore();
            }
        }
    }
}
