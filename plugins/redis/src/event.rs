//! How an event is written in the log: its shape names the field, and what happens most is written shortest.
//!
//! | field | value |
//! |---|---|
//! | `s` | a run began: `RUN ATTEMPT TRIGGER FIRE SYMBOLS NAME` |
//! | `b` | data was stored, an event for each symbol: `RUN START:END PREFIX`, then lines of `ROWS SYMBOL` |
//! | `f` | a run ended: `RUN STATUS FETCHED FAILED MICROSECONDS NEXT` |
//! | `o` | a fire was skipped for overlap: `FIRE` |
//! | `k` | anything else, as JSON |
//!
//! A time that there is not is `-`.

use serde::de::DeserializeOwned;
use serde_json::json;
use stock_scheduler_sdk::{EventKind, NewRun, RunId, RunPlan, StoreError, Symbol, Window};

use crate::store::corrupt;
use crate::wire;

/// An event of shape `k`.
pub(crate) fn json(kind: &EventKind) -> Result<String, StoreError> {
    let name = kind.name();
    serde_json::to_string(kind)
        .map_err(|e| corrupt(format!("event {name} cannot be written as JSON")).with_source(e))
}

/// An event of shape `s`.
pub(crate) fn started(run: &NewRun, attempt: u32) -> String {
    let NewRun { id, plan, .. } = run;
    let trigger = run.triggered_by.as_str();
    let fire = run
        .fire_time
        .map_or_else(|| "-".to_owned(), |at| wire::micros(at).to_string());
    let symbols = plan.symbols.len();
    format!(
        "{id} {attempt} {trigger} {fire} {symbols} {}",
        plan.job_name
    )
}

/// How events of shape `b` begin.
pub(crate) fn stored_head(run: RunId, plan: &RunPlan) -> String {
    let Window { start, end } = plan.window;
    format!("{run} {start}:{end} {}", plan.prefix)
}

/// Adds one to events of shape `b`.
pub(crate) fn push_stored(events: &mut String, symbol: &Symbol, rows: usize) {
    for part in ["\n", &rows.to_string(), " ", symbol.as_str()] {
        events.push_str(part);
    }
}

/// How many events of a shape a text holds.
pub(crate) fn count(shape: &str, text: &str) -> usize {
    match shape {
        "b" => text.lines().skip(1).count(),
        _ => 1,
    }
}

/// Reads the event or events of any shape, `None` for one that cannot be read.
pub(crate) fn read(shape: &str, text: &str) -> Vec<Option<EventKind>> {
    let one = match shape {
        "b" => return read_stored(text),
        "k" => serde_json::from_str(text).ok(),
        "s" => read_started(text),
        "f" => read_finished(text),
        "o" => wire::instant(text).map(|scheduled_for| EventKind::FireSkipped {
            scheduled_for,
            reason: "overlap".into(),
        }),
        _ => None,
    };
    vec![one]
}

fn read_started(text: &str) -> Option<EventKind> {
    let parts: Vec<&str> = text.splitn(6, ' ').collect();
    let [run, attempt, trigger, fire, symbols, name] = parts[..] else {
        return None;
    };
    Some(EventKind::JobStarted {
        execution_id: run.parse().ok()?,
        job_name: name.to_owned(),
        scheduled_for: wire::instant(fire),
        triggered_by: word(trigger)?,
        total_stocks: symbols.parse().ok()?,
        attempt: attempt.parse().ok()?,
    })
}

/// The symbols of an event of shape `b`, each with its rows.
pub(crate) fn stored_symbols(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.lines().skip(1).filter_map(read_symbol)
}

fn read_symbol(line: &str) -> Option<(&str, usize)> {
    let (rows, symbol) = line.split_once(' ')?;
    Some((symbol, rows.parse().ok()?))
}

fn read_stored(text: &str) -> Vec<Option<EventKind>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().splitn(3, ' ').collect();
    let run = head.first().and_then(|run| run.parse().ok());
    let read = |line: &str| {
        let [_, window, prefix] = head[..] else {
            return None;
        };
        let (symbol, rows) = read_symbol(line)?;
        Some(EventKind::StockFetched {
            execution_id: run?,
            stock_id: symbol.to_owned(),
            rows,
            key: [prefix, ":", symbol, ":", window].concat(),
        })
    };
    lines.map(read).collect()
}

fn read_finished(text: &str) -> Option<EventKind> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [run, status, fetched, failed, took, next] = parts[..] else {
        return None;
    };
    Some(EventKind::JobFinished {
        execution_id: run.parse().ok()?,
        status: word(status)?,
        fetched: fetched.parse().ok()?,
        failed: failed.parse().ok()?,
        duration_seconds: took.parse::<f64>().ok()? / 1e6,
        next_run: wire::instant(next),
    })
}

/// Reads a value that serde writes as a word.
pub(crate) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(json!(text)).ok()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use stock_scheduler_sdk::{Job, JobId, Overlap, RunPlan, TriggeredBy};

    use super::*;

    #[test]
    fn a_start_reads_back_whatever_the_job_is_called() {
        let now = DateTime::UNIX_EPOCH;
        let symbols = vec!["AAPL".parse().unwrap()];
        let job = Job::new(
            JobId::random(),
            "My  daily job 1 - x",
            symbols,
            json!({}),
            now,
        );
        let mut run = NewRun {
            id: RunId::random(),
            fire_time: Some(now),
            triggered_by: TriggeredBy::SchedulerAuto,
            plan: RunPlan::of(&job, job.window(now.date_naive())),
            overlap: Overlap::Skip,
        };

        for fire_time in [Some(now), None] {
            run.fire_time = fire_time;

            let kinds = read("s", &started(&run, 2));

            let expected = EventKind::JobStarted {
                execution_id: run.id,
                job_name: job.name.clone(),
                scheduled_for: fire_time,
                triggered_by: run.triggered_by,
                total_stocks: 1,
                attempt: 2,
            };
            assert_eq!(kinds, [Some(expected)]);
        }
    }

    #[test]
    fn each_symbol_of_a_batch_is_an_event() {
        let symbols: Vec<Symbol> = ["BRK-B", "^GSPC"].map(|s| s.parse().unwrap()).into();
        let mut job = Job::new(
            JobId::random(),
            "j",
            symbols.clone(),
            json!({}),
            DateTime::UNIX_EPOCH,
        );
        job.prefix = "my data".parse().unwrap();
        let plan = RunPlan::of(&job, job.window(DateTime::UNIX_EPOCH.date_naive()));
        let run = RunId::random();

        let mut text = stored_head(run, &plan);
        for (symbol, rows) in symbols.iter().zip([21, 0]) {
            push_stored(&mut text, symbol, rows);
        }

        let expected = symbols.iter().zip([21, 0]).map(|(symbol, rows)| {
            Some(EventKind::StockFetched {
                execution_id: run,
                stock_id: symbol.to_string(),
                rows,
                key: plan.key(symbol).to_string(),
            })
        });
        assert_eq!(read("b", &text), expected.collect::<Vec<_>>());
        assert_eq!(count("b", &text), 2);
    }
}
