//! Why an answer holds no bars, sorted by what the host can do about it.

use std::fmt;

use stock_scheduler_sdk::{FetchError, FetchErrorKind, FetchRequest};

use crate::answer::Answer;
use crate::chart::{Document, Problem};

/// The error that an answer's status means; the provider's own words are added where there are any.
pub(crate) fn of_status(answer: &Answer<'_>, request: &FetchRequest) -> FetchError {
    let document = serde_json::from_slice::<Document>(answer.body).ok();
    let problem = document.and_then(|document| document.chart.error);
    refused(answer.status, problem.as_ref(), answer.retry_after, request)
}

/// The error that a successful answer with a `chart.error` means: that of the status which its code names.
pub(crate) fn of_problem(problem: &Problem, request: &FetchRequest) -> FetchError {
    let status = match problem.code.as_deref() {
        Some("Bad Request") => 400,
        Some("Unauthorized") => 401,
        Some("Forbidden") => 403,
        Some("Not Found") => 404,
        Some("Unprocessable Entity") => 422,
        Some("Too Many Requests") => 429,
        _ => 500,
    };
    refused(status, Some(problem), None, request)
}

fn refused(
    status: u16,
    problem: Option<&Problem>,
    retry_after: Option<u64>,
    request: &FetchRequest,
) -> FetchError {
    let symbol = request.symbol.as_str();
    let wait = retry_after.map(|seconds| format!("; it asks to wait {seconds} seconds"));
    let wait = wait.unwrap_or_default();
    let (kind, message) = match status {
        400 | 422 => return no_bars_because(problem, request),
        404 => (
            FetchErrorKind::UnknownSymbol,
            format!("yahoo does not know {symbol:?}"),
        ),
        // 999 is what an older edge of Yahoo says for 429.
        429 | 999 => (
            FetchErrorKind::RateLimited { retry_after },
            format!("yahoo was asked too often for {symbol}, status {status}{wait}"),
        ),
        408 | 425 | 500.. => (
            FetchErrorKind::Unavailable,
            format!("yahoo failed for {symbol} with status {status}{wait}"),
        ),
        401..500 => (
            FetchErrorKind::Denied,
            format!("yahoo refuses {symbol} with status {status}"),
        ),
        _ => return malformed(request, format!("status {status} is no answer")),
    };
    FetchError::new(kind, message + &words(problem))
}

/// The error of a successful answer whose body is not the document that was asked for.
pub(crate) fn of_unreadable(
    answer: &Answer<'_>,
    request: &FetchRequest,
    cause: serde_json::Error,
) -> FetchError {
    if is_maintenance_page(answer.body) {
        let message = format!(
            "yahoo is under maintenance and did not answer for {}",
            request.symbol
        );
        return FetchError::new(FetchErrorKind::Unavailable, message);
    }
    let what = match answer.body.trim_ascii_start().first() {
        None => "it is empty".to_owned(),
        Some(b'<') => "it is a web page, not JSON".to_owned(),
        Some(_) => format!(
            "it is not the JSON of a chart: {}",
            one_line(&cause.to_string())
        ),
    };
    malformed(request, what)
}

/// The error of an answer without any bar of the dates asked.
pub(crate) fn no_bars(request: &FetchRequest) -> FetchError {
    no_bars_because(None, request)
}

fn no_bars_because(problem: Option<&Problem>, request: &FetchRequest) -> FetchError {
    let FetchRequest {
        symbol, start, end, ..
    } = request;
    let message = format!("yahoo has no bars of {symbol} from {start} until {end}");
    FetchError::new(FetchErrorKind::NoData, message + &words(problem))
}

/// The error of an answer that is wrong in itself; `what` says how.
pub(crate) fn malformed(request: &FetchRequest, what: impl fmt::Display) -> FetchError {
    let message = format!("cannot read yahoo's answer for {}: {what}", request.symbol);
    FetchError::new(FetchErrorKind::Malformed, message)
}

/// The provider's own words, to follow a message.
fn words(problem: Option<&Problem>) -> String {
    let description = problem.and_then(|p| p.description.as_ref().or(p.code.as_ref()));
    let Some(description) = description else {
        return String::new();
    };
    format!(": {}", one_line(description).trim_end_matches('.'))
}

/// The beginning of a text from outside, as far as it fits a line.
pub(crate) fn one_line(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).take(160).collect()
}

fn is_maintenance_page(body: &[u8]) -> bool {
    const NOTICE: &[u8] = b"Will be right back";
    body.windows(NOTICE.len()).any(|part| part == NOTICE)
}
