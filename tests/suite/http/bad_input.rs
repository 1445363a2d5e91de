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

/// A field's value, where the mistake is, and how the sentence begins.
fn wrong_fields() -> Vec<(Value, &'static str, &'static str)> {
    let many: Vec<_> = (0..5_001).map(|number| format!("S{number}")).collect();
    vec![
        (
            json!({"name": false}),
            "/name",
            "name must be a string, not a boolean",
        ),
        (
            json!({"name": 30}),
            "/name",
            "name must be a string, not a number",
        ),
        (json!({"name": null}), "/name", "name is required"),
        (
            json!({"name": ""}),
            "/name",
            "name must have 1 to 200 characters",
        ),
        (
            json!({"name": "x".repeat(201)}),
            "/name",
            "name must have 1 to 200 characters",
        ),
        (
            json!({"name": "a\u{0}b"}),
            "/name",
            "name must have 1 to 200 characters and no control characters",
        ),
        (json!({"name": "a\nb"}), "/name", "name must have"),
        (json!({"name": "a\u{85}"}), "/name", "name must have"),
        (
            json!({"name": ["a"]}),
            "/name",
            "name must be a string, not a list",
        ),
        (
            json!({"stock_ids": null}),
            "/stock_ids",
            "stock_ids is required",
        ),
        (
            json!({"stock_ids": []}),
            "/stock_ids",
            "stock_ids must have 1 to 5000 symbols, not 0",
        ),
        (
            json!({"stock_ids": many}),
            "/stock_ids",
            "stock_ids must have 1 to 5000 symbols, not 5001",
        ),
        (
            json!({"stock_ids": "AAPL"}),
            "/stock_ids",
            "stock_ids must be a list, not a string",
        ),
        (
            json!({"stock_ids": {"0": "A"}}),
            "/stock_ids",
            "stock_ids must be a list, not an object",
        ),
        (
            json!({"stock_ids": ["A", 1]}),
            "/stock_ids/1",
            "stock_ids must be a string, not a number",
        ),
        (
            json!({"stock_ids": ["A", null]}),
            "/stock_ids/1",
            "stock_ids must be a string, not null",
        ),
        (
            json!({"stock_ids": ["A", ""]}),
            "/stock_ids/1",
            "stock_ids is wrong: symbol \"\"",
        ),
        (
            json!({"stock_ids": ["  "]}),
            "/stock_ids/0",
            "stock_ids is wrong: symbol \"\"",
        ),
        (
            json!({"stock_ids": ["A:B"]}),
            "/stock_ids/0",
            "stock_ids is wrong: symbol \"A:B\"",
        ),
        (
            json!({"stock_ids": ["{A}"]}),
            "/stock_ids/0",
            "stock_ids is wrong: symbol \"{A}\"",
        ),
        (
            json!({"stock_ids": ["A\u{0}"]}),
            "/stock_ids/0",
            "stock_ids is wrong",
        ),
        (
            json!({"stock_ids": ["A\n"]}),
            "/stock_ids/0",
            "stock_ids is wrong",
        ),
        (
            json!({"stock_ids": ["É"]}),
            "/stock_ids/0",
            "stock_ids is wrong",
        ),
        (
            json!({"stock_ids": ["X".repeat(33)]}),
            "/stock_ids/0",
            "stock_ids is wrong",
        ),
        (
            json!({"schedule_time": null}),
            "/schedule_time",
            "schedule_time (\"HH:MM\") or schedule is required",
        ),
        (
            json!({"schedule_time": 17}),
            "/schedule_time",
            "schedule_time must be a string, not a number",
        ),
        (
            json!({"schedule_time": "25:00"}),
            "/schedule_time",
            "schedule_time: \"25:00\" is no time of day",
        ),
        (
            json!({"schedule_time": "24:00"}),
            "/schedule_time",
            "schedule_time: \"24:00\" is no time of day",
        ),
        (
            json!({"schedule_time": "17:60"}),
            "/schedule_time",
            "schedule_time: \"17:60\" is no time of day",
        ),
        (
            json!({"schedule_time": "5:00"}),
            "/schedule_time",
            "schedule_time: \"5:00\" is no time of day",
        ),
        (
            json!({"schedule_time": "17:00:00"}),
            "/schedule_time",
            "schedule_time: \"17:00:00\" is no time of day",
        ),
        (
            json!({"schedule_time": " 17:00"}),
            "/schedule_time",
            "schedule_time: \" 17:00\" is no time of day",
        ),
        (
            json!({"schedule_time": "١٧:٠٠"}),
            "/schedule_time",
            "schedule_time: ",
        ),
        (
            json!({"schedule_time": ""}),
            "/schedule_time",
            "schedule_time: \"\" is no time of day",
        ),
        (
            json!({"schedule": "daily"}),
            "/schedule",
            "schedule must be an object with a kind, not a string",
        ),
        (
            json!({"schedule": {}}),
            "/schedule/kind",
            "schedule: a schedule needs a kind",
        ),
        (
            json!({"schedule": {"kind": 1}}),
            "/schedule/kind",
            "schedule: a schedule needs a kind",
        ),
        (
            json!({"schedule": {"kind": "dayly"}}),
            "/schedule/kind",
            "schedule: no schedule named \"dayly\"; registered are \"daily\"",
        ),
        (
            json!({"schedule": {"kind": "daily"}}),
            "/schedule",
            "schedule: a daily schedule needs `time`",
        ),
        (
            json!({"schedule": {"kind": "daily", "tme": "17:00"}}),
            "/schedule/tme",
            "schedule: unknown field `tme`, did you mean `time`?",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": 17}}),
            "/schedule/time",
            "schedule: 17 is no time of day",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": null}}),
            "/schedule/time",
            "schedule: null is no time of day",
        ),
        (
            json!({"schedule": {"kind": "daily", "times": []}}),
            "/schedule/times",
            "schedule: times has 0 entries",
        ),
        (
            json!({"schedule": {"kind": "daily", "times": ["17:00", "17:00"]}}),
            "/schedule/times/1",
            "schedule: \"17:00\" is given twice",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": "17:00", "timezone": "Mars"}}),
            "/schedule/timezone",
            "schedule: unknown time zone",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": "17:00"}, "schedule_time": "nonsense"}),
            "/schedule_time",
            "schedule_time must be HH:MM",
        ),
        (
            json!({"timezone": "America/NewYork"}),
            "/timezone",
            "timezone must be an IANA zone",
        ),
        (
            json!({"timezone": "+02:00"}),
            "/timezone",
            "timezone must be an IANA zone",
        ),
        (
            json!({"timezone": 1}),
            "/timezone",
            "timezone must be a string, not a number",
        ),
        (
            json!({"start_date": "2025-02-30"}),
            "/start_date",
            "start_date must be a date YYYY-MM-DD, not \"2025-02-30\"",
        ),
        (
            json!({"start_date": "2025-13-01"}),
            "/start_date",
            "start_date must be a date",
        ),
        (
            json!({"start_date": "2025-1-1"}),
            "/start_date",
            "start_date must be a date",
        ),
        (
            json!({"start_date": "01/02/2025"}),
            "/start_date",
            "start_date must be a date",
        ),
        (
            json!({"start_date": "2025-01-01T00:00:00"}),
            "/start_date",
            "start_date must be a date",
        ),
        (
            json!({"start_date": "+2025-01-1"}),
            "/start_date",
            "start_date must be a date",
        ),
        (
            json!({"end_date": 20250101}),
            "/end_date",
            "end_date must be a string, not a number",
        ),
        (
            json!({"start_date": "2025-02-01", "end_date": "2025-01-31"}),
            "/start_date",
            "start_date 2025-02-01 is after end_date 2025-01-31",
        ),
        (
            json!({"duration_days": "30"}),
            "/duration_days",
            "duration_days must be a whole number, not a string",
        ),
        (
            json!({"duration_days": true}),
            "/duration_days",
            "duration_days must be a whole number, not a boolean",
        ),
        (
            json!({"duration_days": 0}),
            "/duration_days",
            "duration_days must be a whole number from 1 to 36525, not 0",
        ),
        (
            json!({"duration_days": -1}),
            "/duration_days",
            "duration_days must be a whole number from 1 to 36525, not -1",
        ),
        (
            json!({"duration_days": 1.5}),
            "/duration_days",
            "duration_days must be a whole number from 1 to 36525, not 1.5",
        ),
        (
            json!({"duration_days": 36526}),
            "/duration_days",
            "duration_days must be a whole number",
        ),
        (
            json!({"duration_days": u64::MAX}),
            "/duration_days",
            "duration_days must be a whole number",
        ),
        (
            json!({"duration_days": 1e300}),
            "/duration_days",
            "duration_days must be a whole number",
        ),
        (
            json!({"prefix": "a:b"}),
            "/prefix",
            "prefix is wrong: prefix \"a:b\"",
        ),
        (json!({"prefix": "{a}"}), "/prefix", "prefix is wrong"),
        (json!({"prefix": "a\u{7}"}), "/prefix", "prefix is wrong"),
        (
            json!({"prefix": "x".repeat(101)}),
            "/prefix",
            "prefix is wrong",
        ),
        (
            json!({"fetcher": "yfinanse"}),
            "/fetcher",
            "no fetcher named \"yfinanse\"; registered are \"demo\", \"yfinance\"",
        ),
        (
            json!({"fetcher": {"nam": "demo"}}),
            "/fetcher/nam",
            "fetcher has an unknown field \"nam\"",
        ),
        (
            json!({"fetcher": {}}),
            "/fetcher",
            "fetcher must be a name, or an object",
        ),
        (
            json!({"fetcher": 1}),
            "/fetcher",
            "fetcher must be a name, or an object",
        ),
        (json!({"interval": "5y"}), "/interval", "interval "),
        (
            json!({"interval": 1}),
            "/interval",
            "interval must be a string, not a number",
        ),
        (
            json!({"misfire": "fire_often"}),
            "/misfire",
            "misfire must be one of fire_once, skip, not \"fire_often\"",
        ),
        (
            json!({"overlap": "wait"}),
            "/overlap",
            "overlap must be one of skip, allow, not \"wait\"",
        ),
        (
            json!({"tags": "a"}),
            "/tags",
            "tags must be a list, not a string",
        ),
        (
            json!({"tags": [""]}),
            "/tags/0",
            "tags must have 1 to 64 characters",
        ),
        (
            json!({"tags": vec!["t"; 33]}),
            "/tags",
            "tags must have at most 32 tags, not 33",
        ),
        (
            json!({"keep": 0}),
            "/keep",
            "keep must be a whole number from 1 to 100000, not 0",
        ),
        (
            json!({"is_active": "true"}),
            "/is_active",
            "is_active must be true or false, not a string",
        ),
        (
            json!({"is_active": 1}),
            "/is_active",
            "is_active must be true or false, not a number",
        ),
        (
            json!({"stocks_ids": ["A"]}),
            "/stocks_ids",
            "unknown field \"stocks_ids\"; did you mean \"stock_ids\"?",
        ),
        (
            json!({"Name": "a"}),
            "/Name",
            "unknown field \"Name\"; did you mean \"name\"?",
        ),
        (json!({"a/b~c": 1}), "/a~1b~0c", "unknown field \"a/b~c\""),
        (
            json!({"__proto__": {}}),
            "/__proto__",
            "unknown field \"__proto__\"",
        ),
    ]
}

#[tokio::test]
async fn a_wrong_field_is_named_with_what_would_be_right() {
    let api = Api::start().await;

    for (fields, pointer, sentence) in wrong_fields() {
        let answer = api
            .send("POST /scheduler/jobs", order(fields.clone()))
            .await;
        let detail = answer.refused(422);
        let problem = answer.json();
        assert!(
            detail.starts_with(sentence),
            "{}: {detail}",
            &fields.to_string()[..60.min(fields.to_string().len())]
        );
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(answer.text.len() < 3_000, "{}", answer.text.len());
    }
    assert_eq!(api.call("GET /scheduler/jobs").await.text, "[]");
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
