//! Makes a plugin's schedules, after the plugin has looked at what a job says of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Health, Schedule, ScheduleContext, ScheduleFactory};

use crate::schedule::ProcessSchedule;
use crate::tables::{Key, Tables};
use crate::{Description, ProcessPlugin};

/// What a job may say of its schedule, in bytes of JSON. The plugin gets it with every question, and it is kept: 64 KiB hold
/// the dates of ten years, and many such schedules do no harm.
const LONGEST_SPEC: usize = 64 << 10;

/// Makes the schedules of one kind of a plugin.
///
/// The host makes a job's schedule anew whenever it looks at the job: what the plugin told of it is remembered here.
#[derive(Clone)]
pub struct ProcessScheduleFactory {
    plugin: ProcessPlugin,
    kind: String,
    tables: Arc<Mutex<Tables>>,
}

impl ProcessScheduleFactory {
    pub(crate) fn new(plugin: ProcessPlugin, kind: String) -> Self {
        Self {
            plugin,
            kind,
            tables: Arc::default(),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_kind(&self) -> Result<(), ConfigError> {
        let Some(described) = self.plugin.shared().described() else {
            return Ok(());
        };
        if described.schedules.contains_key(&self.kind) {
            return Ok(());
        }
        let message = format!(
            "plugin {:?} has no schedule {:?}, expected one of {}",
            self.plugin.name(),
            self.kind,
            described.kinds()
        );
        Err(ConfigError::at("", message))
    }
}

impl ScheduleFactory for ProcessScheduleFactory {
    /// Asks the plugin whether `spec` is right. Where it does not work, the schedule is made all the same, and cannot say
    /// when it fires until the plugin works. A `spec` of more than 64 KiB as JSON is refused.
    fn build(
        &self,
        spec: &Value,
        context: &ScheduleContext,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        self.check_kind()?;
        let key = key(spec, context.zone)?;
        let (plugin, kind) = (self.plugin.clone(), self.kind.clone());
        let table = self.tables().find(&key);
        let schedule =
            ProcessSchedule::new(plugin, kind, spec.clone(), context.zone, table.clone());
        if !table.is_checked()
            && let Err(wrong) = schedule.check()
        {
            self.tables().forget(&key);
            return Err(wrong);
        }
        self.tables().keep(key, table);
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
        let mut health = self.plugin.health_of(&what, has_kind);
        let in_vain = || self.plugin.shared().waited_in_vain();
        health.problem = health.problem.or_else(in_vain);
        health
    }

    fn is_held_against_schema(&self) -> bool {
        true
    }

    fn may_wait(&self) -> bool {
        true
    }
}

fn key(spec: &Value, zone: Tz) -> Result<Key, ConfigError> {
    let text = spec.to_string();
    let length = text.len();
    if length > LONGEST_SPEC {
        let message =
            format!("the schedule has {length} bytes as JSON, expected {LONGEST_SPEC} at most");
        return Err(ConfigError::at("", message));
    }
    Ok((text.into(), zone))
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
