//! What comes of a run's symbols: rendered here, then stored, marked and logged in one transaction.
//!
//! The script decides and marks. The data goes beside it and not through it: a script takes a letter of its arguments
//! as long as a command takes a hundred.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, Value, pipe};
use serde_json::json;
use stock_scheduler_sdk::{
    EventKind, Grant, RunPlan, RunStatus, Series, StoreError, StoreErrorKind, StoredJob, Symbol,
    SymbolOutcome, SymbolResult, Window, records,
};

use crate::gather::Weigh;
use crate::run::{self, Mark};
use crate::{RedisStore, ValueFormat, event, scripts};

/// One step takes no further results beyond these, so that each is answered in time however much there is to store.
const RESULTS: usize = 500;
const BYTES: usize = 1 << 20;

impl RedisStore {
    pub(crate) async fn record_results(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let metadata = match self.value_format {
            ValueFormat::Bare => None,
            ValueFormat::Wrapped => Some(self.metadata(grant, plan).await?),
        };
        let end = end.filter(|status| *status != RunStatus::Running);
        let results = plan.planned(results);
        let mut room: usize = results.iter().map(room).sum();
        let mut results = results.into_iter().peekable();
        loop {
            let mut step = RecordStep::new(grant, plan);
            step.text.reserve_exact(room.min(BYTES));
            while let Some(result) = results.next_if(|_| !step.is_full()) {
                step.add(result, grant, metadata.as_deref())?;
            }
            room = room.saturating_sub(step.text.len());
            let is_last = results.peek().is_none();
            step.end = end.filter(|_| is_last);
            let joined = self.steps.join(step, |steps| self.record_steps(steps));
            let answer = self.link.in_time("record", joined).await?;
            match answer.as_str() {
                "done" if is_last => return Ok(()),
                "done" => {}
                _ => return Err(fenced(grant)),
            }
        }
    }

    async fn record_steps(&self, steps: Vec<Arc<RecordStep>>) -> Result<Vec<String>, StoreError> {
        let look = look_at(&steps);
        let answer = self
            .link
            .watched(&scripts::RECORD, &look, |seen| write(&steps, seen));
        answer.await
    }

    /// What stands beside the data in a wrapped window, as readers of the Python module's last version expect it.
    async fn metadata(&self, grant: &Grant, plan: &RunPlan) -> Result<String, StoreError> {
        use stock_scheduler_sdk::{JobStore as _, Store as _};
        let now = self.now().await?.format(STAMP).to_string();
        let stored = self
            .jobs(std::slice::from_ref(&grant.job))
            .await?
            .into_iter()
            .next()
            .flatten();
        let time = stored
            .as_ref()
            .and_then(|stored| stored.job.schedule_time.clone());
        let next = |stored: StoredJob| Some(stored.state.next.at()?.format(STAMP).to_string());
        let at = time
            .as_ref()
            .map(|time| format!(" at {time}"))
            .unwrap_or_default();
        let metadata = json!({
            "source_type": "scheduled_job",
            "job_id": grant.job,
            "job_name": plan.job_name,
            "created_by": "job_scheduler",
            "created_at": now,
            "updated_at": now,
            "schedule_time": time,
            "is_recurring": true,
            "next_update": stored.and_then(next),
            "tags": ["scheduled", "auto-updating"],
            "description": format!("Data from scheduled job '{}'{at}", plan.job_name),
        });
        Ok(metadata.to_string())
    }
}

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.6f+00:00";

/// About how many bytes the window of a result takes.
fn room(result: &SymbolResult) -> usize {
    match &result.outcome {
        SymbolOutcome::Fetched(series) => records::room(series),
        SymbolOutcome::Failed { .. } => 0,
    }
}

