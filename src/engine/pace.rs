//! Keeps requests to a provider apart: so many a second in the long run, so many in any hour.

use std::collections::VecDeque;
use std::time::Duration;

use stock_scheduler_sdk::Limits;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

/// Says when the next request may be made. Times are monotonic.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time between two requests in the long run, and how far ahead of it a burst may go (GCRA).
    every: Option<Duration>,
    ahead: Duration,
    due: Option<Instant>,
    /// The last requests, oldest first, as many as an hour may have.
    per_hour: Option<usize>,
    made: VecDeque<Instant>,
    /// The limits that were told.
    told: Limits,
}

/// No request is kept longer from the one before it, whatever a plugin says of its provider.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        let every = limits
            .per_second
            .filter(|rate| *rate > 0.0)
            .map(|rate| Duration::from_secs_f64((1.0 / rate).min(LONGEST.as_secs_f64())));
        let burst = limits.burst.unwrap_or(1).max(1);
        Self {
            every,
            ahead: every
                .unwrap_or_default()
                .saturating_mul(burst - 1)
                .min(LONGEST),
            due: None,
            per_hour: limits.per_hour.map(|n| n.max(1) as usize),
            made: VecDeque::new(),
            told: *limits,
        }
    }

    /// Keeps other limits from now on; what was made before counts. Where they are the same, one that was slowed down stays
    /// so.
    pub(crate) fn set_limits(&mut self, limits: &Limits) {
        if self.told == *limits {
            return;
        }
        let (due, mut made) = (self.due, std::mem::take(&mut self.made));
        *self = Self::new(limits);
        let most = self.per_hour.unwrap_or(0);
        made.drain(..made.len().saturating_sub(most));
        (self.due, self.made) = (due, made);
    }

    /// Takes the place of one request and says when it may be made, at `now` or later.
    pub(crate) fn reserve(&mut self, now: Instant) -> Instant {
        let mut at = now;
        if let Some(every) = self.every {
            let due = self.due.map_or(now, |due| due.max(now));
            at = at.max(due.checked_sub(self.ahead).unwrap_or(now));
            self.due = Some(due + every);
        }
        if let Some(most) = self.per_hour {
            if self.made.len() == most {
                at = self
                    .made
                    .pop_front()
                    .map_or(at, |oldest| at.max(oldest + HOUR));
            }
            self.made.push_back(at);
        }
        at
    }

    /// Halves the rate: the provider has shown that it was too high.
    pub(crate) fn slow_down(&mut self) {
        self.every = self
            .every
            .map(|every| (every * 2).min(Duration::from_secs(60)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: Option<f64>, burst: u32, per_hour: Option<u32>) -> Limits {
        let mut limits = Limits::default();
        (limits.per_second, limits.burst, limits.per_hour) = (per_second, Some(burst), per_hour);
        limits
    }

    fn offsets(pace: &mut Pace, count: usize) -> Vec<f64> {
        let now = Instant::now();
        (0..count)
            .map(|_| pace.reserve(now).duration_since(now).as_secs_f64())
            .collect()
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        assert_eq!(
            offsets(&mut Pace::new(&limits(Some(0.5), 3, None)), 5),
            [0.0, 0.0, 0.0, 2.0, 4.0]
        );
    }

    #[test]
    fn no_hour_has_more_than_its_share() {
        assert_eq!(
            offsets(&mut Pace::new(&limits(None, 1, Some(2))), 5),
            [0.0, 0.0, 3600.0, 3600.0, 7200.0]
        );
    }

    #[test]
    fn what_was_made_before_counts_under_other_limits() {
        let mut pace = Pace::new(&limits(None, 1, Some(4)));
        offsets(&mut pace, 3);

        pace.set_limits(&limits(None, 1, Some(2)));

        assert_eq!(offsets(&mut pace, 1)[0].round(), 3600.0);
    }

    #[test]
    fn without_limits_everything_goes_at_once() {
        assert_eq!(
            offsets(&mut Pace::new(&Limits::default()), 3),
            [0.0, 0.0, 0.0]
        );
    }
}
