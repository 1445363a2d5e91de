//! A plugin's listener: hands it one event that it wants, and sorts what came by what the host can do about it.

use std::time::Duration;

use stock_scheduler_sdk::{
    Delivery, DeliveryError, DeliveryErrorKind, EventKind, Health, Job, Listener, ListenerInfo,
    async_trait,
};

use crate::ProcessPlugin;
use crate::call::Failure;
use crate::message::{AboutJob, Deliver, Question, Refusal};

/// Carries events to a plugin that is a program.
#[derive(Clone)]
pub struct ProcessListener {
    plugin: ProcessPlugin,
}

impl ProcessListener {
    pub(crate) fn new(plugin: ProcessPlugin) -> Self {
        Self { plugin }
    }

    /// Whether it wants events of this kind. A test is for it in any case.
    async fn wants(&self, kind: &EventKind) -> Result<bool, DeliveryError> {
        let described = match self.plugin.shared().described() {
            Some(described) => described,
            None => {
                let down = |why| DeliveryError::new(DeliveryErrorKind::Unavailable, why);
                self.plugin.describe().await.map_err(down)?
            }
        };
        let events = described.listener.iter();
        let mut events = events.flat_map(|listener| &listener.events).peekable();
        Ok(events.peek().is_none()
            || matches!(kind, EventKind::Test { .. })
            || events.any(|name| name == kind.name()))
    }
}

#[async_trait]
impl Listener for ProcessListener {
    /// Waits until the plugin has described itself, and starts it for that: until then nobody knows which events it wants.
    /// One that it does not want counts as delivered, without a word to the plugin.
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        if !self.wants(&delivery.event.kind).await? {
            return Ok(());
        }
        let question = Deliver {
            id: &delivery.id,
            event: delivery.event.kind.name(),
            data: delivery.event.data(),
            attempt: delivery.attempt,
            job: delivery.job.as_deref().map(about),
        };
        match self.plugin.call(&question).await {
            Ok(_) => Ok(()),
            Err(failure) => {
                let sentence = failure.sentence(self.plugin.name(), Deliver::METHOD);
                Err(DeliveryError::new(kind(&failure), sentence))
            }
        }
    }

    fn info(&self) -> ListenerInfo {
        let shared = self.plugin.shared();
        let mut info = ListenerInfo::default();
        info.timeout = shared.config.timeout;
        if let Some(described) = shared.described() {
            let listener = described.listener.clone().unwrap_or_default();
            info.version = described.version.clone();
            info.concurrency = listener
                .concurrency
                .unwrap_or(1)
                .min(shared.config.in_flight);
            info.events = listener.events;
        }
        info
    }

    fn health(&self) -> Health {
        self.plugin
            .health_of("listener", |described| described.listener.is_some())
    }
}

fn about(job: &Job) -> AboutJob<'_> {
    AboutJob {
        job_id: job.id.as_str(),
        name: &job.name,
        stock_ids: job.symbols.iter().map(|symbol| symbol.as_str()).collect(),
        tags: &job.tags,
    }
}

/// An answer that makes no sense may be a passing state: the event is not given up for it.
fn kind(failure: &Failure) -> DeliveryErrorKind {
    let Failure::Refused(refusal) = failure else {
        return DeliveryErrorKind::Unavailable;
    };
    let Refusal { retry_after, .. } = *refusal;
    match refusal.kind.as_str() {
        "rate_limited" => DeliveryErrorKind::RateLimited {
            retry_after: retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        },
        "refused" => DeliveryErrorKind::Refused,
        "gone" => DeliveryErrorKind::Gone,
        _ => DeliveryErrorKind::Unavailable,
    }
}
