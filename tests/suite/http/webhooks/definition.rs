//! Made, read, changed and deleted; what is wrong is refused with its place.

use super::*;

const FIELDS: [&str; 9] = [
    "webhook_id",
    "url",
    "secret",
    "events",
    "job_id",
    "description",
    "is_active",
    "problem",
    "created_at",
];

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let api = Api::start().await;
    let job = api.job(json!({})).await;
    let job_id = job.rsplit('/').next().unwrap();
    let order = json!({"url": PUBLIC, "events": ["JobFinished", "StockFailed", "JobFinished"], "job_id": job_id,
        "description": "tells the desk"});

    let created = api.send(&format!("POST {HOOKS}"), order).await;

    assert_eq!(created.status, 201);
    let reply = created.ok();
    let path = format!("{HOOKS}/{}", reply["webhook_id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(path.as_str()));
    has_fields(
        &created.text,
        &["message", "webhook_id", "secret", "webhook"],
    );
    let secret = reply["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    let read = api.call(&format!("GET {path}")).await;
    has_fields(&read.text, &FIELDS);
    let hook = read.ok();
    assert_eq!(hook, reply["webhook"]);
    assert_eq!(hook["secret"], format!("whsec_***{}", &secret[46..]));
    assert_eq!(hook["events"], json!(["JobFinished", "StockFailed"]));
    assert_eq!(
        (&hook["is_active"], &hook["problem"]),
        (&json!(true), &Value::Null)
    );
    assert!(hook["created_at"].as_str().unwrap().ends_with("+00:00"));

    let patch = format!("PATCH {path}");
    let changed = api
        .send(
            &patch,
            json!({"url": "https://example.org", "is_active": false}),
        )
        .await;

    let mut expected = hook.clone();
    expected["url"] = "https://example.org".into();
    expected["is_active"] = false.into();
    assert_eq!(changed.ok(), expected);
    let same = api.send(&patch, expected.clone()).await.ok();
    assert_eq!(same, expected, "what was read may be sent back");
    let nulls = json!({"url": null, "secret": null, "events": null, "job_id": null, "description": null,
        "is_active": null});
    let cleared = api.send(&patch, nulls).await.ok();
    for (name, value) in [
        ("events", json!([])),
        ("job_id", Value::Null),
        ("description", Value::Null),
    ] {
        expected[name] = value;
    }
    assert_eq!(cleared, expected);
    assert_eq!(api.get(&path).await, expected);

    let gone = api.call(&format!("DELETE {path}")).await;

    assert_eq!(gone.ok(), json!({"message": "Webhook deleted"}));
    assert_eq!(api.get(HOOKS).await, json!([]));
    assert_eq!(
        api.call(&format!("GET {path}")).await.refused(404),
        "Webhook not found"
    );
}

#[tokio::test]
async fn webhooks_are_listed_in_the_order_in_which_they_were_made_without_their_secrets() {
    let api = Api::start().await;
    let mut made = Vec::new();
    for number in 0..12 {
        let order = json!({"url": PUBLIC, "secret": SECRET, "description": number.to_string()});
        let created = api.send(&format!("POST {HOOKS}"), order).await.ok();
        assert_eq!(created["secret"], SECRET);
        made.push(created["webhook"].clone());
    }

    let list = api.call(&format!("GET {HOOKS}")).await;

    assert_eq!(list.ok(), Value::from(made));
    assert!(!list.text.contains(&SECRET[6..30]));
}

/// A body, and the place, kind and sentence of the mistake.
const WRONG: &str = r#"
{} | /url | required | url is required
{"url": null} | /url | required | url is required
{"url": 5} | /url | type | url must be a string, not a number
{"url": "nonsense"} | /url | value | url is no URL
{"url": "ftp://example.com"} | /url | value | url begins with another scheme, expected https:// or http://
{"url": "http://127.0.0.1:9"} | /url | value | 127.0.0.1 is no public address
{"url": "http://localhost/"} | /url | value | localhost is a name of the machine's own
{"url": "https://example.com", "secret": "hush"} | /secret | value | secret is not a secret, expected whsec_
{"url": "https://example.com", "secret": ["x"]} | /secret | type | secret must be a string, not a list
{"url": "https://example.com", "events": "JobFinished"} | /events | type | events must be a list, not a string
{"url": "https://example.com", "events": ["JobFinished", "JobFinishd"]} | /events/1 | value | events must be names of events, not "JobFinishd"; did you mean "JobFinished"?
{"url": "https://example.com", "events": ["Test"]} | /events/0 | value | events must be names of events, not "Test"; there are JobStarted, StockFetched
{"url": "https://example.com", "events": [null]} | /events/0 | type | events must be a string, not null
{"url": "https://example.com", "job_id": "no such job"} | /job_id | value | job_id
{"url": "https://example.com", "job_id": "0197a1b2-0000-7000-8000-000000000000"} | /job_id | value | job_id is 0197a1b2-0000-7000-8000-000000000000, and there is no such job
{"url": "https://example.com", "is_active": 1} | /is_active | type | is_active must be
{"url": "https://example.com", "secrt": "x"} | /secrt | unknown_field | unknown field "secrt"; did you mean "secret"?
"#;

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_refused_with_its_place() {
    let api = Api::start().await;
    let right = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let patch = format!("PATCH {HOOKS}/{}", right["webhook_id"].as_str().unwrap());
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let parts: Vec<_> = line.splitn(4, " | ").collect();
        let [body, pointer, code, message] = parts[..] else {
            panic!("{line}")
        };
        let body: Value = serde_json::from_str(body).unwrap();

        let answer = api.send(&format!("POST {HOOKS}"), body.clone()).await;

        let errors = answer.problem(422)["errors"].clone();
        assert_eq!(errors.as_array().unwrap().len(), 1, "{line}: {errors}");
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!(pointer), &json!(code)),
            "{line}: {errors}"
        );
        let said = errors[0]["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{line}: {said}");
        if code != "required" {
            assert_eq!(
                api.send(&patch, body).await.problem(422)["errors"],
                errors,
                "{line}"
            );
        }
    }
    let long = json!({"url": PUBLIC, "description": "x".repeat(501)});
    let answer = api.send(&format!("POST {HOOKS}"), long).await;
    assert_eq!(
        answer.refused(422),
        "description must be at most 500 characters, not 501"
    );
    assert_eq!(api.get(HOOKS).await, json!([right["webhook"]]));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let api = Api::start().await;
    let hook = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let hook = format!("{HOOKS}/{}", hook["webhook_id"].as_str().unwrap());
    let none = format!("{HOOKS}/none");

    for call in [
        format!("GET {none}"),
        format!("DELETE {none}"),
        format!("POST {none}/test"),
        format!("GET {none}/deliveries"),
        format!("GET {none}/deliveries/1-0"),
        format!("POST {none}/deliveries/1-0/resend"),
    ] {
        assert_eq!(
            api.call(&call).await.refused(404),
            "Webhook not found",
            "{call}"
        );
    }
    let patch = api.send(&format!("PATCH {none}"), json!({})).await;
    assert_eq!(patch.refused(404), "Webhook not found");
    for delivery in [
        "1-0",
        "nonsense",
        "1-99999999999999999999",
        "18446744073709551615-18446744073709551615",
    ] {
        for call in ["GET {}", "POST {}/resend"] {
            let call = call.replace("{}", &format!("{hook}/deliveries/{delivery}"));
            assert_eq!(
                api.call(&call).await.refused(404),
                "Delivery not found",
                "{call}"
            );
        }
    }
    let status = api
        .call(&format!("GET {hook}/deliveries?status=lost"))
        .await;
    assert_eq!(
        status.refused(400),
        "status must be pending, delivered or failed, not \"lost\""
    );
    let limit = api.call(&format!("GET {hook}/deliveries?limit=501")).await;
    limit.problem(400);
    let page = async |cursor| {
        let call = format!("GET {hook}/deliveries?cursor={cursor}");
        api.call(&call).await
    };
    assert_eq!(page("ffffffffffffffffffffffff").await.ok(), json!([]));
    for cursor in ["nonsense", "%00", "zzzzzzzzzzzzzzzzzzzzzzzz"] {
        let sentence = page(cursor).await.refused(400);
        assert!(sentence.starts_with("cursor must come from a Link header"));
    }
}
