//! Where the requests of a fetcher run.
//!
//! Each lane is one thread with its own event loop, so that a request and its connection stay on one processor: to hand
//! them from one to another takes about a tenth of all time that is spent on a quick answer.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use stock_scheduler_sdk::Limits;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::gate;

/// So many requests under way at a time are worth a lane.
const REQUESTS: usize = 16;

/// The lanes of one fetcher.
pub(crate) struct Lanes {
    lanes: Vec<Handle>,
    /// Where the next run begins, so that runs of few symbols use all lanes together.
    next: AtomicUsize,
    /// Ends the threads.
    _stop: Option<DropGuard>,
}

impl Lanes {
    /// One lane, on the caller's runtime.
    pub(crate) fn here() -> Self {
        Self {
            lanes: vec![Handle::current()],
            next: AtomicUsize::new(0),
            _stop: None,
        }
    }

    /// Threads of their own for a fetcher with these limits, as many as it may need and there are processors.
    ///
    /// They end when this is dropped, or when what keeps them busy then is done.
    pub(crate) fn start(limits: &Limits) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let count = gate::places(limits).div_ceil(REQUESTS).min(processors);
        let stop = CancellationToken::new();
        let start = |_| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let lane = runtime.handle().clone();
            let stopped = stop.clone().cancelled_owned();
            let work = move || runtime.block_on(stopped);
            thread::Builder::new().name("fetch".into()).spawn(work)?;
            Ok(lane)
        };
        Ok(Self {
            lanes: (0..count).map(start).collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
            _stop: Some(stop.drop_guard()),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// The lanes for a run of so many symbols, each with its number.
    pub(crate) fn share(&self, symbols: usize) -> impl Iterator<Item = (usize, &Handle)> {
        let count = symbols.min(self.count());
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let place = move |lane| (first.wrapping_add(lane)) % self.count();
        (0..count).map(place).map(|lane| (lane, &self.lanes[lane]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_symbol_take_turns_on_the_lanes() {
        let mut limits = Limits::default();
        limits.concurrency = Some(2 * REQUESTS);
        let lanes = Lanes::start(&limits).unwrap();
        let count = lanes.count();

        let numbers = |symbols| -> Vec<usize> { lanes.share(symbols).map(|(n, _)| n).collect() };

        let alone: Vec<usize> = (0..count).flat_map(|_| numbers(1)).collect();
        assert_eq!(alone, (0..count).collect::<Vec<_>>());
        assert_eq!(numbers(100).len(), count);
        assert_eq!(numbers(0).len(), 0);
    }

    #[test]
    fn a_fetcher_of_few_requests_has_one_thread() {
        let mut limits = Limits::default();
        limits.concurrency = Some(REQUESTS);

        assert_eq!(Lanes::start(&limits).unwrap().count(), 1);
    }
}
