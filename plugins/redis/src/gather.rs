//! Calls that many tasks make at the same time, sent together: one script call costs little more for many than for one.
//!
//! There is no task of its own behind it. Whoever finds no call on its way takes what waits along with its own.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stock_scheduler_sdk::{StoreError, StoreErrorKind};
use tokio::sync::{Semaphore, oneshot};

/// The arguments of one part of a call.
pub(crate) type Part = Vec<Vec<u8>>;

/// What can be sent with others.
pub(crate) trait Weigh {
    /// About how many bytes it has.
    fn bytes(&self) -> usize;
}

impl Weigh for Part {
    fn bytes(&self) -> usize {
        self.iter().map(Vec::len).sum()
    }
}

type Answer = Result<String, Arc<StoreError>>;

/// Calls on their way at a time: one that the server works on, one that waits there for it.
const CALLS_AT_ONCE: usize = 2;
/// A call takes no further parts beyond these.
const PARTS: usize = 64;
const BYTES: usize = 1 << 20;

/// Gathers the parts of one script's calls.
pub(crate) struct Gather<P = Part> {
    waiting: Mutex<VecDeque<Waiting<P>>>,
    turns: Semaphore,
}

struct Waiting<P> {
    part: Arc<P>,
    tell: oneshot::Sender<Answer>,
}

impl<P> Default for Gather<P> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turns: Semaphore::new(CALLS_AT_ONCE),
        }
    }
}

impl<P: Weigh> Gather<P> {
    /// Sends `part` alone or with others by `send`, which answers for each in its place, and gives its own answer.
    pub(crate) async fn join<F, S>(&self, part: P, send: F) -> Result<String, StoreError>
    where
        F: Fn(Vec<Arc<P>>) -> S,
        S: Future<Output = Result<Vec<String>, StoreError>>,
    {
        let part = Arc::new(part);
        loop {
            let (tell, told) = oneshot::channel();
            self.waiting().push_back(Waiting {
                part: part.clone(),
                tell,
            });
            // Without an answer, who carried our part along was dropped on the way. Every call can be repeated.
            if let Some(answer) = self.carry(told, &send).await {
                return answer.map_err(|error| StoreError::new(error.kind(), error.to_string()));
            }
        }
    }

    /// Waits until our part is answered, carrying others' along when it is our turn.
    async fn carry<F, S>(&self, mut told: oneshot::Receiver<Answer>, send: &F) -> Option<Answer>
    where
        F: Fn(Vec<Arc<P>>) -> S,
        S: Future<Output = Result<Vec<String>, StoreError>>,
    {
        loop {
            tokio::select! {
                biased;
                answer = &mut told => return answer.ok(),
                turn = self.turns.acquire() => {
                    let turn = turn.expect("the semaphore is never closed");
                    let (parts, tells): (Vec<_>, Vec<_>) = self.take().into_iter().map(|w| (w.part, w.tell)).unzip();
                    if parts.is_empty() {
                        // Ours is on its way with somebody else.
                        drop(turn);
                        return told.await.ok();
                    }
                    tell_all(tells, send(parts).await);
                }
            }
        }
    }

    fn take(&self) -> Vec<Waiting<P>> {
        let mut waiting = self.waiting();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < PARTS && bytes < BYTES {
            let Some(next) = waiting.pop_front() else {
                break;
            };
            if next.tell.is_closed() {
                continue;
            }
            bytes += next.part.bytes();
            taken.push(next);
        }
        taken
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting<P>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell_all(tells: Vec<oneshot::Sender<Answer>>, answers: Result<Vec<String>, StoreError>) {
    match answers {
        Ok(answers) if answers.len() >= tells.len() => {
            for (tell, answer) in tells.into_iter().zip(answers) {
                // Who no longer listens does not mind.
                let _ = tell.send(Ok(answer));
            }
        }
        answers => {
            let missing =
                |_| StoreError::new(StoreErrorKind::Corrupt, "a call was answered in part");
            let error = Arc::new(answers.map_or_else(|error| error, missing));
            for tell in tells {
                let _ = tell.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn part(name: usize) -> Part {
        vec![name.to_string().into_bytes()]
    }

    async fn echo(
        calls: Arc<AtomicUsize>,
        parts: Vec<Arc<Part>>,
    ) -> Result<Vec<String>, StoreError> {
        calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = |part: &Arc<Part>| String::from_utf8(part[0].clone()).unwrap();
        Ok(parts.iter().map(text).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn each_gets_its_own_answer_from_few_calls() {
        let (gather, calls) = (Arc::new(Gather::default()), Arc::new(AtomicUsize::new(0)));

        let joins = (0..100).map(|name| {
            let (gather, calls) = (gather.clone(), calls.clone());
            tokio::spawn(async move {
                let answer = gather
                    .join(part(name), |parts| echo(calls.clone(), parts))
                    .await;
                assert_eq!(answer.unwrap(), name.to_string());
            })
        });
        for joined in futures_util::future::join_all(joins).await {
            joined.unwrap();
        }

        assert!(calls.load(Ordering::SeqCst) <= 5, "{calls:?} calls");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_sent_again_when_its_carrier_is_dropped() {
        let (gather, calls) = (Arc::new(Gather::default()), Arc::new(AtomicUsize::new(0)));
        let join = |name: usize| {
            let (gather, calls) = (gather.clone(), calls.clone());
            tokio::spawn(async move {
                gather
                    .join(part(name), |parts| echo(calls.clone(), parts))
                    .await
            })
        };
        let mut all: Vec<_> = (0..10).map(join).collect();
        tokio::time::sleep(Duration::from_millis(12)).await;

        let dropped = all.remove(2);
        dropped.abort();

        for (joined, name) in all.into_iter().zip([0, 1, 3, 4, 5, 6, 7, 8, 9]) {
            assert_eq!(joined.await.unwrap().unwrap(), name.to_string());
        }
    }
}
