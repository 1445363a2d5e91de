//! The listener `{{name}}`: writes down what failed, until you tell somebody of yours.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stock_scheduler::serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, Delivery, DeliveryError, DeliveryErrorKind, EventKind, Listener, ListenerFactory,
    ListenerInfo, Registry, Section, async_trait,
};

/// Appends a line to a file for each symbol that failed.
pub struct Failures {
    path: PathBuf,
}

#[async_trait]
impl Listener for Failures {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let Some(line) = line(delivery) else {
            return Ok(());
        };
        // Here you would tell somebody. Try once and say what came: the host waits and tries again, for a day.
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || append(&path, &line));
        let written = writing.await.map_err(io::Error::other);
        written.flatten().map_err(|error| {
            // `Refused` would give this event up, `Gone` disable the listener; `RateLimited` says for how long to wait.
            let message = format!("cannot write to {}: {error}", self.path.display());
            DeliveryError::new(DeliveryErrorKind::Unavailable, message).with_source(error)
        })
    }

    fn info(&self) -> ListenerInfo {
        let mut info = ListenerInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.events = vec!["StockFailed".into()];
        info
    }
}

/// What to tell about an event; `None`: nothing.
fn line(delivery: &Delivery) -> Option<String> {
    let EventKind::StockFailed {
        stock_id, message, ..
    } = &delivery.event.kind
    else {
        return None;
    };
    let job = delivery.job.as_ref();
    let job = job.map_or("a job that is gone", |job| &job.name);
    // What comes twice, after a lost answer, has the same id: so whoever reads it can tell.
    let id = &delivery.id;
    Some(format!("{id} {job}: {stock_id} failed: {message}\n"))
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

/// Tells a host what this crate has.
pub fn register(registry: &mut dyn Registry) {
    registry.listener("{{name}}", Arc::new(Factory));
}

/// Builds [`Failures`] from their section of the configuration: `{"path": "failures.txt"}`.
pub struct Factory;

impl ListenerFactory for Factory {
    fn build(&self, section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
        let section = Section::read(section, &["path"])?;
        let path = section.needed("path", "failures.txt")?.into();
        Ok(Arc::new(Failures { path }))
    }

    fn schema(&self) -> Value {
        let properties = json!({"path": {"type": "string"}});
        json!({"type": "object", "properties": properties, "required": ["path"], "additionalProperties": false})
    }
}
