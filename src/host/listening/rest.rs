//! When a listener that does not get on is left alone, so that one that is down is asked now and then and not by every
//! event.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::backoff::{draw, later};

/// After so many tries that failed one after the other, a listener is left alone for a while.
const FAILURES: u32 = 3;
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// How a listener gets on.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// How many tries failed since the last that did not.
    failures: u32,
    /// How many rests followed each other.
    rests: u32,
    /// Until when it is left alone.
    until: Option<DateTime<Utc>>,
    /// Until when it has asked to be left alone.
    asked: Option<DateTime<Utc>>,
}

impl Rest {
    /// Until when nothing is to be tried, if that is later than `now`.
    pub(super) fn until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.until.max(self.asked).filter(|until| *until > now)
    }

    /// How many may be under way at once, of `most`: one alone finds out whether it gets on again.
    pub(super) fn at_once(&self, most: usize) -> usize {
        if self.failures < FAILURES {
            most.max(1)
        } else {
            1
        }
    }

    /// A try arrived; answers whether it is the first one after rests.
    pub(super) fn succeeded(&mut self) -> bool {
        let is_back = self.rests > 0;
        (self.failures, self.rests, self.until) = (0, 0, None);
        is_back
    }

    /// A try failed; answers whether a rest begins with this.
    pub(super) fn failed(&mut self, now: DateTime<Utc>) -> bool {
        self.failures += 1;
        // Those that were under way when a rest began say nothing new.
        if self.failures < FAILURES || self.until(now).is_some() {
            return false;
        }
        let rest = FIRST.saturating_mul(2u32.saturating_pow(self.rests));
        self.rests += 1;
        self.until = Some(later(now, rest.min(LONGEST), draw()));
        true
    }

    /// It asks not to be told anything before `at`.
    pub(super) fn ask(&mut self, at: DateTime<Utc>) {
        self.asked = self.asked.max(Some(at));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn rests_grow_from_five_seconds_to_five_minutes_and_end_with_the_first_success() {
        let (mut rest, mut now) = (Rest::default(), NOW);
        assert!(!rest.failed(now) && !rest.failed(now));
        assert_eq!(rest.at_once(8), 8);

        let mut lengths = Vec::new();
        for _ in 0..9 {
            assert!(rest.failed(now));
            assert!(!rest.failed(now), "one that was under way");
            let until = rest.until(now).unwrap();
            lengths.push((until - now).num_seconds());
            now = until;
        }

        let expected = [5, 10, 20, 40, 80, 160, 300, 300, 300];
        let is_near = |(length, expected): (&i64, i64)| {
            (expected..=expected + expected / 10).contains(length)
        };
        assert!(lengths.iter().zip(expected).all(is_near), "{lengths:?}");
        assert_eq!(rest.at_once(8), 1);
        assert!(rest.succeeded() && !rest.succeeded());
        assert_eq!((rest.at_once(8), rest.until(now)), (8, None));
    }

    #[test]
    fn what_was_asked_for_outlasts_a_success() {
        let mut rest = Rest::default();
        let at = NOW + TimeDelta::minutes(2);

        rest.ask(at);
        rest.ask(NOW);
        rest.succeeded();

        assert_eq!(rest.until(NOW), Some(at));
        assert_eq!(rest.until(at), None);
    }
}
