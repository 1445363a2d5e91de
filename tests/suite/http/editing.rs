//! PUT merges, PATCH clears, If-Match guards.

use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn put_leaves_what_is_missing_or_null() {
    let api = Api::start().await;
    let all = json!({"start_date": "2025-01-01", "end_date": "2025-02-01", "duration_days": 7, "prefix": "p",
        "tags": ["t"], "keep": 2, "misfire": "skip", "overlap": "allow", "timezone": "Europe/Berlin"});
    let path = api.job(all).await;
    let before = api.call(&format!("GET {path}")).await.ok();
    let mut nulls = before.clone();
    nulls
        .as_object_mut()
        .unwrap()
        .values_mut()
        .for_each(|value| *value = Value::Null);

    for body in [json!({}), nulls, before.clone()] {
        let answer = api.send(&format!("PUT {path}"), body.clone()).await;

        assert_eq!(answer.ok()["message"], "Job updated successfully", "{body}");
        assert_eq!(answer.ok()["job"], before, "{body}");
    }
    let named = api
        .send(
            &format!("PUT {path}"),
            json!({"name": "other", "keep": null}),
        )
        .await
        .ok();
    let mut expected = before;
    expected["name"] = "other".into();
    expected["revision"] = 2.into();
    assert_eq!(named["job"], expected);
}

#[tokio::test]
async fn what_a_get_shows_may_be_sent_back() {
    let api = Api::start().await;
    let jobs = [
        json!({"timezone": "America/New_York"}),
        json!({"schedule": {"kind": "daily", "times": ["09:45", "16:15"]}, "timezone": "Asia/Tokyo"}),
        json!({"schedule": {"kind": "daily", "time": "08:00", "timezone": "Europe/Paris"}}),
        json!({"is_active": false, "start_date": "2025-01-01", "fetcher": {"name": "demo"}}),
    ];

    for more in jobs {
        let path = api.job(more).await;
        let shown = api.call(&format!("GET {path}")).await.ok();

        let put = api.send(&format!("PUT {path}"), shown.clone()).await.ok();
        assert_eq!(put["job"], shown, "PUT");
        let patched = api.send(&format!("PATCH {path}"), shown.clone()).await.ok();
        assert_eq!(patched["job"], shown, "PATCH");
        let mut copy = shown.clone();
        copy["name"] = "copy".into();
        let created = api.send("POST /scheduler/jobs", copy).await.ok();
        assert_ne!(created["job_id"], shown["job_id"]);
        assert_eq!(created["job"]["schedule"], shown["schedule"]);
    }
}

