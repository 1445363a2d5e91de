//! The laws that every store keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stock_scheduler_sdk::Store;
use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check};

use crate::support::Home;

#[tokio::test(flavor = "multi_thread")]
async fn every_law_of_a_store_holds() {
    let (home, files) = (Home::new(), AtomicUsize::new(0));

    let kept = check(|| async {
        let file = files.fetch_add(1, Ordering::Relaxed);
        let home = home.next_to(format!("{file}.db"));
        let clock = home.clock.clone();
        StoreUnderTest::with_clock(Arc::new(home.open()), clock)
            .reopened_by(|| async move { Arc::new(home.open()) as Arc<dyn Store> })
    });

    assert_eq!(kept.await, Ok(()));
}
