//! Bodies of requests: JSON, read strictly, while the document shows their shape.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use poem::http::StatusCode;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::problem::Refused;

const JSON: &str = "application/json";

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
        if bytes.is_empty() && T::IS_REQUIRED {
            let detail = "the body is empty; it must be a JSON object";
            return Err(refused(Refused::malformed(detail)));
        }
        let value = if bytes.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&bytes).map(|Strict(value)| value)
        };
        match value {
            Ok(value) => Ok(Self {
                value,
                bytes,
                shape: PhantomData,
            }),
            Err(error) => Err(refused(Refused::malformed(format!(
                "the body cannot be read as JSON: {error}"
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

/// A JSON value whose objects have each name once: of two values for one name, nobody can say which was meant.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, _>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("{name:?} is given twice")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}
