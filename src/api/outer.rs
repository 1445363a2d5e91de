//! The outermost layer: bounds what comes in, turns every error into a problem, names each request and counts it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use super::cors::Cors;
use super::problem::{MEDIA_TYPE, Refused};
use crate::metrics;

/// The largest body that is read.
const BODY_LIMIT: usize = 1024 * 1024;
/// How much of a body that is too large is let pass unread: a client sees an answer only when it has sent everything.
const PATIENCE: usize = 16 * BODY_LIMIT;
const REQUEST_ID: &str = "x-request-id";

/// The paths of the API and their methods, as templates.
pub(super) struct Routes(Vec<RoutePath>);

struct RoutePath {
    template: &'static str,
    segments: Vec<&'static str>,
    allow: String,
}

impl Routes {
    /// The routes that a document describes, and `pages` beside them. They live as long as the process.
    pub(super) fn of(document: &Value, pages: &[&'static str]) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let routes = paths.map(|(path, operations)| {
            let operations = operations.as_object().into_iter().flatten();
            RoutePath::new(
                path.clone().leak(),
                operations.map(|(method, _)| method.as_str()),
            )
        });
        let pages = pages.iter().map(|page| RoutePath::new(page, ["get"]));
        let mut routes: Vec<_> = routes.chain(pages).collect();
        // Those without parameters come first, so that the first that fits is the right one.
        routes.sort_by_key(|route| route.template.contains('{'));
        Self(routes)
    }

    /// The route of a path: one without parameters before one with.
    fn find(&self, path: &str) -> Option<&RoutePath> {
        let mut segments = [""; MOST_SEGMENTS];
        let mut count = 0;
        for segment in path.split('/') {
            *segments.get_mut(count)? = segment;
            count += 1;
        }
        self.0.iter().find(|route| route.fits(&segments[..count]))
    }
}

/// More than any route has.
const MOST_SEGMENTS: usize = 8;

impl RoutePath {
    /// Whether it is the route of a path of these segments.
    fn fits(&self, path: &[&str]) -> bool {
        let mut both = self.segments.iter().zip(path);
        self.segments.len() == path.len()
            && both.all(|(segment, text)| {
                segment == text || (segment.starts_with('{') && !text.is_empty())
            })
    }

    fn new<'a>(template: &'static str, methods: impl IntoIterator<Item = &'a str>) -> Self {
        let mut allow = Vec::new();
        for method in methods {
            allow.push(method.to_uppercase());
            if method == "get" {
                allow.push("HEAD".into());
            }
        }
        Self {
            template,
            segments: template.split('/').collect(),
            allow: allow.join(", "),
        }
    }
}

/// The layer around everything else.
pub(super) struct Outer<E> {
    inner: E,
    routes: Routes,
    cors: Cors,
    /// How this process names requests, and how many it has named.
    names: String,
    named: AtomicU64,
}

impl<E> Outer<E> {
    pub(super) fn new(inner: E, routes: Routes, cors: Cors) -> Self {
        Self {
            inner,
            routes,
            cors,
            names: format!("{}-", std::process::id()),
            named: AtomicU64::new(0),
        }
    }
}

impl<E: Endpoint> Endpoint for Outer<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let started = Instant::now();
        if let Some(response) = self.cors.preflight(&request) {
            return Ok(response);
        }
        trim_slash(&mut request);
        let id = self.name(&request);
        let origin = self.cors.allowed(&request);
        let path = request.original_uri().path().to_owned();
        let method = request.method().clone();
        let route = self.routes.find(request.uri().path());
        let span = tracing::debug_span!("request", id, %method, path);
        let answered = self.answer(request).instrument(span).await;
        let mut response = as_problem(answered, &path, &id);
        if let (StatusCode::METHOD_NOT_ALLOWED, Some(route)) = (response.status(), route) {
            set(&mut response, header::ALLOW, &route.allow);
        }
        set(
            &mut response,
            header::HeaderName::from_static(REQUEST_ID),
            &id,
        );
        if let Some(origin) = origin {
            Cors::allow(&mut response, origin);
        }
        let template = route.map_or("other", |route| route.template);
        metrics::answered(
            template,
            known(&method),
            response.status().as_u16(),
            started.elapsed(),
        );
        Ok(response)
    }
}

