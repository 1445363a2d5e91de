//! The wire contract, tried by a client that knows nothing of the code.

mod bad_input;
mod bodies;
mod browser;
mod data;
mod editing;
mod events;
mod face;
mod history;
mod idempotency;
mod jobs;
mod listing;
mod metrics;
mod resuming;
mod runs;
mod schedules;
mod service;
mod webhooks;
mod wrong_fields;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::service::Options;

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of a success.
    fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// The problem (RFC 9457) of a refusal with this status, complete in every field.
    fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        for name in [
            "type",
            "title",
            "detail",
            "instance",
            "code",
            "request_id",
            "message",
        ] {
            let text = problem[name].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} in {problem}");
        }
        assert_eq!(problem["status"], status);
        assert_eq!(problem["message"], problem["detail"]);
        assert_eq!(problem["request_id"], self.header("x-request-id").unwrap());
        for error in problem["errors"].as_array().into_iter().flatten() {
            for name in ["pointer", "code", "message"] {
                assert!(error[name].is_string(), "{name} in {error}");
            }
        }
        problem
    }

    /// The sentence of a refusal.
    fn refused(&self, status: u16) -> String {
        self.problem(status)["detail"].as_str().unwrap().to_owned()
    }
}

/// A service and what clients do with it.
struct Api(Service);

impl Api {
    /// On an empty store that ends with it.
    async fn start() -> Self {
        Self(Service::start(&Options::store("memory:")).await)
    }

    /// A request; `call` is a method and a path.
    fn request(&self, call: &str) -> RequestBuilder {
        let (method, path) = call.split_once(' ').unwrap();
        self.0
            .request(Method::from_bytes(method.as_bytes()).unwrap(), path)
    }

    async fn call(&self, call: &str) -> Answer {
        Answer::of(self.request(call).send().await.unwrap()).await
    }

    /// A request with a JSON body.
    async fn send(&self, call: &str, body: Value) -> Answer {
        self.raw(
            call,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }

    /// A request with these headers and bytes.
    async fn raw(
        &self,
        call: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = headers
            .iter()
            .fold(self.request(call), |request, (name, value)| {
                request.header(*name, *value)
            });
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    /// A job as `more` says, else daily at 17:00 for AAPL with made-up prices; answers its path.
    async fn job(&self, more: Value) -> String {
        let created = self.send("POST /scheduler/jobs", order(more)).await;
        format!(
            "/scheduler/jobs/{}",
            created.ok()["job_id"].as_str().unwrap()
        )
    }
}

/// The body that orders a job: fields of `more` over a small job's.
fn order(more: Value) -> Value {
    let mut body = json!({"name": "Daily Tech Stocks", "stock_ids": ["AAPL"], "schedule_time": "17:00", "fetcher": "demo"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Whether an object's text has exactly these fields in this order.
fn has_fields(text: &str, names: &[&str]) {
    let object: Value = serde_json::from_str(text).unwrap();
    assert_eq!(object.as_object().unwrap().len(), names.len(), "{text}");
    let mut rest = text;
    for name in names {
        let at = rest.find(&format!("\"{name}\":"));
        rest = &rest[at.unwrap_or_else(|| panic!("{name} missing or out of order in {text}"))..];
    }
}
