//! What can be wrong with a program, in the sentences that people read.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use stock_scheduler_sdk::plain_line;

use crate::flights::Unasked;

/// Why a program is stopped, or cannot be started.
#[derive(Debug)]
pub(crate) enum Fault {
    /// There is no such directory to run it in.
    NoDirectory(PathBuf),
    /// The system does not start it.
    NotStarted { program: String, error: io::Error },
    /// It was started, and what must be done then failed.
    NotSetUp {
        what: &'static str,
        error: io::Error,
    },
    /// It ended by itself.
    Ended(ExitStatus),
    /// It lives, but wants no more requests.
    ClosedInput,
    /// It lives, but answers no more.
    ClosedOutput,
    /// It wrote what is no message.
    NoMessage { line: String, why: String },
    /// It answered what it was not asked.
    Unasked { id: u64, how: Unasked },
    /// It wrote a longer line than is allowed.
    LineTooLong(usize),
    /// It did not say in time what it is.
    NotDescribed(Duration),
    /// It said what it is, and that will not do: a sentence without subject.
    Unfit(String),
    /// It answers nothing.
    Hangs { requests: usize, timeout: Duration },
}

impl Fault {
    /// The fault in a sentence about the plugin `name`, with the last line that it logged where that may say more.
    pub(crate) fn sentence(&self, name: &str, last_line: Option<&str>) -> String {
        match (self, last_line) {
            (Self::NoDirectory(_) | Self::NotStarted { .. } | Self::NotSetUp { .. }, _) => {
                format!("cannot start plugin {name:?}: {self}")
            }
            (Self::Unfit(_), _) | (_, None) => format!("plugin {name:?} {self}"),
            (_, Some(line)) => {
                let line = plain_line(line, 300);
                format!("plugin {name:?} {self}; the last line of its log: {line:?}")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(path) => write!(f, "there is no directory {path:?}"),
            Self::NotStarted { program, error } => match error.kind() {
                io::ErrorKind::NotFound => write!(f, "there is no program {program:?}"),
                io::ErrorKind::PermissionDenied => {
                    write!(f, "{program:?} may not be executed")
                }
                _ => write!(f, "{program:?}: {error}"),
            },
            Self::NotSetUp { what, error } => write!(f, "{what}: {error}"),
            Self::Ended(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "ended with exit status {code}"),
                (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
                (None, None) => write!(f, "ended"),
            },
            Self::ClosedInput => write!(f, "closed its standard input, and did not end"),
            Self::ClosedOutput => write!(f, "closed its standard output, and did not end"),
            Self::NoMessage { line, why } => write!(
                f,
                "wrote {line:?} to its standard output, which is no message ({why}); logs belong on standard error"
            ),
            Self::Unasked {
                id,
                how: Unasked::Never,
            } => write!(f, "answered request {id}, which it was not asked"),
            Self::Unasked {
                id,
                how: Unasked::Again,
            } => write!(f, "answered request {id} a second time"),
            Self::LineTooLong(most) => write!(f, "wrote a line of more than {most} bytes"),
            Self::NotDescribed(timeout) => {
                write!(f, "did not describe itself within {timeout:?}")
            }
            Self::Unfit(why) => f.write_str(why),
            Self::Hangs { requests, timeout } => write!(
                f,
                "hangs: {requests} requests were not answered within {timeout:?}"
            ),
        }
    }
}
