//! What became of each event, and what is sent by hand.

use super::*;

#[tokio::test]
async fn a_webhook_can_be_tried_out() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, secret) = api.hook(&receiver, json!({"events": ["JobDeleted"]})).await;

    let tried = api.call(&format!("POST {hook}/test")).await;
    receiver.answers_status(503);
    let failed = api.call(&format!("POST {hook}/test")).await;
    receiver.stop();

    has_fields(
        &tried.text,
        &["ok", "at", "duration_seconds", "http_status", "error"],
    );
    assert_eq!(
        (&tried.ok()["ok"], &tried.ok()["error"]),
        (&json!(true), &Value::Null)
    );
    let failed = failed.ok();
    assert_eq!(
        (&failed["ok"], &failed["http_status"]),
        (&json!(false), &json!(503))
    );
    assert!(
        failed["error"].as_str().unwrap().contains("answered 503"),
        "{failed}"
    );
    let requests = receiver.requests();
    assert_eq!(types(&requests), ["Test", "Test"]);
    assert!(requests.iter().all(|request| request.is_signed(&secret)));
    assert_ne!(requests[0].id(), requests[1].id());
    assert_eq!(
        api.get(&format!("{hook}/deliveries")).await,
        json!([]),
        "a test is no delivery"
    );
    assert_eq!(api.get(&hook).await["is_active"], true);
}

#[tokio::test]
async fn deliveries_are_paged_and_sorted_by_their_status() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    for _ in 0..25 {
        api.job(json!({})).await;
    }
    api.deliveries(&hook, |list| list.len() == 25).await;
    receiver.answers_status(500);
    for _ in 0..2 {
        api.job(json!({})).await;
    }
    let all = api.deliveries(&hook, |list| list.len() == 27).await;

    let mut paged = Vec::new();
    let mut next = Some(format!("{hook}/deliveries?limit=10"));
    while let Some(path) = next {
        let page = api.call(&format!("GET {path}")).await;
        paged.extend(page.ok().as_array().unwrap().clone());
        let link = page.header("link").map(str::to_owned);
        next = link.map(|link| {
            link.split_once('<')
                .unwrap()
                .1
                .split_once('>')
                .unwrap()
                .0
                .to_owned()
        });
    }

    let ids = |list: &[Value]| {
        list.iter()
            .map(|one| one["delivery_id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&paged), ids(&all));
    let of = async |status: &str| {
        let list = api.get(&format!("{hook}/deliveries?status={status}")).await;
        list.as_array().unwrap().clone()
    };
    assert_eq!(
        (of("pending").await.len(), of("delivered").await.len()),
        (2, 25)
    );
    assert_eq!(of("failed").await.len(), 0);
    for pending in of("pending").await {
        assert!(pending["next_attempt_at"].is_string());
        assert_eq!(pending["tries"][0]["http_status"], 500);
    }
}

#[tokio::test]
async fn an_event_can_be_sent_again_under_its_id() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, secret) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    api.job(json!({})).await;
    let [delivery] = api
        .deliveries(&hook, |list| list.len() == 1)
        .await
        .try_into()
        .unwrap();
    let path = format!(
        "{hook}/deliveries/{}",
        delivery["delivery_id"].as_str().unwrap()
    );

    receiver.answers_status(500);
    let failed = api.call(&format!("POST {path}/resend")).await.ok();
    receiver.answers_status(204);
    let arrived = api.call(&format!("POST {path}/resend")).await.ok();

    assert_eq!(
        (&failed["status"], &failed["attempts"]),
        (&json!("delivered"), &json!(2)),
        "what has arrived once has arrived"
    );
    assert_eq!(
        (&arrived["status"], &arrived["attempts"]),
        (&json!("delivered"), &json!(3))
    );
    let oks: Vec<_> = arrived["tries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["ok"].clone())
        .collect();
    assert_eq!(oks, [true, false, true]);
    assert_eq!(api.get(&path).await, arrived);
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|one| one.id() == requests[0].id() && one.body == requests[0].body)
    );
    assert!(requests.iter().all(|one| one.is_signed(&secret)));
}

#[tokio::test]
async fn an_event_that_failed_is_tried_again_with_the_same_id_or_sent_by_hand_before() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    receiver.answers_status(500);
    api.job(json!({})).await;
    api.job(json!({})).await;
    let pending = api
        .deliveries(&hook, |list| {
            list.iter().filter(|one| one["attempts"] == 1).count() == 2
        })
        .await;
    receiver.answers_status(200);
    let by_hand = pending[0]["delivery_id"].as_str().unwrap();

    let sent = api
        .call(&format!("POST {hook}/deliveries/{by_hand}/resend"))
        .await
        .ok();

    assert_eq!(sent["status"], "delivered");
    let all = api
        .deliveries(&hook, |list| {
            list.iter().all(|one| one["status"] == "delivered")
        })
        .await;
    assert_eq!(all.len(), 2);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let requests = receiver.requests();
    let of = |id: &Value| {
        requests
            .iter()
            .filter(|one| *id == one.id())
            .collect::<Vec<_>>()
    };
    for delivery in &pending {
        let tries = of(&delivery["delivery_id"]);
        assert_eq!(
            tries.len(),
            2,
            "one that was sent by hand is not sent again"
        );
        assert_eq!(tries[0].body, tries[1].body);
    }
    let waited = of(&pending[1]["delivery_id"]);
    assert!(waited[1].at - waited[0].at >= Duration::from_secs(5));
}

#[tokio::test]
async fn a_receiver_that_answers_410_is_told_no_more_until_it_is_active_again() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    receiver.answers_status(410);
    let first = api.job(json!({})).await;

    let disabled = eventually("it is disabled", Duration::from_secs(10), async || {
        Some(api.get(&hook).await).filter(|hook| hook["is_active"] == false)
    })
    .await;
    let problem = disabled["problem"].as_str().unwrap();
    assert!(
        problem.contains("410 Gone: it wants no more events"),
        "{problem}"
    );
    let second = api.job(json!({})).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.requests().len(), 1);

    receiver.answers_status(200);
    let revived = api
        .send(&format!("PATCH {hook}"), json!({"is_active": true}))
        .await
        .ok();

    assert_eq!(
        (&revived["is_active"], &revived["problem"]),
        (&json!(true), &Value::Null)
    );
    let told = receiver.received(3).await;
    let jobs: Vec<_> = told
        .iter()
        .map(|one| one.json()["data"]["job_id"].clone())
        .collect();
    for job in [first, second] {
        assert!(
            jobs.iter()
                .filter(|id| job.ends_with(id.as_str().unwrap()))
                .count()
                >= 1
        );
    }
    api.deliveries(&hook, |list| {
        list.len() == 2 && list.iter().all(|one| one["status"] == "delivered")
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_answers_410_to_what_is_sent_by_hand_is_told_no_more() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    receiver.answers_status(410);

    let tried = api.send(&format!("POST {hook}/test"), json!({})).await.ok();

    assert_eq!(tried["http_status"], 410);
    let hook = api.get(&hook).await;
    assert_eq!(hook["is_active"], false);
    assert!(hook["problem"].as_str().unwrap().contains("410 Gone"));
}
