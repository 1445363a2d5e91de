//! Reads a section of the configuration key by key, so that every error points at its key and says what would be right.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Map, Value};
use stock_scheduler_sdk::schedule::nearest;
use stock_scheduler_sdk::{ConfigError, parse_duration, write_duration};

/// The keys of a section, all of them known ones.
pub(crate) struct Section<'a>(&'a Map<String, Value>);

impl<'a> Section<'a> {
    /// Reads an object without other keys than `known`.
    pub(crate) fn read<'k>(
        section: &'a Value,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Result<Self, ConfigError> {
        let Value::Object(keys) = section else {
            let message = format!("settings are {section}, expected an object");
            return Err(ConfigError::at("", message));
        };
        let is_unknown = |key: &&String| !known.clone().any(|name| name == *key);
        if let Some(key) = keys.keys().find(is_unknown) {
            let hint = match nearest(key, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(ConfigError::at(
                pointer([key]),
                format!("unknown key `{key}`, {hint}"),
            ));
        }
        Ok(Self(keys))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    /// The program and its arguments.
    pub(crate) fn command(&self) -> Result<Vec<String>, ConfigError> {
        const EXAMPLE: &str = r#"["python3", "plugin.py"]"#;
        let words = self.texts("command", EXAMPLE)?.ok_or_else(|| {
            ConfigError::at("", format!("`command` is missing, such as {EXAMPLE}"))
        })?;
        match words.first() {
            None => Err(ConfigError::at(
                "/command",
                "command is empty, expected the program and its arguments",
            )),
            Some(program) if program.is_empty() => {
                Err(ConfigError::at("/command/0", "command names no program"))
            }
            Some(_) => Ok(words),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let message = || format!("{key} is {value}, expected text");
        let text = value
            .as_str()
            .ok_or_else(|| ConfigError::at(pointer([key]), message()))?;
        without_nul(key, pointer([key]), text).map(Some)
    }

    /// A list of names of variables.
    pub(crate) fn names(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(names) = self.texts(key, r#"["PATH"]"#)? else {
            return Ok(None);
        };
        for (place, name) in names.iter().enumerate() {
            check_name(pointer([key, &place.to_string()]), name)?;
        }
        Ok(Some(names))
    }

    /// Names of variables and their values.
    pub(crate) fn variables(&self, key: &str) -> Result<BTreeMap<String, String>, ConfigError> {
        let variables = match self.get(key) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(variables)) => variables,
            Some(other) => {
                let message =
                    format!(r#"{key} is {other}, expected an object such as {{"NAME": "value"}}"#);
                return Err(ConfigError::at(pointer([key]), message));
            }
        };
        let read = |(name, value): (&String, &Value)| {
            let pointer = pointer([key, name]);
            check_name(pointer.clone(), name)?;
            Ok((name.clone(), element(key, pointer, value)?))
        };
        variables.iter().map(read).collect()
    }

    pub(crate) fn whole(
        &self,
        key: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        let (least, most) = range.into_inner();
        number.map(Some).ok_or_else(|| {
            let message = format!("{key} is {value}, expected {least} to {most}");
            ConfigError::at(pointer([key]), message)
        })
    }

    /// A length of time within so many seconds.
    pub(crate) fn duration(
        &self,
        key: &str,
        seconds: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let wrong = |message: String| ConfigError::at(pointer([key]), message);
        let length = parse_duration(&text).map_err(|why| wrong(format!("{key}: {why}")))?;
        let length = length
            .to_std()
            .ok()
            .filter(|length| seconds.contains(&length.as_secs()));
        length.map(Some).ok_or_else(|| {
            let [least, most] = [seconds.start(), seconds.end()]
                .map(|seconds| write_duration(TimeDelta::seconds(*seconds as i64)));
            wrong(format!(
                "{key} is {text:?}, expected from {least} to {most}"
            ))
        })
    }

    /// A number of bytes, also as text with a unit.
    pub(crate) fn size(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let wrong = |expected: &dyn Display| {
            ConfigError::at(
                pointer([key]),
                format!("{key} is {value}, expected {expected}"),
            )
        };
        let bytes = value.as_u64().or_else(|| parse_size(value.as_str()?));
        let bytes = bytes.ok_or_else(|| wrong(&r#"bytes, or text such as "512MB""#))?;
        if !range.contains(&bytes) {
            let (least, most) = range.into_inner();
            return Err(wrong(&format_args!("{least} to {most} bytes")));
        }
        Ok(Some(bytes))
    }

    fn texts(&self, key: &str, example: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let values = match self.get(key) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(other) => {
                let message = format!("{key} is {other}, expected a list such as {example}");
                return Err(ConfigError::at(pointer([key]), message));
            }
        };
        let read = |(place, value): (usize, &Value)| {
            element(key, pointer([key, &place.to_string()]), value)
        };
        values
            .iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

fn element(key: &str, pointer: String, value: &Value) -> Result<String, ConfigError> {
    // It may be a secret.
    let message = || format!("{key} has something in it that is no text");
    let text = value
        .as_str()
        .ok_or_else(|| ConfigError::at(&pointer, message()))?;
    without_nul(key, pointer, text)
}

/// The system takes no text with a NUL for a word or a variable.
fn without_nul(key: &str, pointer: String, text: &str) -> Result<String, ConfigError> {
    match text.contains('\0') {
        true => Err(ConfigError::at(
            pointer,
            format!("{key} has a NUL character in it"),
        )),
        false => Ok(text.to_owned()),
    }
}

fn check_name(pointer: String, name: &str) -> Result<(), ConfigError> {
    match name.is_empty() || name.contains(['=', '\0']) {
        true => Err(ConfigError::at(
            pointer,
            format!("{name:?} is no name of a variable"),
        )),
        false => Ok(()),
    }
}

/// Reads `512MB` and the like: units of 1000 with `B`, `KB`, `MB` and `GB`, of 1024 with `KiB`, `MiB` and `GiB`.
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

fn pointer<'s>(steps: impl IntoIterator<Item = &'s (impl AsRef<str> + ?Sized + 's)>) -> String {
    let escape = |step: &str| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
    steps
        .into_iter()
        .map(|step| escape(step.as_ref()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse_size;

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
}
