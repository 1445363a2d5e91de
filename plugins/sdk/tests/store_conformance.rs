//! The suite of store laws accepts the memory store, and rejects each store that breaks one law by that law's name.

use std::sync::Arc;

use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check};
use stock_scheduler_sdk::{ManualClock, MemoryStore};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(
        "2025-03-03T21:59:30.25Z".parse().expect("a time"),
    ))
}

#[tokio::test]
async fn the_memory_store_keeps_every_law() {
    let fresh = || async {
        let clock = clock();
        StoreUnderTest::with_clock(Arc::new(MemoryStore::new(clock.clone())), clock)
    };

    assert_eq!(check(fresh).await, Ok(()));
}
