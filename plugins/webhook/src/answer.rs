//! Sorts what comes of a request by what the host does about it.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use stock_scheduler_sdk::{DeliveryError, DeliveryErrorKind};

use crate::resolver::Forbidden;

/// What an answer from `whom` means, that came at `now`: any 2xx is delivered.
///
/// Other answers are tried again, even such as blame the request: the fault may be mended within a day. Only 410 says that
/// nothing more is wanted.
pub(crate) fn sorted(
    whom: &str,
    status: StatusCode,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<(), DeliveryError> {
    let (kind, remark) = match status.as_u16() {
        200..=299 => return Ok(()),
        300..=399 => (
            DeliveryErrorKind::Unavailable,
            ": redirects are not followed, expected the URL that it leads to",
        ),
        410 => (DeliveryErrorKind::Gone, ": it wants no more events"),
        429 => {
            let retry_after = retry_after(headers, now);
            let kind = DeliveryErrorKind::RateLimited { retry_after };
            (kind, ": it is told too often")
        }
        _ => (DeliveryErrorKind::Unavailable, ""),
    };
    let message = format!("{whom} answered {status}{remark}");
    Err(DeliveryError::new(kind, message).with_status(status.as_u16()))
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.to_utc() - now).to_std().unwrap_or_default())
}

/// What it means that no answer came from `whom` within `timeout`.
pub(crate) fn unanswered(whom: &str, timeout: Duration, error: reqwest::Error) -> DeliveryError {
    // The URL may hold a password or be a secret itself.
    let error = error.without_url();
    if let Some(Forbidden(sentence)) = causes(&error).find_map(|e| e.downcast_ref()) {
        let message = format!("{whom} is not told: {sentence}");
        return DeliveryError::new(DeliveryErrorKind::Refused, message);
    }
    let cause = causes(&error).last().map(ToString::to_string);
    let cause = cause.unwrap_or_else(|| error.to_string());
    let message = if error.is_timeout() {
        format!("no answer from {whom} within {timeout:?}")
    } else if error.is_connect() {
        format!("cannot connect to {whom}: {cause}")
    } else {
        format!("cannot tell {whom}: {cause}")
    };
    DeliveryError::new(DeliveryErrorKind::Unavailable, message).with_source(error)
}

/// The causes of an error, the nearest first.
fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Result<(), DeliveryError> {
        let wish = retry_after.map(|wish| (RETRY_AFTER, wish.parse().unwrap()));
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        sorted(
            "http://example.com",
            status,
            &wish.into_iter().collect(),
            now,
        )
    }

    #[test]
    fn answers_are_sorted_by_their_status() {
        let limited = |seconds: Option<u64>| DeliveryErrorKind::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
        };
        for (status, wish, kind) in [
            (301, None, DeliveryErrorKind::Unavailable),
            (400, None, DeliveryErrorKind::Unavailable),
            (404, None, DeliveryErrorKind::Unavailable),
            (410, None, DeliveryErrorKind::Gone),
            (429, None, limited(None)),
            (429, Some("120"), limited(Some(120))),
            (
                429,
                Some("Sun, 06 Nov 1994 08:49:37 GMT"),
                limited(Some(30)),
            ),
            (429, Some("Sun, 06 Nov 1994 08:49:00 GMT"), limited(Some(0))),
            (429, Some("soon"), limited(None)),
            (429, Some("-5"), limited(None)),
            (500, None, DeliveryErrorKind::Unavailable),
            (503, Some("120"), DeliveryErrorKind::Unavailable),
        ] {
            let error = answer(status, wish).unwrap_err();

            assert_eq!(error.kind(), kind, "{status} {wish:?}");
            assert_eq!(error.status(), Some(status));
        }
        for status in [200, 202, 204, 299] {
            assert!(answer(status, None).is_ok());
        }
        assert_eq!(
            answer(302, None).unwrap_err().to_string(),
            "http://example.com answered 302 Found: redirects are not followed, expected the URL that it leads to"
        );
    }
}
