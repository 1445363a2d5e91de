//! Every request to a provider passes its gate: it keeps the fetcher's limits, gives a slow request's place to others,
//! and closes for all when the provider says "too many requests".

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stock_scheduler_sdk::{FetchError, FetchErrorKind, Limits, Series};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::pace::Pace;

/// What "no limit" means for requests under way: more would only exhaust our own sockets.
const MOST_AT_ONCE: usize = 256;
/// A request older than this moves to the slow lane, if there is room, and leaves its place to another.
const SLOW: Duration = Duration::from_secs(2);
/// How long one request may take where the fetcher names no limit.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The first rest after "too many requests" without a time; it doubles up to [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(15 * 60);
const LONGEST_REST: Duration = Duration::from_secs(6 * 3600);

/// The gate of one fetcher, shared by all runs.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The places, divided among the fetcher's threads.
    fast: Vec<Semaphore>,
    slow: Semaphore,
    timeout: Duration,
    /// Shared with the gates of the same fetcher before and after this one: to the provider they are one.
    state: Arc<Mutex<State>>,
}

/// The right to one request.
pub(crate) struct Place<'a>(#[expect(dead_code, reason = "held")] SemaphorePermit<'a>);

#[derive(Debug)]
struct State {
    pace: Pace,
    /// The gate is closed until then.
    rest_until: Option<Instant>,
    /// How often it was closed since a request last succeeded.
    rests: u32,
}

/// How many requests may be under way at a time.
pub(crate) fn places(limits: &Limits) -> usize {
    let most = limits.concurrency.unwrap_or(MOST_AT_ONCE);
    most.clamp(1, MOST_AT_ONCE)
}

impl Gate {
    /// A gate for a fetcher whose requests run on so many threads.
    pub(crate) fn new(limits: &Limits, threads: usize) -> Self {
        let places = places(limits);
        let share = |thread| (places + thread) / threads;
        Self {
            fast: (0..threads).map(share).map(Semaphore::new).collect(),
            slow: Semaphore::new(places),
            timeout: limits.timeout.unwrap_or(TIMEOUT),
            state: Arc::new(Mutex::new(State {
                pace: Pace::new(limits),
                rest_until: None,
                rests: 0,
            })),
        }
    }

    /// The same, in the place of the fetcher's gate before: what went through that one counts, and whoever still waits there
    /// keeps the limits of this one.
    pub(crate) fn after(mut self, before: &Self, limits: &Limits) -> Self {
        before.state().pace.set_limits(limits);
        self.state = before.state.clone();
        self
    }

