//! Reads a plugin's section of the configuration, strictly: a mistake is refused where it stands.
//!
//! Any value may be a secret, so that messages repeat no text but a wrong length of time, only the names of keys.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::ConfigError;
use crate::duration::{parse_duration, write_duration};
use crate::nearest::{escaped, unknown};

/// The settings of one section. Every error has a pointer to its key.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    settings: Option<&'a Map<String, Value>>,
}

impl<'a> Section<'a> {
    /// Reads an object that has no other keys than `known`; null is an empty one.
    pub fn read(section: &'a Value, known: &[&str]) -> Result<Self, ConfigError> {
        let settings = match section {
            Value::Null => return Ok(Self { settings: None }),
            Value::Object(settings) => settings,
            other => {
                let message = format!("settings are {}, expected an object", sort(other));
                return Err(ConfigError::at("", message));
            }
        };
        match settings.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(unknown("key", key, known)),
            None => Ok(Self {
                settings: Some(settings),
            }),
        }
    }

    /// A setting as it is; one that is null is not there.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let value = self.settings?.get(name)?;
        (!value.is_null()).then_some(value)
    }

    /// A setting that is text; `example` shows in errors what would be right.
    pub fn text(&self, name: &str, example: &str) -> Result<Option<&'a str>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let wrong = || is_wrong(name, value, &format!("text such as {example:?}"));
        value.as_str().map(Some).ok_or_else(wrong)
    }

    /// As [`text`](Self::text), for a setting that must be there.
    pub fn needed(&self, name: &str, example: &str) -> Result<&'a str, ConfigError> {
        let missing = || ConfigError::at("", format!("`{name}` is missing, such as {example:?}"));
        self.text(name, example)?.ok_or_else(missing)
    }

    /// A setting that is a list of texts.
    pub fn texts(&self, name: &str, example: &str) -> Result<Option<Vec<&'a str>>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let wrong = || is_wrong(name, value, &format!("a list of texts such as {example}"));
        let list = value.as_array().ok_or_else(wrong)?;
        let text = |(place, value): (usize, &'a Value)| element(name, &place.to_string(), value);
        let texts = list.iter().enumerate().map(text);
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A setting that is an object of texts, such as variables and their values.
    pub fn pairs(
        &self,
        name: &str,
        example: &str,
    ) -> Result<Option<Vec<(&'a str, &'a str)>>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let wrong = || {
            is_wrong(
                name,
                value,
                &format!("an object of texts such as {example}"),
            )
        };
        let object = value.as_object().ok_or_else(wrong)?;
        let pair =
            |(key, value): (&'a String, &'a Value)| Ok((key.as_str(), element(name, key, value)?));
        object.iter().map(pair).collect::<Result<_, _>>().map(Some)
    }

    /// A setting that is a whole number within `range`.
    pub fn whole(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let (least, most) = (range.start(), range.end());
        let wrong = || {
            is_wrong(
                name,
                value,
                &format!("a whole number from {least} to {most}"),
            )
        };
        let number = value.as_u64().ok_or_else(wrong)?;
        within(name, number, &range, "").map(Some)
    }

    /// A setting that is a number of bytes within `range`, also as text with a unit: `B`, `KB`, `MB` and `GB` of 1000, `KiB`,
    /// `MiB` and `GiB` of 1024.
    pub fn size(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let wrong = || is_wrong(name, value, "a number of bytes, or text such as \"512MB\"");
        let bytes = value.as_u64().or_else(|| parse_size(value.as_str()?));
        within(name, bytes.ok_or_else(wrong)?, &range, " bytes").map(Some)
    }

    /// A setting that is true or false; false where it is not there.
    pub fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(is_wrong(name, other, "true or false")),
        }
    }

    /// A setting that is a length of time within `range`, written as [`parse_duration`] reads it.
    pub fn duration(
        &self,
        name: &str,
        range: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(name, "15s")? else {
            return Ok(None);
        };
        let at = |message| ConfigError::at(format!("/{name}"), format!("{name}: {message}"));
        let given = parse_duration(text).map_err(at)?;
        let within = given.to_std().ok().filter(|given| range.contains(given));
        within.map(Some).ok_or_else(|| {
            let [least, most] = [range.start(), range.end()].map(|end| written(*end));
            let given = write_duration(given);
            at(format!("{given} is not within {least} and {most}"))
        })
    }
}

fn is_wrong(name: &str, value: &Value, right: &str) -> ConfigError {
    let message = format!("{name} is {}, expected {right}", sort(value));
    ConfigError::at(format!("/{name}"), message)
}

fn within(
    name: &str,
    number: u64,
    range: &RangeInclusive<u64>,
    unit: &str,
) -> Result<u64, ConfigError> {
    let (least, most) = (range.start(), range.end());
    let message = || format!("{name}: {number} is not within {least} and {most}{unit}");
    range
        .contains(&number)
        .then_some(number)
        .ok_or_else(|| ConfigError::at(format!("/{name}"), message()))
}

