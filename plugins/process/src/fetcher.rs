//! A plugin's fetcher: asks, and sorts what came by what the host can do about it.

use std::sync::Arc;

use serde_json::Value;
use stock_scheduler_sdk::{
    ConfigError, FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherFactory, FetcherInfo,
    Health, Series, async_trait,
};

use crate::call::Failure;
use crate::message::{Fetch, Question, Refusal};
use crate::series;
use crate::{Description, ProcessConfig, ProcessPlugin};

/// Gets bars from a plugin that is a program.
///
/// Every answer is checked: one that breaks a promise of [`Fetcher`] is [`FetchErrorKind::Malformed`], and its message names
/// the bar. A plugin that does not work is [`FetchErrorKind::Unavailable`].
#[derive(Clone)]
pub struct ProcessFetcher {
    plugin: ProcessPlugin,
}

impl ProcessFetcher {
    pub(crate) fn new(plugin: ProcessPlugin) -> Self {
        Self { plugin }
    }
}

#[async_trait]
impl Fetcher for ProcessFetcher {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let question = Fetch {
            symbol: request.symbol.as_str(),
            start: request.start,
            end: request.end,
            interval: request.interval.to_string(),
            options: &request.options,
        };
        let name = self.plugin.name();
        match self.plugin.call(&question).await {
            Ok(result) => series::read(name, result.get(), request),
            Err(failure) => Err(error(name, &failure)),
        }
    }

    fn info(&self) -> FetcherInfo {
        let shared = self.plugin.shared();
        let mut info = FetcherInfo::default();
        let described = shared.described();
        let fetcher = described
            .as_ref()
            .and_then(|described| described.fetcher.clone());
        let fetcher = fetcher.unwrap_or_default();
        info.version = described
            .map(|described| described.version.clone())
            .unwrap_or_default();
        info.limits = fetcher.limits(shared.config.in_flight);
        info.intervals = fetcher.intervals;
        info
    }

    fn health(&self) -> Health {
        self.plugin
            .health_of("fetcher", |described| described.fetcher.is_some())
    }
}

fn error(name: &str, failure: &Failure) -> FetchError {
    let sentence = failure.sentence(name, Fetch::METHOD);
    let kind = match failure {
        Failure::Down(_) | Failure::Late(_) => FetchErrorKind::Unavailable,
        Failure::Malformed(_) => FetchErrorKind::Malformed,
        Failure::Refused(refusal) => match kind(refusal) {
            Some(kind) => kind,
            None => {
                let kind = &refusal.kind;
                let message = format!(
                    "plugin {name:?} answered the error {kind:?}, which a fetch does not have: {sentence}"
                );
                return FetchError::new(FetchErrorKind::Malformed, message);
            }
        },
    };
    FetchError::new(kind, sentence)
}

fn kind(refusal: &Refusal) -> Option<FetchErrorKind> {
    let Refusal {
        retry_at, until, ..
    } = *refusal;
    Some(match refusal.kind.as_str() {
        "unknown_symbol" => FetchErrorKind::UnknownSymbol,
        "no_data" => FetchErrorKind::NoData,
        "not_ready" => FetchErrorKind::NotReady { retry_at },
        "denied" => FetchErrorKind::Denied,
        "malformed" => FetchErrorKind::Malformed,
        "rate_limited" => FetchErrorKind::RateLimited {
            // Below 0 becomes 0, and what is no number too.
            retry_after: refusal.retry_after.map(|seconds| seconds.ceil() as u64),
        },
        "quota_exhausted" => FetchErrorKind::QuotaExhausted { until },
        "unavailable" => FetchErrorKind::Unavailable,
        _ => return None,
    })
}

/// Makes a plugin's fetcher. The plugin has its settings already, so that none are taken here; a job's options may be any
/// object, in the shape that the plugin describes.
#[derive(Clone)]
pub struct ProcessFetcherFactory {
    plugin: ProcessPlugin,
}

impl ProcessFetcherFactory {
    pub(crate) fn new(plugin: ProcessPlugin) -> Self {
        Self { plugin }
    }
}

impl FetcherFactory for ProcessFetcherFactory {
    fn build(&self, section: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> {
        match section {
            Value::Null => {}
            Value::Object(keys) if keys.is_empty() => {}
            _ => {
                let name = self.plugin.name();
                let message = format!("the fetcher of plugin {name:?} has no settings of its own");
                return Err(ConfigError::at("", message));
            }
        }
        Ok(Arc::new(self.plugin.fetcher()))
    }

    fn check_options(&self, options: &Value) -> Result<(), ConfigError> {
        match options {
            Value::Null | Value::Object(_) => Ok(()),
            other => {
                let message = format!("options are {other}, expected an object");
                Err(ConfigError::at("", message))
            }
        }
    }

    /// What the configuration may say of the plugin, with the shape that the plugin gives its own part.
    fn schema(&self) -> Value {
        let mut schema = ProcessConfig::schema();
        let described = self.plugin.shared().described();
        if let Some(own) = described.and_then(|described| described.config_schema.clone()) {
            schema["properties"]["config"] = own;
        }
        schema
    }

    fn options_schema(&self) -> Option<Value> {
        let described = self.plugin.shared().described()?;
        described.fetcher.as_ref()?.options_schema.clone()
    }

    fn unready(&self) -> Option<String> {
        let has_one = |described: &Description| described.fetcher.is_some();
        let described = self.plugin.shared().described();
        if described.is_some_and(|described| has_one(&described)) {
            return None;
        }
        let name = self.plugin.name();
        let starts = || format!("plugin {name:?} has not described itself yet");
        let health = self.plugin.health_of("fetcher", has_one);
        Some(health.problem.unwrap_or_else(starts))
    }
}