/// Some results of a run, and how it ends.
pub(crate) struct RecordStep {
    run: String,
    job: String,
    token: String,
    /// What its events have in common.
    head: String,
    keep: Option<u32>,
    prefix: String,
    /// How the keys of its windows end.
    dates: String,
    end: Option<RunStatus>,
    results: Vec<Ready>,
    /// Its windows, one after the other: one piece of memory is written and read faster than one for each.
    text: Vec<u8>,
    bytes: usize,
}

/// A result, as it is written.
struct Ready {
    symbol: Symbol,
    /// What the run is marked with, where its event does not tell all.
    mark: Option<String>,
    came: Came,
}

enum Came {
    Data {
        rows: usize,
        key: String,
        text: Range<usize>,
    },
    Failure {
        event: String,
    },
}

impl Weigh for RecordStep {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl RecordStep {
    fn new(grant: &Grant, plan: &RunPlan) -> Self {
        let Window { start, end } = plan.window;
        Self {
            run: grant.run.to_string(),
            job: grant.job.to_string(),
            token: grant.token.to_string(),
            head: event::stored_head(grant.run, plan),
            keep: plan.keep,
            prefix: plan.prefix.to_string(),
            dates: format!(":{start}:{end}"),
            end: None,
            results: Vec::new(),
            text: Vec::new(),
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.results.len() >= RESULTS || self.bytes >= BYTES
    }

    fn add(
        &mut self,
        result: SymbolResult,
        grant: &Grant,
        metadata: Option<&str>,
    ) -> Result<(), StoreError> {
        let SymbolResult {
            symbol,
            attempts,
            outcome,
        } = result;
        let (mark, came) = match outcome {
            SymbolOutcome::Fetched(series) => {
                let (rows, text) = self.render(&series, metadata);
                let key = [&self.prefix, ":", symbol.as_str(), &self.dates].concat();
                self.bytes += text.len();
                let mark = (attempts != 1).then(|| Mark::Stored(attempts, rows).to_text());
                (mark, Came::Data { rows, key, text })
            }
            SymbolOutcome::Failed { kind, message } => {
                let failed = EventKind::StockFailed {
                    execution_id: grant.run,
                    stock_id: symbol.to_string(),
                    kind: kind.clone(),
                    message: message.clone(),
                    attempts,
                };
                let event = event::json(&failed)?;
                self.bytes += event.len();
                let mark = Mark::Failed(attempts, kind.into(), message.into());
                (Some(mark.to_text()), Came::Failure { event })
            }
        };
        self.results.push(Ready { symbol, mark, came });
        Ok(())
    }

    /// Writes a window: how many rows it has, and where it stands.
    fn render(&mut self, series: &Series, metadata: Option<&str>) -> (usize, Range<usize>) {
        let start = self.text.len();
        let rows = match metadata {
            None => records::append(series, &mut self.text),
            Some(metadata) => {
                self.text.extend_from_slice(br#"{"data": "#);
                let rows = records::append(series, &mut self.text);
                self.text.extend_from_slice(br#", "metadata": "#);
                self.text.extend_from_slice(metadata.as_bytes());
                self.text.push(b'}');
                rows
            }
        };
        (rows, start..self.text.len())
    }

    fn has(&self, symbol: &Symbol) -> bool {
        self.results.iter().any(|result| result.symbol == *symbol)
    }

    fn key(&self) -> String {
        format!("{{scheduler}}:run:{}", self.run)
    }

    /// Which results are to be written, given the fields of the run: those of symbols that are not marked, while the run
    /// goes under our token.
    fn open(&self, fields: &HashMap<String, String>) -> Vec<&Ready> {
        let state = fields.get("state").map_or("", String::as_str);
        let words: Vec<&str> = state.split(' ').collect();
        let goes = matches!(words[..], ["running", _, job, token, ..] if job == self.job && token == self.token);
        if !goes {
            return Vec::new();
        }
        let marked = run::marked_symbols(fields);
        let is_open = |result: &&Ready| !marked.contains(result.symbol.as_str());
        self.results.iter().filter(is_open).collect()
    }

    /// The events of these results in their order, each with its shape and how many it is: what was stored one after the
    /// other is told together.
    fn events<'a>(&'a self, results: &[&'a Ready]) -> Vec<(&'static str, Cow<'a, str>, usize)> {
        let mut events: Vec<(&'static str, Cow<'a, str>, usize)> = Vec::new();
        for result in results {
            match (&result.came, events.last_mut()) {
                (Came::Failure { event }, _) => events.push(("k", event.into(), 1)),
                (Came::Data { rows, .. }, Some(("b", text, count))) => {
                    event::push_stored(text.to_mut(), &result.symbol, *rows);
                    *count += 1;
                }
                (Came::Data { rows, .. }, _) => {
                    let mut text = self.head.clone();
                    event::push_stored(&mut text, &result.symbol, *rows);
                    events.push(("b", text.into(), 1));
                }
            }
        }
        events
    }
}

/// Watches the runs of these steps and reads them: who holds them, and which symbols are marked.
fn look_at(steps: &[Arc<RecordStep>]) -> Pipeline {
    let mut look = pipe();
    let watch = look.cmd("WATCH");
    for step in steps {
        watch.arg(step.key());
    }
    look.cmd("TIME");
    for step in steps {
        look.hgetall(step.key());
    }
    look
}

/// The transaction that writes these steps after `seen`, which is what [`look_at`] was answered.
fn write(steps: &[Arc<RecordStep>], seen: Vec<Value>) -> RedisResult<Pipeline> {
    let mut seen = seen.into_iter().skip(1);
    let time = seen.next().unwrap_or(Value::Nil);
    let (seconds, micros): (i64, u32) = FromRedisValue::from_redis_value(time)?;
    let mut data = Data::with_room(steps);
    let mut call = scripts::RECORD.call();
    call.arg(steps.len());
    for (place, (step, fields)) in steps.iter().zip(seen).enumerate() {
        let mut open = step.open(&FromRedisValue::from_redis_value(fields)?);
        // Two steps of one run may come at once. One with another token writes nothing, or this one does not.
        let same = |other: &&Arc<RecordStep>| other.run == step.run && other.token == step.token;
        for earlier in steps[..place].iter().filter(same) {
            open.retain(|result| !earlier.has(&result.symbol));
        }
        let (mut stored, mut owners) = (0, Vec::new());
        let written_by = format!("{seconds}{micros:06} {}", step.job);
        for result in &open {
            if let Came::Data { rows, key, text } = &result.came {
                stored += 1;
                data.add(key, &step.text[text.clone()], *rows, &written_by);
                if step.keep.is_some() {
                    owners.push(format!("{}:{}:", step.prefix, result.symbol));
                }
            }
        }
        call.arg(&step.run).arg(&step.job).arg(&step.token);
        call.arg(step.end.map(RunStatus::as_str).unwrap_or_default());
        call.arg(stored).arg(open.len() - stored);
        let marks = open
            .iter()
            .filter_map(|ready| Some((&ready.symbol, ready.mark.as_ref()?)));
        let marks: Vec<_> = marks.collect();
        call.arg(2 * marks.len());
        for (symbol, mark) in marks {
            call.arg(["s:", symbol.as_str()].concat()).arg(mark);
        }
        let events = step.events(&open);
        call.arg(3 * events.len());
        for (shape, text, count) in events {
            call.arg(shape).arg(text).arg(count);
        }
        call.arg(
            step.keep
                .map(|keep| keep.max(1).to_string())
                .unwrap_or_default(),
        );
        call.arg(owners.len()).arg(owners);
    }
    let mut all = pipe();
    all.atomic();
    data.write(&mut all);
    all.add_command(call.command);
    Ok(all)
}

/// A field of the index whose value is too long for the lists that Redis makes of hashes of up to 512 fields: they are
/// searched from their beginning.
const WHY_A_TABLE: [&str; 2] = [
    "",
    "not a window: a value of more than 64 bytes makes Redis keep this hash as a table",
];

/// The windows that are written, and what the index tells of them.
struct Data {
    windows: Cmd,
    facts: Cmd,
    keys: Cmd,
    is_empty: bool,
}

impl Data {
    fn with_room(steps: &[Arc<RecordStep>]) -> Self {
        let count: usize = steps.iter().map(|step| step.results.len()).sum();
        let bytes: usize = steps.iter().map(|step| step.text.len()).sum();
        let command = |name: &str, bytes| {
            let mut command = Cmd::with_capacity(2 * count + 4, count * ROOM_FOR_A_KEY + bytes);
            command.arg(name);
            command
        };
        let mut data = Self {
            windows: command("MSET", bytes),
            facts: command("HSET", count * ROOM_FOR_A_KEY),
            keys: command("ZADD", 0),
            is_empty: true,
        };
        data.facts.arg("{scheduler}:dataset").arg(&WHY_A_TABLE);
        data.keys.arg("{scheduler}:datasets");
        data
    }

    fn add(&mut self, key: &str, text: &[u8], rows: usize, written_by: &str) {
        self.windows.arg(key).arg(text);
        let facts = [&rows.to_string(), " ", written_by].concat();
        self.facts.arg(key).arg(facts);
        self.keys.arg(0).arg(key);
        self.is_empty = false;
    }

    fn write(self, all: &mut Pipeline) {
        if !self.is_empty {
            for command in [self.windows, self.facts, self.keys] {
                all.add_command(command).ignore();
            }
        }
    }
}

/// Enough for a key, or for what is told of it.
const ROOM_FOR_A_KEY: usize = 64;

fn fenced(grant: &Grant) -> StoreError {
    let message = format!(
        "cannot record progress of run {}: token {} was overtaken or its job is gone",
        grant.run, grant.token
    );
    StoreError::new(StoreErrorKind::Fenced, message)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use stock_scheduler_sdk::{HostId, Job, JobId, RunId};

    use super::*;

    #[test]
    fn a_step_under_an_overtaken_token_takes_nothing_from_the_one_beside_it() {
        let now = DateTime::UNIX_EPOCH;
        let symbol: Symbol = "AAPL".parse().unwrap();
        let job = Job::new(JobId::random(), "j", vec![symbol.clone()], json!({}), now);
        let plan = RunPlan::of(&job, job.window(now.date_naive()));
        let run = RunId::random();
        let step = |token| {
            let grant = Grant {
                job: job.id.clone(),
                run,
                token,
                attempt: 1,
                started_at: now,
            };
            let mut step = RecordStep::new(&grant, &plan);
            let outcome = SymbolOutcome::Failed {
                kind: "cancelled".into(),
                message: String::new(),
            };
            let symbol = symbol.clone();
            let result = SymbolResult {
                symbol,
                attempts: 1,
                outcome,
            };
            step.add(result, &grant, None).unwrap();
            Arc::new(step)
        };
        let text = |text: &str| Value::BulkString(text.into());
        let state = format!("running {} {} 8 2 0 0 0 -", HostId::random(), job.id);
        let fields = Value::Array(vec![text("state"), text(&state)]);
        let time = Value::Array(vec![text("1"), text("2")]);
        let seen = |steps: usize| {
            let looks = std::iter::repeat_n(fields.clone(), steps);
            [Value::Okay, time.clone()]
                .into_iter()
                .chain(looks)
                .collect()
        };
        let marks = |steps: &[_]| {
            let all = write(steps, seen(steps.len()))
                .unwrap()
                .get_packed_pipeline();
            String::from_utf8(all).unwrap().matches("s:AAPL").count()
        };

        assert_eq!(marks(&[step(7), step(8)]), 1, "a stale one before it");
        assert_eq!(marks(&[step(8), step(8)]), 1, "the same one before it");
        assert_eq!(marks(&[step(7)]), 0, "a stale one alone");
    }
}
