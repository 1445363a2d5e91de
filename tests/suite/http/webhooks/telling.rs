//! Events arrive, signed, at those who want them, whoever else is slow, down, deleted or killed.

use super::*;

#[tokio::test]
async fn a_runs_events_arrive_signed_and_are_listed() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (hook, secret) = api.hook(&receiver, json!({})).await;
    let mut events = api.0.events("").await;
    let job = api.job(json!({"stock_ids": ["AAPL", "MSFT"]})).await;
    api.run(&job).await;

    let requests = receiver.received(5).await;

    let heard = events.until("JobFinished").await;
    assert_eq!(requests.len(), heard.len());
    for one in heard {
        let of_event = |request: &&Request| request.id() == one.id.as_deref().unwrap();
        let request = requests.iter().find(of_event).unwrap();
        assert!(request.is_signed(&secret));
        assert!(!request.is_signed(SECRET));
        assert!(request.head.starts_with("POST /hook HTTP/1.1\r\n"));
        assert_eq!(request.header("content-type"), "application/json");
        let body = request.json();
        assert_eq!(
            (&body["type"], &body["timestamp"]),
            (&json!(one.name), &body["data"]["at"])
        );
        assert_eq!(body["data"], one.data);
    }
    let deliveries = api.deliveries(&hook, |list| list.len() == 5).await;
    for delivery in &deliveries {
        assert_eq!(
            (&delivery["status"], &delivery["attempts"]),
            (&json!("delivered"), &json!(1))
        );
        assert_eq!(delivery["next_attempt_at"], Value::Null);
        let id = delivery["delivery_id"].as_str().unwrap();
        assert_eq!(api.get(&format!("{hook}/deliveries/{id}")).await, *delivery);
        assert_eq!(delivery["tries"][0]["ok"], true);
    }
    assert_eq!(deliveries[0]["event"], "JobFinished", "newest first");
    let text = api
        .call(&format!("GET {hook}/deliveries?limit=1"))
        .await
        .text;
    let names = [
        "delivery_id",
        "event",
        "job_id",
        "at",
        "status",
        "next_attempt_at",
        "attempts",
        "tries",
    ];
    has_fields(&text[1..text.len() - 1], &names);
}

#[tokio::test]
async fn a_webhook_is_told_of_its_job_and_of_its_events_only() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let [all, of_job, ended] = [Receiver::start().await, receiver, Receiver::start().await];
    let (mine, other) = (api.job(json!({})).await, api.job(json!({})).await);
    let mine_id = mine.rsplit('/').next().unwrap();
    api.hook(&of_job, json!({"job_id": mine_id})).await;
    let events = json!({"events": ["JobFinished", "JobDeleted"]});
    let (ended_hook, _) = api.hook(&ended, events).await;
    api.hook(&all, json!({})).await;

    api.run(&other).await;
    api.run(&mine).await;

    assert_eq!(types(&all.received(6).await).len(), 6);
    let told = of_job.received(3).await;
    assert!(
        told.iter()
            .all(|request| request.json()["data"]["job_id"] == mine_id)
    );
    assert_eq!(types(&ended.received(2).await), ["JobFinished"; 2]);

    let change = json!({"events": ["JobStarted"], "job_id": mine_id});
    api.send(&format!("PATCH {ended_hook}"), change).await.ok();
    api.run(&other).await;
    api.run(&mine).await;

    all.received(12).await;
    of_job.received(6).await;
    let told = ended.received(3).await;
    assert_eq!(types(&told)[2..], ["JobStarted"]);
}

#[tokio::test]
async fn receivers_that_are_down_or_slow_hold_up_nobody() {
    let api = Api::telling().await;
    let (down, slow, well) = (
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    );
    let created = json!({"events": ["JobCreated"]});
    let (down_hook, _) = api.hook(&down, created.clone()).await;
    api.hook(&slow, created.clone()).await;
    api.hook(&well, created).await;
    down.stop();
    slow.answers(Reply::After(Duration::from_secs(60)));

    for _ in 0..30 {
        api.job(json!({})).await;
    }

    let asked = tokio::time::Instant::now();
    assert_eq!(well.received(30).await.len(), 30);
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(slow.requests().len(), 8, "as many as may be under way");
    let waiting = api.deliveries(&down_hook, |list| list.len() == 30).await;
    let tried = waiting.iter().filter(|one| one["attempts"] != 0).count();
    assert!((3..=10).contains(&tried), "new events wait: {tried}");
    assert!(waiting.iter().all(|one| one["status"] == "pending"));
}

#[tokio::test]
async fn a_deleted_webhook_is_told_no_more() {
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let other = Receiver::start().await;
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    api.hook(&other, json!({"events": ["JobCreated"]})).await;
    receiver.answers_status(500);
    api.job(json!({})).await;
    receiver.received(1).await;

    api.call(&format!("DELETE {hook}")).await.ok();
    for _ in 0..5 {
        api.job(json!({})).await;
    }

    other.received(6).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn one_of_two_instances_tells_and_the_other_goes_on_when_that_one_is_killed() {
    let redis = RedisServer::start().await;
    let mut first = Api(Service::start(&options(&redis.url())).await);
    let second = Api(Service::start(&options(&redis.url())).await);
    let receiver = Receiver::start().await;
    let (hook, secret) = second
        .hook(&receiver, json!({"events": ["JobCreated"]}))
        .await;
    for _ in 0..40 {
        second.job(json!({})).await;
    }
    receiver.received(40).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = receiver.requests();

    first.0.kill().await;
    let killed = tokio::time::Instant::now();
    for _ in 0..20 {
        second.job(json!({})).await;
    }

    assert_eq!(before.len(), 40, "each once");
    let all = receiver.received(60).await;
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    assert!(all.iter().all(|request| request.is_signed(&secret)));
    let ids: std::collections::BTreeSet<_> = all.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!((ids.len(), all.len()), (60, 60));
    second.deliveries(&hook, |list| list.len() == 50).await;
}

#[tokio::test]
async fn what_a_deleted_webhook_leaves_behind_is_forgotten_by_whoever_told_it() {
    let redis = RedisServer::start().await;
    let telling = Api(Service::start(&options(&redis.url())).await);
    let receiver = Receiver::start().await;
    let (hook, _) = telling.hook(&receiver, json!({})).await;
    telling.job(json!({})).await;
    receiver.received(1).await;
    let other = Api(Service::start(&options(&redis.url())).await);
    receiver.answers(Reply::After(Duration::from_secs(1)));
    other.job(json!({})).await;

    other.call(&format!("DELETE {hook}")).await.ok();
    tokio::time::sleep(Duration::from_secs(4)).await;

    let id = hook.rsplit('/').next().unwrap();
    let mut connection = redis.connection().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("*{id}*"))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(keys, Vec::<String>::new());
}
