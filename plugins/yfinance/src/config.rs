//! What the configuration can say about Yahoo, and how a fetcher is built from it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use stock_scheduler_sdk::{ConfigError, Fetcher, FetcherFactory};

use crate::YFinance;

/// How Yahoo is asked. Every field may be left out. Not printable, because a URL may hold a password.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The base URL, or a list of equal ones: when one cannot be reached or fails, the next request goes to the next.
    /// Default: Yahoo's two hosts.
    #[serde(deserialize_with = "one_or_many")]
    pub url: Vec<String>,
    /// The `User-Agent` sent. Yahoo blocks and unblocks these over time, so that a refusal (429 on the first request)
    /// may be cured by another one.
    pub user_agent: String,
    /// Requests a second, in the long run; 0 is no limit. Default: 0.5.
    pub requests_per_second: f64,
    /// Requests that may be made at once after a rest; 0 is no limit. Default: 5.
    pub burst: u32,
    /// Requests that may be under way at once; 0 is no limit. Default: 2.
    pub concurrency: usize,
    /// Requests in any hour; 0 is no limit. Default: 1000.
    pub requests_per_hour: u32,
    /// How many seconds a symbol's answer may take, connecting included. Default: 30.
    #[serde(deserialize_with = "seconds")]
    pub timeout: Duration,
}

const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

impl Default for Config {
    fn default() -> Self {
        Self {
            url: vec![
                "https://query2.finance.yahoo.com".to_owned(),
                "https://query1.finance.yahoo.com".to_owned(),
            ],
            // Names of HTTP libraries are answered 429, and so is a browser's full name without its TLS handshake.
            user_agent: concat!(
                "Mozilla/5.0 (compatible; stock-scheduler/",
                env!("CARGO_PKG_VERSION"),
                ")"
            )
            .to_owned(),
            requests_per_second: 0.5,
            burst: 5,
            concurrency: 2,
            requests_per_hour: 1000,
            timeout: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Reads a section of the configuration; an error points at the key that is wrong. Whether the values make sense is
    /// looked at when the fetcher is made.
    pub fn from_section(section: &Value) -> Result<Self, ConfigError> {
        let keys = match section {
            Value::Null => return Ok(Self::default()),
            Value::Object(keys) => keys,
            _ => return Err(ConfigError::at("", "the section is not an object")),
        };
        // Read key by key first, because only then an error tells which key it is about.
        for (key, value) in keys {
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            read(Value::Object(alone)).map_err(|e| ConfigError::at(pointer(key), e))?;
        }
        read(section.clone()).map_err(|e| ConfigError::at("", e))
    }

    /// Refuses values that no fetcher can work with.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.urls()?;
        let rate = self.requests_per_second;
        if !(rate.is_finite() && rate >= 0.0) {
            let message = format!("requests_per_second {rate} is not a number from 0 up");
            return Err(ConfigError::at("/requests_per_second", message));
        }
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            let message = format!(
                "timeout {:?} is not from above 0 to 3600 seconds",
                self.timeout
            );
            return Err(ConfigError::at("/timeout", message));
        }
        Ok(())
    }

    /// The base URLs, at least one.
    pub(crate) fn urls(&self) -> Result<Vec<Url>, ConfigError> {
        if self.url.is_empty() {
            return Err(ConfigError::at("/url", "url names no host"));
        }
        self.url.iter().map(|text| base_url(text)).collect()
    }
}

fn read(section: Value) -> serde_json::Result<Config> {
    serde_json::from_value(section)
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The text is not repeated in errors: it may hold a password.
fn base_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |why: String| ConfigError::at("/url", why);
    let url = Url::parse(text).map_err(|e| wrong(format!("url is no URL: {e}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!(
            "url begins with {other:?}, expected \"https\" or \"http\""
        ))),
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a URL or a list of URLs")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(source)? {
        OneOrMany::One(url) => vec![url],
        OneOrMany::Many(urls) => urls,
    })
}

fn seconds<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(source)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        serde::de::Error::custom(format!("timeout {seconds} is not a number of seconds"))
    })
}

/// Builds a [`YFinance`] from its section of the configuration.
pub fn factory() -> impl FetcherFactory {
    let factory = |section: &Value| {
        let fetcher = YFinance::new(Config::from_section(section)?)?;
        Ok(Arc::new(fetcher) as Arc<dyn Fetcher>)
    };
    factory.with_schema(schema())
}

fn schema() -> Value {
    let url = json!({"type": "string", "format": "uri"});
    let limit = |words: &str| json!({"type": "number", "minimum": 0, "description": format!("{words}; 0: no limit.")});
    let seconds = LONGEST_TIMEOUT.as_secs();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "url": {"anyOf": [url, {"type": "array", "minItems": 1, "items": url}],
                "description": "Where the provider is; of several, the next is asked where one fails."},
            "user_agent": {"type": "string", "description": "How to introduce ourselves."},
            "requests_per_second": limit("Requests a second in the long run"),
            "burst": {"type": "integer", "minimum": 0, "description": "Requests at once after a rest."},
            "concurrency": limit("Requests under way at once"),
            "requests_per_hour": limit("Requests in any hour"),
            "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": seconds,
                "description": "How long one request may take, in seconds."},
        },
    })
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn every_key_may_be_left_out() {
        for nothing in [Value::Null, json!({})] {
            assert!(Config::from_section(&nothing).unwrap() == Config::default());
        }

        let config = Config::from_section(&json!({
            "url": "http://localhost:1/x", "user_agent": "me", "requests_per_second": 0, "timeout": 1.5
        }))
        .unwrap();

        assert_eq!(config.url, ["http://localhost:1/x"]);
        assert_eq!(config.timeout, Duration::from_millis(1500));
        assert_eq!(config.burst, 5);
    }

    #[test]
    fn a_wrong_section_is_refused_where_it_is_wrong() {
        for (section, pointer, message) in [
            (
                json!({"urls": "x"}),
                "/urls",
                "unknown field `urls`, expected one of `url`",
            ),
            (
                json!({"burst": "x"}),
                "/burst",
                "invalid type: string \"x\", expected u32",
            ),
            (
                json!({"url": 5}),
                "/url",
                "expected a URL or a list of URLs",
            ),
            (json!({"url": []}), "/url", "url names no host"),
            (
                json!({"url": "ftp://me:secret@x"}),
                "/url",
                "expected \"https\" or \"http\"",
            ),
            (
                json!({"url": "me:secret@"}),
                "/url",
                "expected \"https\" or \"http\"",
            ),
            (json!({"url": "//me:secret"}), "/url", "url is no URL"),
            (
                json!({"timeout": -1}),
                "/timeout",
                "timeout -1 is not a number of seconds",
            ),
            (
                json!({"timeout": 0}),
                "/timeout",
                "timeout 0ns is not from above 0",
            ),
            (json!({"timeout": 1e15}), "/timeout", "to 3600 seconds"),
            (
                json!({"requests_per_second": -0.5}),
                "/requests_per_second",
                "from 0 up",
            ),
            (json!({"user_agent": "a\nb"}), "/user_agent", "user_agent"),
            (json!([]), "", "not an object"),
        ] {
            let Err(error) = factory().build(&section) else {
                panic!("{section} was accepted")
            };
            assert_eq!(error.pointer, pointer, "{section}");
            assert!(error.message.contains(message), "{section}: {error}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
