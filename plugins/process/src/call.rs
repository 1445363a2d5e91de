//! One request on its way to a plugin and back.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::message::Refusal;

/// A request, and who waits for what comes of it.
pub(crate) struct Call {
    pub(crate) id: u64,
    /// The whole line.
    pub(crate) line: Vec<u8>,
    /// Called once, on the owner's thread: it must not take long.
    pub(crate) answered: Answered,
}

pub(crate) type Answered = Box<dyn FnOnce(Result<Box<RawValue>, Failure>) + Send>;

/// Why a request brought no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The plugin does not work, or stopped working midway: a sentence.
    Down(String),
    /// The plugin did not answer within this time.
    Late(Duration),
    /// The plugin answered with an error.
    Refused(Refusal),
    /// The plugin answered what is no answer: what it was.
    Malformed(String),
}

impl Failure {
    /// The failure of `method` in a sentence about the plugin `name`.
    pub(crate) fn sentence(&self, name: &str, method: &str) -> String {
        match self {
            Self::Down(sentence) => sentence.clone(),
            Self::Late(timeout) => {
                format!("plugin {name:?} did not answer {method:?} within {timeout:?}")
            }
            Self::Refused(refusal) => refusal.sentence(name),
            Self::Malformed(what) => format!("plugin {name:?} answered {method:?} with {what}"),
        }
    }
}

impl Refusal {
    /// The message, or what can be said where the plugin gave none.
    pub(crate) fn sentence(&self, name: &str) -> String {
        match self.message.as_str() {
            "" => format!(
                "plugin {name:?} answered {:?} and did not say why",
                self.kind
            ),
            message => message.to_owned(),
        }
    }
}
