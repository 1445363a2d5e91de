//! The fetcher's section of the configuration: `{"delay": 0.2}`, in seconds.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Fetcher, FetcherFactory};

use crate::Demo;

/// The longest wait that can be set.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Builds a [`Demo`] from its section of the configuration.
pub fn factory() -> impl FetcherFactory {
    let factory = |section: &Value| Ok(Arc::new(demo(section)?) as Arc<dyn Fetcher>);
    let delay = json!({"type": "number", "minimum": 0, "maximum": LONGEST_DELAY.as_secs(),
        "description": "How long an answer takes, in seconds."});
    factory.with_schema(
        json!({"type": "object", "additionalProperties": false, "properties": {"delay": delay}}),
    )
}

fn demo(section: &Value) -> Result<Demo, ConfigError> {
    let settings = match section {
        Value::Null => return Ok(Demo::default()),
        Value::Object(settings) => settings,
        other => {
            let message = format!("settings are {other}, expected an object");
            return Err(ConfigError::at("", message));
        }
    };
    if let Some(name) = settings.keys().find(|name| *name != "delay") {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        return Err(ConfigError::at(
            pointer,
            format!("unknown key `{name}`, expected `delay`"),
        ));
    }
    match settings.get("delay") {
        Some(delay) => Ok(Demo::default().with_delay(seconds(delay)?)),
        None => Ok(Demo::default()),
    }
}

fn seconds(value: &Value) -> Result<Duration, ConfigError> {
    let seconds = value
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|delay| *delay <= LONGEST_DELAY)
        .ok_or_else(|| {
            let most = LONGEST_DELAY.as_secs();
            ConfigError::at(
                "/delay",
                format!("delay is {value}, expected 0 to {most} seconds"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (section, pointer, message) in [
            (json!([]), "", "settings are [], expected an object"),
            (
                json!({"dealy": 1}),
                "/dealy",
                "unknown key `dealy`, expected `delay`",
            ),
            (
                json!({"delay": -1}),
                "/delay",
                "delay is -1, expected 0 to 60 seconds",
            ),
            (
                json!({"delay": 61}),
                "/delay",
                "delay is 61, expected 0 to 60 seconds",
            ),
            (
                json!({"delay": "1s"}),
                "/delay",
                r#"delay is "1s", expected 0 to 60 seconds"#,
            ),
        ] {
            let error = factory().build(&section).err();

            assert_eq!(error, Some(ConfigError::at(pointer, message)), "{section}");
        }
        for right in [
            json!(null),
            json!({}),
            json!({"delay": 0}),
            json!({"delay": 1.5}),
        ] {
            assert!(factory().build(&right).is_ok(), "{right}");
        }
    }
}
