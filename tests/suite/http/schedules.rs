use serde_json::{Value, json};

use super::Api;
use super::events::listen;
use crate::support::Service;
use crate::support::service::Options;

async fn preview(api: &Api, body: Value) -> Value {
    api.send("POST /scheduler/preview", body).await.ok()
}

#[tokio::test]
async fn a_preview_shows_each_fire_in_every_zone_with_what_to_know_of_it() {
    let api = Api::start().await;
    let body = json!({"n": 2, "from": "2026-11-27T00:00:00+00:00", "schedule":
        {"kind": "session", "exchange": "XNYS", "at": "close", "offset": "-30m", "timezone": "Europe/Berlin"}});

    let preview = preview(&api, body).await;

    assert_eq!(preview["timezone"], "Europe/Berlin");
    assert_eq!(
        preview["description"],
        "30m before the close of XNYS (New York Stock Exchange)"
    );
    let first = &preview["fires"][0];
    assert_eq!(first["at"], "2026-11-27T17:30:00+00:00");
    assert_eq!(first["local"], "2026-11-27T18:30:00+01:00");
    assert_eq!(first["exchange_local"], "2026-11-27T12:30:00-05:00");
    assert_eq!(
        first["notes"],
        json!([
            "early close 13:00",
            "the daily bar of 2026-11-27 is not final yet at this time: XNYS closes at 13:00"
        ])
    );
    assert_eq!(preview["fires"][1]["at"], "2026-11-30T20:30:00+00:00");
    assert_eq!(preview["ends"], Value::Null);
}

#[tokio::test]
async fn a_preview_tells_clock_changes_skipped_fires_and_the_end() {
    let api = Api::start().await;
    let gap = json!({"n": 1, "from": "2026-03-28T12:00:00+00:00",
        "schedule": {"kind": "daily", "time": "02:30", "timezone": "Europe/Berlin"}});
    let skipped = json!({"n": 1, "from": "2026-12-24T23:00:00+00:00",
        "schedule": {"kind": "daily", "time": "17:00", "timezone": "America/New_York", "on": "XNYS"}});
    let ended = json!({"n": 5, "from": "2026-12-30T00:00:00+00:00",
        "schedule": {"kind": "session", "exchange": "XSHG", "at": "close"}});

    let (gap, skipped, ended) = (
        preview(&api, gap).await,
        preview(&api, skipped).await,
        preview(&api, ended).await,
    );

    assert_eq!(gap["fires"][0]["local"], "2026-03-29T03:00:00+02:00");
    assert_eq!(
        gap["fires"][0]["notes"][0],
        "there is no 02:30 on 2026-03-29 in Europe/Berlin, because clocks are put forward: moved to 03:00 on 2026-03-29"
    );
    let reasons: Vec<_> = skipped["fires"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fire| fire["skipped"].clone())
        .collect();
    assert_eq!(
        reasons,
        [
            json!("XNYS closed on 2026-12-25 (holiday)"),
            json!("XNYS closed on 2026-12-26 (weekend)"),
            json!("XNYS closed on 2026-12-27 (weekend)"),
            Value::Null
        ]
    );
    assert_eq!(ended["fires"].as_array().unwrap().len(), 2);
    assert_eq!(
        ended["ends"]["reason"],
        "the calendar of XSHG covers 2000-01-01 to 2026-12-31"
    );
}

#[tokio::test]
async fn a_preview_of_a_job_that_follows_another_names_no_instant() {
    let api = Api::start().await;

    let preview = preview(&api, json!({"after": {"job": "first", "on": "success"}})).await;

    let reason = "it is due when job first succeeds";
    assert_eq!(preview["fires"], json!([]));
    assert_eq!(preview["ends"], json!({"reason": reason, "at": null}));
}

