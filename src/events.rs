//! The event bus: one broadcast channel fed from facts already stored.
//!
//! A single task follows the store's log and hands each event to the host's own listeners, then to all subscribers. What
//! this process has not written itself it learns in the same way, so every instance over one store hears the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use stock_scheduler_sdk::{Event, EventId, EventLog, EventPage, StoreError, StoreErrorKind};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many events a subscriber may fall behind before it is ended.
const BACKLOG: usize = 4_096;
/// How many events are read from the log at a time.
const PAGE: usize = 1_024;
/// How long one question for new events may wait.
const LONG_POLL: Duration = Duration::from_secs(5);
/// How long to wait before asking again a store that did not answer.
const RETRY: Duration = Duration::from_millis(200);
/// How long after some events the next are waited for: what comes close together is read together.
const TOGETHER: Duration = Duration::from_millis(3);
/// Whoever has asked is told by then that the store does not answer: one timer for many requests.
const DEADLINE: Duration = Duration::from_millis(900);

/// An event on its way to subscribers; its bytes on the wire are made once, by the first who needs them.
#[derive(Debug)]
pub struct Published {
    /// What happened.
    pub event: Event,
    wire: OnceLock<Bytes>,
}

impl Published {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            event,
            wire: OnceLock::new(),
        }
    }

    /// The event in the form that `format` gives it the first time.
    pub fn wire(&self, format: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.wire.get_or_init(|| format(&self.event)).clone()
    }
}

/// What a subscriber hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Something happened.
    Event(Arc<Published>),
    /// Events were trimmed from the log before they were read: who must know of all resumes from the log.
    Missed,
}

/// Something that hears of every event before subscribers do. Must be quick: the bus waits for it.
pub(crate) type Hears = Box<dyn Fn(&Event) + Send + Sync>;
/// Drops what was learned from events, when some may have been missed.
pub(crate) type Forget = Box<dyn Fn() + Send + Sync>;

/// Somebody who waits until the log is read to its end.
struct Asked {
    since: Instant,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Where events are heard.
#[derive(Clone)]
pub struct EventBus {
    log: Arc<dyn EventLog>,
    /// Whether the store has so far said at once where its log ends: one in this process need not be asked by way of the
    /// follower.
    tells_at_once: Arc<AtomicBool>,
    live: broadcast::Sender<Heard>,
    questions: mpsc::UnboundedSender<Asked>,
    seen: watch::Receiver<Option<EventId>>,
}

impl EventBus {
    /// A bus and the task that feeds it from `log` until `stop`.
    pub(crate) fn new(
        log: Arc<dyn EventLog>,
        listeners: Vec<Hears>,
        forget: Forget,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (live, _) = broadcast::channel(BACKLOG);
        let (questions, asked) = mpsc::unbounded_channel();
        let (seen_sender, seen) = watch::channel(None);
        let follower = Follower {
            log: log.clone(),
            listeners,
            forget,
            is_away: false,
            is_busy: false,
            live: live.clone(),
            seen: seen_sender,
            asked,
        };
        (
            Self {
                log,
                tells_at_once: Arc::new(AtomicBool::new(true)),
                live,
                questions,
                seen,
            },
            follower.run(stop),
        )
    }

    /// Every event from now on. A subscriber that falls too far behind gets an error and has to resume from the log.
    pub fn subscribe(&self) -> broadcast::Receiver<Heard> {
        self.live.subscribe()
    }

    /// The newest event that was published; `None` before the store has answered for the first time.
    pub fn seen(&self) -> Option<EventId> {
        *self.seen.borrow()
    }

