//! Errors on the wire: `application/problem+json` (RFC 9457). The only place that knows which status an error has.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};

use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::host::{FieldError, HostError};

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Serialize, Object)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status and `code` say what kind of problem it is.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, in one sentence that a person can act on.
    detail: String,
    /// The same sentence.
    message: String,
    /// The path that was asked for.
    instance: String,
    /// The kind of problem, for programs.
    code: String,
    /// Names this request in the service's log.
    request_id: String,
    /// What is wrong with each field of the body.
    #[oai(skip_serializing_if_is_empty)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemField>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, Object)]
pub(crate) struct ProblemField {
    /// The field, as a JSON pointer (RFC 6901) into the body.
    pointer: String,
    /// The kind of mistake: `required`, `unknown_field`, `type` or `value`.
    code: String,
    /// What is wrong and what would be right.
    message: String,
}

/// A refusal on its way to becoming a [`Problem`], once the path and request are known.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// The request cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        HostError::Invalid(errors).into()
    }

    /// The whole answer for a request to `instance`.
    pub(crate) fn response(self, instance: &str, request_id: &str) -> Response {
        let errors = self.errors.into_iter().take(MOST_ERRORS);
        let errors = errors.map(|e| ProblemField {
            pointer: shortened(e.pointer),
            code: e.code.into(),
            message: shortened(e.message),
        });
        let detail = shortened(self.detail);
        let problem = Problem {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            message: detail.clone(),
            detail,
            instance: shortened(instance.to_owned()),
            code: self.code.into(),
            request_id: request_id.into(),
            errors: errors.collect(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.status)
            .content_type(MEDIA_TYPE)
            .body(body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Keeps an answer readable, whatever a client sent that it repeats.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// How many characters of a text are answered.
const LONGEST: usize = 1_000;
/// How many fields' mistakes are answered.
const MOST_ERRORS: usize = 100;

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

impl From<HostError> for Refused {
    fn from(error: HostError) -> Self {
        let detail = error.to_string();
        match error {
            HostError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            HostError::Invalid(errors) => Self {
                errors,
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
            },
            HostError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail),
            HostError::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", detail),
            HostError::Unavailable(_) | HostError::Unready(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            HostError::Broken(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", detail),
        }
    }
}

/// Which refusals an operation documents.
pub(crate) trait Statuses: Send {
    const STATUSES: &'static [u16];
}

/// Writes a set of statuses as a type.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $statuses:expr;)*) => {
        $($(#[$doc])* #[derive(Debug)] pub(crate) enum $name {}
        impl Statuses for $name { const STATUSES: &'static [u16] = &$statuses; })*
    };
}

statuses! {
    /// Reading a list or the like.
    Reads = [400, 503];
    /// Reading what is known here.
    Looked = [400];
    /// Reading one thing.
    ReadsOne = [400, 404, 503];
    /// Reading what the plugins make of a job.
    Explains = [400, 404, 409, 503];
    /// Looking at what a body describes.
    Looks = [400, 413, 415, 422, 503];
    /// Creating a job.
    Creates = [400, 409, 413, 415, 422, 503];
    /// Changing a job.
    Changes = [400, 404, 409, 412, 413, 415, 422, 503];
    /// Asking for something to happen to a job or run.
    Acts = [400, 404, 409, 413, 415, 422, 503];
    /// Starting or stopping something.
    Switches = [400, 404, 409, 413, 415, 503];
    /// Having something done that needs no body.
    Triggers = [400, 404, 413, 415, 422, 503];
    /// Deleting a job.
    Deletes = [400, 404, 409, 412, 503];
}

/// A refusal with the statuses that its operation documents.
#[derive(Debug)]
pub(crate) struct Failure<S>(pub(crate) Refused, PhantomData<S>);

impl<S, E: Into<Refused>> From<E> for Failure<S> {
    fn from(error: E) -> Self {
        Self(error.into(), PhantomData)
    }
}

/// The refusal travels in the response's extensions to the outermost layer, which knows the request.
impl<S: Send> IntoResponse for Failure<S> {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

impl<S> From<Failure<S>> for poem::Error {
    fn from(failure: Failure<S>) -> Self {
        // An error made of a response would lose the response's extensions.
        let mut error = Self::from_status(failure.0.status);
        error.set_data(failure.0);
        error
    }
}

impl<S: Statuses> ApiResponse for Failure<S> {
    fn meta() -> MetaResponses {
        let responses = S::STATUSES.iter().map(|status| MetaResponse {
            description: describe(*status),
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: MEDIA_TYPE,
                schema: Problem::schema_ref(),
            }],
            headers: vec![],
        });
        MetaResponses {
            responses: responses.collect(),
        }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

fn describe(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read",
        404 => "There is no such thing",
        409 => "Something stands against it now",
        412 => "The revision in If-Match is stale",
        413 => "The body is too large",
        415 => "The body is not JSON",
        422 => "The request is understood but invalid",
        _ => "The store is away, or the service is stopping",
    }
}