    /// Waits for a place, then for the pace and the end of any rest: whoever has come in may make one request now.
    ///
    /// Who waits here comes in by turns with all others on the thread.
    pub(crate) async fn enter(&self, thread: usize) -> Place<'_> {
        let place = self.fast[thread]
            .acquire()
            .await
            .expect("the gate's semaphore is never closed");
        let mut at = self.state().pace.reserve(Instant::now());
        loop {
            if at > Instant::now() {
                tokio::time::sleep_until(at).await;
            }
            match self.rest_left() {
                Some(end) => at = end,
                None => return Place(place),
            }
        }
    }

    /// Makes one request and learns from its outcome.
    ///
    /// A request that takes longer than the fetcher's timeout is dropped and fails as unavailable.
    pub(crate) async fn pass(
        &self,
        place: Place<'_>,
        request: impl Future<Output = Result<Series, FetchError>>,
    ) -> Result<Series, FetchError> {
        let outcome = self.hold(place, request).await;
        self.learn(&outcome);
        outcome
    }

    /// Drives the request, until its timeout; once it is slow, it moves to the slow lane as soon as that has room.
    async fn hold(
        &self,
        place: Place<'_>,
        request: impl Future<Output = Result<Series, FetchError>>,
    ) -> Result<Series, FetchError> {
        let begun = Instant::now();
        // One timer for both: most requests need neither.
        let timer = tokio::time::sleep_until(begun + SLOW.min(self.timeout));
        tokio::pin!(request, timer);
        tokio::select! {
            biased;
            outcome = &mut request => return outcome,
            () = &mut timer => timer.as_mut().reset(begun + self.timeout),
        }
        let in_slow_lane = async {
            let _slow_place = tokio::select! {
                biased;
                outcome = &mut request => return outcome,
                slow_place = self.slow.acquire() => slow_place,
            };
            drop(place);
            request.await
        };
        tokio::select! {
            biased;
            outcome = in_slow_lane => outcome,
            () = &mut timer => Err(FetchError::new(
                FetchErrorKind::Unavailable,
                format!("no answer within {} s", self.timeout.as_secs_f64()),
            )),
        }
    }

    fn rest_left(&self) -> Option<Instant> {
        self.state().rest_until.filter(|end| *end > Instant::now())
    }

    /// Closes the gate after "too many requests"; a success forgets earlier ones.
    fn learn(&self, outcome: &Result<Series, FetchError>) {
        let mut state = self.state();
        match outcome {
            Ok(_) => state.rests = 0,
            Err(error) => {
                if let FetchErrorKind::RateLimited { retry_after } = error.kind() {
                    state.rest(retry_after.map(Duration::from_secs));
                }
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Rests for as long as the provider says, else 15 minutes, then twice as long each time; then at half the speed.
    ///
    /// Requests that were under way when the gate closed come back with the same answer; they do not count again.
    fn rest(&mut self, told: Option<Duration>) {
        let now = Instant::now();
        if self.rest_until.is_some_and(|end| end > now) {
            return;
        }
        let own = FIRST_REST * (1 << self.rests.min(5));
        self.rest_until = Some(now + told.unwrap_or(own).min(LONGEST_REST));
        self.rests += 1;
        self.pace.slow_down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::UTC;
    use stock_scheduler_sdk::Interval;

    fn gate(concurrency: usize) -> Arc<Gate> {
        let mut limits = Limits::default();
        limits.concurrency = Some(concurrency);
        Arc::new(Gate::new(&limits, 1))
    }

    #[test]
    fn the_threads_share_all_places_and_no_more() {
        for (places, threads) in [(1, 1), (17, 2), (32, 2), (100, 7), (256, 16)] {
            let mut limits = Limits::default();
            limits.concurrency = Some(places);

            let shares = Gate::new(&limits, threads).fast;

            let shares: Vec<usize> = shares.iter().map(Semaphore::available_permits).collect();
            assert_eq!(shares.iter().sum::<usize>(), places);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_in_the_place_of_another_goes_on_with_its_account() {
        let mut limits = Limits::default();
        limits.per_hour = Some(2);
        let before = Gate::new(&limits, 1);
        before.enter(0).await;
        before.enter(0).await;

        let after = Gate::new(&limits, 1).after(&before, &limits);
        let begun = Instant::now();
        after.enter(0).await;

        assert_eq!(begun.elapsed(), Duration::from_secs(3_600));
    }

    fn series() -> Result<Series, FetchError> {
        Ok(Series::new("AAPL".parse().unwrap(), Interval::Day, UTC))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_request_leaves_its_place_to_others_after_two_seconds() {
        let gate = gate(1);
        let hanging = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass(gate.enter(0).await, std::future::pending()).await }
        });
        tokio::task::yield_now().await;
        let start = Instant::now();

        gate.pass(gate.enter(0).await, async { series() })
            .await
            .unwrap();

        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!(
            hanging.await.unwrap().unwrap_err().kind(),
            FetchErrorKind::Unavailable
        );
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_requests_closes_the_gate_for_all_until_the_time_told() {
        let gate = gate(2);
        let limited = || async {
            Err(FetchError::new(
                FetchErrorKind::RateLimited {
                    retry_after: Some(30),
                },
                "429",
            ))
        };
        let start = Instant::now();

        gate.pass(gate.enter(0).await, limited()).await.unwrap_err();
        gate.pass(gate.enter(0).await, async { series() })
            .await
            .unwrap();

        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn rests_double_while_nothing_succeeds() {
        let gate = gate(1);
        let limited = || async {
            Err(FetchError::new(
                FetchErrorKind::RateLimited { retry_after: None },
                "429",
            ))
        };
        let start = Instant::now();

        for _ in 0..3 {
            gate.pass(gate.enter(0).await, limited()).await.unwrap_err();
        }

        assert_eq!(start.elapsed().as_secs(), (15 + 30) * 60);
    }
}
