//! How long until an event that could not be delivered is tried again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use stock_scheduler_sdk::EventId;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// The waits in seconds after the first, second … failed try; together a little more than a day.
const WAITS: [u64; 10] = [
    5,
    30,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    9 * HOUR,
];
/// The longest wait that a listener can ask for.
const LONGEST: Duration = Duration::from_secs(24 * HOUR);
/// Events older than this are given up where their listener does not get on: each try of one spares the others a try.
const OLDEST: TimeDelta = TimeDelta::hours(26);
/// Events older than this are told nobody for the first time: a listener that was away for months goes on with what is news.
const NEWS: TimeDelta = TimeDelta::days(7);

/// The wait after the try number `attempt`, counted from 1, and not before `asked`; `None`: it is given up.
pub(super) fn wait_after(attempt: u32, asked: Option<Duration>) -> Option<Duration> {
    let place = usize::try_from(attempt.max(1) - 1).ok()?;
    let wait = Duration::from_secs(*WAITS.get(place)?);
    Some(wait.max(asked.unwrap_or_default().min(LONGEST)))
}

/// `wait` after `now`; the draw, from 0 up to 1, spreads what would come together over a tenth of it.
pub(super) fn later(now: DateTime<Utc>, wait: Duration, draw: f64) -> DateTime<Utc> {
    let wait = wait.mul_f64(1.0 + draw.clamp(0.0, 1.0) / 10.0);
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(wait)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether an event is too old to wait any longer for a listener that does not get on.
pub(super) fn is_too_old(event: EventId, now: DateTime<Utc>) -> bool {
    is_older(event, OLDEST, now)
}

/// Whether an event is too old to be told for the first time.
pub(super) fn is_no_news(event: EventId, now: DateTime<Utc>) -> bool {
    is_older(event, NEWS, now)
}

fn is_older(event: EventId, age: TimeDelta, now: DateTime<Utc>) -> bool {
    now.timestamp_millis().saturating_sub_unsigned(event.ms) > age.num_milliseconds()
}

/// A number from 0 up to 1.
pub(super) fn draw() -> f64 {
    let (bits, _) = uuid::Uuid::new_v4().as_u64_pair();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_less_and_less_often_for_a_day() {
        let waits: Vec<_> = (1..)
            .map_while(|attempt| wait_after(attempt, None))
            .collect();

        assert_eq!(waits.len(), WAITS.len());
        assert!(waits.is_sorted());
        let all: Duration = waits.iter().sum();
        assert!(all > LONGEST && all < Duration::from_secs(26 * HOUR));
    }

    #[test]
    fn a_wait_that_is_asked_for_counts_where_it_is_longer_and_within_reason() {
        for (attempt, asked, wait) in [
            (0, 0, 5),
            (1, 3, 5),
            (1, 120, 120),
            (3, 119, 120),
            (2, u64::MAX, 24 * HOUR),
        ] {
            let waits = wait_after(attempt, Some(Duration::from_secs(asked)));

            assert_eq!(waits, Some(Duration::from_secs(wait)), "{attempt} {asked}");
        }
        assert_eq!(wait_after(11, Some(Duration::from_secs(1))), None);
    }

    #[test]
    fn the_draw_makes_a_wait_longer_by_a_tenth_at_most() {
        let now = DateTime::UNIX_EPOCH;
        let wait = |draw| (later(now, Duration::from_secs(10), draw) - now).num_milliseconds();

        assert_eq!(
            [0.0, 0.5, 1.0, 9.0].map(wait),
            [10_000, 10_500, 11_000, 11_000]
        );
        assert_eq!(later(now, Duration::MAX / 2, 0.0), DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn an_event_is_too_old_after_all_its_tries() {
        let event = EventId { ms: 1_000, seq: 7 };
        let after = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);

        assert!(!is_too_old(event, after(0)) && !is_too_old(event, after(26)));
        assert!(is_too_old(event, after(27)));
        assert!(!is_no_news(event, after(7 * 24)) && is_no_news(event, after(7 * 24 + 1)));
        assert!(!is_too_old(
            EventId {
                ms: u64::MAX,
                seq: 0
            },
            after(27)
        ));
    }
}
