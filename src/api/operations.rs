//! What poem-openapi cannot say of parameters, bodies and answers in the published document.

use serde_json::{Value, json};

use super::spec::merge;

const JOB_STATUS: [&str; 5] = ["pending", "running", "completed", "failed", "paused"];
const RUN_STATUS: [&str; 4] = ["running", "success", "partial_success", "failed"];

/// Completes one operation.
pub(super) fn complete(operation: &mut Value) {
    let id = operation["operationId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        merge(&mut parameter["schema"], schema(&id, &name));
        // Generators make a nullable parameter of a default; ours are simply left out.
        parameter["schema"]
            .as_object_mut()
            .map(|schema| schema.remove("nullable"));
        if (id.as_str(), name.as_str()) == ("getLatestDataset", "symbol") {
            parameter["required"] = true.into();
        }
    }
    answers(operation, &id);
    if let (Some(example), Some(body)) = (example(&id), operation.get_mut("requestBody")) {
        let contents = body["content"].as_object_mut().into_iter().flatten();
        contents.for_each(|(_, content)| content["example"] = example.clone());
    }
    let told = headers(&id);
    if !told.is_empty() {
        let success = match id.as_str() {
            "runJob" | "backfillJob" => "202",
            "createWebhook" => "201",
            _ => "200",
        };
        for (name, description, schema) in told {
            operation["responses"][success]["headers"][name] =
                json!({"description": description, "schema": schema});
        }
    }
}

fn answers(operation: &mut Value, id: &str) {
    match id {
        "getDataset" | "getLatestDataset" => {
            let content = &mut operation["responses"]["200"]["content"];
            content["application/json"]["schema"]["items"] =
                json!({"$ref": "#/components/schemas/Record"});
        }
        "runJob" => {
            let body = &mut operation["requestBody"]["content"]["application/json"]["schema"];
            *body = json!({"allOf": [body.take()], "nullable": true});
        }
        "patchJob" => {
            let shape = json!({"schema": {"$ref": "#/components/schemas/JobPatch"}});
            operation["requestBody"]["content"] =
                json!({"application/json": shape, "application/merge-patch+json": shape});
        }
        "cancelExecution" | "cancelBackfill" => {
            let mut ended = operation["responses"]["202"].clone();
            ended["description"] = "It had ended".into();
            operation["responses"]["200"] = ended;
        }
        _ => {}
    }
}

/// A body to begin with, in Swagger UI for one.
fn example(operation: &str) -> Option<Value> {
    match operation {
        "createJob" => Some(
            json!({"name": "Daily Tech Stocks", "stock_ids": ["AAPL", "MSFT", "GOOGL"],
            "schedule_time": "17:00"}),
        ),
        "updateJob" => Some(json!({"schedule_time": "18:30"})),
        "patchJob" => Some(json!({"end_date": null, "tags": ["tech"]})),
        "previewSchedule" => Some(
            json!({"schedule": {"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+30m"}, "n": 3}),
        ),
        "createWebhook" => Some(
            json!({"url": "https://example.com/hooks/stocks", "events": ["JobFinished", "StockFailed"]}),
        ),
        "patchWebhook" => Some(json!({"is_active": true})),
        "runJob" => Some(json!({"start_date": "2025-01-01", "end_date": "2025-01-31"})),
        _ => None,
    }
}

/// The headers of an operation's success.
fn headers(operation: &str) -> Vec<(&'static str, &'static str, Value)> {
    let text = json!({"type": "string"});
    let etag = || {
        let revision = json!({"type": "string", "pattern": "^\"[0-9]+\"$", "example": "\"1\""});
        ("ETag", "The job's revision, for `If-Match`.", revision)
    };
    let link = (
        "Link",
        "With `rel=\"next\"`, the address of the next page.",
        text.clone(),
    );
    let replayed = (
        "Idempotency-Replayed",
        "`true` where this is the answer to an earlier request.",
        json!({"type": "string", "enum": ["true"]}),
    );
    let location = ("Location", "The address of what was made.", text.clone());
    match operation {
        "createJob" => vec![etag(), location, replayed],
        "getJob" | "updateJob" | "patchJob" | "startJob" | "stopJob" => vec![etag()],
        "listJobs" => {
            let total = json!({"type": "integer", "minimum": 0});
            vec![
                link,
                (
                    "X-Total-Count",
                    "How many jobs there are on all pages.",
                    total,
                ),
            ]
        }
        "listHistory" | "listFires" | "listDatasets" | "listDeliveries" => vec![link],
        "getLatestDataset" => vec![("Content-Location", "The address of the window.", text)],
        "runJob" => vec![location, replayed],
        "backfillJob" | "createWebhook" => vec![location],
        _ => vec![],
    }
}

/// What a parameter's text must look like.
fn schema(operation: &str, name: &str) -> Value {
    let most = match operation {
        "listHistory" | "listDeliveries" => 500,
        _ => 1_000,
    };
    match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": most}),
        "role" => json!({"enum": ["fetcher", "schedule", "store", "listener"]}),
        "active_only" => json!({"type": "boolean"}),
        "status" if operation == "listJobs" => json!({"enum": JOB_STATUS}),
        "status" if operation == "listDeliveries" => {
            json!({"enum": ["pending", "delivered", "failed"]})
        }
        "status" => json!({"enum": RUN_STATUS}),
        "since" | "until" if operation == "listFires" => json!({"format": "date-time"}),
        "job_id" => json!({"pattern": "^[A-Za-z0-9_-]{1,64}$"}),
        "execution_id" | "backfill_id" | "webhook_id" => json!({"format": "uuid"}),
        "delivery_id" => json!({"pattern": "^[0-9]+-[0-9]+$"}),
        "days" => json!({"type": "integer", "minimum": 1, "maximum": 366}),
        "at" => {
            json!({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]})
        }
        "Idempotency-Key" => json!({"maxLength": 255}),
        _ => json!({}),
    }
}
