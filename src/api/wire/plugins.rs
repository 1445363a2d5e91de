//! Plugins on the wire.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;

use crate::host::PluginView;

/// A registered plugin.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Plugin")]
pub(crate) struct PluginBody {
    /// What it is: `fetcher`, `schedule`, `store` or `listener`.
    role: String,
    /// The name by which jobs and the configuration call it; for a schedule, its kind.
    name: String,
    /// Its version; null where it does not say.
    version: Option<String>,
    /// Where it comes from.
    origin: String,
    /// Whether it works, as far as is known.
    healthy: bool,
    /// What keeps it from working.
    problem: Option<String>,
    /// What was counted since the start, by name.
    counters: BTreeMap<String, u64>,
    /// JSON Schema of its section of the configuration; null where it has none.
    config_schema: Option<Value>,
    /// JSON Schema of what a job may say to it: a fetcher's options, a schedule's fields; null where there is nothing to say.
    job_schema: Option<Value>,
}

impl From<PluginView> for PluginBody {
    fn from(plugin: PluginView) -> Self {
        Self {
            role: plugin.role.into(),
            name: plugin.name,
            version: Some(plugin.version).filter(|version| !version.is_empty()),
            origin: plugin.origin,
            healthy: plugin.problem.is_none(),
            problem: plugin.problem,
            counters: plugin.counters,
            config_schema: plugin.config_schema,
            job_schema: plugin.job_schema,
        }
    }
}
