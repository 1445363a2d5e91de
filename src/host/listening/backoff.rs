//! How long until an event that could not be delivered is tried again.

use std::time::Duration;

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

/// The wait after the try number `attempt`, counted from 1; `None`: it is given up.
///
/// `draw`, from 0 up to 1, spreads the tries of many events over a tenth of the wait.
pub(super) fn wait_after(attempt: u32, draw: f64) -> Option<Duration> {
    let place = usize::try_from(attempt.max(1) - 1).ok()?;
    let seconds = *WAITS.get(place)?;
    Some(Duration::from_secs(seconds).mul_f64(1.0 + draw.clamp(0.0, 1.0) / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_less_and_less_often_for_a_day() {
        let waits: Vec<_> = (1..)
            .map_while(|attempt| wait_after(attempt, 0.0))
            .collect();

        assert_eq!(waits.len(), WAITS.len());
        assert!(waits.is_sorted());
        let all: Duration = waits.iter().sum();
        assert!(all > Duration::from_secs(24 * HOUR) && all < Duration::from_secs(26 * HOUR));
    }

    #[test]
    fn the_draw_makes_a_wait_longer_by_a_tenth_at_most() {
        assert_eq!(wait_after(1, 1.0), Some(Duration::from_millis(5_500)));
        assert_eq!(wait_after(0, 9.0), Some(Duration::from_millis(5_500)));
    }
}
