//! Answers and bodies as bytes: JSON is written and read here directly, while the document still shows its shape.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaRequest, MetaResponse, MetaResponses, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use serde_json::Value;

use super::problem::Refused;

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
        let headers = [header::ETAG, header::LOCATION, header::LINK].map(|name| MetaHeader {
            name: name.to_string(),
            description: None,
            required: false,
            deprecated: false,
            schema: String::schema_ref(),
        });
        MetaResponses {
            responses: vec![MetaResponse {
                description: if STATUS == 202 { "Accepted" } else { "Done" },
                status: Some(STATUS),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: JSON,
                    schema: T::schema_ref(),
                }],
                headers: headers.into(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A JSON body whose shape in the document is that of `T`, read strictly by whoever takes it.
pub(crate) struct JsonBody<T> {
    pub(crate) value: Value,
    /// The bytes as sent, to recognise a repeated request.
    pub(crate) bytes: Bytes,
    shape: PhantomData<T>,
}

impl<'a, T: Type + Send> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType {
            content_type: JSON,
            schema: T::schema_ref(),
        }];
        Some(MetaRequest {
            description: None,
            content,
            required: T::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let refused = |refused: Refused| super::problem::Failure::<()>::from(refused).into();
        if let Some(wrong) = request.content_type().filter(|kind| !is_json(kind)) {
            let detail = format!("the body must be application/json, not {wrong:?}");
            return Err(refused(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                detail,
            )));
        }
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body)
            .await
            .map(Bytes::from)?;
        let value = if bytes.is_empty() && !T::IS_REQUIRED {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&bytes)
        };
        match value {
            Ok(value) => Ok(Self {
                value,
                bytes,
                shape: PhantomData,
            }),
            Err(error) => Err(refused(Refused::malformed(format!(
                "the body is not JSON: {error}"
            )))),
        }
    }
}

/// `application/json` and `application/*+json`, with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == JSON || (essence.starts_with("application/") && essence.ends_with("+json"))
}
