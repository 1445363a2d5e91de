use super::*;

#[tokio::test(start_paused = true)]
async fn a_listener_hears_everything_once_and_in_order() {
    let world = World::at(START);
    let told = Scripted::new(&world);
    let host = host(&world, &told).await;
    let fires = json!({"schedule": {"kind": "every", "seconds": 10}});
    let job = job(&host, fires).await;

    happens(&host, &job, 1_200).await;
    world.pass(60).await;

    let log: Vec<_> = world.events().await.iter().map(|event| event.id).collect();
    assert!(log.len() > 1_200);
    assert_eq!(told.arrived(), log);
    for told in told.tries() {
        assert_eq!(told.delivery.id, told.delivery.event.id.to_string());
        assert_eq!(told.delivery.attempt, 1);
        assert_eq!(told.delivery.job.as_ref().unwrap().id, job);
    }
    assert_eq!(
        kept(&world, "outbox").await + kept(&world, "deliveries").await,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn one_of_two_hosts_tells_and_the_other_goes_on_when_it_stops() {
    let world = World::at(START);
    let told = [Scripted::new(&world), Scripted::new(&world)];
    let (first, second) = (host(&world, &told[0]).await, host(&world, &told[1]).await);
    let job = quiet_job(&second).await;

    happens(&second, &job, 50).await;
    world.pass(1).await;
    let by_first = told[0].arrived().len();
    first.stop().await;
    happens(&second, &job, 50).await;
    world.pass(3).await;

    assert_eq!((by_first, told[0].arrived().len()), (51, 51));
    let all = [told[0].arrived(), told[1].arrived()].concat();
    let log: Vec<_> = world.events().await.iter().map(|event| event.id).collect();
    assert_eq!(all, log);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_a_host_stops_arrives_once() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(8);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    told.does(Act::Takes(Duration::from_secs(2)));

    happens(&first, &job, 100).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let asked = tokio::time::Instant::now();
    first.stop().await;
    let took = asked.elapsed();
    told.heals();
    let _second = host(&world, &told).await;

    assert!(took < Duration::from_secs(4), "{took:?}");
    let mut arrived = told.arrived();
    arrived.sort();
    assert_eq!(arrived, ids(&world, "JobUpdated").await);
    assert_eq!(told.tries().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_when_a_host_stops_is_told_by_the_next_under_the_same_id() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]).at_once(2);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    told.does(Act::Hangs);
    happens(&first, &job, 1).await;
    world.pass(1).await;
    told.heals();
    // What comes after it arrives, and is remembered.
    happens(&first, &job, 3).await;
    world.pass(2).await;
    let arrived_before = told.arrived().len();

    let asked = tokio::time::Instant::now();
    first.stop().await;
    let took = asked.elapsed();
    let _second = host(&world, &told).await;

    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(arrived_before, 3);
    let mut arrived = told.arrived();
    arrived.sort();
    assert!(arrived.starts_with(&ids(&world, "JobUpdated").await[..1]));
    arrived.dedup();
    assert_eq!(arrived, ids(&world, "JobUpdated").await);
    let tries = told.tries();
    assert_eq!(tries[0].delivery.id, tries[4].delivery.id);
}

#[tokio::test(start_paused = true)]
async fn tries_go_on_counting_with_the_next_host() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobCreated"]);
    let first = host(&world, &told).await;
    told.fails();
    quiet_job(&first).await;
    world.pass(60).await;

    first.stop().await;
    let _second = host(&world, &told).await;
    world.pass(150).await;

    let attempts: Vec<_> = told
        .tries()
        .iter()
        .map(|told| told.delivery.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_place_was_trimmed_goes_on_with_the_oldest_event_there_is() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    let first = host(&world, &told).await;
    let job = quiet_job(&first).await;
    first.stop().await;
    let other = world.host().await;
    let kept = stock_scheduler::retention::EVENTS;

    happens(&other, &job, kept + 10).await;
    other.stop().await;
    let _second = host(&world, &told).await;
    world.pass(10).await;

    assert_eq!(told.arrived().len(), kept);
    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_was_away_or_down_is_told_how_the_run_before_each_one_ended() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobFinished"]);
    host(&world, &told).await.stop().await;
    let away = world.host().await;
    let fires = json!({"schedule": {"kind": "every", "seconds": 10}});
    job(&away, fires).await;

    let fails_and_heals = async || {
        for _ in 0..4 {
            let fails = world::Act::Fails(FetchErrorKind::UnknownSymbol, 99);
            world.provider.tell("AAPL", fails);
            world.pass(50).await;
            world.provider.heal("AAPL");
            world.pass(50).await;
        }
    };
    fails_and_heals().await;
    away.stop().await;
    told.fails();
    let _down = host(&world, &told).await;
    fails_and_heals().await;
    told.heals();
    world.pass(400).await;

    let mut ends = world.events().await.into_iter().filter_map(|event| {
        let EventKind::JobFinished { status, .. } = event.kind else {
            return None;
        };
        Some((event.id, status))
    });
    let mut before = None;
    let mut arrived = told.arrived.lock().unwrap().clone();
    arrived.sort_by_key(|told| told.delivery.event.id);
    assert!(arrived.len() > 100, "{} arrived", arrived.len());
    for told in arrived {
        let (id, status) = ends.next().unwrap();
        let delivery = told.delivery;
        assert_eq!((delivery.event.id, delivery.previous), (id, before));
        before = Some(status);
    }
    assert!(matches!(before, Some(RunStatus::Success)));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_put_back_is_told_of_the_last_week() {
    let world = World::at(START);
    let told = Scripted::new(&world).wanting(&["JobUpdated"]);
    host(&world, &told).await.stop().await;
    let without = world.host().await;
    let job = quiet_job(&without).await;
    happens(&without, &job, 3).await;
    leap(&world, 2 * 24 * 3_600).await;
    happens(&without, &job, 2).await;
    leap(&world, 6 * 24 * 3_600).await;
    without.stop().await;

    let _host = host(&world, &told).await;
    world.pass(3).await;

    assert_eq!(told.arrived(), ids(&world, "JobUpdated").await[3..]);
}
