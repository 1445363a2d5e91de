//! Reads a client's JSON object field by field: no coercion, every mistake noted with its place, nothing unknown passed
//! over.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value};
use stock_scheduler_sdk::{parse_duration, write_duration};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// The kind of mistake, for programs: `required`, `unknown_field`, `type` or `value`.
    pub code: &'static str,
    /// What is wrong and what would be right, for people.
    pub message: String,
}

impl FieldError {
    pub(crate) fn value(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code: "value",
            message: message.into(),
        }
    }
}

/// What a client said of a field.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Given<T> {
    /// Nothing.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A value.
    Value(T),
}

impl<T> Given<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(change(value)),
        }
    }

    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// An object being read; what nobody asks for is unknown.
pub(crate) struct Fields {
    object: Map<String, Value>,
    known: Vec<&'static str>,
    pub(crate) errors: Vec<FieldError>,
}

impl Fields {
    pub(crate) fn new(body: Value) -> Result<Self, FieldError> {
        match body {
            Value::Object(object) => Ok(Self {
                object,
                known: Vec::new(),
                errors: Vec::new(),
            }),
            other => Err(FieldError {
                pointer: String::new(),
                code: "type",
                message: format!("the body must be a JSON object, not {}", kind_of(&other)),
            }),
        }
    }

    /// A field that may be sent back although it cannot be set.
    pub(crate) fn ignore(&mut self, name: &'static str) {
        self.known.push(name);
        self.object.remove(name);
    }

    /// Takes a field and reads it with `read`, which answers a sentence when the value cannot be.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, ReadError>,
    ) -> Given<T> {
        self.known.push(name);
        match self.object.remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => match read(value) {
                Ok(value) => Given::Value(value),
                Err(error) => {
                    self.errors.push(error.at(name));
                    Given::Absent
                }
            },
        }
    }

    pub(crate) fn require(&mut self, name: &'static str) {
        if !matches!(self.object.get(name), Some(value) if !value.is_null()) {
            let message = format!("{name} is required");
            self.errors.push(FieldError {
                pointer: format!("/{name}"),
                code: "required",
                message,
            });
        }
    }

    /// Refuses what is left, with the nearest name that is known.
    pub(crate) fn finish(mut self) -> Vec<FieldError> {
        for name in self.object.keys() {
            let hint = nearest(name, self.known.iter().copied());
            let hint = hint.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            self.errors.push(FieldError {
                pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                code: "unknown_field",
                message: shortened(format!("unknown field {name:?}")) + &hint,
            });
        }
        self.errors
    }
}

/// Why a value cannot be what it should; the field's name is put before the message.
pub(crate) struct ReadError {
    code: &'static str,
    message: String,
    /// The rest of the pointer, where the mistake is inside the value.
    below: String,
}

impl ReadError {
    /// The error as that of the field `name`.
    pub(crate) fn at(self, name: &str) -> FieldError {
        FieldError {
            pointer: format!("/{name}{}", self.below),
            code: self.code,
            message: format!("{name} {}", shortened(self.message)),
        }
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self {
            code: "value",
            message: message.into(),
            below: String::new(),
        }
    }

    pub(crate) fn wrong_type(expected: &str, value: &Value) -> Self {
        let message = format!("must be {expected}, not {}", kind_of(value));
        Self {
            code: "type",
            message,
            below: String::new(),
        }
    }

    pub(crate) fn below(mut self, step: impl std::fmt::Display) -> Self {
        self.below = format!("/{step}{}", self.below);
        self
    }
}

pub(crate) fn text(value: Value) -> Result<String, ReadError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(ReadError::wrong_type("a string", &other)),
    }
}

pub(crate) fn flag(value: Value) -> Result<bool, ReadError> {
    value
        .as_bool()
        .ok_or_else(|| ReadError::wrong_type("true or false", &value))
}

pub(crate) fn whole(value: Value, least: u32, most: u32) -> Result<u32, ReadError> {
    let Value::Number(number) = &value else {
        return Err(ReadError::wrong_type("a whole number", &value));
    };
    // JSON knows one kind of number: 30.0 is the whole number 30.
    let whole = number.as_u64().or_else(|| {
        number
            .as_f64()
            .filter(|n| n.fract() == 0.0 && *n >= 0.0)
            .map(|n| n as u64)
    });
    match whole.and_then(|n| u32::try_from(n).ok()) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(ReadError::value(format!(
            "must be a whole number from {least} to {most}, not {number}"
        ))),
    }
}

pub(crate) fn list(value: Value) -> Result<Vec<Value>, ReadError> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(ReadError::wrong_type("a list", &other)),
    }
}

/// A date, or `None` for the empty string, which clears it.
pub(crate) fn date(value: Value) -> Result<Option<NaiveDate>, ReadError> {
    let text = text(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    // The parser takes signs, blanks and missing zeros too, and years that other languages do not know.
    match text.parse::<NaiveDate>() {
        Ok(date) if date.to_string() == text && (1..=9_999).contains(&date.year()) => {
            Ok(Some(date))
        }
        _ => Err(ReadError::value(format!(
            "must be a date YYYY-MM-DD, not {text:?}"
        ))),
    }
}

/// An instant, with an offset.
pub(crate) fn instant(value: Value) -> Result<DateTime<Utc>, ReadError> {
    let text = text(value)?;
    let at = DateTime::parse_from_rfc3339(&text)
        .ok()
        .map(|at| at.to_utc());
    at.filter(|at| (1..=9_999).contains(&at.year()))
        .ok_or_else(|| {
            ReadError::value(format!(
                "must be an instant with an offset, such as 2026-03-01T09:00:00+01:00, not {text:?}"
            ))
        })
}

/// A length of time, from nothing to `most`.
pub(crate) fn duration(value: Value, most: TimeDelta) -> Result<TimeDelta, ReadError> {
    let text = text(value)?;
    let duration =
        parse_duration(&text).map_err(|why| ReadError::value(format!("is wrong: {why}")))?;
    if duration <= most {
        return Ok(duration);
    }
    let most = write_duration(most);
    Err(ReadError::value(format!(
        "must be at most {most}, not {text}"
    )))
}

/// Keeps a sentence readable, whatever a client sent that it repeats.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(300) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// The known name most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        // Nobody mistyped that, and comparing takes long.
        return None;
    }
    let name = name.to_lowercase();
    known
        .map(|candidate| {
            (
                strsim::jaro_winkler(&name, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
