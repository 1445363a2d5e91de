use stock_scheduler::Origin;

use super::*;

/// What is said to be wrong with the listener.
async fn problem(host: &Host) -> Option<String> {
    let all = host.plugins().await;
    let named = all.into_iter().find(|view| view.name == NAME);
    named.unwrap().problem
}

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_for_a_day_under_one_id_and_then_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let host = host(&world, &told).await;
    told.fails();

    quiet_job(&host).await;
    world.pass(1).await;
    for (number, wait) in [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 32_400]
        .into_iter()
        .enumerate()
    {
        assert_eq!(told.tries().len(), number + 1);
        // The wait begins with the try before, which came up to a tenth of its own wait late.
        let since = world.now() - told.tries().last().unwrap().at;
        leap(&world, wait - 3 - since.num_seconds().unsigned_abs()).await;
        assert_eq!(told.tries().len(), number + 1, "{wait} s are not over");
        leap(&world, 6 + wait / 10).await;
    }
    leap(&world, 3 * 24 * 3_600).await;

    let tries = told.tries();
    let attempts: Vec<_> = tries.iter().map(|told| told.delivery.attempt).collect();
    assert_eq!(attempts, (1..=11).collect::<Vec<_>>());
    let has_same_id = |told: &Told| told.delivery.id == tries[0].delivery.id;
    assert!(tries.iter().all(has_same_id));
    assert_eq!(
        (
            kept(&world, "outbox").await,
            kept(&world, "deliveries").await
        ),
        (0, 1)
    );
    let views = host.plugins().await;
    let counters = &views
        .iter()
        .find(|view| view.name == NAME)
        .unwrap()
        .counters;
    assert_eq!(
        (
            counters["delivered"],
            counters["retried"],
            counters["failed"]
        ),
        (0, 10, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_down_is_asked_now_and_then_and_hears_all_in_order_once_it_is_back() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(8);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.fails();

    for _ in 0..100 {
        happens(&host, &job, 20).await;
        world.pass(3 * 36).await;
    }
    let tries_while_down = told.tries().len();
    let waited = kept(&world, "outbox").await;
    told.heals();
    let back = world.now();
    world.pass(400).await;

    // Three hours at a try in five minutes, and those that came before it was known.
    assert!(tries_while_down < 60, "{tries_while_down} tries");
    assert_eq!(waited, 2_000);
    let mut arrived = told.arrived();
    assert!(arrived[1..].is_sorted(), "after the one that found out");
    arrived.sort();
    assert!(arrived == ids(&world, "JobUpdated").await);
    let last = told.arrived_at().into_iter().max().unwrap();
    assert!(last - back <= TimeDelta::seconds(331), "{}", last - back);
    let first = told.arrived_at()[0];
    assert!(
        last - first <= TimeDelta::seconds(1),
        "all at once: {}",
        last - first
    );
    assert_eq!(kept(&world, "outbox").await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waited_a_day_for_a_listener_that_is_down_is_given_up() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.fails();

    happens(&host, &job, 300).await;
    world.pass(60).await;
    leap(&world, 20 * 3_600).await;
    happens(&host, &job, 7).await;
    leap(&world, 8 * 3_600).await;
    let while_down = (
        kept(&world, "outbox").await,
        kept(&world, "deliveries").await,
    );
    told.heals();
    world.pass(400).await;

    assert_eq!(while_down, (7, 300));
    let mut arrived = told.arrived();
    arrived.sort();
    assert_eq!(arrived, ids(&world, "JobUpdated").await[300..]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_asks_for_time_gets_it_for_all_events() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    let retry_after = Some(Duration::from_secs(120));
    told.does(Act::Fails(DeliveryErrorKind::RateLimited { retry_after }));

    happens(&host, &job, 1).await;
    world.pass(5).await;
    told.heals();
    happens(&host, &job, 3).await;
    world.pass(300).await;

    let tries = told.tries();
    assert_eq!(tries.len(), 5);
    let wait = tries[1].at - tries[0].at;
    let right = TimeDelta::seconds(120)..=TimeDelta::seconds(133);
    assert!(right.contains(&wait), "{wait}");
    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_all_reason_is_a_day() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let host = host(&world, &told).await;
    let retry_after = Some(Duration::MAX);
    told.does(Act::Fails(DeliveryErrorKind::RateLimited { retry_after }));

    quiet_job(&host).await;
    world.pass(5).await;
    told.heals();
    leap(&world, 23 * 3_600).await;
    let before = told.arrived().len();
    leap(&world, 4 * 3_600).await;

    assert_eq!((before, told.arrived().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn one_bad_event_does_not_hold_up_the_others() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host(&world, &told).await;
    told.does(Act::Fails(DeliveryErrorKind::Refused));
    let job = quiet_job(&host).await;
    world.pass(1).await;
    told.heals();

    happens(&host, &job, 5).await;
    world.pass(1).await;

    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
    assert_eq!(
        (
            kept(&world, "outbox").await,
            kept(&world, "deliveries").await
        ),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_or_hangs_is_tried_again_and_holds_up_nobody() {
    let world = World::at(START);
    for act in [Act::Panics, Act::Hangs] {
        let (told, other) = (Scripted::new(&world), Scripted::new(&world));
        let name = format!("{act:?}");
        let builder = world.builder().listener_instance(&name, told.clone());
        let builder = builder.listener_instance(&format!("beside {name}"), other.clone());
        let host = builder.start().await.unwrap();
        world.pass(3).await;
        told.does(act);

        quiet_job(&host).await;
        world.pass(1).await;
        let at_once = other.arrived().len();
        world.pass(33).await;
        told.heals();
        world.pass(40).await;

        assert_eq!(at_once, 1, "{act:?}");
        assert_eq!(told.arrived(), other.arrived(), "{act:?}");
        assert!(told.tries().len() > 1, "{act:?}");
        host.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_gone_is_told_no_more_and_its_successor_hears_what_it_missed() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(4);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.does(Act::Fails(DeliveryErrorKind::Gone));

    happens(&host, &job, 20).await;
    world.pass(60).await;
    let tries = told.tries().len();
    let why = problem(&host).await;
    let next = Scripted::new(&world).wanting(&["JobUpdated"]);
    host.put_listener(NAME, Arc::new(next.clone()), Origin::new("a test"));
    world.pass(3).await;

    assert!(tries <= 4, "{tries} tries");
    assert_eq!(why.unwrap(), "it wants no events any more: as told");
    assert_eq!(next.arrived(), ids(&world, "JobUpdated").await);
    assert_eq!(problem(&host).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_take_events_is_seen_to_until_it_does() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let host = host(&world, &told).await;
    let job = quiet_job(&host).await;
    told.fails();

    happens(&host, &job, 5).await;
    world.pass(60).await;
    let meanwhile = problem(&host).await.unwrap();
    told.heals();
    world.pass(700).await;

    assert!(meanwhile.contains("does not take events"), "{meanwhile}");
    assert_eq!(problem(&host).await, None);
}
