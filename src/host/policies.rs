//! Reads what a client says about fires that cannot run at their time.

use chrono::TimeDelta;
use serde_json::Value;
use stock_scheduler_sdk::{Misfire, MisfirePolicy, Overlap};

use super::fields::{self, ReadError};

/// The longest grace.
const LONGEST_GRACE: TimeDelta = TimeDelta::days(366);
/// The most fires that are made up for.
const MOST_CAP: u32 = 1_000;

const POLICIES: [(&str, MisfirePolicy); 3] = [
    ("fire_once", MisfirePolicy::FireOnce),
    ("skip", MisfirePolicy::Skip),
    ("fire_all", MisfirePolicy::FireAll),
];
const OVERLAPS: [(&str, Overlap); 3] = [
    ("skip", Overlap::Skip),
    ("queue", Overlap::Queue),
    ("allow", Overlap::Allow),
];

pub(super) fn overlap(value: Value) -> Result<Overlap, ReadError> {
    word(value, &OVERLAPS)
}

/// A bare word, or an object with `policy`, `grace` and `cap`.
pub(super) fn misfire(value: Value) -> Result<Misfire, ReadError> {
    let Value::Object(mut object) = value else {
        return word(value, &POLICIES).map(Misfire::new);
    };
    let mut take = |name: &str| object.remove(name);
    let (policy, grace, cap) = (take("policy"), take("grace"), take("cap"));
    if let Some(extra) = object.keys().find(|name| *name != "policy") {
        return Err(ReadError::value(format!(
            "has an unknown field {extra:?}; it has policy, grace and cap"
        ))
        .below(extra));
    }
    let policy = policy.ok_or_else(|| ReadError::value("needs a policy, such as \"fire_all\""))?;
    let policy = word(policy, &POLICIES).map_err(|error| error.below("policy"))?;
    let grace = grace.map(|value| fields::duration(value, LONGEST_GRACE));
    let grace = grace.transpose().map_err(|error| error.below("grace"))?;
    let cap = cap.map(|value| fields::whole(value, 1, MOST_CAP));
    let cap = cap.transpose().map_err(|error| error.below("cap"))?;
    if cap.is_some() && policy != MisfirePolicy::FireAll {
        return Err(ReadError::value("has a cap, which goes with fire_all only").below("cap"));
    }
    Ok(Misfire { policy, grace, cap })
}

fn word<T: Copy>(value: Value, words: &[(&str, T)]) -> Result<T, ReadError> {
    let text = fields::text(value)?;
    let found = words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        ReadError::value(format!("must be one of {}, not {text:?}", known.join(", ")))
    })
}
