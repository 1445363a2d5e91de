//! How bars are got from a provider.

use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use serde_json::Value;

use crate::{ConfigError, FetchError, Health, Interval, Series, Symbol};

/// Gets bars from one provider.
///
/// Promises: asking twice is harmless; a dropped future leaves nothing behind (that is how the host cancels); bars come
/// oldest first, at most one a session, none outside the request. An answer without bars is [`FetchErrorKind::NoData`],
/// never an empty series. Waiting, retrying and limiting are the host's: a fetcher asks once and classifies what it got.
///
/// It is asked on several threads at a time, each of which may have a single-threaded tokio runtime of its own; what it
/// keeps open serves best in the runtime that opened it. It must not keep its thread busy, which would hold up its other
/// requests: blocking work belongs on `tokio::task::spawn_blocking`.
///
/// [`conformance::fetcher`](crate::conformance::fetcher) tries these promises; a worked example is in
/// [`guide::fetcher`](crate::guide::fetcher).
///
/// [`FetchErrorKind::NoData`]: crate::FetchErrorKind::NoData
#[async_trait]
pub trait Fetcher: Send + Sync + 'static {
    /// Fetches the bars of one symbol.
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError>;

    /// What the host should know before it asks: name, version, intervals, limits.
    fn info(&self) -> FetcherInfo {
        FetcherInfo::default()
    }

    /// How the fetcher is.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// One question to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchRequest {
    /// Whose bars.
    pub symbol: Symbol,
    /// The first date wanted, in the exchange's zone.
    pub start: NaiveDate,
    /// The first date no longer wanted.
    pub end: NaiveDate,
    /// How long a bar is.
    pub interval: Interval,
    /// The job's own settings for this fetcher; `Null` where it has none.
    pub options: Value,
}

impl FetchRequest {
    /// Asks for the daily bars of `symbol` from `start` up to the day before `end`.
    pub fn daily(symbol: Symbol, start: NaiveDate, end: NaiveDate) -> Self {
        Self {
            symbol,
            start,
            end,
            interval: Interval::Day,
            options: Value::Null,
        }
    }

    /// The same question for bars of another length.
    pub fn with_interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// The same question with the job's settings for this fetcher.
    pub fn with_options(mut self, options: Value) -> Self {
        self.options = options;
        self
    }
}

/// What a fetcher says of itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FetcherInfo {
    /// The plugin's version.
    pub version: String,
    /// The lengths of bars it can get.
    pub intervals: Vec<Interval>,
    /// How hard the provider may be asked; the host keeps to it.
    pub limits: Limits,
}

impl Default for FetcherInfo {
    fn default() -> Self {
        Self {
            version: String::new(),
            intervals: vec![Interval::Day],
            limits: Limits::default(),
        }
    }
}

/// How hard a provider may be asked. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Limits {
    /// Requests that may be under way at once.
    pub concurrency: Option<usize>,
    /// Requests a second, in the long run.
    pub per_second: Option<f64>,
    /// Requests that may be made at once after a rest, on top of `per_second`.
    pub burst: Option<u32>,
    /// Requests in any hour.
    pub per_hour: Option<u32>,
    /// How long one request may take; the host gives up after it.
    pub timeout: Option<Duration>,
}

/// Makes a fetcher from its section of the configuration.
pub trait FetcherFactory: Send + Sync + 'static {
    /// Builds the fetcher; unknown keys in `section` are an error with a pointer.
    fn build(&self, section: &Value) -> Result<std::sync::Arc<dyn Fetcher>, ConfigError>;

    /// Checks a job's `options` for this fetcher, when the job is saved. The default accepts none, or with
    /// [`options_schema`](Self::options_schema) what has that shape.
    fn check_options(&self, options: &Value) -> Result<(), ConfigError> {
        match options {
            Value::Null => Ok(()),
            Value::Object(map) if map.is_empty() => Ok(()),
            _ if self.options_schema().is_some() => Ok(()),
            _ => Err(ConfigError::at("", "this fetcher has no options")),
        }
    }

    /// The shape of `section` as a JSON Schema. The default says only that it is an object.
    fn schema(&self) -> Value {
        serde_json::json!({"type": "object"})
    }

    /// The shape of a job's `options` as a JSON Schema (the subset that OpenAPI 3.0 knows). With it, the host checks
    /// options against it before [`check_options`](Self::check_options), and shows it in Swagger.
    fn options_schema(&self) -> Option<Value> {
        None
    }

    /// Why it cannot say yet what its fetcher offers, in a sentence, where it cannot: a program that still starts. Until it
    /// can, no job is saved with the fetcher, as nobody could say whether its options are right.
    fn unready(&self) -> Option<String> {
        None
    }

    /// The same factory, which tells this shape of its section: for those that are functions.
    fn with_schema(self, schema: Value) -> WithSchema<Self>
    where
        Self: Sized,
    {
        WithSchema {
            factory: self,
            schema,
        }
    }
}

/// A factory with the shape of its section: [`FetcherFactory::with_schema`].
#[derive(Debug, Clone)]
pub struct WithSchema<F> {
    factory: F,
    schema: Value,
}

impl<F: FetcherFactory> FetcherFactory for WithSchema<F> {
    fn build(&self, section: &Value) -> Result<std::sync::Arc<dyn Fetcher>, ConfigError> {
        self.factory.build(section)
    }

    fn check_options(&self, options: &Value) -> Result<(), ConfigError> {
        self.factory.check_options(options)
    }

    fn schema(&self) -> Value {
        self.schema.clone()
    }

    fn options_schema(&self) -> Option<Value> {
        self.factory.options_schema()
    }

    fn unready(&self) -> Option<String> {
        self.factory.unready()
    }
}

impl<F> FetcherFactory for F
where
    F: Fn(&Value) -> Result<std::sync::Arc<dyn Fetcher>, ConfigError> + Send + Sync + 'static,
{
    fn build(&self, section: &Value) -> Result<std::sync::Arc<dyn Fetcher>, ConfigError> {
        self(section)
    }
}
