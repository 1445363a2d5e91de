//! The threads on which the requests of a fetcher run.
//!
//! Each has an event loop of its own, so that a request and its connection stay on one processor: to hand them from one
//! to another takes about a tenth of all time that is spent on a quick answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{io, thread};

use stock_scheduler_sdk::Limits;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::gate;

/// So many requests under way at a time are worth a thread.
const REQUESTS: usize = 16;

/// Where one fetcher runs.
pub(crate) struct Threads {
    loops: Vec<Handle>,
    /// Where the next run begins, so that runs of few symbols use all threads together.
    next: AtomicUsize,
    /// Ends the threads.
    _stop: Option<DropGuard>,
}

impl Threads {
    /// None of its own: the caller's runtime.
    pub(crate) fn here() -> Self {
        Self {
            loops: vec![Handle::current()],
            next: AtomicUsize::new(0),
            _stop: None,
        }
    }

    /// Threads for a fetcher with these limits, as many as it may need and there are processors.
    ///
    /// They end when this is dropped, or when what keeps them busy then is done.
    pub(crate) fn start(limits: &Limits) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let count = gate::places(limits).div_ceil(REQUESTS).min(processors);
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let loops = (0..count).map(|_| start_loop(stop.clone()));
        Ok(Self {
            loops: loops.collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
            _stop: Some(guard),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.loops.len()
    }

    /// The threads for a run of so many symbols, each with its number.
    pub(crate) fn share(&self, symbols: usize) -> impl ExactSizeIterator<Item = (usize, &Handle)> {
        let count = symbols.min(self.count());
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let number = move |place| first.wrapping_add(place) % self.count();
        (0..count)
            .map(number)
            .map(|number| (number, &self.loops[number]))
    }
}

/// Starts a thread with an event loop that goes until `stop`.
fn start_loop(stop: CancellationToken) -> io::Result<Handle> {
    let (sender, started) = mpsc::channel();
    // The loop is made where it ends: it may not be dropped within another.
    let work = move || match Builder::new_current_thread().enable_all().build() {
        Ok(own_loop) => {
            // Whoever waits for it has not gone.
            let _ = sender.send(Ok(own_loop.handle().clone()));
            own_loop.block_on(stop.cancelled());
        }
        Err(error) => drop(sender.send(Err(error))),
    };
    thread::Builder::new().name("fetch".into()).spawn(work)?;
    let ended = |_| Err(io::Error::other("it ended at once"));
    started.recv().unwrap_or_else(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(requests: usize) -> Threads {
        let mut limits = Limits::default();
        limits.concurrency = Some(requests);
        Threads::start(&limits).unwrap()
    }

    #[test]
    fn runs_of_one_symbol_take_turns_on_the_threads() {
        let threads = of(2 * REQUESTS);
        let count = threads.count();

        let numbers = |symbols| -> Vec<usize> { threads.share(symbols).map(|(n, _)| n).collect() };

        let alone: Vec<usize> = (0..count).flat_map(|_| numbers(1)).collect();
        assert_eq!(alone, (0..count).collect::<Vec<_>>());
        assert_eq!(numbers(100).len(), count);
        assert_eq!(numbers(0).len(), 0);
    }

    #[test]
    fn a_fetcher_of_few_requests_has_one_thread() {
        assert_eq!(of(REQUESTS).count(), 1);
    }

    #[tokio::test]
    async fn the_threads_end_with_what_they_were_started_for() {
        let threads = of(REQUESTS);
        let (_, own_loop) = threads.share(1).next().unwrap();
        let left_behind = own_loop.spawn(std::future::pending::<()>());

        drop(threads);

        assert!(left_behind.await.unwrap_err().is_cancelled());
    }
}