#[tokio::test]
async fn an_empty_date_clears_on_put() {
    let api = Api::start().await;
    let path = api
        .job(json!({"start_date": "2025-01-01", "end_date": "2025-02-01"}))
        .await;

    let job = api
        .send(
            &format!("PUT {path}"),
            json!({"start_date": "", "end_date": ""}),
        )
        .await
        .ok()["job"]
        .clone();

    assert_eq!(
        (&job["start_date"], &job["end_date"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn patch_clears_with_null() {
    let api = Api::start().await;
    let path = api
        .job(json!({"start_date": "2025-01-01", "end_date": "2025-02-01", "duration_days": 7, "prefix": "p", "tags": ["t"],
            "keep": 2, "misfire": "skip", "overlap": "allow", "timezone": "Europe/Berlin"}))
        .await;
    let defaults = json!({"start_date": null, "end_date": null, "duration_days": null, "keep": null, "tags": [],
        "prefix": "scheduled_stock_data", "misfire": "fire_once", "overlap": "skip", "timezone": "UTC", "fetcher": "yfinance"});

    for (name, default) in defaults.as_object().unwrap() {
        let body = format!(r#"{{"{name}": null}}"#);
        let answer = api
            .raw(
                &format!("PATCH {path}"),
                &[("content-type", "application/merge-patch+json")],
                body,
            )
            .await;
        assert_eq!(&answer.ok()["job"][name], default, "{name}");
    }
    for name in [
        "name",
        "stock_ids",
        "schedule",
        "schedule_time",
        "is_active",
    ] {
        let answer = api
            .send(&format!("PATCH {path}"), json!({name: null}))
            .await;
        let sentence = answer.refused(422);
        assert!(
            sentence.starts_with(&format!("{name} cannot be cleared")),
            "{sentence}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], format!("/{name}"));
    }
}

#[tokio::test]
async fn a_changed_time_keeps_the_kind_and_moves_the_next_run() {
    let api = Api::start().await;
    let zoned = json!({"kind": "daily", "time": "08:00", "timezone": "Asia/Kolkata"});
    let path = api.job(json!({"schedule": zoned})).await;

    let job = api
        .send(&format!("PUT {path}"), json!({"schedule_time": "21:30"}))
        .await
        .ok()["job"]
        .clone();

    assert_eq!(
        job["schedule"],
        json!({"kind": "daily", "time": "21:30", "timezone": "Asia/Kolkata"})
    );
    assert_eq!(job["schedule_time"], "21:30");
    assert!(
        job["next_run"]
            .as_str()
            .unwrap()
            .ends_with("T21:30:00+05:30"),
        "{job}"
    );

    let both = json!({"schedule_time": "06:00", "schedule": {"kind": "daily", "times": ["01:00", "02:00"]}});
    let job = api.send(&format!("PUT {path}"), both).await.ok()["job"].clone();
    assert_eq!(
        (&job["schedule_time"], &job["schedule"]["times"]),
        (&Value::Null, &json!(["01:00", "02:00"]))
    );

    let job = api
        .send(&format!("PUT {path}"), json!({"schedule_time": "03:00"}))
        .await
        .ok()["job"]
        .clone();
    assert_eq!(job["schedule"], json!({"kind": "daily", "time": "03:00"}));

    // The schedule is the one shown, so the changed time counts.
    let mut shown = job;
    shown["schedule_time"] = "04:00".into();
    let job = api.send(&format!("PUT {path}"), shown).await.ok()["job"].clone();
    assert_eq!(job["schedule"], json!({"kind": "daily", "time": "04:00"}));
}

#[tokio::test]
async fn is_active_may_be_set_like_any_field() {
    let api = Api::start().await;
    let path = api.job(json!({"is_active": false})).await;

    for (method, active) in [("PUT", true), ("PATCH", false)] {
        let job = api
            .send(&format!("{method} {path}"), json!({"is_active": active}))
            .await
            .ok()["job"]
            .clone();

        assert_eq!(job["is_active"], active);
        assert_eq!(job["status"], if active { "pending" } else { "paused" });
        assert_eq!(job["next_run"].is_null(), !active);
    }
}

#[tokio::test]
async fn only_a_matching_revision_may_change() {
    let api = Api::start().await;
    let path = api.job(json!({})).await;
    let edit = async |method: &str, tag: &str, name: &str| {
        let headers = [("if-match", tag), ("content-type", "application/json")];
        api.raw(
            &format!("{method} {path}"),
            &headers,
            json!({"name": name}).to_string(),
        )
        .await
    };

    for (place, tag) in ["\"1\"", "*", "\"9\", \"3\"", "\"x\",*", " \"5\" "]
        .iter()
        .enumerate()
    {
        let answer = edit(
            if place % 2 == 0 { "PUT" } else { "PATCH" },
            tag,
            &format!("name {place}"),
        )
        .await;
        assert_eq!(answer.ok()["job"]["revision"], place + 2, "{tag}");
        assert_eq!(
            answer.header("etag"),
            Some(format!("\"{}\"", place + 2).as_str())
        );
    }
    let before = api.call(&format!("GET {path}")).await.text;
    for tag in [
        "\"1\"",
        "W/\"6\"",
        "6",
        "\"06\"",
        "\"\"",
        "",
        "garbage",
        "\"7\", \"8\"",
        "\"6",
    ] {
        for method in ["PUT", "PATCH", "DELETE"] {
            let problem = edit(method, tag, "late").await.problem(412);
            assert_eq!(problem["code"], "stale", "{method} {tag}");
        }
    }
    assert_eq!(api.call(&format!("GET {path}")).await.text, before);
    assert_eq!(edit("DELETE", "\"6\"", "").await.status, 200);
    assert_eq!(
        edit("DELETE", "\"6\"", "").await.refused(404),
        "Job not found"
    );
}

#[tokio::test]
async fn a_refused_edit_changes_nothing() {
    let api = Api::start().await;
    let path = api.job(json!({"start_date": "2025-01-01"})).await;
    let before = api.call(&format!("GET {path}")).await.text;

    for body in [
        json!({"name": "new", "end_date": "2024-01-01"}),
        json!({"name": "new", "schedule_time": "25:00"}),
        json!({"name": "new", "keep": 0}),
        json!({"name": "new", "fetcher": "nobody"}),
        json!({"nam": "new"}),
    ] {
        for method in ["PUT", "PATCH"] {
            api.send(&format!("{method} {path}"), body.clone())
                .await
                .problem(422);
        }
    }

    assert_eq!(api.call(&format!("GET {path}")).await.text, before);
}
