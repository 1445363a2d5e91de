//! The published document: what poem-openapi generates, and what it cannot say of shapes. What it cannot say of requests
//! and answers is `operations`' business.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use stock_scheduler_sdk::EventKind;

use super::Api;
use super::operations;
use crate::host::Host;

pub(super) const DESCRIPTION: &str = "Fetches market data on a schedule, for many symbols a job, stores it where you \
    read it, and tells you what happened. Times are RFC 3339 with a numeric offset, dates `YYYY-MM-DD`. Errors are \
    `application/problem+json` (RFC 9457).";

/// The groups of operations, as a newcomer meets them.
const TAGS: [&str; 6] = ["Jobs", "Schedules", "Runs", "Data", "Events", "Service"];
/// Bodies that take no fields but those shown.
const INPUTS: [&str; 7] = [
    "BackfillInput",
    "JobInput",
    "JobChange",
    "PreviewInput",
    "RunInput",
    "WebhookChange",
    "WebhookInput",
];
/// Words that several bodies use.
const WORDS: [(&str, &[&str]); 3] = [
    ("MisfirePolicy", &["fire_once", "skip", "fire_all"]),
    ("Overlap", &["skip", "queue", "allow"]),
    (
        "RunStatus",
        &["running", "success", "partial_success", "failed"],
    ),
];
const NO_CONTROLS: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";

/// The document of what `service` serves.
pub(super) fn document(service: &OpenApiService<Api, ()>, host: &Host) -> Value {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["openapi"] = "3.0.3".into();
    document["info"]["license"] =
        json!({"name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT"});
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| TAGS.iter().position(|name| tag["name"] == *name));
    }
    document["servers"] = json!([{"url": "/"}]);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas
            .iter_mut()
            .for_each(|(name, schema)| complete(name, schema));
        variants(schemas);
        shared(schemas, host);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        paths
            .values_mut()
            .flat_map(Value::as_object_mut)
            .flat_map(Map::values_mut)
            .for_each(operations::complete);
    }
    document
}

