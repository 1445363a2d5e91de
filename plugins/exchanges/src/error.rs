//! What is wrong with a calendar file, and where.

use std::fmt;

/// A mistake in a calendar file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
#[non_exhaustive]
pub struct FileError {
    /// The file's name, as it was given.
    pub file: String,
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: usize,
}

impl Place<'_> {
    /// The error that `message` is wrong here.
    pub(crate) fn wrong(self, message: impl fmt::Display) -> FileError {
        FileError {
            file: self.file.to_owned(),
            line: self.line,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}
