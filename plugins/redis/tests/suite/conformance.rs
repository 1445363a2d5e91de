//! The laws of a store, on a real server.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use stock_scheduler_sdk::Store;
use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check_law, laws};

use crate::support::Server;

#[tokio::test]
async fn every_law_is_kept() {
    let server = Rc::new(RefCell::new(Server::start().await));
    let mut broken = Vec::new();
    for law in laws() {
        if let Err(breach) = check_law(law, fresh(server.clone()).await).await {
            broken.push(breach.to_string());
        }
    }

    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A store over the emptied server; a crash kills the server too.
async fn fresh(server: Rc<RefCell<Server>>) -> StoreUnderTest {
    let mut client = server.borrow().client().await;
    redis::cmd("FLUSHALL")
        .exec_async(&mut client)
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(server.borrow().store());
    StoreUnderTest::in_real_time(store).reopened_by(move || async move {
        let mut server = server.borrow_mut();
        server.kill();
        server.restart().await;
        Arc::new(server.store()) as Arc<dyn Store>
    })
}