#[tokio::test]
async fn a_preview_says_what_is_wrong_with_a_schedule() {
    let api = Api::start().await;
    for (body, pointer, message) in [
        (
            json!({"schedule": {"kind": "cron", "expression": "61 * * * *"}}),
            "/schedule/expression",
            "61",
        ),
        (
            json!({"schedule": {"kind": "cron", "expression": "@reboot"}}),
            "/schedule/expression",
            "@reboot",
        ),
        (
            json!({"schedule": {"kind": "session", "exchange": "XNYZ", "at": "close"}}),
            "/schedule/exchange",
            "did you mean \"XNYS\"",
        ),
        (
            json!({"schedule": {"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+24h"}}),
            "/schedule/offset",
            "24h",
        ),
        (
            json!({"schedule": {"kind": "interval", "every": "500d"}}),
            "/schedule/every",
            "1s to 366d",
        ),
        (
            json!({"schedule": {"kind": "weekly", "days": ["mon"], "time": "24:00"}}),
            "/schedule/time",
            "24:00",
        ),
        (
            json!({"schedule": {"kind": "monthly", "day": 32, "time": "06:00"}}),
            "/schedule/day",
            "32",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": "17:00", "on": "NYSE"}}),
            "/schedule/on",
            "NYSE",
        ),
        (
            json!({"schedule": {"kind": "daily", "time": "17:00", "timezone": "US/Estern"}}),
            "/schedule/timezone",
            "US/Eastern",
        ),
        (
            json!({"schedule_time": "17:00", "n": 0}),
            "/n",
            "n must be a whole number from 1 to 1000",
        ),
        (
            json!({"schedule_time": "17:00", "from": "yesterday"}),
            "/from",
            "from must be an instant",
        ),
        (json!({}), "/schedule_time", "is required"),
        (json!([]), "", "must be a JSON object"),
    ] {
        let refused = api
            .send("POST /scheduler/preview", body.clone())
            .await
            .problem(422);

        assert_eq!(
            refused["errors"][0]["pointer"], pointer,
            "{body}: {refused}"
        );
        let said = refused["errors"][0]["message"].as_str().unwrap();
        assert!(said.contains(message), "{body}: {said}");
    }
}

#[tokio::test]
async fn old_names_of_zones_are_taken_and_shown_as_they_are_now() {
    let api = Api::start().await;

    let path = api.job(json!({"timezone": "Asia/Calcutta"})).await;
    let inside = api
        .job(json!({"schedule_time": null, "schedule": {"kind": "daily", "time": "17:00", "timezone": "US/Eastern"}}))
        .await;

    assert_eq!(
        api.call(&format!("GET {path}")).await.ok()["timezone"],
        "Asia/Kolkata"
    );
    let inside = api.call(&format!("GET {inside}")).await.ok();
    assert_eq!(inside["timezone"], "America/New_York");
    assert_eq!(inside["schedule"]["timezone"], "America/New_York");
    assert!(
        api.call("GET /scheduler/status").await.ok()["time_zone_data"]
            .as_str()
            .unwrap()
            .starts_with("20")
    );
}

#[tokio::test]
async fn a_job_is_explained_by_date_and_by_instant() {
    let api = Api::start().await;
    let path = api
        .job(json!({"schedule_time": null, "schedule":
            {"kind": "daily", "time": "17:00", "timezone": "America/New_York", "on": "XNYS"}}))
        .await;
    let explain = async |at: &str| api.call(&format!("GET {path}/explain?at={at}")).await.ok();

    let thanksgiving = explain("2027-11-25").await;
    let half_day = explain("2027-11-26").await;
    let instant = explain("2027-11-26T22:00:00%2B00:00").await;
    let nothing = explain("2027-11-26T22:00:01%2B00:00").await;

    assert_eq!(
        thanksgiving["reason"],
        "the fire is skipped: XNYS closed on 2027-11-25 (holiday)"
    );
    assert_eq!(thanksgiving["exchange"]["day"], "closed");
    assert_eq!(half_day["reason"], "the job fires then");
    assert_eq!(half_day["exchange"]["close"], "2027-11-26T13:00:00-05:00");
    assert_eq!(half_day["fires"][0]["state"], "pending");
    assert_eq!(half_day["fires"][0]["local"], "2027-11-26T17:00:00-05:00");
    assert_eq!(instant["reason"], "the job fires then");
    assert_eq!(nothing["reason"], "the schedule has no fire then");
    assert_eq!(nothing["next"]["local"], "2027-11-29T17:00:00-05:00");
    let refused = api
        .call(&format!("GET {path}/explain?at=soon"))
        .await
        .refused(400);
    assert!(refused.contains("\"soon\""), "{refused}");
    assert_eq!(
        api.call("GET /scheduler/jobs/none/explain").await.status,
        404
    );
    api.call(&format!("POST {path}/stop")).await.ok();
    assert_eq!(
        explain("2027-11-26").await["reason"],
        "the job is stopped: it does not fire"
    );
}

