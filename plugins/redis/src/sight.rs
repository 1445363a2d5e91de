//! What a connection that watches some runs has seen of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use redis::{FromRedisValue, Pipeline, RedisResult, Value, pipe};

use crate::run;
use crate::step::{Ready, RecordStep};

/// Runs as they were when they began to be watched, and the server's time then.
pub(crate) struct Sight {
    micros: i64,
    /// When the answer was here.
    pub(crate) since: Instant,
    pub(crate) runs: Vec<Seen>,
}

/// One run.
pub(crate) struct Seen {
    /// Its field of that name; empty where there is no such run.
    pub(crate) state: String,
    /// The symbols that have been stored or have failed.
    marked: HashSet<String>,
}

impl Sight {
    /// Begins to watch the runs of these steps and reads them. What the connection watched before is forgotten.
    pub(crate) fn look(steps: &[Arc<RecordStep>]) -> Pipeline {
        let mut look = pipe();
        look.cmd("UNWATCH").ignore();
        let watch = look.cmd("WATCH");
        for step in steps {
            watch.arg(key(&step.run));
        }
        look.ignore().cmd("TIME");
        for step in steps {
            look.hgetall(key(&step.run));
        }
        look
    }

    /// What [`Sight::look`] was answered.
    pub(crate) fn read(answers: Vec<Value>) -> RedisResult<Self> {
        let mut answers = answers.into_iter();
        let time = answers.next().unwrap_or(Value::Nil);
        Ok(Self {
            micros: micros(time)?,
            since: Instant::now(),
            runs: answers.map(Seen::read).collect::<RedisResult<_>>()?,
        })
    }

    /// Goes on watching the run of a step that was just written: one field tells whether nobody else has written between.
    pub(crate) fn look_again(look: &mut Pipeline, step: &RecordStep) {
        let key = key(&step.run);
        look.cmd("WATCH").arg(&key).ignore();
        look.cmd("TIME").hget(&key, "state");
    }

    /// What [`Sight::look_again`] was answered after `step` had written what was open to it; `None` where the run is not
    /// as that step has left it.
    pub(crate) fn read_again(
        self,
        step: &RecordStep,
        answers: Vec<Value>,
    ) -> RedisResult<Option<Self>> {
        let since = Instant::now();
        let [time, state]: [Value; 2] = answers.try_into().unwrap_or([Value::Nil, Value::Nil]);
        let state: Option<String> = FromRedisValue::from_redis_value(state)?;
        let before = self.runs.into_iter().next();
        let seen = before
            .zip(state)
            .and_then(|(before, state)| before.after(step, state));
        let micros = micros(time)?;
        Ok(seen.map(|seen| Self {
            micros,
            since,
            runs: vec![seen],
        }))
    }

    /// The server's time, as instants are written.
    pub(crate) fn now(&self) -> String {
        let since = i64::try_from(self.since.elapsed().as_micros()).unwrap_or_default();
        (self.micros + since).to_string()
    }
}

impl Seen {
    fn read(fields: Value) -> RedisResult<Self> {
        let mut fields: HashMap<String, String> = FromRedisValue::from_redis_value(fields)?;
        Ok(Self {
            state: fields.remove("state").unwrap_or_default(),
            marked: run::marked_symbols(&fields)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Whether the run goes under the token of a step.
    pub(crate) fn goes_under(&self, step: &RecordStep) -> bool {
        let mut words = self.state.split(' ');
        let word = [words.next(), words.nth(1), words.next()];
        word == [Some("running"), Some(&step.job), Some(&step.token)]
    }

    /// Which results of a step are to be written: those of symbols that are not marked, while the run goes under its token.
    pub(crate) fn open<'a>(&self, step: &'a RecordStep) -> Vec<&'a Ready> {
        let goes = self.goes_under(step);
        let is_open = |result: &&Ready| goes && !self.marked.contains(result.symbol.as_str());
        step.results.iter().filter(is_open).collect()
    }

    /// The run after a step has written what was open to it, if that has led to this state.
    fn after(mut self, step: &RecordStep, state: String) -> Option<Self> {
        let open = self.open(step);
        let stored = open.iter().filter(|result| result.is_stored()).count();
        let failed = open.len() - stored;
        if run::state_after(&self.state, stored, failed)? != state {
            return None;
        }
        let symbols = open.iter().map(|result| result.symbol.to_string());
        self.marked.extend(symbols);
        self.state = state;
        Some(self)
    }
}

fn key(run: &str) -> String {
    ["{scheduler}:run:", run].concat()
}

fn micros(time: Value) -> RedisResult<i64> {
    let (seconds, micros): (i64, i64) = FromRedisValue::from_redis_value(time)?;
    Ok(1_000_000 * seconds + micros)
}
