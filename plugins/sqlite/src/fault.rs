//! What can go wrong with the file, sorted by what the host can do about it.

use std::sync::Arc;

use rusqlite::ErrorCode;
use stock_scheduler_sdk::{StoreError, StoreErrorKind};

/// Why a step was not done. Can be told to everyone who waited for the same commit.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: StoreErrorKind,
    message: String,
    source: Option<Arc<rusqlite::Error>>,
}

pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unavailable, message)
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Corrupt, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// Whether the file is to blame and not what was asked.
    pub(crate) fn is_of_the_file(&self) -> bool {
        self.source.is_some()
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The error as the host sees it; where the file is to blame, it says what was attempted.
    pub(crate) fn into_error(self, attempted: &str) -> StoreError {
        let message = match self.kind {
            StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => {
                format!("cannot {attempted}: {}", self.message)
            }
            _ => self.message,
        };
        let error = StoreError::new(self.kind, message);
        match self.source {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            kind: kind_of(&error),
            message: sentence(&error),
            source: Some(Arc::new(error)),
        }
    }
}

fn kind_of(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory,
        ) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Corrupt,
    }
}

/// What is wrong, for a person at night.
pub(crate) fn sentence(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".into(),
        Some(ErrorCode::SystemIoFailure) => format!("the disk does not read or write ({error})"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the write lock of the file".into()
        }
        Some(ErrorCode::ReadOnly) => "the file may not be written".into(),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("the file cannot be opened ({error})")
        }
        Some(ErrorCode::OutOfMemory) => "there is not enough memory".into(),
        _ => format!("what is stored cannot be understood ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_full_disk_is_unavailable_and_a_damaged_file_is_corrupt() {
        for (code, kind) in [
            (ffi::SQLITE_FULL, StoreErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_FSYNC, StoreErrorKind::Unavailable),
            (ffi::SQLITE_BUSY, StoreErrorKind::Unavailable),
            (ffi::SQLITE_READONLY, StoreErrorKind::Unavailable),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::Unavailable),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Corrupt),
        ] {
            let fault = Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));

            let error = fault.into_error("create a job");

            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().starts_with("cannot create a job: "));
        }
    }
}
