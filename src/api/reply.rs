//! Answers as bytes: JSON is written here directly, while the document still shows its shape.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

const JSON: &str = "application/json";

/// A JSON answer with one status, whose shape in the document is that of `T`.
pub(crate) struct Reply<T, const STATUS: u16 = 200> {
    response: Response,
    shape: PhantomData<T>,
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
    /// The answer with a body that is JSON already.
    pub(crate) fn bytes(body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let response = Response::builder()
            .status(status)
            .content_type(JSON)
            .body(body.into());
        Self {
            response,
            shape: PhantomData,
        }
    }

    /// The answer with this body.
    pub(crate) fn json(body: &impl Serialize) -> Self {
        Self::bytes(json(body))
    }

    /// The answer with a body that comes piece by piece.
    pub(crate) fn stream(body: poem::Body) -> Self {
        let mut reply = Self::bytes(Bytes::new());
        reply.response.set_body(body);
        reply
    }

    /// The same answer with another status: for outcomes that are not worth a type of their own.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.response.set_status(status);
        self
    }

    /// The same answer with a header; a value that no header can have is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().append(name, value);
        }
        self
    }
}

/// Serialises what cannot fail to be: our own types with string keys.
pub(crate) fn json(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

impl<T: Send, const STATUS: u16> IntoResponse for Reply<T, STATUS> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: Type, const STATUS: u16> ApiResponse for Reply<T, STATUS> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: if STATUS == 202 { "Accepted" } else { "Done" },
                status: Some(STATUS),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: JSON,
                    schema: T::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
