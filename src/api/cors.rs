//! Lets pages of configured origins use the API from a browser. Requests of other origins are answered without the
//! headers that a browser would need to show the answer to the page.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, X-Total-Count, Retry-After, Idempotency-Replayed",
);
const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Which origins are allowed.
pub(super) struct Cors {
    origins: Vec<String>,
}

impl Cors {
    /// `*` allows every origin.
    pub(super) fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    /// The request's origin, if it is allowed.
    pub(super) fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.origins
            .iter()
            .any(|allowed| allowed == "*" || allowed == text)
            .then(|| origin.clone())
    }

    /// The answer to a preflight request of an allowed origin.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let asked = request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asked {
            return None;
        }
        let origin = self.allowed(request)?;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        Self::allow(&mut response, origin);
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(wanted) = request
            .headers()
            .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("600"),
        );
        Some(response)
    }

    /// Shows an answer to the page of an allowed origin.
    pub(super) fn allow(response: &mut Response, origin: HeaderValue) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