    /// Waits until everything that any instance had written when this was called has been heard here, or until it is clear
    /// that the store is away, which takes less than a second.
    ///
    /// Callers that wait at the same time share one question to the store.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.is_at_the_end().await {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let stopped = || StoreError::new(StoreErrorKind::Unavailable, "the service is stopping");
        let since = Instant::now();
        let asked = Asked { since, reply };
        self.questions.send(asked).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Whether everything has been heard, as far as the store tells without waiting.
    async fn is_at_the_end(&self) -> bool {
        let Some(seen) = self
            .seen()
            .filter(|_| self.tells_at_once.load(Ordering::Relaxed))
        else {
            return false;
        };
        let answer = poll_immediate(self.log.events(seen, 0, Duration::ZERO)).await;
        if answer.is_none() {
            self.tells_at_once.store(false, Ordering::Relaxed);
        }
        matches!(answer, Some(Ok(page)) if page.last == seen)
    }
}

/// The task behind the bus.
struct Follower {
    log: Arc<dyn EventLog>,
    listeners: Vec<Hears>,
    forget: Forget,
    /// Whether the store did not answer the last question; it may come back without what it had last.
    is_away: bool,
    /// Whether the last question found something new.
    is_busy: bool,
    live: broadcast::Sender<Heard>,
    seen: watch::Sender<Option<EventId>>,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Follower {
    async fn run(mut self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&mut self) {
        loop {
            let log = self.log.clone();
            let Some(seen) = *self.seen.borrow() else {
                self.begin().await;
                continue;
            };
            let mut page = log.events(seen, PAGE, LONG_POLL);
            let answer = loop {
                tokio::select! {
                    answer = &mut page => break answer,
                    Some(first) = self.asked.recv() => drop(self.answer(Some(first)).await),
                }
            };
            match answer {
                Ok(page) => {
                    let is_all = (1..PAGE).contains(&page.events.len());
                    self.publish(seen, page);
                    if is_all {
                        self.rest(TOGETHER).await;
                    }
                }
                Err(_) => {
                    self.is_away = true;
                    self.rest(RETRY).await;
                }
            }
        }
    }

    /// Finds the end of the log, from which this process listens.
    async fn begin(&mut self) {
        if self.answer(None).await.is_err() {
            self.rest(RETRY).await;
        }
    }

    /// Waits a little before the store is asked again; questions in the meantime are still put to it.
    async fn rest(&mut self, time: Duration) {
        let rest = tokio::time::sleep(time);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                () = &mut rest => return,
                Some(first) = self.asked.recv() => drop(self.answer(Some(first)).await),
            }
        }
    }

