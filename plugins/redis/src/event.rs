//! How an event is written in the log: its shape names the field, and what happens most is written shortest.
//!
//! | field | value |
//! |---|---|
//! | `s` | a run began: `RUN ATTEMPT TRIGGER FIRE SYMBOLS NAME` |
//! | `d` | a symbol's data was stored: `RUN ROWS KEY` |
//! | `f` | a run ended: `RUN STATUS FETCHED FAILED MICROSECONDS NEXT` |
//! | `o` | a fire was skipped for overlap: `FIRE` |
//! | `k` | anything else, as JSON |
//!
//! A time that there is not is `-`.

use serde::de::DeserializeOwned;
use serde_json::json;
use stock_scheduler_sdk::{EventKind, NewRun, RunId, StoreError};

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

/// An event of shape `d`.
pub(crate) fn stored(run: RunId, rows: usize, key: &str) -> String {
    format!("{run} {rows} {key}")
}

/// Reads an event of any shape.
pub(crate) fn read(shape: &str, text: &str) -> Option<EventKind> {
    match shape {
        "k" => serde_json::from_str(text).ok(),
        "s" => read_started(text),
        "d" => read_stored(text),
        "f" => read_finished(text),
        "o" => Some(EventKind::FireSkipped {
            scheduled_for: wire::instant(text)?,
            reason: "overlap".into(),
        }),
        _ => None,
    }
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

fn read_stored(text: &str) -> Option<EventKind> {
    let parts: Vec<&str> = text.splitn(3, ' ').collect();
    let [run, rows, key] = parts[..] else {
        return None;
    };
    Some(EventKind::StockFetched {
        execution_id: run.parse().ok()?,
        stock_id: key.rsplit(':').nth(2)?.to_owned(),
        rows: rows.parse().ok()?,
        key: key.to_owned(),
    })
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

            let kind = read("s", &started(&run, 2));

            let expected = EventKind::JobStarted {
                execution_id: run.id,
                job_name: job.name.clone(),
                scheduled_for: fire_time,
                triggered_by: run.triggered_by,
                total_stocks: 1,
                attempt: 2,
            };
            assert_eq!(kind, Some(expected));
        }
    }
}
