//! Whether a failed fetch is tried again, and after how long.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use stock_scheduler_sdk::{FetchError, FetchErrorKind, Symbol};

/// How often a symbol is asked for when the provider is unavailable or limits us.
const TRIES: u32 = 4;
/// How often when the answer could not be understood: it may have been cut off, once.
const TRIES_MALFORMED: u32 = 2;

/// How long to wait before trying again after the failure number `attempt` (from 1), or `None` to give up.
///
/// An unavailable provider is asked again after 1, 2 and 4 seconds. One that limits us gets its rest from the fetcher's
/// gate, for all symbols alike, so nothing is added here.
pub(crate) fn wait_before(attempt: u32, error: &FetchError) -> Option<Duration> {
    match error.kind() {
        FetchErrorKind::Unavailable if attempt < TRIES => {
            Some(Duration::from_secs(1 << (attempt - 1).min(5)))
        }
        FetchErrorKind::Malformed if attempt < TRIES_MALFORMED => Some(Duration::from_secs(1)),
        FetchErrorKind::RateLimited { .. } if attempt < TRIES => Some(Duration::ZERO),
        _ => None,
    }
}

/// `wait` made up to 30 % longer or shorter, the same for the same symbol and attempt, so that symbols that failed
/// together are not tried again together.
pub(crate) fn jittered(wait: Duration, symbol: &Symbol, attempt: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (symbol, attempt).hash(&mut hasher);
    let share = hasher.finish() as f64 / u64::MAX as f64;
    wait.mul_f64(0.7 + 0.6 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(kind: FetchErrorKind) -> Vec<u64> {
        let error = FetchError::new(kind, "");
        (1..)
            .map_while(|attempt| wait_before(attempt, &error))
            .map(|w| w.as_secs())
            .collect()
    }

    #[test]
    fn only_what_can_change_is_tried_again() {
        assert_eq!(waits(FetchErrorKind::Unavailable), [1, 2, 4]);
        assert_eq!(waits(FetchErrorKind::Malformed), [1]);
        assert_eq!(
            waits(FetchErrorKind::RateLimited {
                retry_after: Some(9)
            }),
            [0, 0, 0]
        );
        for final_kind in [
            FetchErrorKind::UnknownSymbol,
            FetchErrorKind::NoData,
            FetchErrorKind::Denied,
        ] {
            assert!(waits(final_kind).is_empty(), "{final_kind:?}");
        }
    }

    #[test]
    fn jitter_stays_within_a_third_and_is_repeatable() {
        let symbol: Symbol = "AAPL".parse().unwrap();
        let wait = Duration::from_secs(10);

        let jittered_wait = jittered(wait, &symbol, 1);

        assert!(
            (7.0..=13.0).contains(&jittered_wait.as_secs_f64()),
            "{jittered_wait:?}"
        );
        assert_eq!(jittered(wait, &symbol, 1), jittered_wait);
    }
}
