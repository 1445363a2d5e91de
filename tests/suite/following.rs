//! Jobs that follow others, while those are deleted at the same moment.

use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::Durable;
use crate::support::Service;
use crate::support::service::Options;

#[tokio::test]
async fn who_begins_to_follow_a_job_that_is_being_deleted_says_so() {
    let store = Durable::sqlite();
    let service = Service::start(&Options::store(&store.url())).await;
    let mut orphans = 0;

    for round in 0..60 {
        let first = service.job("first", &["AAPL"]).await;
        let path = format!("/scheduler/jobs/{first}");
        let order = json!({"name": "then", "stock_ids": ["AAPL"], "after": {"job": first, "on": "success"}});
        // The two meet at another place each time.
        let later = std::time::Duration::from_micros(round % 20 * 150);
        let delete = async {
            tokio::time::sleep(later).await;
            service.send(Method::DELETE, &path, None).await
        };
        let follow = service.send(Method::POST, "/scheduler/jobs", Some(order));
        let (deleted, followed) = tokio::join!(delete, follow);

        if !deleted.status().is_success() || !followed.status().is_success() {
            continue;
        }
        let followed: Value = serde_json::from_slice(&followed.bytes().await.unwrap()).unwrap();
        let id = followed["job_id"].as_str().unwrap();
        let then = service.get(&format!("/scheduler/jobs/{id}")).await;
        let problem = then["problem"].as_str().unwrap_or_default();
        assert!(problem.contains("has been deleted"), "{then}");
        assert_eq!(then["is_active"], false);
        orphans += 1;
    }
    println!("{orphans} of 60 followed a job that was deleted at that moment");
}
