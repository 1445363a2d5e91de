//! Reads query parameters, and writes the link to the next page.

use chrono::{DateTime, Utc};
use poem::Request;

use super::problem::Refused;
use crate::host::HostError;

/// `true`, `false` in any case, `1` or `0`.
pub(super) fn flag(name: &str, text: Option<&str>) -> Result<Option<bool>, Refused> {
    let Some(text) = text else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(Refused::malformed(format!(
            "{name} must be true or false, not {text:?}"
        ))),
    }
}

/// A number of things from 1 to `most`.
pub(super) fn limit(text: Option<&str>, most: usize) -> Result<Option<usize>, Refused> {
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(Some(limit)),
        _ => Err(Refused::malformed(format!(
            "limit must be a whole number from 1 to {most}, not {text:?}"
        ))),
    }
}

/// An instant in RFC 3339. A `+` that came unencoded, and so as a blank, is understood.
pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>, Refused> {
    let Some(text) = text else { return Ok(None) };
    match DateTime::parse_from_rfc3339(&text.replace(' ', "+")) {
        Ok(at) => Ok(Some(at.to_utc())),
        Err(_) => Err(Refused::malformed(format!(
            "{name} must be an instant like 2025-10-21T17:00:00+00:00, not {text:?}"
        ))),
    }
}

/// A conflict on reading a page means that its cursor is none of ours.
pub(super) fn cursor_error(error: HostError) -> Refused {
    match error {
        HostError::Conflict(detail) => Refused::malformed(detail),
        other => other.into(),
    }
}

/// The `Link` to the page of the same request that begins at `cursor`.
pub(super) fn next_link(request: &Request, cursor: &str) -> String {
    let uri = request.original_uri();
    let mut query: Vec<String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("cursor="))
        .map(str::to_owned)
        .collect();
    query.push(format!("cursor={}", encoded(cursor)));
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))
}

/// Percent-encodes everything but unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into())
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
