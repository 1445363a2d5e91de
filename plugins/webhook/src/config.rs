//! What the configuration says of a webhook, and how a listener is built from it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Listener, ListenerFactory, Section};

use crate::signature::Secrets;
use crate::target::Target;
use crate::webhook::{Webhook, client};

const KEYS: [&str; 5] = ["url", "secret", "allow_private", "timeout", "headers"];
const TIMEOUT: Duration = Duration::from_secs(15);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);
const MOST_HEADERS: usize = 32;

/// Headers that are the request's own.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// What the names of more of them begin with.
const OWN_PREFIXES: [&str; 3] = ["content-", "proxy-", "webhook-"];

/// Makes listeners of kind `webhook`, which tell a URL of each event by a signed request.
///
/// ```
/// use stock_scheduler_sdk::ListenerFactory;
/// use stock_scheduler_webhook::WebhookFactory;
///
/// let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// let section = serde_json::json!({"url": "https://example.com/hook", "secret": secret});
///
/// let listener = WebhookFactory.build(&section)?;
/// assert_eq!(listener.info().concurrency, 8);
/// # Ok::<_, stock_scheduler_sdk::ConfigError>(())
/// ```
///
/// A request is `{"type": "JobFinished", "timestamp": …, "data": {…}}` with the event's name, time and
/// [`data`](stock_scheduler_sdk::Event::data). The header `webhook-id` is the same each time an event is told. Answers of
/// 2xx say that it came; after 410 nothing more is sent; anything else is tried again.
///
/// The URL must lead to the public internet, for it may be given by somebody who must not reach the service's own network:
/// its addresses are looked at each time a connection is made. `"allow_private": true` permits all.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookFactory;

impl ListenerFactory for WebhookFactory {
    fn build(&self, section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
        let section = Section::read(section, &KEYS)?;
        let allow_private = section.flag("allow_private")?;
        let url = section.needed("url", "https://example.com/hook")?;
        let target = Target::parse(url, allow_private).map_err(|e| ConfigError::at("/url", e))?;
        let secrets: Secrets = section
            .needed("secret", "whsec_…")?
            .parse()
            .map_err(|e| ConfigError::at("/secret", format!("secret is {e}")))?;
        let timeout = section.duration("timeout", SHORTEST_TIMEOUT..=LONGEST_TIMEOUT)?;
        let headers = headers(section.get("headers"))?;
        let client = client(allow_private).map_err(|e| {
            let message = format!("cannot set up TLS, are there CA certificates? {e:?}");
            ConfigError::at("", message)
        })?;
        let timeout = timeout.unwrap_or(TIMEOUT);
        let webhook = Webhook::new(client, target, secrets, headers, timeout);
        Ok(Arc::new(webhook))
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "title": "Webhook",
            "description": "Tells a URL of each event by a signed request, as Standard Webhooks has it.",
            "required": ["url", "secret"],
            "additionalProperties": false,
            "properties": {
                "url": {
                    "type": "string",
                    "format": "uri",
                    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?:",
                    "description": "Where the requests go.",
                    "example": "https://example.com/hook",
                },
                "secret": {
                    "type": "string",
                    "format": "password",
                    "writeOnly": true,
                    "pattern": r"^\s*whsec_[A-Za-z0-9+/]+=*(\s+whsec_[A-Za-z0-9+/]+=*)*\s*$",
                    "description": "What requests are signed with: `whsec_` and 24 to 64 bytes in base64. While one takes the place of another, several with blanks between.",
                },
                "allow_private": {
                    "type": "boolean",
                    "default": false,
                    "description": "Whether the URL may lead to this machine, its network or any other that is not public.",
                },
                "timeout": {
                    "type": "string",
                    "default": "15s",
                    "description": "How long an answer may take, connecting included: 1s to 2m.",
                },
                "headers": {
                    "type": "object",
                    "maxProperties": MOST_HEADERS,
                    "additionalProperties": {"type": "string", "writeOnly": true},
                    "description": "More headers of each request.",
                },
            },
        })
    }
}

