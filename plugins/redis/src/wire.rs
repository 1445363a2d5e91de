//! How instants and what is next are written in Redis: microseconds since 1970, in decimal digits.

use chrono::{DateTime, Utc};
use stock_scheduler_sdk::NextFire;

pub(crate) fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// Reads an instant; `None` for what is empty or no instant.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(text.parse().ok()?)
}

/// `1761066000000000` at that instant, `?1761066000000000` to be worked out from then on, `never`.
pub(crate) fn next(next: &NextFire) -> String {
    match next {
        NextFire::At(at) => micros(*at).to_string(),
        NextFire::Unknown { look_again } => format!("?{}", micros(*look_again)),
        NextFire::Never => "never".to_owned(),
    }
}

pub(crate) fn read_next(text: &str) -> NextFire {
    let known = |at| instant(at).map(NextFire::At);
    let unknown = |at| {
        Some(NextFire::Unknown {
            look_again: instant(at)?,
        })
    };
    match text.strip_prefix('?') {
        Some(look_again) => unknown(look_again).unwrap_or_default(),
        None => known(text).unwrap_or_default(),
    }
}

pub(crate) fn flag(is_so: bool) -> &'static str {
    if is_so { "1" } else { "0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_next_reads_back() {
        let at = DateTime::from_timestamp_micros(1_761_066_000_000_001).unwrap();

        for (fire, text) in [
            (NextFire::At(at), "1761066000000001"),
            (NextFire::Unknown { look_again: at }, "?1761066000000001"),
            (NextFire::Never, "never"),
        ] {
            assert_eq!(next(&fire), text);
            assert_eq!(read_next(text), fire);
        }
    }
}
