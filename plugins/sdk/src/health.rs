//! How a plugin is, for people who look at the list of plugins.

use std::collections::BTreeMap;

/// How a plugin is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// What keeps it from working now, in a sentence; `None`: it works, as far as it knows.
    pub problem: Option<String>,
    /// What it counts, by name, such as `restarts`.
    pub counters: BTreeMap<&'static str, u64>,
}

impl Health {
    /// Works.
    pub fn up() -> Self {
        Self::default()
    }

    /// Does not work now, because of `problem`.
    pub fn down(problem: impl Into<String>) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::default()
        }
    }

    /// The same with a counter.
    pub fn with_counter(mut self, name: &'static str, count: u64) -> Self {
        self.counters.insert(name, count);
        self
    }
}