fn headers(value: Option<&Value>) -> Result<HeaderMap, ConfigError> {
    let Some(value) = value else {
        return Ok(HeaderMap::new());
    };
    let given = value
        .as_object()
        .filter(|given| given.len() <= MOST_HEADERS);
    let given = given.ok_or_else(|| {
        let message = format!("headers are no object of at most {MOST_HEADERS} texts");
        ConfigError::at("/headers", message)
    })?;
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        let (name, value) = header(name, value).map_err(|e| ConfigError::at(&pointer, e))?;
        if headers.insert(&name, value).is_some() {
            return Err(ConfigError::at(
                pointer,
                format!("header {name} is given twice"),
            ));
        }
    }
    Ok(headers)
}

/// The error is a sentence without the value, which may be a secret.
fn header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), String> {
    let known: HeaderName = name
        .parse()
        .map_err(|_| format!("{name:?} is no name of a header"))?;
    let name = known.as_str();
    if OWN_HEADERS.contains(&name) || OWN_PREFIXES.iter().any(|own| name.starts_with(own)) {
        return Err(format!(
            "header {name} is the request's own, expected another"
        ));
    }
    let value = value.as_str().and_then(|value| value.parse().ok());
    let mut value: HeaderValue =
        value.ok_or_else(|| format!("the value of header {name} is no text of one line"))?;
    value.set_sensitive(true);
    Ok((known, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::tests::SECRET;

    #[test]
    fn what_is_wrong_is_pointed_at_and_never_repeated() {
        let with = |name: &str, value: Value| {
            let mut section = json!({"url": "https://example.com", "secret": SECRET});
            section[name] = value;
            section
        };
        for (section, pointer, message) in [
            (
                json!({}),
                "",
                r#"`url` is missing, such as "https://example.com/hook""#,
            ),
            (
                with("secret", Value::Null),
                "",
                "`secret` is missing, such as \"whsec_…\"",
            ),
            (
                with("secrets", json!("hush")),
                "/secrets",
                "unknown key `secrets`, did you mean `secret`?",
            ),
            (
                with("secret", json!("whsec_hush")),
                "/secret",
                "secret is not a secret, expected whsec_ and 24 to 64 bytes in base64, or up to 8 of them with blanks between",
            ),
            (
                with("url", json!("ftp://me:hush@example.com")),
                "/url",
                "url begins with another scheme, expected https:// or http://",
            ),
            (
                with("timeout", json!("3m")),
                "/timeout",
                "timeout: 3m is not within 1s and 2m",
            ),
            (
                with("headers", json!(["hush"])),
                "/headers",
                "headers are no object of at most 32 texts",
            ),
            (
                with("headers", json!({"x-a": "hush\nhush"})),
                "/headers/x-a",
                "the value of header x-a is no text of one line",
            ),
            (
                with("headers", json!({"x a": "hush"})),
                "/headers/x a",
                "\"x a\" is no name of a header",
            ),
            (
                with("headers", json!({"X-A": "hush", "x-a": "hush"})),
                "/headers/x-a",
                "header x-a is given twice",
            ),
            (
                with("headers", json!({"Webhook-Id": "hush"})),
                "/headers/Webhook-Id",
                "header webhook-id is the request's own, expected another",
            ),
        ] {
            let error = WebhookFactory.build(&section).err();

            assert_eq!(error, Some(ConfigError::at(pointer, message)), "{section}");
        }
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = WebhookFactory.schema();
        let properties = schema["properties"].as_object().unwrap();

        assert_eq!(properties.len(), KEYS.len());
        assert!(KEYS.iter().all(|key| properties.contains_key(*key)));
    }

    #[test]
    fn headers_of_the_request_itself_are_refused() {
        for own in [
            "Host",
            "Content-Type",
            "content-length",
            "User-Agent",
            "Transfer-Encoding",
            "Proxy-Authorization",
        ] {
            assert!(header(own, &json!("x")).is_err(), "{own}");
        }
        for free in ["Authorization", "X-Api-Key", "Cookie", "Accept"] {
            let (_, value) = header(free, &json!("hush")).unwrap();
            assert!(!format!("{value:?}").contains("hush"));
        }
    }
}
