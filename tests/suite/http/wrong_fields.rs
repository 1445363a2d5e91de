//! Fields that are wrong by themselves, each refused with its place and what would be right.

use serde_json::{Value, json};

use super::{Api, order};

/// Fields of a body, the place of the mistake, and how the sentence begins.
const WRONG: &str = r#"
{"name": false} | /name | name must be a string, not a boolean
{"name": 30} | /name | name must be a string, not a number
{"name": null} | /name | name is required
{"name": ""} | /name | name must have 1 to 200 characters
{"name": "a\u0000b"} | /name | name must have 1 to 200 characters and no control characters
{"name": "a\nb"} | /name | name must have
{"name": "a\u0085"} | /name | name must have
{"name": ["a"]} | /name | name must be a string, not a list
{"stock_ids": null} | /stock_ids | stock_ids is required
{"stock_ids": []} | /stock_ids | stock_ids must have 1 to 5000 symbols, not 0
{"stock_ids": "AAPL"} | /stock_ids | stock_ids must be a list, not a string
{"stock_ids": {"0": "A"}} | /stock_ids | stock_ids must be a list, not an object
{"stock_ids": ["A", 1]} | /stock_ids/1 | stock_ids must be a string, not a number
{"stock_ids": ["A", null]} | /stock_ids/1 | stock_ids must be a string, not null
{"stock_ids": ["A", ""]} | /stock_ids/1 | stock_ids is wrong: symbol ""
{"stock_ids": ["  "]} | /stock_ids/0 | stock_ids is wrong: symbol ""
{"stock_ids": ["A:B"]} | /stock_ids/0 | stock_ids is wrong: symbol "A:B"
{"stock_ids": ["{A}"]} | /stock_ids/0 | stock_ids is wrong: symbol "{A}"
{"stock_ids": ["A\u0000"]} | /stock_ids/0 | stock_ids is wrong
{"stock_ids": ["A\n"]} | /stock_ids/0 | stock_ids is wrong
{"stock_ids": ["É"]} | /stock_ids/0 | stock_ids is wrong
{"schedule_time": null} | /schedule_time | schedule_time ("HH:MM"), schedule or after is required
{"schedule_time": 17} | /schedule_time | schedule_time must be a string, not a number
{"schedule_time": "25:00"} | /schedule_time | schedule_time: "25:00" is no time of day
{"schedule_time": "24:00"} | /schedule_time | schedule_time: "24:00" is no time of day
{"schedule_time": "17:60"} | /schedule_time | schedule_time: "17:60" is no time of day
{"schedule_time": "5:00"} | /schedule_time | schedule_time: "5:00" is no time of day
{"schedule_time": "17:00:00"} | /schedule_time | schedule_time: "17:00:00" is no time of day
{"schedule_time": " 17:00"} | /schedule_time | schedule_time: " 17:00" is no time of day
{"schedule_time": "١٧:٠٠"} | /schedule_time | schedule_time: 
{"schedule_time": ""} | /schedule_time | schedule_time: "" is no time of day
{"schedule": "daily"} | /schedule | schedule must be an object with a kind, not a string
{"schedule": {}} | /schedule/kind | schedule: a schedule needs a kind
{"schedule": {"kind": 1}} | /schedule/kind | schedule: a schedule needs a kind
{"schedule": {"kind": "dayly"}} | /schedule/kind | schedule: no schedule named "dayly"; did you mean "daily"? Registered are "after", "cron", "daily"
{"schedule": {"kind": "daily"}} | /schedule | schedule: `time`, such as "17:00", or `times` is missing
{"schedule": {"kind": "daily", "tme": "17:00"}} | /schedule/tme | schedule: unknown field `tme`, did you mean `time`?
{"schedule": {"kind": "daily", "time": 17}} | /schedule/time | schedule: 17 is no time of day
{"schedule": {"kind": "daily", "time": null}} | /schedule/time | schedule: null is no time of day
{"schedule": {"kind": "daily", "times": []}} | /schedule/times | schedule: times has 0 entries
{"schedule": {"kind": "daily", "times": ["17:00", "17:00"]}} | /schedule/times/1 | schedule: "17:00" is given twice
{"schedule": {"kind": "daily", "time": "17:00", "timezone": "Mars"}} | /schedule/timezone | schedule: unknown time zone
{"schedule": {"kind": "daily", "time": "17:00"}, "schedule_time": "nonsense"} | /schedule_time | schedule_time must be HH:MM
{"timezone": "America/NewYork"} | /timezone | timezone must be an IANA zone
{"timezone": "+02:00"} | /timezone | timezone must be an IANA zone
{"timezone": 1} | /timezone | timezone must be a string, not a number
{"start_date": "2025-02-30"} | /start_date | start_date must be a date YYYY-MM-DD, not "2025-02-30"
{"start_date": "2025-13-01"} | /start_date | start_date must be a date
{"start_date": "2025-1-1"} | /start_date | start_date must be a date
{"start_date": "01/02/2025"} | /start_date | start_date must be a date
{"start_date": "2025-01-01T00:00:00"} | /start_date | start_date must be a date
{"start_date": "+2025-01-1"} | /start_date | start_date must be a date
{"end_date": 20250101} | /end_date | end_date must be a string, not a number
{"start_date": "2025-02-01", "end_date": "2025-01-31"} | /start_date | start_date 2025-02-01 is after end_date 2025-01-31
{"duration_days": "30"} | /duration_days | duration_days must be a whole number, not a string
{"duration_days": true} | /duration_days | duration_days must be a whole number, not a boolean
{"duration_days": 0} | /duration_days | duration_days must be a whole number from 1 to 36525, not 0
{"duration_days": -1} | /duration_days | duration_days must be a whole number from 1 to 36525, not -1
{"duration_days": 1.5} | /duration_days | duration_days must be a whole number from 1 to 36525, not 1.5
{"duration_days": 36526} | /duration_days | duration_days must be a whole number
{"duration_days": 1e300} | /duration_days | duration_days must be a whole number
{"prefix": "a:b"} | /prefix | prefix is wrong: prefix "a:b"
{"prefix": "{a}"} | /prefix | prefix is wrong
{"prefix": "a\u0007"} | /prefix | prefix is wrong
{"fetcher": "yfinanse"} | /fetcher | no fetcher named "yfinanse"; did you mean "yfinance"? Registered are "demo", "yfinance"
{"fetcher": {"nam": "demo"}} | /fetcher/nam | fetcher has an unknown field "nam"
{"fetcher": {}} | /fetcher | fetcher must be a name, or an object
{"fetcher": {"name": "demo", "options": null}} | /fetcher/options | fetcher must be given options as an object, not null
{"fetcher": {"name": "demo", "options": [1]}} | /fetcher/options | fetcher must be given options as an object, not a list
{"fetcher": 1} | /fetcher | fetcher must be a name, or an object
{"interval": "5y"} | /interval | interval 
{"interval": 1} | /interval | interval must be a string, not a number
{"misfire": "fire_often"} | /misfire | misfire must be one of fire_once, skip, fire_all, not "fire_often"
{"misfire": {"policy": "fire_al"}} | /misfire/policy | misfire must be one of fire_once, skip, fire_all, not "fire_al"
{"misfire": {"grace": "1h"}} | /misfire | misfire needs a policy
{"misfire": {"policy": "skip", "grace": "1 hour"}} | /misfire/grace | misfire is wrong: "1 hour" is no duration
{"misfire": {"policy": "skip", "cap": 3}} | /misfire/cap | misfire has a cap, which goes with fire_all only
{"misfire": {"policy": "fire_all", "cap": 0}} | /misfire/cap | misfire must be a whole number from 1 to 1000, not 0
{"misfire": {"policy": "skip", "often": 1}} | /misfire/often | misfire has an unknown field "often"
{"misfire": 1} | /misfire | misfire must be a string, not a number
{"overlap": "wait"} | /overlap | overlap must be one of skip, queue, allow, not "wait"
{"jitter": "2h"} | /jitter | jitter must be at most 1h, not 2h
{"jitter": 5} | /jitter | jitter must be a string, not a number
{"paused_until": "2030-01-01"} | /paused_until | paused_until must be an instant with an offset
{"active_until": "2001-01-01T00:00:00+00:00"} | /active_until | active_until 2001-01-01 00:00:00 UTC leaves no fire
{"max_fires": 0} | /max_fires | max_fires must be a whole number from 1 to 1000000000, not 0
{"tags": "a"} | /tags | tags must be a list, not a string
{"tags": [""]} | /tags/0 | tags must have 1 to 64 characters
{"keep": 0} | /keep | keep must be a whole number from 1 to 100000, not 0
{"is_active": "true"} | /is_active | is_active must be true or false, not a string
{"is_active": 1} | /is_active | is_active must be true or false, not a number
{"stocks_ids": ["A"]} | /stocks_ids | unknown field "stocks_ids"; did you mean "stock_ids"?
{"Name": "a"} | /Name | unknown field "Name"; did you mean "name"?
{"a/b~c": 1} | /a~1b~0c | unknown field "a/b~c"
{"__proto__": {}} | /__proto__ | unknown field "__proto__"
"#;

