//! What is done about fires that cannot run at their time.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// What is done about fire times that passed while nobody could run them. In JSON a bare word, or an object with
/// `policy`, `grace` and `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "MisfireWire", into = "MisfireWire")]
pub struct Misfire {
    /// Which of them run.
    pub policy: MisfirePolicy,
    /// A fire that is later than this is missed, whatever the policy. Without it [`MisfirePolicy::Skip`] allows
    /// [`Misfire::GRACE`], the others any time.
    pub grace: Option<TimeDelta>,
    /// With [`MisfirePolicy::FireAll`], the most fires that are made up for, the latest of them;
    /// [`Misfire::CAP`] by default.
    pub cap: Option<u32>,
}

impl Misfire {
    /// How late a fire may run with [`MisfirePolicy::Skip`], where nothing else is said.
    pub const GRACE: TimeDelta = TimeDelta::minutes(1);
    /// How many fires are made up for with [`MisfirePolicy::FireAll`], where nothing else is said.
    pub const CAP: u32 = 100;

    /// A policy with its usual grace and cap.
    pub fn new(policy: MisfirePolicy) -> Self {
        Self {
            policy,
            grace: None,
            cap: None,
        }
    }

    /// How late a fire may run; `None` is any time.
    pub fn grace(&self) -> Option<TimeDelta> {
        match self.policy {
            MisfirePolicy::Skip => Some(self.grace.unwrap_or(Self::GRACE)),
            _ => self.grace,
        }
    }
}

/// Which of the fires that passed while nobody could run them run later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MisfirePolicy {
    /// The last of them runs now, the others are recorded as missed.
    #[default]
    FireOnce,
    /// None: all of them are recorded as missed.
    Skip,
    /// All of them run, one after the other.
    FireAll,
}

/// The shapes of [`Misfire`] in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum MisfireWire {
    Word(MisfirePolicy),
    Full {
        policy: MisfirePolicy,
        #[serde(
            default,
            with = "crate::duration::optional",
            skip_serializing_if = "Option::is_none"
        )]
        grace: Option<TimeDelta>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap: Option<u32>,
    },
}

impl From<MisfireWire> for Misfire {
    fn from(wire: MisfireWire) -> Self {
        match wire {
            MisfireWire::Word(policy) => Self::new(policy),
            MisfireWire::Full { policy, grace, cap } => Self { policy, grace, cap },
        }
    }
}

impl From<Misfire> for MisfireWire {
    fn from(Misfire { policy, grace, cap }: Misfire) -> Self {
        match (grace, cap) {
            (None, None) => Self::Word(policy),
            _ => Self::Full { policy, grace, cap },
        }
    }
}

/// What is done about a fire that is due while the job's last run still goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Overlap {
    /// It is recorded as skipped.
    #[default]
    Skip,
    /// It waits for the other's end; fires that wait run in their order.
    Queue,
    /// It runs beside the other.
    Allow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misfire_policy_is_a_word_or_an_object_and_reads_back() {
        for text in [
            r#""skip""#,
            r#"{"policy":"fire_all","grace":"2h","cap":10}"#,
            r#"{"policy":"fire_once","grace":"90s"}"#,
        ] {
            let misfire: Misfire = serde_json::from_str(text).unwrap();
            let written = serde_json::to_string(&misfire).unwrap();
            assert_eq!(serde_json::from_str::<Misfire>(&written).unwrap(), misfire);
        }
        assert_eq!(
            serde_json::to_string(&Misfire::default()).unwrap(),
            r#""fire_once""#
        );
    }
}
