//! The published document: what poem-openapi generates, and what it cannot say.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use super::Api;
use crate::host::Host;

pub(super) const DESCRIPTION: &str = "Fetches market data on a schedule, for many symbols a job, stores it where you \
    read it, and tells you what happened. Times are RFC 3339 with a numeric offset, dates `YYYY-MM-DD`. Errors are \
    `application/problem+json` (RFC 9457).";

/// Bodies that take no fields but those shown.
const INPUTS: [&str; 3] = ["JobInput", "JobChange", "RunInput"];
const NO_CONTROLS: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";

/// The document of what `service` serves.
pub(super) fn document(service: &OpenApiService<Api, ()>, host: &Host) -> Value {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["openapi"] = "3.0.3".into();
    document["info"]["license"] =
        json!({"name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT"});
    document["servers"] = json!([{"url": "/"}]);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        shared(schemas, host);
        schemas
            .iter_mut()
            .for_each(|(name, schema)| complete(name, schema));
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        paths
            .values_mut()
            .flat_map(Value::as_object_mut)
            .for_each(operations);
    }
    document
}

/// The same document as YAML: JSON is a part of it.
pub(super) fn yaml(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// Shapes that several bodies use.
fn shared(schemas: &mut Map<String, Value>, host: &Host) {
    let zones: Vec<_> = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .collect();
    let price = json!({"type": "number", "nullable": true});
    schemas.insert(
        "TimeZone".into(),
        json!({"type": "string", "description": "An IANA zone.", "enum": zones}),
    );
    schemas.insert("Schedule".into(), schedules(host));
    schemas.insert("Fetcher".into(), fetchers(host));
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

/// A schedule is one of the registered kinds, each with its own fields.
fn schedules(host: &Host) -> Value {
    let kinds = host
        .schedule_schemas()
        .into_iter()
        .map(|(kind, mut schema)| {
            schema["properties"]["kind"] = json!({"type": "string", "enum": [kind]});
            let mut required = vec![json!("kind")];
            required.extend(schema["required"].as_array().cloned().unwrap_or_default());
            schema["required"] = required.into();
            schema
        });
    let mut kinds: Vec<_> = kinds.collect();
    match kinds.len() {
        1 => kinds.remove(0),
        _ => json!({"oneOf": kinds}),
    }
}

fn fetchers(host: &Host) -> Value {
    let names: Vec<_> = host.fetcher_names().collect();
    json!({"oneOf": [
        {"type": "string", "enum": names},
        {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
            "name": {"type": "string", "enum": names},
            "options": {"type": "object"},
        }},
    ]})
}

/// What poem-openapi cannot say of a shape: which fields can be null, what texts must look like.
fn complete(name: &str, schema: &mut Value) {
    let input = INPUTS.contains(&name);
    if input {
        schema["additionalProperties"] = false.into();
    }
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object_mut() else {
        return;
    };
    if matches!(name, "Schedule" | "Fetcher" | "Record") {
        return;
    }
    for (field, shape) in properties {
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

fn nullable(shape: Value) -> Value {
    if shape.get("$ref").is_some() {
        return json!({"allOf": [shape], "nullable": true});
    }
    let mut shape = shape;
    shape["nullable"] = true.into();
    if let Some(words) = shape.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    shape
}

/// What a field's text or value must look like.
fn detail(name: &str, field: &str, shape: &mut Value, input: bool) {
    let job = matches!(name, "JobInput" | "JobChange" | "Job" | "RunInput");
    let more = match field {
        "stock_ids" => json!({"items": {"type": "string", "minLength": 1, "maxLength": 32,
            "pattern": "^[A-Za-z0-9.^=&_+$!-]+$", "example": "AAPL"}}),
        "name" if job => json!({"pattern": NO_CONTROLS, "example": "Daily Tech Stocks"}),
        "prefix" if job => json!({"pattern": "^[^{}:\\u0000-\\u001f\\u007f-\\u009f]+$"}),
        "tags" => {
            json!({"items": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": NO_CONTROLS}})
        }
        "schedule_time" => {
            json!({"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "17:00"})
        }
        "schedule" => return refer(shape, "Schedule"),
        "fetcher" if job => return refer(shape, "Fetcher"),
        "timezone" if input => return refer(shape, "TimeZone"),
        "start_date" | "end_date" => json!({"format": "date"}),
        "interval" if input => json!({"enum": ["1d"]}),
        "misfire" if job => json!({"type": "string", "enum": ["fire_once", "skip"]}),
        "overlap" if job => json!({"type": "string", "enum": ["skip", "allow"]}),
        "status" if name == "Job" => {
            json!({"enum": ["pending", "running", "completed", "failed", "paused"]})
        }
        "status" if matches!(name, "Execution" | "LastExecution") => {
            json!({"enum": ["running", "success", "partial_success", "failed"]})
        }
        "status" if name == "ExecutionSymbol" => json!({"enum": ["pending", "stored", "failed"]}),
        "triggered_by" => json!({"enum": ["scheduler_auto", "manual_trigger", "retry"]}),
        "state" if name == "Fire" => json!({"enum": ["fired", "skipped", "missed", "pending"]}),
        "created_at" | "last_run" | "next_run" | "start_time" | "end_time" | "scheduled_for"
        | "updated_at" | "started_at" | "now" | "at"
            if !input =>
        {
            json!({"format": "date-time"})
        }
        _ => return,
    };
    merge(shape, more);
}

fn refer(shape: &mut Value, name: &str) {
    *shape = json!({"$ref": format!("#/components/schemas/{name}")});
}

fn merge(shape: &mut Value, more: Value) {
    if let (Some(shape), Value::Object(more)) = (shape.as_object_mut(), more) {
        shape.extend(more);
    }
}

/// What poem-openapi cannot say of parameters and answers.
fn operations(path: &mut Map<String, Value>) {
    for operation in path.values_mut() {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            merge(&mut parameter["schema"], parameter_detail(&id, &name));
            // Generators make a nullable parameter of a default; ours are simply left out.
            parameter["schema"]
                .as_object_mut()
                .map(|schema| schema.remove("nullable"));
        }
        if matches!(id.as_str(), "getDataset" | "getLatestDataset") {
            let answer =
                &mut operation["responses"]["200"]["content"]["application/json"]["schema"];
            answer["items"] = json!({"$ref": "#/components/schemas/Record"});
        }
        if id == "patchJob" {
            let content = &mut operation["requestBody"]["content"];
            content["application/merge-patch+json"] = content["application/json"].clone();
        }
    }
}

fn parameter_detail(operation: &str, name: &str) -> Value {
    let most = match operation {
        "listHistory" => 500,
        _ => 1_000,
    };
    match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": most}),
        "active_only" => json!({"type": "boolean"}),
        "status" if operation == "listJobs" => {
            json!({"enum": ["pending", "running", "completed", "failed", "paused"]})
        }
        "status" => json!({"enum": ["running", "success", "partial_success", "failed"]}),
        "since" | "until" if operation == "listFires" => json!({"format": "date-time"}),
        "job_id" => json!({"pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        "execution_id" => json!({"format": "uuid"}),
        _ => json!({}),
    }
}
