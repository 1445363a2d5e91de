//! Why the host did not do what it was asked.

use stock_scheduler_sdk::{StoreError, StoreErrorKind};

use super::FieldError;

/// A refusal or a failure, sorted by what the asker can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no such thing; the sentence names it.
    #[error("{0}")]
    NotFound(&'static str),
    /// The request is understood but cannot be carried out as it is.
    #[error("{}", sentences(.0))]
    Invalid(Vec<FieldError>),
    /// The job has changed since the asker read it.
    #[error("the job's revision is {current}, not {expected}; read it again and repeat the change")]
    Stale {
        /// The revision that the asker names.
        expected: String,
        /// The stored one.
        current: u64,
    },
    /// Something else stands against it now.
    #[error("{0}")]
    Conflict(String),
    /// The store does not answer.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Something else that is needed does not work yet, or no more; the sentence names it.
    #[error("{0}")]
    Unready(String),
    /// What is stored cannot be understood.
    #[error("{0}")]
    Broken(String),
}

/// Kept word for word: existing clients read it.
pub(crate) const JOB_NOT_FOUND: HostError = HostError::NotFound("Job not found");
/// Kept word for word.
pub(crate) const RUN_NOT_FOUND: HostError = HostError::NotFound("Execution record not found");
/// Kept word for word.
pub(crate) const NO_HISTORY: HostError =
    HostError::NotFound("No execution history found for this job");
pub(crate) const DATASET_NOT_FOUND: HostError = HostError::NotFound("Dataset not found");

impl From<StoreError> for HostError {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::NotFound => JOB_NOT_FOUND,
            StoreErrorKind::Conflict | StoreErrorKind::Fenced => Self::Conflict(error.to_string()),
            StoreErrorKind::Unavailable => Self::Unavailable(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

fn sentences(errors: &[FieldError]) -> String {
    let mut messages: Vec<_> = errors
        .iter()
        .take(5)
        .map(|error| error.message.as_str())
        .collect();
    if errors.len() > 5 {
        messages.push("and more");
    }
    messages.join("; ")
}