/// A text within the setting `name`.
fn element<'a>(name: &str, key: &str, value: &'a Value) -> Result<&'a str, ConfigError> {
    value.as_str().ok_or_else(|| {
        let pointer = format!("/{name}/{}", escaped(key));
        ConfigError::at(
            pointer,
            format!("{name} has {} in it, expected texts", sort(value)),
        )
    })
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim_start() {
        "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn written(length: Duration) -> String {
    chrono::TimeDelta::from_std(length).map_or_else(|_| format!("{length:?}"), write_duration)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: [&str; 8] = [
        "url", "secret", "to", "private", "timeout", "set", "count", "memory",
    ];

    fn read(section: &Value) -> Result<(), ConfigError> {
        let section = Section::read(section, &KNOWN)?;
        section.needed("url", "https://example.com")?;
        section.text("secret", "whsec_…")?;
        section.texts("to", r#"["me@example.com"]"#)?;
        section.flag("private")?;
        section.pairs("set", r#"{"A": "b"}"#)?;
        section.whole("count", 1..=9)?;
        section.size("memory", 1_024..=1 << 30)?;
        let range = Duration::from_secs(1)..=Duration::from_secs(60);
        section.duration("timeout", range).map(|_| ())
    }

    #[test]
    fn what_is_wrong_is_pointed_at_and_never_repeated() {
        for (section, pointer, message) in [
            (json!("hush"), "", "settings are text, expected an object"),
            (
                json!({"url": "u", "secert": "hush"}),
                "/secert",
                "unknown key `secert`, did you mean `secret`?",
            ),
            (
                json!({"url": "u", "a/b": "hush"}),
                "/a~1b",
                "unknown key `a/b`, expected `url`, `secret`, `to`, `private`, `timeout`, `set`, `count` or `memory`",
            ),
            (
                json!({"url": null}),
                "",
                r#"`url` is missing, such as "https://example.com""#,
            ),
            (
                json!({"url": "u", "secret": ["hush"]}),
                "/secret",
                r#"secret is a list, expected text such as "whsec_…""#,
            ),
            (
                json!({"url": "u", "to": ["hush", 5]}),
                "/to/1",
                "to has a number in it, expected texts",
            ),
            (
                json!({"url": "u", "to": "hush"}),
                "/to",
                r#"to is text, expected a list of texts such as ["me@example.com"]"#,
            ),
            (
                json!({"url": "u", "set": {"A": "hush", "B/C": 5}}),
                "/set/B~1C",
                "set has a number in it, expected texts",
            ),
            (
                json!({"url": "u", "set": "hush"}),
                "/set",
                r#"set is text, expected an object of texts such as {"A": "b"}"#,
            ),
            (
                json!({"url": "u", "count": 10}),
                "/count",
                "count: 10 is not within 1 and 9",
            ),
            (
                json!({"url": "u", "count": "hush"}),
                "/count",
                "count is text, expected a whole number from 1 to 9",
            ),
            (
                json!({"url": "u", "memory": "hush"}),
                "/memory",
                r#"memory is text, expected a number of bytes, or text such as "512MB""#,
            ),
            (
                json!({"url": "u", "memory": "5B"}),
                "/memory",
                "memory: 5 is not within 1024 and 1073741824 bytes",
            ),
            (
                json!({"url": "u", "private": "hush"}),
                "/private",
                "private is text, expected true or false",
            ),
            (
                json!({"url": "u", "timeout": "2m"}),
                "/timeout",
                "timeout: 2m is not within 1s and 1m",
            ),
        ] {
            let error = read(&section).err();

            assert_eq!(error, Some(ConfigError::at(pointer, message)), "{section}");
        }
    }

    #[test]
    fn a_plugin_without_settings_says_that_it_expects_none() {
        let error = Section::read(&json!({"url": "u"}), &[]).err();

        let message = "unknown key `url`, expected none";
        assert_eq!(error, Some(ConfigError::at("/url", message)));
    }

    #[test]
    fn sizes_have_units_of_1000_and_of_1024() {
        for (text, bytes) in [
            ("5B", Some(5)),
            ("512MB", Some(512_000_000)),
            ("2 KiB", Some(2048)),
            ("1GiB", Some(1 << 30)),
            ("512", None),
            ("MB", None),
            ("-1MB", None),
            ("1mb", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn settings_that_are_right_are_read() {
        let given = json!({"url": "u", "to": ["a", "b"], "private": true, "timeout": "15s"});
        let range = Duration::ZERO..=Duration::MAX;

        let section = Section::read(&given, &KNOWN).unwrap();

        assert_eq!(section.text("url", ""), Ok(Some("u")));
        assert_eq!(section.texts("to", ""), Ok(Some(vec!["a", "b"])));
        assert_eq!(section.flag("private"), Ok(true));
        let timeout = section.duration("timeout", range);
        assert_eq!(timeout, Ok(Some(Duration::from_secs(15))));
        let nothing = Section::read(&Value::Null, &KNOWN).unwrap();
        assert_eq!(nothing.text("url", ""), Ok(None));
        assert_eq!(nothing.flag("private"), Ok(false));
    }
}
