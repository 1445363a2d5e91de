//! Webhooks: made, changed, looked after, and told what happens.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Api, has_fields};
use crate::support::receiver::{Reply, Request};
use crate::support::service::Options;
use crate::support::{Receiver, RedisServer, Service, eventually};

const HOOKS: &str = "/scheduler/webhooks";
/// A secret as a client brings it.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// An address that nobody tells: 192.0.2.0/24 leads nowhere.
const PUBLIC: &str = "https://example.com/hook";

const FIELDS: [&str; 9] = [
    "webhook_id",
    "url",
    "secret",
    "events",
    "job_id",
    "description",
    "is_active",
    "problem",
    "created_at",
];

fn options(store: &str) -> Options {
    Options::store(store).switch("--private-webhooks")
}

impl Api {
    /// On an empty store, and webhooks may lead to this machine.
    async fn telling() -> Self {
        Self(Service::start(&options("memory:")).await)
    }

    /// A webhook as `more` says that tells `receiver`; answers its path and secret.
    async fn hook(&self, receiver: &Receiver, mut more: Value) -> (String, String) {
        more["url"] = receiver.url().into();
        let created = self.send(&format!("POST {HOOKS}"), more).await.ok();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        (format!("{HOOKS}/{}", text("webhook_id")), text("secret"))
    }

    async fn get(&self, path: &str) -> Value {
        self.call(&format!("GET {path}")).await.ok()
    }

    /// A webhook's deliveries, once they are as wished.
    async fn deliveries(&self, hook: &str, are_right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let most = Duration::from_secs(20);
        eventually("the deliveries are right", most, async || {
            let list = self.get(&format!("{hook}/deliveries")).await;
            let list = list.as_array().unwrap().clone();
            are_right(&list).then_some(list)
        })
        .await
    }

    /// Runs a job to its end.
    async fn run(&self, job: &str) {
        let run = self.send(&format!("POST {job}/run"), json!({})).await.ok();
        self.0.ended(run["execution_id"].as_str().unwrap()).await;
    }
}

