use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use stock_scheduler::{
    Draft, FetchErrorKind, Host, HostError, JobId, JobStore, ManualRun, Mode, RequestId, Run,
    RunId, RunStatus, TriggeredBy,
};

use crate::support::world::{Act, World, edit, fates, fires, instant, job, runs};

/// A job at 17:00, and one that follows it.
async fn pair(host: &Host, on: &str) -> (JobId, JobId) {
    let first = job(
        host,
        json!({"schedule_time": "17:00", "stock_ids": ["AAA"]}),
    )
    .await;
    let second = job(host, following(&first, on)).await;
    (first, second)
}

fn following(job: &JobId, on: &str) -> Value {
    json!({"schedule": {"kind": "after", "job": job.as_str(), "on": on}, "stock_ids": ["BBB"]})
}

async fn refusal(host: &Host, fields: Value) -> String {
    let mut fields = fields;
    fields["name"] = "Chained".into();
    let draft = Draft::read(fields, Mode::Create).unwrap();
    let refused = host.create_job(draft, JobId::random(), host.now()).await;
    refused.unwrap_err().to_string()
}

async fn only_run(host: &Host, job: &JobId) -> Run {
    let mut runs = runs(host, job).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_when_the_one_that_it_follows_has_succeeded() {
    let world = World::at("2025-06-02T16:58:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;

    world.until("2025-06-02T17:00:30Z").await;

    let (cause, run) = (
        only_run(&host, &first).await,
        only_run(&host, &second).await,
    );
    assert_eq!(run.triggered_by, TriggeredBy::Chain);
    assert_eq!(run.status, RunStatus::Success);
    assert!(run.started_at >= cause.ended_at.unwrap());
    assert!(run.started_at - cause.ended_at.unwrap() < TimeDelta::seconds(1));
    assert_eq!(fates(&host, &second).await, ["fired"]);
}

#[tokio::test(start_paused = true)]
async fn each_links_fire_tells_what_caused_it() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let order = json!({"schedule": {"kind": "interval", "every": "10m"}, "stock_ids": ["AAA"]});
    let first = job(&host, order).await;
    let second = job(&host, following(&first, "success")).await;
    let third = job(&host, following(&second, "finish")).await;

    world.until("2025-06-02T12:25:00Z").await;

    for (job, before) in [(&second, &first), (&third, &second)] {
        let view = host.job(job).await.unwrap();
        let fires = fires(&host, job).await;
        assert_eq!(fires.len(), 2, "{fires:?}");
        let causes = host.causes_of_fires(&view, &fires).await.unwrap();
        let causing = runs(&host, before).await;
        for (cause, run) in causes.iter().zip(&causing) {
            let cause = cause.as_ref().unwrap();
            assert_eq!((&cause.job, cause.execution), (before, run.id));
        }
        let runs = runs(&host, job).await;
        assert_eq!(host.causes_of_runs(&runs).await.unwrap(), causes);
    }
}

#[tokio::test(start_paused = true)]
async fn failure_success_and_finish_are_told_apart() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let schedule = json!({"kind": "interval", "every": "10m"});
    let first = job(
        &host,
        json!({"schedule": schedule, "stock_ids": ["AAA", "AAB"]}),
    )
    .await;
    let mut followers = Vec::new();
    for on in ["success", "failure", "finish"] {
        followers.push(job(&host, following(&first, on)).await);
    }

    world
        .provider
        .tell("AAA", Act::Fails(FetchErrorKind::UnknownSymbol, 99));
    world.until("2025-06-02T12:15:00Z").await;
    world
        .provider
        .tell("AAB", Act::Fails(FetchErrorKind::UnknownSymbol, 99));
    world.until("2025-06-02T12:25:00Z").await;

    // The first time some symbols were stored, the second time none.
    let mut counts = Vec::new();
    for follower in &followers {
        counts.push(runs(&host, follower).await.len());
    }
    assert_eq!(counts, [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn runs_by_hand_cause_fires_too() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;

    host.run_now(&first, RunId::random(), ManualRun::default())
        .await
        .unwrap();
    world.pass(10).await;

    assert_eq!(fates(&host, &second).await, ["fired"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_follower_goes_is_skipped_or_waits_as_its_overlap_says() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let first = job(
        &host,
        json!({"schedule": {"kind": "interval", "every": "20s"}, "stock_ids": ["AAA"]}),
    )
    .await;
    world
        .provider
        .tell("BBB", Act::Takes(Duration::from_secs(30)));
    let skips = job(&host, following(&first, "success")).await;
    let mut order = following(&first, "success");
    order["overlap"] = "queue".into();
    let waits = job(&host, order).await;

    world.until("2025-06-02T12:01:30Z").await;
    edit(&host, &first, json!({"is_active": false})).await;
    world.until("2025-06-02T12:10:00Z").await;

    assert_eq!(
        fates(&host, &skips).await,
        ["fired", "skipped overlap", "fired", "skipped overlap"]
    );
    assert_eq!(fates(&host, &waits).await, ["fired"; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_heard_is_made_up_for_after_a_restart() {
    let world = World::at("2025-06-02T16:58:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;
    // The instance that ends the run does not get to what follows.
    world
        .provider
        .tell("AAA", Act::Takes(Duration::from_secs(60)));
    world.until("2025-06-02T17:00:30Z").await;
    host.stop().await;
    world.pass(600).await;

    let host = world.host().await;
    world.pass(120).await;

    assert_eq!(fates(&host, &first).await, ["fired"]);
    assert_eq!(fates(&host, &second).await, ["fired"]);
    host.stop().await;
    let host = world.host().await;
    world.pass(600).await;
    assert_eq!(fates(&host, &second).await, ["fired"], "and once only");
}

#[tokio::test(start_paused = true)]
async fn two_instances_fire_a_link_once() {
    let world = World::at("2025-06-02T12:00:00Z");
    let (one, other) = (world.host().await, world.host().await);
    let first = job(
        &one,
        json!({"schedule": {"kind": "interval", "every": "10s"}, "stock_ids": ["AAA"]}),
    )
    .await;
    let second = job(&other, following(&first, "success")).await;

    world.until("2025-06-02T12:05:05Z").await;
    // Whichever of the two arms the links is stopped: the other goes on.
    one.stop().await;
    world.until("2025-06-02T12:10:05Z").await;

    let (causing, caused) = (runs(&other, &first).await, fires(&other, &second).await);
    let causes = other
        .causes_of_fires(&other.job(&second).await.unwrap(), &caused)
        .await
        .unwrap();
    let mut executions: Vec<_> = causes
        .iter()
        .flatten()
        .map(|cause| cause.execution)
        .collect();
    assert_eq!(executions.len(), caused.len());
    assert!(
        caused.len() >= causing.len() - 1,
        "{} of {}",
        caused.len(),
        causing.len()
    );
    executions.sort();
    executions.dedup();
    assert_eq!(executions.len(), caused.len(), "none twice");
}

#[tokio::test(start_paused = true)]
async fn what_was_past_when_a_job_began_to_follow_does_not_fire_it() {
    let world = World::at("2025-06-02T16:59:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;
    edit(&host, &second, json!({"is_active": false})).await;
    world.until("2025-06-02T17:10:00Z").await;

    edit(&host, &second, json!({"is_active": true})).await;
    world.pass(60).await;

    assert_eq!(fates(&host, &first).await, ["fired"]);
    assert_eq!(fates(&host, &second).await, Vec::<String>::new());
    assert_eq!(host.job(&second).await.unwrap().problem, None);
}

#[tokio::test(start_paused = true)]
async fn circles_and_jobs_that_are_not_there_are_refused() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;
    let third = job(&host, following(&second, "success")).await;

    let circle = |job: &JobId| json!({"after": {"job": job.as_str()}});
    for (job, follows) in [(&first, &third), (&first, &first), (&second, &third)] {
        let draft = Draft::read(circle(follows), Mode::Merge).unwrap();
        let refused = host
            .edit_job(job, draft, Mode::Merge, None)
            .await
            .unwrap_err();

        let HostError::Invalid(errors) = &refused else {
            panic!("{refused}")
        };
        assert_eq!(errors[0].pointer, "/schedule/job");
        assert!(refused.to_string().contains("circle"), "{refused}");
    }
    let nobody = json!({"stock_ids": ["BBB"], "after": {"job": "nobody"}});
    assert!(refusal(&host, nobody).await.contains("no such job"));
    let odd = json!({"stock_ids": ["BBB"], "after": {"job": first.as_str(), "on": "sucess"}});
    assert!(
        refusal(&host, odd)
            .await
            .contains("did you mean \"success\"")
    );
    let refused = host.delete_job(&first, None).await.unwrap_err();
    assert!(
        matches!(&refused, HostError::Conflict(why) if why.contains(second.as_str())),
        "{refused}"
    );
    host.delete_job(&third, None).await.unwrap();
    host.delete_job(&second, None).await.unwrap();
    host.delete_job(&first, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_edits_at_a_time_make_no_circle() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    for _ in 0..20 {
        let one = job(&host, json!({"schedule_time": "17:00"})).await;
        let other = job(&host, json!({"schedule_time": "17:00"})).await;
        let follow = |job: JobId, before: JobId| {
            let draft =
                Draft::read(json!({"after": {"job": before.as_str()}}), Mode::Merge).unwrap();
            let host = host.clone();
            async move { host.edit_job(&job, draft, Mode::Merge, None).await.is_ok() }
        };

        let (first, second) = tokio::join!(follow(one.clone(), other.clone()), follow(other, one));

        assert!(first != second, "one of them is refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_keeps_what_follows_from_firing() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let first = job(
        &host,
        json!({"schedule": {"kind": "interval", "every": "10m"}, "stock_ids": ["AAA"]}),
    )
    .await;
    let mut order = following(&first, "success");
    order["paused_until"] = "2025-06-02T12:15:00+00:00".into();
    let second = job(&host, order).await;

    world.until("2025-06-02T12:25:00Z").await;

    let fires = fires(&host, &second).await;
    assert_eq!(fires.len(), 1);
    assert!(fires[0].fire_time > instant("2025-06-02T12:19:59Z"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_follows_one_that_was_deleted_in_a_hurry_is_stopped_and_says_so() {
    let world = World::at("2025-06-02T12:00:00Z");
    let host = world.host().await;
    let (first, second) = pair(&host, "success").await;
    world.pass(3).await;

    // As a host does that is killed in the middle of it.
    let request = RequestId::random();
    world.store.delete(&first, None, request).await.unwrap();
    world.pass(5).await;

    let then = host.job(&second).await.unwrap();
    assert!(!then.stored.job.active);
    let problem = then.stored.job.problem.as_deref().unwrap_or_default();
    assert!(problem.ends_with("has been deleted"), "{problem}");
}
