//! A run as a hash: `head` is what never changes as JSON, `state` what does as words. `b:<N>` are the events of what was
//! stored after `N` others, which mark their symbols too: one field for many is written faster than one for each. How far
//! any other symbol is, and one that was asked for more than once, stands in `s:<SYMBOL>`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stock_scheduler_sdk::{
    Grant, NewRun, Overlap, Run, RunId, RunPlan, StoreError, SymbolProgress, SymbolState,
    TriggeredBy,
};

use crate::store::{corrupt, instant};
use crate::{event, wire};

/// What never changes about a run.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    fire_time: Option<DateTime<Utc>>,
    triggered_by: TriggeredBy,
    plan: Cow<'a, RunPlan>,
}

pub(crate) fn head(new: &NewRun) -> Result<String, StoreError> {
    let head = Head {
        fire_time: new.fire_time,
        triggered_by: new.triggered_by,
        plan: Cow::Borrowed(&new.plan),
    };
    serde_json::to_string(&head)
        .map_err(|e| corrupt(format!("run {} cannot be written as JSON", new.id)).with_source(e))
}

/// How far a symbol is, as few letters as JSON allows.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Mark<'a> {
    /// Attempts and rows.
    Stored(u32, usize),
    /// Attempts, kind and message.
    Failed(u32, Cow<'a, str>, Cow<'a, str>),
}

impl Mark<'_> {
    pub(crate) fn to_text(&self) -> String {
        if let Mark::Stored(attempts, rows) = self {
            return ["[", &attempts.to_string(), ",", &rows.to_string(), "]"].concat();
        }
        json!(self).to_string()
    }
}

/// Reads the fields of a run.
pub(crate) fn read(id: RunId, fields: &HashMap<String, String>) -> Result<Run, StoreError> {
    let broken = |what: &str| {
        corrupt(format!(
            "cannot read run {id}: field `{what}` is missing or no such thing"
        ))
    };
    let field = |name: &str| {
        fields
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| broken(name))
    };
    let head: Head<'_> =
        serde_json::from_str(field("head")?).map_err(|e| broken("head").with_source(e))?;
    let new = NewRun {
        id,
        fire_time: head.fire_time,
        triggered_by: head.triggered_by,
        plan: head.plan.into_owned(),
        overlap: Overlap::Allow,
    };
    let words: Vec<&str> = field("state")?.split(' ').collect();
    let [
        status,
        host,
        job,
        token,
        attempt,
        started,
        _stored,
        _failed,
        ended,
    ] = words[..]
    else {
        return Err(broken("state"));
    };
    let grant = Grant {
        job: job.parse().map_err(|_| broken("state"))?,
        run: id,
        token: token.parse().map_err(|_| broken("state"))?,
        attempt: attempt.parse().map_err(|_| broken("state"))?,
        started_at: instant(started)?,
    };
    let host = host.parse().map_err(|_| broken("state"))?;
    let mut run = Run::begun(new, host, &grant);
    run.status = event::word(status).ok_or_else(|| broken("state"))?;
    run.ended_at = wire::instant(ended);
    let plan = run.plan.clone();
    let stored: HashMap<&str, usize> = stored(fields).collect();
    for progress in &mut run.symbols {
        let symbol = progress.symbol.as_str();
        let mark = match fields.get(&["s:", symbol].concat()) {
            Some(mark) => Some(serde_json::from_str(mark).map_err(|_| broken(symbol))?),
            None => stored.get(symbol).map(|rows| Mark::Stored(1, *rows)),
        };
        if let Some(mark) = mark {
            marked(progress, &plan, mark);
        }
    }
    Ok(run)
}

/// The symbols of a run that have been stored or have failed.
pub(crate) fn marked_symbols(fields: &HashMap<String, String>) -> HashSet<&str> {
    let alone = fields.keys().filter_map(|name| name.strip_prefix("s:"));
    alone
        .chain(stored(fields).map(|(symbol, _)| symbol))
        .collect()
}

/// How many symbols of a run are stored, as its state tells; `None` for what is no state.
pub(crate) fn stored_count(state: &str) -> Option<usize> {
    state.rsplit(' ').nth(2)?.parse().ok()
}

/// The state of a run after so many more symbols are stored and have failed; `None` for what is no state.
pub(crate) fn state_after(state: &str, stored: usize, failed: usize) -> Option<String> {
    let mut words: Vec<&str> = state.split(' ').collect();
    let [.., stored_word, failed_word, _ended] = &mut words[..] else {
        return None;
    };
    let stored = (stored_word.parse::<usize>().ok()? + stored).to_string();
    let failed = (failed_word.parse::<usize>().ok()? + failed).to_string();
    (*stored_word, *failed_word) = (&stored, &failed);
    Some(words.join(" "))
}

/// What the events of a run tell: which symbols were stored, with how many rows.
fn stored(fields: &HashMap<String, String>) -> impl Iterator<Item = (&str, usize)> {
    let events = fields.iter().filter(|(name, _)| name.starts_with("b:"));
    events.flat_map(|(_, text)| event::stored_symbols(text))
}

fn marked(progress: &mut SymbolProgress, plan: &RunPlan, mark: Mark<'_>) {
    (progress.attempts, progress.state) = match mark {
        Mark::Stored(attempts, rows) => {
            let key = plan.key(&progress.symbol).to_string();
            (attempts, SymbolState::Stored { rows, key })
        }
        Mark::Failed(attempts, kind, message) => {
            let (kind, message) = (kind.into_owned(), message.into_owned());
            (attempts, SymbolState::Failed { kind, message })
        }
    };
}

#[cfg(test)]
mod tests {
    use stock_scheduler_sdk::{HostId, Job, JobId, RunStatus};

    use super::*;

    #[test]
    fn the_marks_of_a_run_are_those_of_its_events_and_those_that_stand_alone() {
        let now = DateTime::UNIX_EPOCH;
        let symbols = ["A", "B", "C", "D"].map(|symbol| symbol.parse().unwrap());
        let job = Job::new(JobId::random(), "j", symbols.to_vec(), json!({}), now);
        let new = NewRun {
            id: RunId::random(),
            fire_time: None,
            triggered_by: TriggeredBy::ManualTrigger,
            plan: RunPlan::of(&job, job.window(now.date_naive())),
            overlap: Overlap::Skip,
        };
        let (host, job) = (HostId::random(), &job.id);
        let mut events = event::stored_head(new.id, &new.plan);
        event::push_stored(&mut events, &symbols[0], 21);
        event::push_stored(&mut events, &symbols[1], 20);
        let fields = HashMap::from([
            ("head".to_owned(), head(&new).unwrap()),
            (
                "state".to_owned(),
                format!("running {host} {job} 7 1 0 2 1 -"),
            ),
            ("b:0".to_owned(), events),
            ("s:B".to_owned(), Mark::Stored(3, 20).to_text()),
            (
                "s:C".to_owned(),
                Mark::Failed(4, "no_data".into(), "none".into()).to_text(),
            ),
        ]);

        let run = read(new.id, &fields).unwrap();

        assert_eq!(run.status, RunStatus::Running);
        let rows = |state: &SymbolState| match state {
            SymbolState::Stored { rows, .. } => Some(*rows),
            _ => None,
        };
        let read: Vec<_> = run
            .symbols
            .iter()
            .map(|s| (s.attempts, rows(&s.state)))
            .collect();
        assert_eq!(read, [(1, Some(21)), (3, Some(20)), (4, None), (0, None)]);
        assert_eq!(marked_symbols(&fields), HashSet::from(["A", "B", "C"]));
    }
}