fn types(requests: &[Request]) -> Vec<String> {
    let types = requests
        .iter()
        .map(|request| request.json()["type"].clone());
    types
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let api = Api::start().await;
    let job = api.job(json!({})).await;
    let job_id = job.rsplit('/').next().unwrap();
    let order = json!({"url": PUBLIC, "events": ["JobFinished", "StockFailed", "JobFinished"], "job_id": job_id,
        "description": "tells the desk"});

    let created = api.send(&format!("POST {HOOKS}"), order).await;

    assert_eq!(created.status, 201);
    let reply = created.ok();
    let path = format!("{HOOKS}/{}", reply["webhook_id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(path.as_str()));
    has_fields(
        &created.text,
        &["message", "webhook_id", "secret", "webhook"],
    );
    let secret = reply["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    let read = api.call(&format!("GET {path}")).await;
    has_fields(&read.text, &FIELDS);
    let hook = read.ok();
    assert_eq!(hook, reply["webhook"]);
    assert_eq!(hook["secret"], format!("whsec_***{}", &secret[46..]));
    assert_eq!(hook["events"], json!(["JobFinished", "StockFailed"]));
    assert_eq!(
        (&hook["is_active"], &hook["problem"]),
        (&json!(true), &Value::Null)
    );
    assert!(hook["created_at"].as_str().unwrap().ends_with("+00:00"));

    let patch = format!("PATCH {path}");
    let changed = api
        .send(
            &patch,
            json!({"url": "https://example.org", "is_active": false}),
        )
        .await;

    let mut expected = hook.clone();
    expected["url"] = "https://example.org".into();
    expected["is_active"] = false.into();
    assert_eq!(changed.ok(), expected);
    let same = api.send(&patch, expected.clone()).await.ok();
    assert_eq!(same, expected, "what was read may be sent back");
    let nulls = json!({"url": null, "secret": null, "events": null, "job_id": null, "description": null,
        "is_active": null});
    let cleared = api.send(&patch, nulls).await.ok();
    for (name, value) in [
        ("events", json!([])),
        ("job_id", Value::Null),
        ("description", Value::Null),
    ] {
        expected[name] = value;
    }
    assert_eq!(cleared, expected);
    assert_eq!(api.get(&path).await, expected);

    let gone = api.call(&format!("DELETE {path}")).await;

    assert_eq!(gone.ok(), json!({"message": "Webhook deleted"}));
    assert_eq!(api.get(HOOKS).await, json!([]));
    assert_eq!(
        api.call(&format!("GET {path}")).await.refused(404),
        "Webhook not found"
    );
}

#[tokio::test]
async fn webhooks_are_listed_in_the_order_in_which_they_were_made_without_their_secrets() {
    let api = Api::start().await;
    let mut made = Vec::new();
    for number in 0..12 {
        let order = json!({"url": PUBLIC, "secret": SECRET, "description": number.to_string()});
        let created = api.send(&format!("POST {HOOKS}"), order).await.ok();
        assert_eq!(created["secret"], SECRET);
        made.push(created["webhook"].clone());
    }

    let list = api.call(&format!("GET {HOOKS}")).await;

    assert_eq!(list.ok(), Value::from(made));
    assert!(!list.text.contains(&SECRET[6..30]));
}

/// A body, and the place, kind and sentence of the mistake.
const WRONG: &str = r#"
{} | /url | required | url is required
{"url": null} | /url | required | url is required
{"url": 5} | /url | type | url must be a string, not a number
{"url": "nonsense"} | /url | value | url is no URL
{"url": "ftp://example.com"} | /url | value | url begins with another scheme, expected https:// or http://
{"url": "http://127.0.0.1:9"} | /url | value | 127.0.0.1 is no public address
{"url": "http://localhost/"} | /url | value | localhost is a name of the machine's own
{"url": "https://example.com", "secret": "hush"} | /secret | value | secret is not a secret, expected whsec_
{"url": "https://example.com", "secret": ["x"]} | /secret | type | secret must be a string, not a list
{"url": "https://example.com", "events": "JobFinished"} | /events | type | events must be a list, not a string
{"url": "https://example.com", "events": ["JobFinished", "JobFinishd"]} | /events/1 | value | events must be names of events, not "JobFinishd"; did you mean "JobFinished"?
{"url": "https://example.com", "events": ["Test"]} | /events/0 | value | events must be names of events, not "Test"; there are JobStarted, StockFetched
{"url": "https://example.com", "events": [null]} | /events/0 | type | events must be a string, not null
{"url": "https://example.com", "job_id": "no such job"} | /job_id | value | job_id
{"url": "https://example.com", "job_id": "0197a1b2-0000-7000-8000-000000000000"} | /job_id | value | job_id is 0197a1b2-0000-7000-8000-000000000000, and there is no such job
{"url": "https://example.com", "is_active": 1} | /is_active | type | is_active must be
{"url": "https://example.com", "secrt": "x"} | /secrt | unknown_field | unknown field "secrt"; did you mean "secret"?
"#;

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_refused_with_its_place() {
    let api = Api::start().await;
    let right = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let patch = format!("PATCH {HOOKS}/{}", right["webhook_id"].as_str().unwrap());
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let parts: Vec<_> = line.splitn(4, " | ").collect();
        let [body, pointer, code, message] = parts[..] else {
            panic!("{line}")
        };
        let body: Value = serde_json::from_str(body).unwrap();

        let answer = api.send(&format!("POST {HOOKS}"), body.clone()).await;

        let errors = answer.problem(422)["errors"].clone();
        assert_eq!(errors.as_array().unwrap().len(), 1, "{line}: {errors}");
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!(pointer), &json!(code)),
            "{line}: {errors}"
        );
        let said = errors[0]["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{line}: {said}");
        if code != "required" {
            assert_eq!(
                api.send(&patch, body).await.problem(422)["errors"],
                errors,
                "{line}"
            );
        }
    }
    let long = json!({"url": PUBLIC, "description": "x".repeat(501)});
    let answer = api.send(&format!("POST {HOOKS}"), long).await;
    assert_eq!(
        answer.refused(422),
        "description must be at most 500 characters, not 501"
    );
    assert_eq!(api.get(HOOKS).await, json!([right["webhook"]]));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let api = Api::start().await;
    let hook = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let hook = format!("{HOOKS}/{}", hook["webhook_id"].as_str().unwrap());
    let none = format!("{HOOKS}/none");

    for call in [
        format!("GET {none}"),
        format!("DELETE {none}"),
        format!("POST {none}/test"),
        format!("GET {none}/deliveries"),
        format!("GET {none}/deliveries/1-0"),
        format!("POST {none}/deliveries/1-0/resend"),
    ] {
        assert_eq!(
            api.call(&call).await.refused(404),
            "Webhook not found",
            "{call}"
        );
    }
    let patch = api.send(&format!("PATCH {none}"), json!({})).await;
    assert_eq!(patch.refused(404), "Webhook not found");
    for delivery in [
        "1-0",
        "nonsense",
        "1-99999999999999999999",
        "18446744073709551615-18446744073709551615",
    ] {
        for call in ["GET {}", "POST {}/resend"] {
            let call = call.replace("{}", &format!("{hook}/deliveries/{delivery}"));
            assert_eq!(
                api.call(&call).await.refused(404),
                "Delivery not found",
                "{call}"
            );
        }
    }
    let status = api
        .call(&format!("GET {hook}/deliveries?status=lost"))
        .await;
    assert_eq!(
        status.refused(400),
        "status must be pending, delivered or failed, not \"lost\""
    );
    let limit = api.call(&format!("GET {hook}/deliveries?limit=501")).await;
    limit.problem(400);
    let page = async |cursor| {
        let call = format!("GET {hook}/deliveries?cursor={cursor}");
        api.call(&call).await
    };
    assert_eq!(page("ffffffffffffffffffffffff").await.ok(), json!([]));
    for cursor in ["nonsense", "%00", "zzzzzzzzzzzzzzzzzzzzzzzz"] {
        let sentence = page(cursor).await.refused(400);
        assert!(sentence.starts_with("cursor must come from a Link header"));
    }
}

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