/// The same document as YAML: JSON is a part of it.
pub(super) fn yaml(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// Shapes that several bodies use.
fn shared(schemas: &mut Map<String, Value>, host: &Host) {
    for (name, words) in WORDS {
        schemas.insert(name.into(), json!({"type": "string", "enum": words}));
    }
    schemas.insert(
        "Duration".into(),
        json!({"type": "string", "format": "span", "example": "15m",
        "description": "Numbers with units, largest first: `90s`, `15m`, `1h30m`, `2d`."}),
    );
    schemas.insert(
        "MisfireWithLimits".into(),
        json!({"type": "object", "required": ["policy"], "additionalProperties": false, "properties": {
            "policy": reference("MisfirePolicy"),
            "grace": described(reference("Duration"), "A fire that is later than this is missed, whatever the policy."),
            "cap": {"type": "integer", "format": "uint32", "minimum": 1, "maximum": 1000, "description":
                "With `fire_all` only: the most fires that are made up for, the latest of them; 100 by default."},
        }}),
    );
    schemas.insert(
        "Misfire".into(),
        json!({"oneOf": [reference("MisfirePolicy"), reference("MisfireWithLimits")]}),
    );
    schemas.insert(
        "Interval".into(),
        json!({"type": "string", "enum": host.intervals()}),
    );
    schemas.insert(
        "OptionalDate".into(),
        json!({
            "description": "A date, or an empty text for none.",
            "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "enum": [""]}],
        }),
    );
    let price = json!({"type": "number", "nullable": true});
    schedules(schemas, host);
    fetchers(schemas, host);
    schemas.insert(
        "Record".into(),
        json!({
            "type": "object",
            "description": "One bar, as pandas writes it with `orient=\"records\"`.",
            "required": ["Date", "Close", "High", "Low", "Open", "Volume"],
            "properties": {
                "Date": {"type": "integer", "format": "int64", "description":
                    "The session's date as milliseconds from 1970-01-01 to its midnight, both in the exchange's wall-clock time."},
                "Close": price, "High": price, "Low": price, "Open": price,
                "Volume": {"type": "integer", "format": "int64"},
            },
        }),
    );
}

/// Bodies that are like another but for a rule.
fn variants(schemas: &mut Map<String, Value>) {
    let mut patch = schemas["JobChange"].clone();
    patch["title"] = "JobPatch".into();
    patch["description"] =
        "What a client changes of a job; what is missing stays as it is, null clears.".into();
    for field in ["name", "stock_ids", "is_active"] {
        patch["properties"][field]
            .as_object_mut()
            .map(|shape| shape.remove("nullable"));
    }
    patch["properties"]["schedule"] = reference("Schedule");
    schemas.insert("JobPatch".into(), patch);
}

/// A schedule is one of the registered kinds, each with its own fields.
fn schedules(schemas: &mut Map<String, Value>, host: &Host) {
    let mut kinds = Vec::new();
    for (kind, schema) in host.schedule_schemas() {
        let shapes = match schema["oneOf"].as_array() {
            Some(shapes) => shapes.clone(),
            None => vec![schema],
        };
        for shape in shapes {
            let mut shape = of_kind(&kind, shape);
            // A shape with a title gets that name in generated code.
            match shape["title"].as_str().map(str::to_owned) {
                Some(title) => {
                    // Generators name types by their titles, and a bar has an interval too.
                    let title = title + "Schedule";
                    shape["title"] = title.as_str().into();
                    kinds.push(reference(&title));
                    schemas.insert(title, shape);
                }
                None => kinds.push(shape),
            }
        }
    }
    schemas.insert("Schedule".into(), json!({"oneOf": kinds}));
    if let Some((_, shape)) = host
        .schedule_schemas()
        .into_iter()
        .find(|(kind, _)| kind == "after")
    {
        schemas.insert("After".into(), shape);
    }
}

fn of_kind(kind: &str, mut shape: Value) -> Value {
    shape["properties"]["kind"] = json!({"type": "string", "enum": [kind]});
    let mut required = shape["required"].as_array().cloned().unwrap_or_default();
    if !required.contains(&json!("kind")) {
        required.insert(0, json!("kind"));
    }
    shape["required"] = required.into();
    shape
}

/// A fetcher by its name. The registered names are told and no more: a stored job may name one that is gone.
fn fetchers(schemas: &mut Map<String, Value>, host: &Host) {
    let names = host.fetcher_names();
    let description = format!("The name of a fetcher: {}.", names.join(" or "));
    let name = json!({"type": "string", "format": "fetcher", "description": description});
    schemas.insert(
        "FetcherWithOptions".into(),
        json!({"type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {"name": name, "options": {"type": "object", "additionalProperties": true}}}),
    );
    let of_its_own = |(fetcher, options): (String, Value)| {
        json!({"type": "object", "title": format!("Options of {fetcher}"), "required": ["name"],
            "additionalProperties": false, "properties": {
                "name": {"type": "string", "enum": [fetcher]}, "options": options}})
    };
    let known: Vec<_> = host.options_schemas().into_iter().map(of_its_own).collect();
    // Options that a fetcher tells are those of any fetcher too.
    let word = if known.is_empty() { "oneOf" } else { "anyOf" };
    let shapes = [vec![name], known, vec![reference("FetcherWithOptions")]].concat();
    schemas.insert("Fetcher".into(), json!({word: shapes}));
}

/// What poem-openapi cannot say of a shape: which fields can be null, what texts must look like.
fn complete(name: &str, schema: &mut Value) {
    let input = INPUTS.contains(&name);
    if input {
        schema["additionalProperties"] = false.into();
    }
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    if name == "Problem" {
        required.retain(|field| field != "errors");
    }
    let Some(properties) = schema["properties"].as_object_mut() else {
        return;
    };
    for (field, shape) in properties {
        plain_reference(shape);
        detail(name, field, shape, input);
        if required.contains(&json!(field)) || (name == "Problem" && field == "errors") {
            continue;
        }
        *shape = nullable(shape.take());
        if !input {
            required.push(json!(field));
        }
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
}

/// A described reference is written with a schema of its own for the description, which is there anyway.
fn plain_reference(shape: &mut Value) {
    if let Some(parts) = shape.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.retain(|part| part.get("$ref").is_some());
    }
}

fn nullable(shape: Value) -> Value {
    let mut shape = shape;
    if shape.get("$ref").is_some() {
        shape = json!({"allOf": [shape]});
    }
    if shape.get("type").is_none() && shape.get("allOf").is_none() {
        // Without a type null is allowed anyway.
        return shape;
    }
    shape["nullable"] = true.into();
    if let Some(words) = shape.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    shape
}

/// What a field's text or value must look like.
fn detail(name: &str, field: &str, shape: &mut Value, input: bool) {
    let job = matches!(
        name,
        "JobInput" | "JobChange" | "Job" | "PreviewInput" | "RunInput"
    );
    let more = match field {
        // Blanks around a symbol are dropped.
        "stock_ids" if input => json!({"items": {"type": "string", "example": "AAPL",
            "pattern": "^ *[A-Za-z0-9.^=&_+$!-]{1,32} *$"}}),
        "name" if input => json!({"pattern": NO_CONTROLS, "example": "Daily Tech Stocks"}),
        "prefix" if input => json!({"pattern": "^[^{}:\\u0000-\\u001f\\u007f-\\u009f]+$"}),
        "tags" if input => {
            json!({"items": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": NO_CONTROLS}})
        }
        "schedule_time" if input => {
            json!({"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "17:00"})
        }
        "schedule" => return refer(shape, "Schedule"),
        "after" if input => return refer(shape, "After"),
        "fetcher" if job => return refer(shape, "Fetcher"),
        "timezone" => json!({"format": "iana-time-zone", "example": "America/New_York"}),
        "start_date" | "end_date" if name == "BackfillInput" => json!({"format": "date"}),
        "start_date" | "end_date" if input => return refer(shape, "OptionalDate"),
        "start_date" | "end_date" => json!({"format": "date"}),
        "interval" if job => return refer(shape, "Interval"),
        "misfire" if job => return refer(shape, "Misfire"),
        "overlap" if job => return refer(shape, "Overlap"),
        "jitter" if job => return refer(shape, "Duration"),
        "status" if name == "Job" => {
            json!({"enum": ["pending", "running", "completed", "failed", "paused"]})
        }
        "status" if matches!(name, "Execution" | "LastExecution") => {
            return refer(shape, "RunStatus");
        }
        "status" if name == "Backfill" => {
            json!({"enum": ["running", "finished", "cancelled", "failed"]})
        }
        "status" if name == "Delivery" => json!({"enum": ["pending", "delivered", "failed"]}),
        "role" => json!({"enum": ["fetcher", "schedule", "store", "listener"]}),
        "url" if input => json!({"format": "uri", "example": "https://example.com/hooks/stocks"}),
        "events" if input => json!({"items": {"type": "string", "enum": EventKind::NAMES}}),
        "description" if name.starts_with("Webhook") => json!({"maxLength": 500}),
        "secret" if input => json!({"format": "password"}),
        "job_id" if name.starts_with("Webhook") => json!({"pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        "status" if name == "ExecutionSymbol" => json!({"enum": ["pending", "stored", "failed"]}),
        "triggered_by" => {
            json!({"enum": ["scheduler_auto", "manual_trigger", "retry", "backfill", "chain"]})
        }
        "day" if name == "ExchangeDay" => json!({"enum": ["session", "closed", "unknown"]}),
        "date" if name == "ExchangeDay" => json!({"format": "date"}),
        "local" | "exchange_local" | "open" | "close" => json!({"format": "date-time"}),
        "state" if matches!(name, "Fire" | "ExplainedFire") => {
            json!({"enum": ["fired", "skipped", "missed", "pending"]})
        }
        "from" | "paused_until" | "active_until" => json!({"format": "date-time"}),
        "created_at" | "last_run" | "next_run" | "start_time" | "end_time" | "scheduled_for"
        | "updated_at" | "started_at" | "now" | "at" | "next_attempt_at"
            if !input =>
        {
            json!({"format": "date-time"})
        }
        _ => return,
    };
    merge(shape, more);
}

/// Points to a shared shape, and keeps what is said of the field.
fn refer(shape: &mut Value, name: &str) {
    let described = shape.get("description").cloned();
    *shape = match described {
        Some(description) => json!({"allOf": [reference(name)], "description": description}),
        None => reference(name),
    };
}

fn described(shape: Value, description: &str) -> Value {
    json!({"allOf": [shape], "description": description})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

pub(super) fn merge(shape: &mut Value, more: Value) {
    if let (Some(shape), Value::Object(more)) = (shape.as_object_mut(), more) {
        shape.extend(more);
    }
}
