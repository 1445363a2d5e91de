//! Makes a plugin's schedules, after the plugin has looked at what a job says of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Health, Schedule, ScheduleContext, ScheduleFactory};

use crate::schedule::{ProcessSchedule, Table};
use crate::{Description, ProcessPlugin};

/// At most so many schedules are remembered with what their plugin told of them.
const REMEMBERED: usize = 10_000;

/// Makes the schedules of one kind of a plugin.
///
/// The host makes a job's schedule anew whenever it looks at the job: what the plugin told of it is remembered here.
#[derive(Clone)]
pub struct ProcessScheduleFactory {
    plugin: ProcessPlugin,
    kind: String,
    tables: Tables,
}

/// What is known of schedules, by their JSON and zone.
type Tables = Arc<Mutex<HashMap<(String, Tz), Arc<Table>>>>;

impl ProcessScheduleFactory {
    pub(crate) fn new(plugin: ProcessPlugin, kind: String) -> Self {
        Self {
            plugin,
            kind,
            tables: Tables::default(),
        }
    }

    /// What is known of this schedule, whoever asked.
    fn table(&self, spec: &Value, zone: Tz) -> Arc<Table> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (spec.to_string(), zone);
        if tables.len() >= REMEMBERED && !tables.contains_key(&key) {
            tables.clear();
        }
        tables.entry(key).or_default().clone()
    }

    fn check_kind(&self) -> Result<(), ConfigError> {
        let Some(described) = self.plugin.shared().described() else {
            return Ok(());
        };
        if described.schedules.contains_key(&self.kind) {
            return Ok(());
        }
        let kinds: Vec<_> = described.schedules.keys().collect();
        let message = format!(
            "plugin {:?} has no schedule {:?}, expected one of {kinds:?}",
            self.plugin.name(),
            self.kind
        );
        Err(ConfigError::at("", message))
    }
}

impl ScheduleFactory for ProcessScheduleFactory {
    /// Asks the plugin whether `spec` is right. Where it does not work, the schedule is made all the same, and cannot say
    /// when it fires until the plugin works.
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        self.check_kind()?;
        let (plugin, kind) = (self.plugin.clone(), self.kind.clone());
        let table = self.table(spec, context.zone);
        let schedule = ProcessSchedule::new(plugin, kind, spec.clone(), context.zone, table);
        if !schedule.is_checked() {
            schedule.check()?;
        }
        Ok(Box::new(schedule))
    }

    fn schema(&self) -> Value {
        let described = self.plugin.shared().described();
        let schedule = described
            .as_ref()
            .and_then(|described| described.schedules.get(&self.kind));
        let schema = schedule.and_then(|schedule| schedule.schema.clone());
        with_kind(
            schema.unwrap_or_else(|| json!({"type": "object"})),
            &self.kind,
        )
    }

    fn version(&self) -> String {
        let described = self.plugin.shared().described();
        described
            .map(|described| described.version.clone())
            .unwrap_or_default()
    }

    fn health(&self) -> Health {
        let what = format!("schedule {:?}", self.kind);
        let has_kind = |described: &Description| described.schedules.contains_key(&self.kind);
        self.plugin.health_of(&what, has_kind)
    }

    fn is_held_against_schema(&self) -> bool {
        true
    }

    fn may_wait(&self) -> bool {
        true
    }
}

/// A schema as the host shows it, with the field that tells schedules apart, of which plugins know nothing.
fn with_kind(mut schema: Value, kind: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("kind".to_owned(), json!({"type": "string", "enum": [kind]}));
        }
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.retain(|name| name != "kind");
            required.insert(0, "kind".into());
        }
    }
    schema
}
