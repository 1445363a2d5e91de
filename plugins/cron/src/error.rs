//! Why a text is no schedule.

use std::fmt;

/// Why an expression gives no schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CronError {
    /// It is no cron expression. The sentence names the field, the text that is wrong and what would be right.
    Syntax(String),
    /// It is `@reboot`: a valid expression, but for a startup event and not for times.
    Startup,
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => f.write_str(what),
            Self::Startup => f.write_str(
                "@reboot is no schedule here, because a scheduler that never misses a fire has no startup event, \
                 expected times such as \"0 17 * * MON-FRI\"",
            ),
        }
    }
}

impl std::error::Error for CronError {}
