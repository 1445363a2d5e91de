//! Pages in a browser: origins that are allowed, and those that are not.

use serde_json::json;

use super::{Answer, Api, order};
use crate::support::Service;
use crate::support::service::Options;

const PAGE: &str = "http://localhost:3000";
const EXPOSED: &str = "ETag, Link, Location, X-Total-Count, Retry-After, Idempotency-Replayed";

fn is_shown_to(answer: &Answer, origin: &str) {
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(origin),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
}

fn is_hidden(answer: &Answer) {
    let told = answer
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("access-control"));
    assert_eq!(told, None, "{answer:?}");
}

#[tokio::test]
async fn a_page_of_the_default_origin_sees_answers_and_errors() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let calls = [
        ("GET /scheduler/jobs".to_owned(), 200),
        (format!("GET {path}"), 200),
        (format!("POST {path}/run"), 202),
        ("GET /scheduler/jobs/none".into(), 404),
        ("GET /scheduler/jobs?limit=x".into(), 400),
        ("POST /scheduler/jobs".into(), 400),
        ("PATCH /scheduler/jobs".into(), 405),
        ("GET /nowhere".into(), 404),
        ("GET /healthz".into(), 200),
        ("GET /docs".into(), 200),
    ];

    for (call, status) in calls {
        let answer = api.raw(&call, &[("origin", PAGE)], "").await;
        assert_eq!(answer.status, status, "{call}");
        is_shown_to(&answer, PAGE);
        assert_eq!(
            answer.header("access-control-expose-headers"),
            Some(EXPOSED)
        );
    }
    let large = api
        .raw(
            "POST /scheduler/jobs",
            &[("origin", PAGE)],
            vec![b' '; 2_000_000],
        )
        .await;
    large.problem(413);
    is_shown_to(&large, PAGE);
}

#[tokio::test]
async fn a_preflight_request_allows_every_method_and_header() {
    let api = Api::start().await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
        let headers = [
            ("origin", PAGE),
            ("access-control-request-method", method),
            (
                "access-control-request-headers",
                "content-type, if-match, idempotency-key, last-event-id",
            ),
        ];
        for path in ["/scheduler/jobs", "/scheduler/jobs/x/run", "/nowhere"] {
            let answer = api.raw(&format!("OPTIONS {path}"), &headers, "").await;

            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            is_shown_to(&answer, PAGE);
            assert!(
                answer
                    .header("access-control-allow-methods")
                    .unwrap()
                    .contains(method)
            );
            assert_eq!(
                answer.header("access-control-allow-headers"),
                Some("content-type, if-match, idempotency-key, last-event-id")
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_nothing() {
    let api = Api::start().await;
    for origin in [
        "http://localhost:3001",
        "https://localhost:3000",
        "http://localhost:3000.evil.example",
        "null",
        "*",
        "",
    ] {
        is_hidden(
            &api.raw("GET /scheduler/jobs", &[("origin", origin)], "")
                .await,
        );
        let asked = [
            ("origin", origin),
            ("access-control-request-method", "DELETE"),
        ];
        let preflight = api.raw("OPTIONS /scheduler/jobs", &asked, "").await;
        is_hidden(&preflight);
        assert_eq!(preflight.status, 405);
    }
}

#[tokio::test]
async fn the_services_own_page_may_post() {
    let api = Api::start().await;
    let own = api.0.url.clone();
    let headers = [
        ("origin", own.as_str()),
        ("content-type", "application/json"),
        ("sec-fetch-site", "same-origin"),
    ];

    let answer = api
        .raw(
            "POST /scheduler/jobs",
            &headers,
            order(json!({})).to_string(),
        )
        .await;

    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn origins_are_configured() {
    let options =
        Options::store("memory:").with("--cors-origins", "https://a.example, https://b.example");
    let api = Api(Service::start(&options).await);

    for origin in ["https://a.example", "https://b.example"] {
        is_shown_to(
            &api.raw("GET /healthz", &[("origin", origin)], "").await,
            origin,
        );
    }
    is_hidden(&api.raw("GET /healthz", &[("origin", PAGE)], "").await);
}
