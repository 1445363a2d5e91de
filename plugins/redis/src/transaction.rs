//! The transaction that writes steps of runs.
//!
//! It holds the data and a script that marks and logs. As the server carries out what it can of a transaction, the data
//! alone must do no harm: where the script is unknown or refuses, windows are written that nobody was told of.

use std::sync::Arc;

use redis::{Pipeline, RedisResult, Value, pipe};
use stock_scheduler_sdk::RunStatus;

use crate::run;
use crate::scripts::{self, Call};
use crate::sight::{Seen, Sight};
use crate::step::{Came, Ready, RecordStep};
use crate::windows::Windows;

/// What writes these steps, of whose runs `sight` was seen.
pub(crate) fn write(steps: &[Arc<RecordStep>], sight: &Sight) -> Pipeline {
    let count = steps.iter().map(|step| step.results.len()).sum();
    let bytes = steps.iter().map(|step| step.text.len()).sum();
    let mut windows = Windows::with_room(count, bytes);
    let call = match (steps, &sight.runs[..]) {
        ([step], [seen]) => short_call(&mut windows, step, seen, &sight.now()),
        _ => None,
    };
    let call = call.unwrap_or_else(|| full_call(&mut windows, steps, sight));
    let mut all = pipe();
    all.cmd("MULTI").ignore();
    windows.write(&mut all);
    all.add_command(call.command).ignore();
    all.cmd("EXEC");
    all
}

/// Adds a step of a run that goes on, which is most steps by far: all that its script would decide is known. `None` for
/// any other.
fn short_call(windows: &mut Windows, step: &RecordStep, seen: &Seen, now: &str) -> Option<Call> {
    if step.end.is_some() || step.keep.is_some() || !seen.goes_under(step) {
        return None;
    }
    let open = seen.open(step);
    let stored = open.iter().filter(|result| result.is_stored()).count();
    let state = run::state_after(&seen.state, stored, open.len() - stored)?;
    let mut place = run::stored_count(&seen.state)?;
    add_windows(windows, step, &open, now);
    let marks = marks(&open);
    let events = step.events(&open);
    let batches = events.iter().filter(|event| event.0 == "b");
    let mut call = scripts::STEP.call();
    call.arg(&step.run).arg(&step.job);
    call.arg(2 * (1 + marks.len() + batches.clone().count()));
    call.arg("state").arg(state);
    for (field, mark) in marks {
        call.arg(field).arg(mark);
    }
    for (_, text, count) in batches {
        call.arg(format!("b:{place}")).arg(text);
        place += count;
    }
    for (shape, text, count) in &events {
        call.arg(*shape).arg(text).arg(*count);
    }
    Some(call)
}

/// Adds steps that the script decides on.
fn full_call(windows: &mut Windows, steps: &[Arc<RecordStep>], sight: &Sight) -> Call {
    let mut call = scripts::RECORD.call();
    call.arg(steps.len());
    let now = sight.now();
    for (place, (step, seen)) in steps.iter().zip(&sight.runs).enumerate() {
        let mut open = seen.open(step);
        // Two steps of one run may come at once. One with another token writes nothing, or this one does not.
        let same = |other: &&Arc<RecordStep>| other.run == step.run && other.token == step.token;
        for earlier in steps[..place].iter().filter(same) {
            open.retain(|result| !earlier.has(&result.symbol));
        }
        let owners = add_windows(windows, step, &open, &now);
        let stored = open.iter().filter(|result| result.is_stored()).count();
        call.arg(&step.run).arg(&step.job).arg(&step.token);
        call.arg(step.end.map(RunStatus::as_str).unwrap_or_default());
        call.arg(stored).arg(open.len() - stored);
        let marks = marks(&open);
        call.arg(2 * marks.len());
        for (field, mark) in marks {
            call.arg(field).arg(mark);
        }
        let events = step.events(&open);
        call.arg(3 * events.len());
        for (shape, text, count) in events {
            call.arg(shape).arg(text).arg(count);
        }
        let keep = step.keep.map(|keep| keep.max(1).to_string());
        call.arg(keep.unwrap_or_default());
        call.arg(owners.len()).arg(owners);
    }
    call
}

/// The fields that mark symbols of their own.
fn marks<'a>(results: &[&'a Ready]) -> Vec<(String, &'a str)> {
    let mark = |result: &&'a Ready| {
        let field = ["s:", result.symbol.as_str()].concat();
        Some((field, result.mark.as_deref()?))
    };
    results.iter().filter_map(mark).collect()
}

/// Adds the windows among these results of a step; answers whose windows are to be kept only so many of.
fn add_windows(
    windows: &mut Windows,
    step: &RecordStep,
    results: &[&Ready],
    now: &str,
) -> Vec<String> {
    let written_by = [now, " ", &step.job].concat();
    let mut owners = Vec::new();
    for result in results {
        if let Came::Data { rows, key, text } = &result.came {
            windows.add(key, &step.text[text.clone()], *rows, &written_by);
            if step.keep.is_some() {
                owners.push(format!("{}:{}:", step.prefix, result.symbol));
            }
        }
    }
    owners
}

/// What the script answered within the transaction, for each step; `None` where a watched key had changed.
pub(crate) fn read(answer: Value) -> RedisResult<Option<Vec<String>>> {
    let Value::Array(mut answers) = answer else {
        return Ok(None);
    };
    let last = answers.pop().unwrap_or(Value::Nil);
    Ok(Some(redis::from_redis_value(last)?))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use stock_scheduler_sdk::{
        Grant, HostId, Job, JobId, RunId, RunPlan, Symbol, SymbolOutcome, SymbolResult,
    };

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
            let mut step = RecordStep::new(&grant, &plan, 0);
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
        let sight = |steps: usize| {
            let looks = std::iter::repeat_n(fields.clone(), steps);
            Sight::read([time.clone()].into_iter().chain(looks).collect()).unwrap()
        };
        let marks = |steps: &[_]| {
            let all = write(steps, &sight(steps.len())).get_packed_pipeline();
            String::from_utf8(all).unwrap().matches("s:AAPL").count()
        };

        assert_eq!(marks(&[step(7), step(8)]), 1, "a stale one before it");
        assert_eq!(marks(&[step(8), step(8)]), 1, "the same one before it");
        assert_eq!(marks(&[step(7)]), 0, "a stale one alone");
    }
}