/// Hosts that lead to this machine, in ways that a look at the text may miss.
const OWN: &[&str] = &[
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "127%2e0%2e0%2e1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
    "local%68ost",
    "a.localhost",
    "example.com@127.0.0.1",
    "8.8.8.8@localhost",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "10.0.0.1",
    "192.168.0.1",
    "[fe80::1]",
];

/// The names that this machine's own file gives to itself.
fn own_names() -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().filter_map(|line| line.split('#').next());
    let own = lines.filter(|line| line.starts_with("127.") || line.starts_with("::1"));
    let names = own.flat_map(|line| line.split_whitespace().skip(1));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn no_webhook_reaches_what_is_not_public() {
    let api = Api::start().await;
    let canary = Receiver::start().await;
    let port = canary.port();
    let canary_v6 = Receiver::at(&format!("[::1]:{port}")).await;
    let hosts = OWN.iter().map(ToString::to_string).chain(own_names());
    let urls =
        hosts.flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}/")));
    let redirected = [
        format!("http:127.0.0.1:{port}"),
        format!("http:\\\\127.0.0.1:{port}\\@example.com/"),
    ];
    let (mut refused, mut undelivered) = (0, 0);

    for url in urls.chain(redirected) {
        let created = api
            .send(&format!("POST {HOOKS}"), json!({"url": url}))
            .await;
        if created.status == 422 {
            assert_eq!(created.json()["errors"][0]["pointer"], "/url", "{url}");
            refused += 1;
            continue;
        }
        // A name that looks public: what it leads to is looked at when it is told.
        let hook = created.ok()["webhook_id"].as_str().unwrap().to_owned();
        let tried = api.call(&format!("POST {HOOKS}/{hook}/test")).await.ok();
        assert_eq!(tried["ok"], false, "{url}");
        undelivered += 1;
    }
    // Nor by changing one that is public, nor by an event.
    let hook = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let patch = format!("PATCH {HOOKS}/{}", hook["webhook_id"].as_str().unwrap());
    api.send(&patch, json!({"url": canary.url()}))
        .await
        .problem(422);
    api.send(&patch, json!({"url": canary.url(), "is_active": false}))
        .await
        .problem(422);
    api.job(json!({})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    assert_eq!(
        refused + undelivered,
        2 * (OWN.len() + own_names().len()) + 2
    );
    assert!(refused >= 2 * OWN.len(), "{refused} refused");
    for canary in [Some(canary), canary_v6].into_iter().flatten() {
        assert!(canary.requests().is_empty(), "{:?}", canary.requests());
    }
}

#[tokio::test]
async fn a_webhook_that_may_not_be_told_any_more_says_so() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let mut api = Api(Service::start(&options(&store)).await);
    let receiver = Receiver::start().await;
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    api.0.stop().await;

    let mut strict = Api(Service::start(&Options::store(&store)).await);
    strict.job(json!({})).await;
    let problem = eventually("it says so", Duration::from_secs(5), async || {
        strict.get(&hook).await["problem"]
            .as_str()
            .map(str::to_owned)
    })
    .await;
    strict.0.stop().await;
    let api = Api(Service::start(&options(&store)).await);

    assert!(
        problem.contains("127.0.0.1 is no public address"),
        "{problem}"
    );
    assert_eq!(
        types(&receiver.received(1).await),
        ["JobCreated"],
        "it goes on"
    );
    eventually("all is well", Duration::from_secs(5), async || {
        let hook = api.get(&hook).await;
        (hook["problem"].is_null() && hook["is_active"] == true).then_some(())
    })
    .await;
}

const VERIFY: &str = "
import json, sys
from standardwebhooks import Webhook
request = json.load(sys.stdin)
print(json.dumps(Webhook(request['secret']).verify(request['body'], request['headers'])))
";

/// What the reference implementation in Python reads of a request, or `None` where it refuses it.
fn verified(request: &Value) -> Option<Value> {
    let mut python = Command::new("python3");
    python
        .args(["-c", VERIFY])
        .stdin(std::process::Stdio::piped());
    python
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = python.spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), request).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).ok()
}

#[tokio::test]
async fn the_reference_implementation_verifies_what_the_service_sends() {
    let import = Command::new("python3")
        .args(["-c", "import standardwebhooks"])
        .output();
    if !import.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: python3 has no package standardwebhooks");
        return;
    }
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (_, secret) = api
        .hook(&receiver, json!({"events": ["JobFinished"]}))
        .await;
    let job = api.job(json!({})).await;
    api.run(&job).await;

    let [request] = receiver.received(1).await.try_into().unwrap();

    let header = |name: &str| (name.to_owned(), request.header(name).into());
    let headers: serde_json::Map<_, _> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(header)
        .into_iter()
        .collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    let mut sent = json!({"secret": secret, "headers": headers, "body": body});
    assert_eq!(verified(&sent), Some(request.json()));
    sent["secret"] = SECRET.into();
    assert_eq!(verified(&sent), None, "another secret");
}
