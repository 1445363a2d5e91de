//! Holds what a client or the configuration says against the JSON Schema of a plugin.

use jsonschema::Draft;
use serde_json::{Value, json};
use stock_scheduler_sdk::ConfigError;

/// The longest message of a mistake, in characters.
const LONGEST: usize = 300;

/// Refuses a value that does not have this shape, pointing at the first mistake; null stands for an empty object. A schema
/// that is none refuses nothing: what the plugin itself says of the value still counts.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), ConfigError> {
    let empty = json!({});
    let value = if value.is_null() { &empty } else { value };
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    let validator = match options.build(schema) {
        Ok(validator) => validator,
        Err(error) => {
            tracing::warn!(%error, "a plugin's schema is no JSON Schema; nothing is held against it");
            return Ok(());
        }
    };
    validator.validate(value).map_err(|error| {
        let message: String = error.to_string().chars().take(LONGEST).collect();
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
            (json!({"feed": "sib"}), "/feed", "sib"),
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
    fn a_schema_that_is_none_refuses_nothing() {
        assert_eq!(check(&json!({"type": "objekt"}), &json!({"a": 1})), Ok(()));
    }
}
