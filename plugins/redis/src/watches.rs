//! Steps of runs on their way: looked at, written, and watched from one step of a run to its next.
//!
//! A step is written by a transaction that depends on what was seen of its run: whoever holds it, and which symbols are
//! marked. The answer to one step is the sight for the next, so that most need not look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};

use crate::link::{self, Link};
use crate::sight::Sight;
use crate::step::RecordStep;
use crate::{scripts, transaction};

/// How long a run is watched for its next step: after that, it may have ended, and its connection serves others.
const FRESH: Duration = Duration::from_secs(1);
/// At most so many runs are watched between their steps.
const RUNS: usize = 4;

/// Connections that watch a run whose next step is awaited.
#[derive(Default)]
pub(crate) struct Watches(Mutex<Vec<Watching>>);

struct Watching {
    run: String,
    connection: MultiplexedConnection,
    sight: Sight,
}

/// What the script answered, and what is seen of the run afterwards.
type Written = (Vec<String>, Option<Sight>);

impl Watches {
    /// Writes steps in one transaction: what the script answers for each.
    pub(crate) async fn write(
        &self,
        link: &Link,
        steps: &[Arc<RecordStep>],
    ) -> RedisResult<Vec<String>> {
        if let Some(Watching {
            connection, sight, ..
        }) = self.take(link, steps)
        {
            match attempt(connection.clone(), steps, sight).await {
                Ok(Some(written)) => return Ok(self.keep(link, steps, written, connection)),
                Ok(None) => link.put_back(connection),
                Err(error) if link::is_lost(&error) || link::is_unknown_script(&error) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let attempt = async |mut connection: MultiplexedConnection| {
                let seen = Sight::look(steps).query_async(&mut connection).await?;
                attempt(connection, steps, Sight::read(seen)?).await
            };
            match link.alone(attempt).await {
                Ok((Some(written), connection)) => {
                    return Ok(self.keep(link, steps, written, connection));
                }
                // One of the runs has changed.
                Ok((None, connection)) => link.put_back(connection),
                Err(error) if link::is_unknown_script(&error) => {
                    link.load(&scripts::RECORD).await?;
                    link.load(&scripts::STEP).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The connection that watches the run of a single step. Of several steps, each run's watch is given up: what they
    /// write changes what it has seen.
    fn take(&self, link: &Link, steps: &[Arc<RecordStep>]) -> Option<Watching> {
        let mut all = self.all();
        let is_theirs = |watching: &mut Watching| {
            steps.iter().any(|step| step.run == watching.run)
                || watching.sight.since.elapsed() > FRESH
        };
        let mut taken: Vec<_> = all.extract_if(.., is_theirs).collect();
        drop(all);
        let is_wanted = |watching: &Watching| {
            matches!(steps, [step] if step.run == watching.run)
                && watching.sight.since.elapsed() <= FRESH
        };
        let wanted = taken.iter().position(is_wanted);
        let wanted = wanted.map(|place| taken.swap_remove(place));
        for watching in taken {
            link.put_back(watching.connection);
        }
        wanted
    }

    fn keep(
        &self,
        link: &Link,
        steps: &[Arc<RecordStep>],
        (answers, sight): Written,
        connection: MultiplexedConnection,
    ) -> Vec<String> {
        let mut all = self.all();
        match (steps, sight) {
            ([step], Some(sight)) if all.len() < RUNS => all.push(Watching {
                run: step.run.clone(),
                connection,
                sight,
            }),
            _ => link.put_back(connection),
        }
        answers
    }

    fn all(&self) -> MutexGuard<'_, Vec<Watching>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes steps whose runs are watched by `connection`; `None` where one of them is no longer as it was seen.
async fn attempt(
    mut connection: MultiplexedConnection,
    steps: &[Arc<RecordStep>],
    sight: Sight,
) -> RedisResult<Option<Written>> {
    let mut all = transaction::write(steps, &sight);
    let goes_on = match steps {
        [step] => Some(step).filter(|step| step.end.is_none()),
        _ => None,
    };
    if let Some(step) = goes_on {
        Sight::look_again(&mut all, step);
    }
    let mut answers: Vec<Value> = all.query_async(&mut connection).await?;
    let rest = answers.split_off(answers.len().min(1));
    let answer = answers.pop().unwrap_or(Value::Nil);
    let Some(answer) = transaction::read(answer)? else {
        return Ok(None);
    };
    let sight = match goes_on {
        Some(step) => sight.read_again(step, rest)?,
        None => None,
    };
    Ok(Some((answer, sight)))
}
