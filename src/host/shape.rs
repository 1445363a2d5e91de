//! Holds what a client or the configuration says against the JSON Schema of a plugin.

use jsonschema::{Draft, ValidationError};
use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, plain_line};

/// The longest message of a mistake, in characters.
const LONGEST: usize = 300;

/// Refuses a value that does not have this shape, pointing at the first mistake; null stands for an empty object. A schema
/// that is none refuses nothing: what the plugin itself says of the value still counts.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), ConfigError> {
    check_as(schema, value, |error| {
        let place = error.instance_path().to_string();
        match place.trim_start_matches('/') {
            "" => error.to_string(),
            place => format!("{place}: {error}"),
        }
    })
}

/// As [`check`], for what may be secret: no message repeats a value.
pub(crate) fn check_secretly(schema: &Value, value: &Value) -> Result<(), ConfigError> {
    check_as(schema, value, |error| error.masked().to_string())
}

fn check_as(
    schema: &Value,
    value: &Value,
    words: impl Fn(&ValidationError<'_>) -> String,
) -> Result<(), ConfigError> {
    let empty = json!({});
    let value = if value.is_null() { &empty } else { value };
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    let validator = match options.build(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let error = plain_line(&error.to_string(), LONGEST);
            tracing::warn!(
                error,
                "a plugin's schema is no JSON Schema; nothing is held against it"
            );
            return Ok(());
        }
    };
    validator.validate(value).map_err(|error| {
        let message = plain_line(&words(&error), LONGEST);
        ConfigError::at(error.instance_path().to_string(), message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mistake_is_pointed_at() {
        let schema = json!({"type": "object", "required": ["feed"], "additionalProperties": false,
            "properties": {"feed": {"enum": ["sip", "iex"]}, "depth": {"type": "integer"}}});

        for (value, pointer, part) in [
            (json!({"feed": "sib"}), "/feed", "feed: \"sib\""),
            (json!({"feed": "sip", "depth": "two"}), "/depth", "integer"),
            (json!({"feed": "sip", "deepth": 2}), "", "deepth"),
            (Value::Null, "", "feed"),
        ] {
            let error = check(&schema, &value).unwrap_err();

            assert_eq!(error.pointer, pointer, "{value}");
            assert!(error.message.contains(part), "{error}");
        }
        assert_eq!(check(&schema, &json!({"feed": "iex", "depth": 2})), Ok(()));
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let schema = json!({"properties": {"key": {"type": "integer"}}});

        let error = check_secretly(&schema, &json!({"key": "hush"})).unwrap_err();

        assert_eq!(error.pointer, "/key");
        assert!(!error.message.contains("hush"), "{error}");
    }

    #[test]
    fn a_schema_that_is_none_refuses_nothing() {
        assert_eq!(check(&json!({"type": "objekt"}), &json!({"a": 1})), Ok(()));
    }
}