/// Those that are too long to be written out.
fn long() -> Vec<(Value, &'static str, &'static str)> {
    let many: Vec<_> = (0..5_001).map(|number| format!("S{number}")).collect();
    vec![
        (
            json!({"name": "x".repeat(201)}),
            "/name",
            "name must have 1 to 200 characters",
        ),
        (
            json!({"stock_ids": many}),
            "/stock_ids",
            "stock_ids must have 1 to 5000 symbols, not 5001",
        ),
        (
            json!({"stock_ids": ["X".repeat(33)]}),
            "/stock_ids/0",
            "stock_ids is wrong",
        ),
        (
            json!({"duration_days": u64::MAX}),
            "/duration_days",
            "duration_days must be a whole number",
        ),
        (
            json!({"prefix": "x".repeat(101)}),
            "/prefix",
            "prefix is wrong",
        ),
        (
            json!({"tags": vec!["t"; 33]}),
            "/tags",
            "tags must have at most 32 tags, not 33",
        ),
    ]
}

fn table() -> Vec<(Value, &'static str, &'static str)> {
    let rows = WRONG.trim().lines().map(|row| {
        let mut parts = row.splitn(3, " | ");
        let mut part = || parts.next().unwrap();
        (serde_json::from_str(part()).unwrap(), part(), part())
    });
    rows.chain(long()).collect()
}

#[tokio::test]
async fn a_wrong_field_is_named_with_what_would_be_right() {
    let api = Api::start().await;

    for (fields, pointer, sentence) in table() {
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
