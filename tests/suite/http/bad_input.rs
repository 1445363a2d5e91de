//! What clients send by mistake or on purpose: one clear sentence each, and nothing stored.

use serde_json::{Value, json};

use super::{Api, order};

/// Bodies that are not JSON.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let job = |name: &str| {
        format!(r#"{{"name": {name}, "stock_ids": ["A"], "schedule_time": "17:00"}}"#).into_bytes()
    };
    vec![
        ("nothing", b"".to_vec()),
        ("blanks", b"  \n".to_vec()),
        ("a cut object", br#"{"name": "a""#.to_vec()),
        ("a trailing comma", br#"{"name": "a",}"#.to_vec()),
        ("two objects", b"{} {}".to_vec()),
        ("single quotes", b"{'name': 'a'}".to_vec()),
        ("a form", b"name=a&stock_ids=AAPL".to_vec()),
        ("NaN", job("NaN")),
        ("a number beyond all", job("1e999")),
        ("a raw NUL", job("\"a\0b\"")),
        ("a raw line break", job("\"a\nb\"")),
        ("a lone surrogate", job(r#""\ud800""#)),
        (
            "a surrogate pair the wrong way round",
            job(r#""\udc00\ud800""#),
        ),
        ("a bad escape", job(r#""\x41""#)),
        (
            "invalid UTF-8",
            [job("\"")[..10].to_vec(), b"\"\xff\xfe\"}".to_vec()].concat(),
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf".to_vec(), job("\"a\"")].concat(),
        ),
        ("UTF-16", "{\0\"\0}\0".into()),
        (
            "deep lists",
            [b"[".repeat(50_000), b"]".repeat(50_000)].concat(),
        ),
        (
            "deep objects",
            [
                br#"{"a":"#.repeat(50_000),
                b"1".to_vec(),
                b"}".repeat(50_000),
            ]
            .concat(),
        ),
        (
            "a name twice",
            br#"{"name": "a", "stock_ids": ["A"], "schedule_time": "17:00", "name": "b"}"#.to_vec(),
        ),
        (
            "a name twice below",
            br#"{"name": "a", "schedule": {"kind": "daily", "time": "17:00", "time": "18:00"}}"#
                .to_vec(),
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_read_is_a_400() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let before = api.call("GET /scheduler/jobs").await.text;

    for (what, body) in unreadable() {
        for call in [
            "POST /scheduler/jobs".to_owned(),
            format!("PUT {path}"),
            format!("PATCH {path}"),
        ] {
            let answer = api
                .raw(&call, &[("content-type", "application/json")], body.clone())
                .await;
            let sentence = answer.refused(400);
            assert!(
                sentence.starts_with("the body ") && !sentence.contains('\n'),
                "{what}: {sentence}"
            );
        }
    }
    assert_eq!(api.call("GET /scheduler/jobs").await.text, before);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let api = Api::start().await;

    let empty = api
        .send("POST /scheduler/jobs", json!({}))
        .await
        .problem(422);
    let body = json!({"name": 1, "stock_ids": [], "duration_days": "x", "nam": 2});
    let wrong = api.send("POST /scheduler/jobs", body).await.problem(422);

    let pointers = |problem: &Value| {
        let errors = problem["errors"].as_array().unwrap().iter();
        errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(&empty), ["/name", "/stock_ids"]);
    assert_eq!(
        pointers(&wrong),
        ["/name", "/stock_ids", "/duration_days", "/nam"]
    );
    for (body, kind) in [
        ("[]", "a list"),
        ("1", "a number"),
        ("\"a\"", "a string"),
        ("null", "null"),
        ("true", "a boolean"),
    ] {
        let answer = api
            .raw(
                "POST /scheduler/jobs",
                &[("content-type", "application/json")],
                body,
            )
            .await;
        assert_eq!(
            answer.refused(422),
            format!("the body must be a JSON object, not {kind}")
        );
    }
}

#[tokio::test]
async fn an_answer_stays_small_whatever_is_sent() {
    let api = Api::start().await;
    let huge = "x".repeat(900_000);
    let crowd: serde_json::Map<_, _> = (0..50_000)
        .map(|number| (format!("f{number}"), json!(1)))
        .collect();
    let bodies = [
        order(json!({"start_date": huge})),
        order(json!({"timezone": huge})),
        order(json!({"schedule_time": huge})),
        order(json!({"prefix": huge})),
        order(json!({"fetcher": huge})),
        order(json!({"misfire": huge})),
        order(json!({"stock_ids": [huge]})),
        order(json!({"schedule": {"kind": huge}})),
        order(json!({"schedule": {"kind": "daily", huge.as_str(): 1}})),
        order(json!({huge.as_str(): 1})),
        Value::Object(crowd),
    ];

    for body in bodies {
        let began = std::time::Instant::now();
        let answer = api.send("POST /scheduler/jobs", body).await;
        answer.problem(422);
        assert!(answer.text.len() < 30_000, "{}", answer.text.len());
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
    assert_eq!(api.call("GET /scheduler/jobs").await.text, "[]");
}

#[tokio::test]
async fn an_id_that_is_no_id_is_not_found() {
    let api = Api::start().await;
    let long = "x".repeat(65);

    for id in [
        "none",
        "a%20b",
        "a%2Fb",
        "%00",
        "%0A",
        "..%2F..",
        "%F0%9F%92%A9",
        "%7B%7D",
        "a:b",
        "*",
        &long,
    ] {
        for call in [
            "GET /scheduler/jobs/{}",
            "DELETE /scheduler/jobs/{}",
            "POST /scheduler/jobs/{}/start",
            "POST /scheduler/jobs/{}/run",
            "GET /scheduler/jobs/{}/history",
            "GET /scheduler/jobs/{}/fires",
        ] {
            let answer = api.call(&call.replace("{}", id)).await;
            assert_eq!(answer.refused(404), "Job not found", "{call} {id}");
        }
    }
}