    /// Reads the log to its end once for all who are waiting.
    async fn answer(&mut self, first: Option<Asked>) -> Result<(), StoreError> {
        // Requests that are being read right now ask the same.
        tokio::task::yield_now().await;
        let mut waiting = Vec::from_iter(first);
        while let Ok(next) = self.asked.try_recv() {
            waiting.push(next);
        }
        // Who has asked first has waited longest, maybe for a slow answer to a question before this.
        let since = waiting
            .first()
            .map_or_else(Instant::now, |first| first.since);
        let outcome = self.catch_up_by(since + DEADLINE).await;
        for asked in waiting {
            let copy = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(StoreError::new(error.kind(), error.to_string())),
            };
            // Whoever asked may have gone.
            let _ = asked.reply.send(copy);
        }
        outcome
    }

    async fn catch_up_by(&mut self, deadline: Instant) -> Result<(), StoreError> {
        let caught_up = tokio::time::timeout_at(deadline, self.catch_up()).await;
        caught_up.unwrap_or_else(|_| {
            self.is_away = true;
            let message = format!("the store did not answer within {DEADLINE:?}");
            Err(StoreError::new(StoreErrorKind::Unavailable, message))
        })
    }

    async fn catch_up(&mut self) -> Result<(), StoreError> {
        loop {
            let seen = *self.seen.borrow();
            // While nothing happens, it is cheaper to ask where the log ends than for what comes next.
            let limit = match seen {
                Some(_) if self.is_busy => PAGE,
                _ => 0,
            };
            let page = self
                .log
                .events(seen.unwrap_or_default(), limit, Duration::ZERO)
                .await
                .inspect_err(|_| self.is_away = true)?;
            let is_behind = limit == 0 && seen.is_some_and(|seen| seen < page.last);
            self.is_busy = is_behind || !page.events.is_empty();
            if is_behind {
                continue;
            }
            let done = page.events.len() < PAGE;
            self.publish(seen.unwrap_or_default(), page);
            if done {
                return Ok(());
            }
        }
    }

    /// Tells listeners, then subscribers, of each event of a page asked for after `after` that is new here.
    fn publish(&mut self, after: EventId, page: EventPage) {
        let seen = *self.seen.borrow();
        let mut newest = seen.unwrap_or(page.last);
        // A log that ends before what was heard has lost its end with the store; go on from what there is. A page asked
        // for earlier than the last one says nothing about that.
        let has_lost_its_end = page.last < newest && after == newest;
        if has_lost_its_end {
            newest = page.last;
        }
        if has_lost_its_end || page.too_old || std::mem::take(&mut self.is_away) {
            (self.forget)();
        }
        let nothing = page.events.is_empty();
        // Who subscribes from here on came after these events.
        let is_heard = self.live.receiver_count() > 0;
        if page.too_old && seen.is_some() {
            let _ = self.live.send(Heard::Missed);
        }
        for event in page.events {
            if event.id > newest {
                newest = event.id;
                self.tell(&event);
                if is_heard {
                    // The last subscriber may have gone meanwhile.
                    let _ = self
                        .live
                        .send(Heard::Event(Arc::new(Published::new(event))));
                }
            }
        }
        if nothing && page.last > newest && after == newest {
            // What came could not be read by this version; it is passed over.
            newest = page.last;
        }
        if seen != Some(newest) {
            self.seen.send_replace(Some(newest));
        }
    }

    /// Tells the listeners; one that panics keeps nobody else from hearing.
    fn tell(&self, event: &Event) {
        for listener in &self.listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                tracing::error!(event = event.kind.name(), "a listener panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use stock_scheduler_sdk::{EventKind, JobId, MemoryStore, SystemClock};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            id: EventId { ms: 1, seq },
            at: chrono::DateTime::UNIX_EPOCH,
            job: JobId::random(),
            kind: EventKind::FireSkipped {
                scheduled_for: chrono::DateTime::UNIX_EPOCH,
                reason: "overlap".into(),
            },
        }
    }

    #[test]
    fn a_subscriber_hears_where_events_are_missing() {
        let (live, mut heard) = broadcast::channel(8);
        let seen = EventId { ms: 1, seq: 1 };
        let mut follower = Follower {
            log: Arc::new(MemoryStore::new(Arc::new(SystemClock))),
            listeners: Vec::new(),
            forget: Box::new(|| ()),
            is_away: false,
            is_busy: false,
            live,
            seen: watch::channel(Some(seen)).0,
            asked: mpsc::unbounded_channel().1,
        };
        let page = |seq, too_old| EventPage {
            events: vec![event(seq)],
            last: EventId { ms: 1, seq },
            too_old,
        };

        follower.publish(seen, page(2, false));
        follower.publish(EventId { ms: 1, seq: 2 }, page(9, true));

        let mut next = || heard.try_recv().unwrap();
        assert!(matches!(next(), Heard::Event(published) if published.event.id.seq == 2));
        assert!(matches!(next(), Heard::Missed));
        assert!(matches!(next(), Heard::Event(published) if published.event.id.seq == 9));
    }

    /// A log in which nothing happens, and which takes so long to say so.
    struct Slow(Mutex<VecDeque<Duration>>);

    #[async_trait]
    impl EventLog for Slow {
        async fn events(
            &self,
            after: EventId,
            _limit: usize,
            wait: Duration,
        ) -> Result<EventPage, StoreError> {
            if wait > Duration::ZERO {
                std::future::pending::<()>().await;
            }
            let time = self.0.lock().unwrap().pop_front().unwrap_or(Duration::MAX);
            tokio::time::sleep(time).await;
            Ok(EventPage {
                last: after,
                ..EventPage::default()
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_during_a_slow_question_is_told_in_time_that_the_next_hangs() {
        let times = [0, 1, 850].map(Duration::from_millis);
        let log = Slow(Mutex::new(VecDeque::from(times)));
        let stop = CancellationToken::new();
        let (bus, follow) = EventBus::new(Arc::new(log), Vec::new(), Box::new(|| ()), stop);
        tokio::spawn(follow);
        bus.catch_up().await.unwrap();
        let slow = tokio::spawn({
            let bus = bus.clone();
            async move { bus.catch_up().await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;

        let begun = Instant::now();
        let told = bus.catch_up().await.unwrap_err();

        assert_eq!(told.kind(), StoreErrorKind::Unavailable);
        assert!(begun.elapsed() <= DEADLINE, "{:?}", begun.elapsed());
        slow.await.unwrap().unwrap();
    }
}
