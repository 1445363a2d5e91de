//! Listeners that come back: no gap, no duplicate, or a Reset.

use super::Api;
use super::events::{ids, life, listen, names};
use crate::support::Service;
use crate::support::service::Options;
use crate::support::sse::Heard;
use serde_json::json;

async fn on(store: &str) -> Api {
    Api(Service::start(&Options::store(store)).await)
}

async fn resumes_after_every_event(store: &str) {
    let api = on(store).await;
    let mut events = listen(&api, "", None).await;
    life(&api).await;
    let all = events.until("JobDeleted").await;

    for (place, event) in all.iter().enumerate().take(all.len() - 1) {
        let mut resumed = listen(&api, "", event.id.as_deref()).await;
        let rest = resumed.until("JobDeleted").await;
        assert_eq!(ids(&rest), ids(&all[place + 1..]), "after {event:?}");
    }
    let mut since = listen(
        &api,
        &format!("?since={}", all[2].id.as_deref().unwrap()),
        None,
    )
    .await;
    assert_eq!(ids(&since.until("JobDeleted").await), ids(&all[3..]));
    let at = all[0].data["at"].as_str().unwrap();
    for at in [
        at.replace('+', "%2B"),
        at.to_owned(),
        "2020-01-01T00:00:00Z".to_owned(),
    ] {
        let mut since = listen(&api, &format!("?since={at}"), None).await;
        assert_eq!(
            ids(&since.until("JobDeleted").await),
            ids(&all),
            "since {at}"
        );
    }
}

#[tokio::test]
async fn a_listener_resumes_without_gap_or_duplicate() {
    resumes_after_every_event("memory:").await;
}

#[tokio::test]
async fn a_listener_resumes_from_sqlite() {
    let dir = tempfile::tempdir().unwrap();

    resumes_after_every_event(&format!("sqlite:{}", dir.path().join("jobs.db").display())).await;
}

#[tokio::test]
async fn a_listener_that_comes_and_goes_misses_nothing() {
    let api = Api::start().await;
    let mut all = listen(&api, "", None).await;
    let (mut last, mut heard) = (None, Vec::new());

    for number in 0..30 {
        let mut events = match &last {
            None => listen(&api, "", None).await,
            some => listen(&api, "", some.as_deref()).await,
        };
        api.job(json!({"name": format!("job {number}")})).await;
        let one = events.until("JobCreated").await;
        last = one.last().unwrap().id.clone();
        heard.extend(one);
        api.job(json!({"name": format!("unheard {number}")})).await;
    }
    let mut expected = Vec::new();
    while expected.last().map(|event: &Heard| event.id.clone()) != Some(last.clone()) {
        expected.push(all.next().await.unwrap());
    }

    assert_eq!(ids(&heard), ids(&expected));
}

#[tokio::test]
async fn an_id_that_cannot_be_found_is_one_reset() {
    let api = Api::start().await;
    life(&api).await;

    for last in [
        "garbage",
        "1",
        "-",
        "99999999999999-0",
        "1-2-3",
        "18446744073709551616-0",
    ] {
        let mut events = listen(&api, "", Some(last)).await;
        let reset = events.next().await.unwrap();
        assert_eq!(reset.name, "Reset", "{last}");
        api.job(json!({})).await;
        assert_eq!(events.next().await.unwrap().name, "JobCreated", "{last}");
        let mut resumed = listen(&api, "", reset.id.as_deref()).await;
        assert_eq!(
            resumed.next().await.unwrap().name,
            "JobCreated",
            "a Reset's id is a place to resume from"
        );
    }
}

#[tokio::test]
async fn an_instant_after_the_last_event_is_simply_now() {
    let api = Api::start().await;
    life(&api).await;

    for since in ["2099-01-01T00:00:00Z", ""] {
        let mut events = listen(&api, &format!("?since={since}"), None).await;
        api.job(json!({})).await;
        assert_eq!(names(&events.until("JobCreated").await), ["JobCreated"]);
    }
}
