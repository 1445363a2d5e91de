//! What comes with a request: its type, its encoding, its size.

use serde_json::json;

use super::{Api, order};

#[tokio::test]
async fn json_is_what_says_so_or_says_nothing() {
    let api = Api::start().await;
    let body = order(json!({})).to_string();

    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
        "application/vnd.api+json;v=1",
        "",
    ] {
        let headers = [("content-type", kind)];
        let headers = if kind.is_empty() { &[][..] } else { &headers };
        assert_eq!(
            api.raw("POST /scheduler/jobs", headers, body.clone())
                .await
                .status,
            200,
            "{kind}"
        );
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/xml",
        "json",
        "application/jsonx",
    ] {
        let sentence = api
            .raw(
                "POST /scheduler/jobs",
                &[("content-type", kind)],
                body.clone(),
            )
            .await
            .refused(415);
        assert_eq!(
            sentence,
            format!("the body must be application/json, not {kind:?}")
        );
    }
    for encoding in ["gzip", "br", "deflate", "x"] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let sentence = api
            .raw("POST /scheduler/jobs", &headers, body.clone())
            .await
            .refused(415);
        assert!(sentence.contains(encoding), "{sentence}");
    }
    let plain = [
        ("content-type", "application/json"),
        ("content-encoding", "identity"),
    ];
    assert_eq!(
        api.raw("POST /scheduler/jobs", &plain, body).await.status,
        200
    );
}

#[tokio::test]
async fn a_body_has_at_most_a_mebibyte() {
    let api = Api::start().await;
    let json = [("content-type", "application/json")];
    let mut body = order(json!({})).to_string();
    body.push_str(&" ".repeat(1_048_576 - body.len()));

    assert_eq!(
        api.raw("POST /scheduler/jobs", &json, body.clone())
            .await
            .status,
        200,
        "exactly a mebibyte"
    );
    body.push(' ');
    let told = api.raw("POST /scheduler/jobs", &json, body.clone()).await;
    let pieces = body
        .as_bytes()
        .chunks(50_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let untold = api.raw("POST /scheduler/jobs", &json, chunked).await;

    for answer in [told, untold] {
        assert_eq!(answer.refused(413), "the body is larger than 1048576 bytes");
    }
}

#[tokio::test]
async fn a_body_that_is_not_needed_is_ignored() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;

    for call in [
        format!("POST {path}/stop"),
        format!("POST {path}/start"),
        format!("DELETE {path}"),
    ] {
        let answer = api
            .raw(&call, &[("content-type", "text/plain")], "not { json")
            .await;
        assert_eq!(answer.status, 200, "{call}: {answer:?}");
    }
}
