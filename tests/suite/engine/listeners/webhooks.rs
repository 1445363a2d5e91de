use super::*;

/// A host whose webhooks all are this listener.
async fn host_of_webhooks(world: &World, listener: &Scripted) -> Host {
    host_of_two(world, listener, listener).await
}

/// Where webhooks lead that have been changed.
const NEW_URL: &str = "https://example.org";

/// A host whose webhooks are `new` where they lead to `NEW_URL`, and else `old`.
async fn host_of_two(world: &World, old: &Scripted, new: &Scripted) -> Host {
    let (old, new) = (old.clone(), new.clone());
    let factory = move |section: &Value| -> Result<Arc<dyn Listener>, ConfigError> {
        let is_new = section["url"] == NEW_URL;
        Ok(Arc::new(if is_new { new.clone() } else { old.clone() }))
    };
    let host = world.builder().listener("webhook", factory).start().await;
    host.unwrap()
}

fn wish(fields: Value, is_new: bool) -> WebhookWish {
    WebhookWish::read(fields, is_new).unwrap()
}

async fn webhook(host: &Host, mut fields: Value) -> Webhook {
    fields["url"] = "https://example.com".into();
    let made = host.create_webhook(wish(fields, true)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    made
}

#[tokio::test(start_paused = true)]
async fn a_thousand_webhooks_are_enough() {
    let world = World::at(START);
    let host = host_of_webhooks(&world, &Scripted::new(&world)).await;
    let order = || wish(json!({"url": "https://example.com"}), true);
    let mut made = Vec::new();
    for _ in 0..1_000 {
        made.push(host.create_webhook(order()).await.unwrap().id);
    }

    let refusal = host.create_webhook(order()).await.unwrap_err();

    assert_eq!(
        refusal.to_string(),
        "there are 1000 webhooks; delete one first"
    );
    let listed = host.webhooks().await.unwrap().into_iter();
    assert_eq!(listed.map(|webhook| webhook.id).collect::<Vec<_>>(), made);
    host.delete_webhook(&made[500]).await.unwrap();
    host.create_webhook(order()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn few_deliveries_of_a_status_are_found_among_many() {
    let world = World::at(START);
    let told = Scripted::new(&world).at_once(8);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({})).await;
    told.does(Act::Fails(DeliveryErrorKind::Refused));
    let job = quiet_job(&host).await;
    world.pass(1).await;
    told.heals();
    happens(&host, &job, 6_000).await;
    world.pass(5).await;

    let (mut found, mut pages, mut next) = (Vec::new(), 0, None::<String>);
    loop {
        let status = Some(DeliveryStatus::Failed);
        let page = host.deliveries(&hook.id, status, next.as_deref(), 50).await;
        let (part, goes_on) = page.unwrap();
        found.extend(part);
        pages += 1;
        next = goes_on;
        if next.is_none() {
            break;
        }
    }

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event, ids(&world, "JobCreated").await[0]);
    assert!(pages <= 3, "{pages} pages");
    let newest = host.deliveries(&hook.id, None, None, 2).await.unwrap().0;
    let last = *ids(&world, "JobUpdated").await.last().unwrap();
    assert_eq!(newest[0].event, last);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_active_again_hears_what_it_missed_and_one_that_is_changed_does_not() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    let change = async |fields: Value| {
        host.edit_webhook(&hook.id, wish(fields, false))
            .await
            .unwrap();
        world.pass(1).await;
    };
    let job = quiet_job(&host).await;
    happens(&host, &job, 3).await;
    world.pass(1).await;

    change(json!({"events": ["JobUpdated"]})).await;
    let after_change = told.arrived();
    change(json!({"is_active": false})).await;
    happens(&host, &job, 4).await;
    leap(&world, 3 * 24 * 3_600).await;
    let while_inactive = told.arrived();
    change(json!({"is_active": true})).await;

    assert_eq!(after_change, ids(&world, "JobCreated").await);
    assert_eq!(while_inactive, after_change);
    assert_eq!(told.arrived()[1..], ids(&world, "JobUpdated").await[3..]);
}

#[tokio::test(start_paused = true)]
async fn what_the_old_address_answers_says_nothing_of_the_new_one() {
    for by_hand in [false, true] {
        let world = World::at(START);
        let [old, new] = [Scripted::new(&world), Scripted::new(&world)];
        let host = host_of_two(&world, &old, &new).await;
        let hook = webhook(&host, json!({})).await;
        old.does(Act::FailsAfter(
            Duration::from_secs(2),
            DeliveryErrorKind::Gone,
        ));

        let (other, id) = (host.clone(), hook.id.clone());
        match by_hand {
            true => drop(tokio::spawn(async move { other.test_webhook(&id).await })),
            false => drop(quiet_job(&host).await),
        }
        world.pass(1).await;
        let change = wish(json!({"url": NEW_URL}), false);
        host.edit_webhook(&hook.id, change).await.unwrap();
        world.pass(5).await;
        let hook = host.webhook(&hook.id).await.unwrap();
        quiet_job(&host).await;
        world.pass(1).await;

        assert_eq!(old.tries().len(), 1, "{by_hand}");
        assert_eq!((hook.active, hook.problem), (true, None), "{by_hand}");
        assert_eq!(new.arrived(), ids(&world, "JobCreated").await, "{by_hand}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_by_hand_is_not_sent_again_for_a_try_that_failed_meanwhile() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    told.fails();
    quiet_job(&host).await;
    world.pass(1).await;
    let event = ids(&world, "JobCreated").await[0];
    told.does(Act::FailsAfter(
        Duration::from_secs(20),
        DeliveryErrorKind::Unavailable,
    ));
    world.pass(10).await;
    assert_eq!(told.tries().len(), 2, "one is under way");

    told.heals();
    let sent = host.resend(&hook.id, &event.to_string()).await.unwrap();
    world.pass(100).await;

    assert_eq!(sent.status, DeliveryStatus::Delivered);
    let kept_status = host.delivery(&hook.id, &event.to_string()).await.unwrap();
    assert_eq!(kept_status.status, DeliveryStatus::Delivered);
    assert_eq!(kept(&world, "outbox").await, 0);
    assert_eq!(told.tries().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_by_hand_is_not_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host_of_webhooks(&world, &told).await;
    let hook = webhook(&host, json!({"events": ["JobCreated"]})).await;
    let time = Duration::from_secs(3);
    told.does(Act::FailsAfter(time, DeliveryErrorKind::Unavailable));
    quiet_job(&host).await;
    world.pass(4).await;
    let event = ids(&world, "JobCreated").await[0].to_string();
    told.does(Act::FailsAfter(time, DeliveryErrorKind::Refused));
    world.pass(6).await;
    assert_eq!(told.tries().len(), 2, "one is under way");

    told.heals();
    host.resend(&hook.id, &event).await.unwrap();
    world.pass(10).await;

    let delivery = host.delivery(&hook.id, &event).await.unwrap();
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_to_the_new_address_and_is_given_up_where_it_is_not_wanted_any_more() {
    let world = World::at(START);
    let [old, new] = [Scripted::new(&world), Scripted::new(&world)];
    let host = host_of_two(&world, &old, &new).await;
    let hook = webhook(&host, json!({})).await;
    old.fails();
    let job = quiet_job(&host).await;
    happens(&host, &job, 1).await;
    world.pass(1).await;

    let change = wish(json!({"url": NEW_URL, "events": ["JobCreated"]}), false);
    host.edit_webhook(&hook.id, change).await.unwrap();
    world.pass(60).await;

    let (created, updated) = (
        ids(&world, "JobCreated").await,
        ids(&world, "JobUpdated").await,
    );
    assert_eq!(new.arrived(), created);
    assert_eq!(new.tries().len(), 1);
    let failed = Some(DeliveryStatus::Failed);
    let failed = host.deliveries(&hook.id, failed, None, 9).await.unwrap().0;
    let failed: Vec<_> = failed.into_iter().map(|one| one.event).collect();
    assert_eq!(failed, updated);
    assert_eq!(kept(&world, "outbox").await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_webhook_that_is_gone_is_forgotten() {
    let world = World::at(START);
    let host = host_of_webhooks(&world, &Scripted::new(&world)).await;
    let there = webhook(&host, json!({"is_active": false})).await;
    let left = Some(json!({"after": "1-0"}));
    let put = world
        .store
        .record_put("listening", "cursor:webhook:gone", 0, left, None);
    put.await.unwrap();

    for _ in 0..3 {
        leap(&world, 3_600).await;
        world.pass(60).await;
    }

    let cursors = world
        .store
        .record_scan("listening", "cursor:webhook:", None, 9);
    let cursors = cursors.await.unwrap().into_iter().map(|(key, _)| key);
    let expected = [format!("cursor:webhook:{}", there.id)];
    assert_eq!(cursors.collect::<Vec<_>>(), expected);
}
