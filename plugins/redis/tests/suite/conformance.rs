//! The laws of a store, on a real server.

use std::rc::Rc;
use std::sync::Arc;

use stock_scheduler_sdk::Store;
use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check_law, laws};

use crate::support::Server;

#[tokio::test]
async fn every_law_is_kept() {
    let server = Rc::new(Server::start().await);
    let mut broken = Vec::new();
    for law in laws() {
        if let Err(breach) = check_law(law, fresh(&server).await).await {
            broken.push(breach.to_string());
        }
    }

    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A store over the emptied server. What a crash of the server itself may lose is up to its settings.
async fn fresh(server: &Rc<Server>) -> StoreUnderTest {
    let mut client = server.client().await;
    redis::cmd("FLUSHALL")
        .exec_async(&mut client)
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(server.store());
    let server = server.clone();
    StoreUnderTest::in_real_time(store)
        .reopened_by(move || async move { Arc::new(server.store()) as Arc<dyn Store> })
}
