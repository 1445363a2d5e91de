//! The list of jobs: filters, pages, all of them.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{Answer, Api, order};
use crate::support::Service;
use crate::support::service::Options;

/// More than the service reads at a time.
const MANY: usize = 1_103;

async fn with_many(store: &str) -> Api {
    let api = Api(Service::start(&Options::store(store)).await);
    let create = async |number: usize| {
        let more = json!({"name": format!("job {number}"), "tags": [format!("t{}", number % 2)]});
        api.send("POST /scheduler/jobs", order(more)).await.ok();
    };
    stream::iter(0..MANY)
        .map(create)
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
    api
}

fn ids(answer: &Answer) -> Vec<String> {
    let jobs = answer.ok();
    let id = |job: &Value| job["job_id"].as_str().unwrap().to_owned();
    jobs.as_array().unwrap().iter().map(id).collect()
}

/// The path and query behind `rel="next"`.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let address = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    Some(address.to_owned())
}

/// Follows the links from a page to the end; every page tells the same total.
async fn walk(api: &Api, first: &str) -> Vec<String> {
    let (mut path, mut seen, mut total) = (first.to_owned(), Vec::new(), None);
    loop {
        let page = api.call(&format!("GET {path}")).await;
        seen.extend(ids(&page));
        let told = page.header("x-total-count").map(str::to_owned);
        assert_eq!(*total.get_or_insert_with(|| told.clone()), told, "{path}");
        match next(&page) {
            Some(next) => path = next,
            None => return seen,
        }
    }
}

async fn gives_each_job_once(store: &str) {
    let api = with_many(store).await;

    let all = api.call("GET /scheduler/jobs").await;

    let everything = ids(&all);
    assert_eq!(everything.len(), MANY);
    assert_eq!(everything.iter().collect::<HashSet<_>>().len(), MANY);
    assert_eq!(all.header("x-total-count"), Some(MANY.to_string().as_str()));
    assert_eq!(all.header("link"), None);
    for first in [
        "/scheduler/jobs?limit=100",
        "/scheduler/jobs?limit=1000",
        "/scheduler/jobs?cursor=&active_only=false",
    ] {
        assert_eq!(walk(&api, first).await, everything, "{first}");
    }
    let tagged = walk(&api, "/scheduler/jobs?tag=t1&limit=99").await;
    assert_eq!(tagged.len(), MANY / 2);
    assert_eq!(ids(&api.call("GET /scheduler/jobs?tag=t1").await), tagged);
    assert_eq!(
        walk(&api, "/scheduler/jobs?q=JOB%207&limit=3").await.len(),
        111
    );
}

#[tokio::test]
async fn the_list_gives_each_job_once_however_it_is_read() {
    gives_each_job_once("memory:").await;
}

#[tokio::test]
async fn the_list_gives_each_job_once_from_sqlite() {
    let dir = tempfile::tempdir().unwrap();

    gives_each_job_once(&format!("sqlite:{}", dir.path().join("jobs.db").display())).await;
}

#[tokio::test]
async fn filters_find_what_they_name() {
    let dir = tempfile::tempdir().unwrap();
    filters(Api::start().await).await;
    let sqlite = format!("sqlite:{}", dir.path().join("jobs.db").display());
    filters(Api(Service::start(&Options::store(&sqlite)).await)).await;
}

async fn filters(api: Api) {
    let a = json!({"name": "Alpha 100%", "stock_ids": ["AAPL", "^GSPC"], "tags": ["us", "a b&c"]});
    let b =
        json!({"name": "Ünder_score", "stock_ids": ["BRK-B"], "tags": ["us"], "is_active": false});
    let c = json!({"name": "Gamma", "stock_ids": ["GBPUSD=X", "aapl"]});
    let mut paths = Vec::new();
    for job in [a, b, c] {
        paths.push(api.job(job).await);
    }
    let cases: [(&str, &[usize], Option<&str>); 27] = [
        ("", &[0, 1, 2], Some("3")),
        ("active_only=true", &[0, 2], Some("2")),
        ("active_only=True", &[0, 2], Some("2")),
        ("active_only=TRUE", &[0, 2], Some("2")),
        ("active_only=1", &[0, 2], Some("2")),
        ("active_only=false", &[0, 1, 2], Some("3")),
        ("active_only=False", &[0, 1, 2], Some("3")),
        ("active_only=0", &[0, 1, 2], Some("3")),
        ("status=paused", &[1], Some("1")),
        ("status=pending", &[0, 2], Some("2")),
        ("status=failed", &[], Some("0")),
        ("tag=us", &[0, 1], Some("2")),
        ("tag=u", &[], Some("0")),
        ("tag=a%20b%26c", &[0], Some("1")),
        ("tag=us&active_only=true", &[0], Some("1")),
        ("tag=us&status=paused&active_only=true", &[], Some("0")),
        ("symbol=AAPL", &[0, 2], None),
        ("symbol=aapl", &[0, 2], None),
        ("symbol=AAP", &[], None),
        ("symbol=%5Egspc", &[0], None),
        ("symbol=GBPUSD%3DX", &[2], None),
        ("q=aap", &[0, 2], None),
        ("q=GAMMA", &[2], None),
        ("q=0%25", &[0], None),
        ("q=_", &[1], None),
        ("q=%C3%BCnder", &[1], None),
        ("q=brk&tag=us&active_only=false", &[1], None),
    ];

    for (query, places, total) in cases {
        let list = api.call(&format!("GET /scheduler/jobs?{query}")).await;

        let expected: Vec<_> = places
            .iter()
            .map(|place| paths[*place].rsplit_once('/').unwrap().1)
            .collect();
        assert_eq!(ids(&list), expected, "{query}");
        assert_eq!(list.header("x-total-count"), total, "{query}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_with_a_sentence() {
    let api = Api::start().await;
    let cases = [
        (
            "active_only=yes",
            "active_only must be true or false, not \"yes\"",
        ),
        (
            "active_only=",
            "active_only must be true or false, not \"\"",
        ),
        (
            "limit=0",
            "limit must be a whole number from 1 to 1000, not \"0\"",
        ),
        (
            "limit=1001",
            "limit must be a whole number from 1 to 1000, not \"1001\"",
        ),
        (
            "limit=-1",
            "limit must be a whole number from 1 to 1000, not \"-1\"",
        ),
        (
            "limit=ten",
            "limit must be a whole number from 1 to 1000, not \"ten\"",
        ),
        (
            "limit=1e2",
            "limit must be a whole number from 1 to 1000, not \"1e2\"",
        ),
        (
            "status=sleeping",
            "status must be one of pending, running, completed, failed, paused, not \"sleeping\"",
        ),
    ];

    for (query, sentence) in cases {
        assert_eq!(
            api.call(&format!("GET /scheduler/jobs?{query}"))
                .await
                .refused(400),
            sentence
        );
    }
    for cursor in [
        "garbage",
        "%00",
        "-1",
        "99999999999999999999999",
        "%F0%9F%92%A9",
    ] {
        let answer = api
            .call(&format!("GET /scheduler/jobs?limit=5&cursor={cursor}"))
            .await;
        assert!(
            answer.status == 400 || answer.ok() == json!([]),
            "{cursor}: {answer:?}"
        );
    }
}
