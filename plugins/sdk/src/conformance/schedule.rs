//! Tells the author of a schedule whether it keeps the promises of [`Schedule`].
//!
//! The suite walks from fire to fire, and asks at instants between, before and after them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, TimeDelta, Utc};

use super::Broken;
use crate::{Next, Occurrence, Schedule};

/// [`Schedule::describe`] is one line that is not blank.
pub const DESCRIBED: &str = "a schedule says in words what it is";
/// No instant makes it panic, the first and the last there are included.
pub const ANSWERED: &str = "every instant has an answer";
/// A fire is later than the instant asked.
pub const STRICTLY_AFTER: &str = "a fire is strictly after the instant";
/// The answer depends on the instant alone.
pub const REPEATABLE: &str = "asking again gives the same";
/// Of two instants, the later has no earlier fire.
pub const MONOTONE: &str = "a later instant never gives an earlier fire";
/// Up to its very instant, a fire is the next one.
pub const NONE_PASSED_OVER: &str = "no fire is passed over";
/// After [`Next::Never`] there is no fire.
pub const NEVER_IS_NEVER: &str = "a schedule that has ended never fires again";

/// At most so many fires are walked.
const FIRES: usize = 5_000;

/// Asks `schedule` about the time from `from` to `to`, at most 5,000 fires of it, and answers with the first law that it
/// breaks.
pub fn check(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<(), Broken> {
    let walk = Walk { schedule };
    walk.check_words()?;
    for limit in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        walk.ask(limit)?;
    }
    let mut asked = Vec::new();
    let mut instant = from;
    while instant < to && asked.len() < FIRES {
        let next = walk.ask(instant)?;
        asked.push((instant, next.clone()));
        instant = match next {
            Next::At(fire) => {
                walk.check_until(instant, &fire)?;
                fire.at
            }
            Next::Never => {
                walk.check_end(instant, to)?;
                break;
            }
            Next::Unknown { .. } => break,
        };
    }
    walk.check_again(&asked)
}

struct Walk<'a> {
    schedule: &'a dyn Schedule,
}

impl Walk<'_> {
    fn check_words(&self) -> Result<(), Broken> {
        let words = self.schedule.describe();
        match words.trim().is_empty() || words.contains('\n') {
            true => Err(Broken::new(DESCRIBED, format!("it says {words:?}"))),
            false => Ok(()),
        }
    }

    /// The answer at `instant`, which is later.
    fn ask(&self, instant: DateTime<Utc>) -> Result<Next, Broken> {
        let answer = catch_unwind(AssertUnwindSafe(|| self.schedule.next_after(instant)));
        match answer {
            Err(_) => Err(breach(ANSWERED, instant, "it panics")),
            Ok(Next::At(fire)) if fire.at <= instant => Err(breach(
                STRICTLY_AFTER,
                instant,
                format!("it fires at {}", fire.at),
            )),
            Ok(next) => Ok(next),
        }
    }

    /// Checks that `fire` is the next one at every instant from `start` on.
    fn check_until(&self, start: DateTime<Utc>, fire: &Occurrence) -> Result<(), Broken> {
        for between in instants(start, fire.at) {
            let next = self.ask(between)?;
            let came = || {
                format!(
                    "it fires at {}, but {} came for {start}",
                    at(&next),
                    fire.at
                )
            };
            match &next {
                Next::At(found) if found == fire => {}
                Next::At(found) if found.at < fire.at => {
                    return Err(breach(MONOTONE, between, came()));
                }
                Next::At(found) if found.at == fire.at => {
                    return Err(breach(
                        REPEATABLE,
                        between,
                        format!("{found:?} and {fire:?}"),
                    ));
                }
                _ => return Err(breach(NONE_PASSED_OVER, between, came())),
            }
        }
        Ok(())
    }

    fn check_end(&self, end: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), Broken> {
        for later in instants(end, to) {
            let next = self.ask(later)?;
            if let Next::At(fire) = next {
                let detail = format!("it fires at {}, but had ended at {end}", fire.at);
                return Err(breach(NEVER_IS_NEVER, later, detail));
            }
        }
        Ok(())
    }

    /// Checks that all answers come again in the opposite order.
    fn check_again(&self, asked: &[(DateTime<Utc>, Next)]) -> Result<(), Broken> {
        for (instant, before) in asked.iter().rev() {
            let again = self.ask(*instant)?;
            if again != *before {
                let detail = format!("{again:?} comes after {before:?}");
                return Err(breach(REPEATABLE, *instant, detail));
            }
        }
        Ok(())
    }
}

/// Some instants after `start` and before `end`, of which the last is next to it.
fn instants(start: DateTime<Utc>, end: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let parts = 16;
    let part = (end - start) / parts;
    let inside = (1..parts).map(move |n| start + part * n);
    let before = [TimeDelta::seconds(1), TimeDelta::nanoseconds(1)];
    let close = before.into_iter().map(move |step| end - step);
    inside
        .chain(close)
        .filter(move |at| start < *at && *at < end)
}

fn at(next: &Next) -> String {
    match next {
        Next::At(fire) => fire.at.to_string(),
        Next::Never => "no time".into(),
        Next::Unknown { reason, .. } => format!("a time that is not known ({reason})"),
    }
}

fn breach(law: &'static str, instant: DateTime<Utc>, detail: impl std::fmt::Display) -> Broken {
    Broken::new(law, format!("after {instant}: {detail}"))
}
