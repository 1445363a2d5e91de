//! A run as a hash: `head` is what never changes as JSON, `state` what does as words, `s:<SYMBOL>` how far a symbol is.

use std::borrow::Cow;
use std::collections::HashMap;

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

/// How far a symbol is, as few letters as JSON allows: there is one for every symbol of every run that is kept.
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
    for progress in &mut run.symbols {
        if let Some(mark) = fields.get(&format!("s:{}", progress.symbol)) {
            let mark = serde_json::from_str(mark).map_err(|_| broken(progress.symbol.as_str()))?;
            marked(progress, &plan, mark);
        }
    }
    Ok(run)
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