impl<E: Endpoint> Outer<E> {
    async fn answer(&self, mut request: Request) -> std::result::Result<Response, Refused> {
        if !is_text(request.uri().path()) {
            return Err(nothing_at(request.original_uri().path()));
        }
        bounded(&mut request).await?;
        match AssertUnwindSafe(self.inner.call(request))
            .catch_unwind()
            .await
        {
            Ok(Ok(answer)) => Ok(answer.into_response()),
            Ok(Err(error)) => Ok(error.into_response()),
            Err(_) => {
                let detail = "the service made a mistake; its log has more under this request_id";
                Err(Refused::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    detail,
                ))
            }
        }
    }

    /// The client's own name for the request, if it is a sane one.
    fn name(&self, request: &Request) -> String {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok());
        match given
            .filter(|id| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic()))
        {
            Some(id) => id.to_owned(),
            None => {
                let number = self.named.fetch_add(1, Ordering::Relaxed);
                [self.names.as_str(), &number.to_string()].concat()
            }
        }
    }
}

/// Reads the body, if it is small and plain.
async fn bounded(request: &mut Request) -> std::result::Result<(), Refused> {
    if !matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    ) {
        request.take_body();
        return Ok(());
    }
    if let Some(encoding) = request
        .header(header::CONTENT_ENCODING)
        .filter(|encoding| *encoding != "identity")
    {
        let detail = format!("the body must come without Content-Encoding, not as {encoding:?}");
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ));
    }
    let too_large = || {
        let detail = format!("the body is larger than {BODY_LIMIT} bytes");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    let told = request
        .header(header::CONTENT_LENGTH)
        .and_then(|length| length.parse::<usize>().ok());
    if told.is_some_and(|length| length > PATIENCE) {
        return Err(too_large());
    }
    let mut pieces = std::pin::pin!(request.take_body().into_bytes_stream());
    let (mut body, mut length) = (BytesMut::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refused::malformed("the body was cut off"))?;
        length += piece.len();
        if length <= BODY_LIMIT {
            body.extend_from_slice(&piece);
        } else if length > PATIENCE {
            break;
        }
    }
    if length > BODY_LIMIT {
        return Err(too_large());
    }
    request.set_body(Body::from_bytes(body.freeze()));
    Ok(())
}

/// Every error becomes a problem, whoever made it.
fn as_problem(answered: std::result::Result<Response, Refused>, path: &str, id: &str) -> Response {
    let mut response = match answered {
        Ok(response) => response,
        Err(refused) => return refused.response(path, id),
    };
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response
        .content_type()
        .is_some_and(|kind| kind.starts_with(MEDIA_TYPE))
    {
        return response;
    }
    match response.extensions_mut().remove::<Refused>() {
        Some(refused) => refused.response(path, id),
        None => plain(status, path).response(path, id),
    }
}

/// An error that the framework made: the request did not reach an operation.
fn plain(status: StatusCode, path: &str) -> Refused {
    match status {
        StatusCode::NOT_FOUND => nothing_at(path),
        StatusCode::METHOD_NOT_ALLOWED => Refused::new(
            status,
            "method_not_allowed",
            format!("{path} does not take this method; see the Allow header"),
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Refused::new(
            status,
            "unsupported_media_type",
            "the body must be JSON: send Content-Type: application/json",
        ),
        status if status.is_server_error() => {
            Refused::new(status, "internal", "the service could not answer")
        }
        status => {
            let detail = "the path, query or headers of the request cannot be read; see /docs for what they may be";
            Refused::new(status, "malformed", detail)
        }
    }
}

fn nothing_at(path: &str) -> Refused {
    let detail = format!("there is nothing at {path}; the API is described at /docs");
    Refused::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// Whether a path is UTF-8 behind its percent signs.
fn is_text(path: &str) -> bool {
    if !path.contains('%') {
        return true;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok());
        match code
            .flatten()
            .and_then(|code| u8::from_str_radix(code, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A trailing slash is the same path.
fn trim_slash(request: &mut Request) {
    let path = request.uri().path();
    if path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let trimmed = path.trim_end_matches('/');
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    if let Ok(uri) =
        format!("{}{query}", if trimmed.is_empty() { "/" } else { trimmed }).parse::<Uri>()
    {
        *request.uri_mut() = uri;
    }
}

/// The method's name, if it is a usual one: labels of metrics must not grow with what clients make up.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