#[tokio::test]
async fn the_calendar_has_an_event_for_each_fire_to_come() {
    let api = Api::start().await;
    api.job(json!({"name": "Tech; \"a, b\"", "schedule": {"kind": "interval", "every": "12h"}}))
        .await;

    let answer = api.call("GET /scheduler/calendar.ics?days=2").await;

    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/calendar; charset=utf-8")
    );
    let lines: Vec<_> = answer.text.split("\r\n").collect();
    assert_eq!(lines[0], "BEGIN:VCALENDAR");
    assert_eq!(
        lines.iter().filter(|line| **line == "BEGIN:VEVENT").count(),
        4
    );
    assert!(lines.iter().all(|line| line.len() <= 75), "{}", answer.text);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("DTSTART:") && line.ends_with("0000Z")),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains(r#"SUMMARY:Tech\; "a\, b""#),
        "{}",
        answer.text
    );
    api.call("GET /scheduler/calendar.ics?days=0")
        .await
        .problem(400);
    api.call("GET /scheduler/calendar.ics?job_id=none")
        .await
        .problem(404);
}

#[tokio::test]
async fn a_backfill_is_begun_read_and_cancelled() {
    let api = Api::start().await;
    let path = api.job(json!({"is_active": false})).await;
    let wrong = json!({"start_date": "2025-02-01", "end_date": "2025-01-01"});
    let future = json!({"start_date": "2090-02-01", "end_date": "2090-02-02"});
    api.send(&format!("POST {path}/backfill"), wrong)
        .await
        .problem(422);
    api.send(&format!("POST {path}/backfill"), future)
        .await
        .problem(422);
    api.send(&format!("POST {path}/backfill"), json!({}))
        .await
        .problem(422);

    let dates = json!({"start_date": "2025-01-01", "end_date": "2025-01-03"});
    let begun = api.send(&format!("POST {path}/backfill"), dates).await;
    assert_eq!(begun.status, 202);
    let place = begun.header("location").unwrap().to_owned();
    assert_eq!(begun.json()["total"], 3);
    let mut progress = begun.json();
    for _ in 0..200 {
        progress = api.call(&format!("GET {place}")).await.ok();
        if progress["status"] == "finished" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    assert_eq!(
        (&progress["status"], &progress["done"]),
        (&json!("finished"), &json!(3))
    );
    let history = api.call(&format!("GET {path}/history")).await.ok();
    assert_eq!(history.as_array().unwrap().len(), 3);
    assert_eq!(history[0]["triggered_by"], "backfill");
    assert_eq!(history[0]["scheduled_for"], "2025-01-03T17:00:00+00:00");
    assert_eq!(history[0]["metadata"]["end_date"], "2025-01-03");
    assert_eq!(
        api.call(&format!("POST {place}/cancel")).await.status,
        200,
        "it has ended"
    );
    api.call("GET /scheduler/backfills/none").await.problem(404);
}

#[tokio::test]
async fn a_backfills_progress_is_heard() {
    let api = Api::start().await;
    let path = api.job(json!({"is_active": false})).await;
    let job = path.rsplit('/').next().unwrap();
    let query = format!("?types=BackfillProgress&job_id={job}");
    let mut events = listen(&api, &query, None).await;

    let dates = json!({"start_date": "2025-01-01", "end_date": "2025-01-02"});
    api.send(&format!("POST {path}/backfill"), dates).await.ok();

    let mut done = Vec::new();
    loop {
        let heard = events.next().await.unwrap();
        assert_eq!((heard.name.as_str(), heard.id), ("BackfillProgress", None));
        assert_eq!(heard.data["job_id"], job);
        done.push(heard.data["done"].as_u64().unwrap());
        if heard.data["status"] == "finished" {
            break;
        }
    }
    assert!(done.is_sorted() && done.last() == Some(&2), "{done:?}");
}

#[tokio::test]
async fn a_calendar_file_takes_effect_while_the_service_runs_and_a_wrong_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::store("memory:").with("--calendars", folder.path().to_str().unwrap());
    let api = Api(Service::start(&options).await);
    let path = api
        .job(json!({"schedule_time": null, "schedule": {"kind": "session", "exchange": "24/7", "at": "open"}}))
        .await;
    let next = async || {
        let next = api.call(&format!("GET {path}")).await.ok()["next_run"]
            .as_str()
            .unwrap()
            .to_owned();
        next[..10].to_owned()
    };
    let first = next().await;
    let changed = async |expected: &str| {
        for _ in 0..100 {
            if (next().await == first) == (expected == "as before") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("next_run is not {expected}");
    };

    let file = folder.path().join("closure.cal");
    std::fs::write(&file, format!("corrects 24/7\nclosed {first}\n")).unwrap();
    changed("another day").await;
    std::fs::write(
        &file,
        format!("corrects 24/7\nclosed {first}\nclosed {first}x\n"),
    )
    .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_ne!(next().await, first, "what was in force stays");
    std::fs::remove_file(&file).unwrap();
    changed("as before").await;
}

#[tokio::test]
async fn the_command_line_previews_the_same_and_names_a_wrong_calendar_line() {
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_stock-scheduler"));
        let output = command.args(args).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout) + &text(output.stderr),
        )
    };
    let schedule = r#"{"kind":"session","exchange":"XNYS","at":"close","offset":"+30m"}"#;

    let (ok, shown) = run(&[
        "preview",
        schedule,
        "--n",
        "1",
        "--from",
        "2026-11-27T00:00:00+00:00",
    ])
    .await;
    assert!(ok, "{shown}");
    assert!(
        shown.contains("Fri 2026-11-27 13:30:00 EST   2026-11-27 18:30:00Z   early close 13:00"),
        "{shown}"
    );
    let (ok, shown) = run(&["preview", "0 17 * * MON-FRY"]).await;
    assert!(!ok && shown.contains("FRY"), "{shown}");

    let file = tempfile::NamedTempFile::with_suffix(".cal").unwrap();
    std::fs::write(
        file.path(),
        "corrects XNYS\nclosed 2026-12-09\nclosed 2026-12-09\n",
    )
    .unwrap();
    let (ok, shown) = run(&[
        "preview",
        "17:00",
        "--calendars",
        file.path().to_str().unwrap(),
    ])
    .await;
    assert!(
        !ok && shown.contains("line 3") && shown.contains("2026-12-09"),
        "{shown}"
    );
}

#[tokio::test]
async fn the_command_line_backfills_and_says_how_it_went() {
    let api = Api::start().await;
    let path = api.job(json!({"is_active": false})).await;
    let job = path.rsplit('/').next().unwrap();
    let run = async |job: &str, to: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_stock-scheduler"));
        let args = [
            "backfill",
            job,
            "--from",
            "2025-01-01",
            "--to",
            to,
            "--url",
            &api.0.url,
        ];
        let output = command.args(args).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout) + &text(output.stderr),
        )
    };

    let (ok, said) = run(job, "2025-01-03").await;
    assert!(ok, "{said}");
    assert!(said.contains("3 fire times"), "{said}");
    assert!(
        said.contains("finished: 3 succeeded, 0 partial, 0 failed"),
        "{said}"
    );
    let (ok, said) = run(job, "2024-01-03").await;
    assert!(!ok && said.contains("is after end_date"), "{said}");
    let (ok, said) = run("none", "2025-01-03").await;
    assert!(!ok && said.contains("Job not found"), "{said}");
}
