//! What holds on every path: methods, errors, names.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Api, order};

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let api = Api::start().await;

    for path in [
        "/",
        "/scheduler",
        "/scheduler/job",
        "/scheduler/jobs/a/b",
        "//",
        "/scheduler/jobs/a/start/b",
        "/scheduler//jobs",
        "/scheduler/jobs/%FF",
        "/favicon.ico",
        "/docs/x",
        "/%2e%2e/etc/passwd",
    ] {
        for method in ["GET", "POST", "DELETE", "PATCH"] {
            let answer = api.call(&format!("{method} {path}")).await;
            let problem = answer.problem(404);
            assert_eq!(
                (&problem["type"], &problem["title"]),
                (&json!("about:blank"), &json!("Not Found"))
            );
            assert_eq!(problem["code"], "not_found", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_names_those_it_takes() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let allowed = [
        ("/scheduler/jobs".to_owned(), "GET, HEAD, POST"),
        (path.clone(), "DELETE, GET, HEAD, PATCH, PUT"),
        (format!("{path}/run"), "POST"),
        (format!("{path}/start"), "POST"),
        (format!("{path}/history"), "GET, HEAD"),
        ("/scheduler/status".into(), "GET, HEAD"),
        ("/scheduler/events".into(), "GET, HEAD"),
        ("/scheduler/datasets/latest".into(), "GET, HEAD"),
        ("/scheduler/executions/x/cancel".into(), "POST"),
        ("/healthz".into(), "GET, HEAD"),
        ("/metrics".into(), "GET, HEAD"),
        ("/docs".into(), "GET, HEAD"),
        ("/openapi.json".into(), "GET, HEAD"),
    ];

    for (path, methods) in allowed {
        for method in [
            "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "TRACE", "BREW", "PROPFIND", "get",
        ] {
            if methods.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = api.call(&format!("{method} {path}")).await;
            let problem = answer.problem(405);
            let told = answer.header("allow").map(|allow| {
                let mut allow: Vec<_> = allow.split(", ").collect();
                allow.sort_unstable();
                allow.join(", ")
            });
            assert_eq!(told.as_deref(), Some(methods), "{method} {path}");
            assert_eq!(problem["code"], "method_not_allowed");
        }
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let mut paths = vec![
        path.as_str(),
        "/scheduler/jobs",
        "/scheduler/status",
        "/healthz",
        "/docs",
        "/openapi.json",
    ];
    paths.push("/scheduler/jobs/none");

    for path in paths {
        let (get, head) = (
            api.call(&format!("GET {path}")).await,
            api.call(&format!("HEAD {path}")).await,
        );
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["content-type", "etag", "x-total-count"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_path() {
    let api = Api::start().await;
    let body = order(json!({}));

    let created = api.send("POST /scheduler/jobs/", body).await.ok();
    let path = format!("/scheduler/jobs/{}", created["job_id"].as_str().unwrap());

    for (path, status) in [
        (format!("{path}/"), 200),
        (format!("{path}///"), 200),
        ("/scheduler/jobs/?limit=5".into(), 200),
        (format!("{path}/history/?limit=1"), 200),
        ("/healthz/".into(), 200),
        ("/docs/".into(), 200),
    ] {
        assert_eq!(
            api.call(&format!("GET {path}")).await.status,
            status,
            "{path}"
        );
    }
    assert_eq!(api.call(&format!("POST {path}/stop/")).await.status, 200);
    assert_eq!(api.call(&format!("DELETE {path}/")).await.status, 200);
}

#[tokio::test]
async fn a_request_keeps_the_name_its_client_gave() {
    let api = Api::start().await;

    for (given, kept) in [
        ("abc-123", true),
        ("with blank", false),
        (&"x".repeat(65), false),
    ] {
        let problem = api
            .raw("GET /scheduler/jobs/none", &[("x-request-id", given)], "")
            .await
            .problem(404);
        assert_eq!(problem["request_id"] == given, kept, "{given}");
        assert_eq!(problem["instance"], "/scheduler/jobs/none");
    }
}

#[tokio::test]
async fn what_is_hardly_http_ends_with_a_4xx_or_the_connection() {
    let api = Api::start().await;
    let address = api.0.url.trim_start_matches("http://").to_owned();
    let long = "a".repeat(70_000);
    let requests = [
        format!(
            "GET /scheduler/jobs/{} HTTP/1.1\r\nHost: x\r\n\r\n",
            &long[..60_000]
        ),
        format!(
            "GET /scheduler/jobs?q={} HTTP/1.1\r\nHost: x\r\n\r\n",
            &long[..60_000]
        ),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        "G{T / HTTP/1.1\r\nHost: x\r\n\r\n".into(),
        "GET /scheduler/jobs\0 HTTP/1.1\r\nHost: x\r\n\r\n".into(),
        "POST /scheduler/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n{}".into(),
        "POST /scheduler/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}".into(),
        "nonsense\r\n\r\n".into(),
    ];

    for request in requests {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let fine = answer.is_empty()
            || answer.starts_with("HTTP/1.1 4")
            || answer.starts_with("HTTP/1.1 200");
        assert!(
            fine && answer.len() < 5_000,
            "{}: {answer}",
            &request[..40.min(request.len())]
        );
    }
    assert_eq!(api.call("GET /healthz").await.status, 200);
}
