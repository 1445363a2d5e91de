//! What the configuration says of mails, and how a listener is built from it.

use std::sync::Arc;

use lettre::message::Mailbox;
use lettre::transport::smtp::extension::ClientId;
use serde_json::{Value, json};
use stock_scheduler_sdk::{ConfigError, Listener, ListenerFactory, Section};
use url::Url;

use crate::email::Email;
use crate::occasion::Occasion;
use crate::server::Server;

const KEYS: [&str; 5] = ["smtp", "from", "to", "on", "base_url"];
const MOST_RECIPIENTS: usize = 50;

/// Makes listeners of kind `email`, which write to people when a job fails, works again or misses a fire.
///
/// ```
/// use stock_scheduler_email::EmailFactory;
/// use stock_scheduler_sdk::ListenerFactory;
///
/// let section = serde_json::json!({
///     "smtp": "smtps://me:password@mail.example.com",
///     "from": "Scheduler <scheduler@example.com>",
///     "to": ["me@example.com"],
///     "on": ["failure", "missed"],
/// });
///
/// let listener = EmailFactory.build(&section)?;
/// assert_eq!(listener.info().events, ["JobFinished", "FireMissed"]);
/// # Ok::<_, stock_scheduler_sdk::ConfigError>(())
/// ```
///
/// A job that goes on failing is written about once: when a run ends worse than the one before it (all symbols stored,
/// some, none), and then when all are stored again. How the run before ended is what
/// [`Delivery::previous`](stock_scheduler_sdk::Delivery::previous) says. Each missed fire is a mail.
///
/// A mail goes to all recipients or to none. It has the same `Message-ID` each time an event is told. An answer of 5xx to
/// the mail itself is final; whatever else goes wrong is tried again, a wrong password too.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmailFactory;

impl ListenerFactory for EmailFactory {
    fn build(&self, section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
        let section = Section::read(section, &KEYS)?;
        let smtp = section.needed("smtp", "smtp://user:password@mail.example.com:587")?;
        let from = section.needed("from", "scheduler@example.com")?;
        let from = mailbox("/from", from)?;
        let hello = from.email.domain();
        let hello = if hello.is_ascii() && !hello.starts_with('[') {
            ClientId::Domain(hello.to_owned())
        } else {
            ClientId::default()
        };
        let server = Server::parse(smtp, hello).map_err(|e| ConfigError::at("/smtp", e))?;
        Ok(Arc::new(Email {
            server,
            from,
            to: recipients(&section)?,
            on: occasions(&section)?,
            base_url: base_url(&section)?,
        }))
    }

    fn schema(&self) -> Value {
        let words = Occasion::ALL.map(|(word, _)| word);
        json!({
            "type": "object",
            "title": "E-mail",
            "description": "Writes to people when a job fails, works again or misses a fire. A job that goes on failing is written about once.",
            "required": ["smtp", "from", "to"],
            "additionalProperties": false,
            "properties": {
                "smtp": {
                    "type": "string",
                    "format": "uri",
                    "writeOnly": true,
                    "pattern": "^[Ss][Mm][Tt][Pp][Ss]?://",
                    "description": "The mail server. By `smtps` encrypted from the start, by `smtp` from before the login on, except on this machine; `?tls=none`, `?tls=opportunistic` or `?tls=required` after an `smtp` URL says otherwise.",
                    "example": "smtp://user:password@mail.example.com:587",
                },
                "from": {
                    "type": "string",
                    "description": "Whom the mails are from.",
                    "example": "Scheduler <scheduler@example.com>",
                },
                "to": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": MOST_RECIPIENTS,
                    "description": "Whom they are for.",
                    "example": ["me@example.com"],
                },
                "on": {
                    "type": "array",
                    "items": {"type": "string", "enum": words},
                    "minItems": 1,
                    "default": words,
                    "description": "What they are about.",
                },
                "base_url": {
                    "type": "string",
                    "format": "uri",
                    "description": "Where the service is reached, for links in the mails.",
                    "example": "https://scheduler.example.com",
                },
            },
        })
    }
}

fn recipients(section: &Section<'_>) -> Result<Vec<Mailbox>, ConfigError> {
    let Some(to) = section.texts("to", r#"["me@example.com"]"#)? else {
        let message = r#"`to` is missing, such as ["me@example.com"]"#;
        return Err(ConfigError::at("", message));
    };
    if !(1..=MOST_RECIPIENTS).contains(&to.len()) {
        let message = format!(
            "to has {} addresses, expected 1 to {MOST_RECIPIENTS}",
            to.len()
        );
        return Err(ConfigError::at("/to", message));
    }
    let mailboxes = to.iter().enumerate();
    mailboxes
        .map(|(place, address)| mailbox(&format!("/to/{place}"), address))
        .collect()
}

fn mailbox(pointer: &str, text: &str) -> Result<Mailbox, ConfigError> {
    text.parse().map_err(|_| {
        let message =
            "no e-mail address, expected one such as me@example.com or Me <me@example.com>";
        ConfigError::at(pointer, message)
    })
}

fn occasions(section: &Section<'_>) -> Result<Vec<Occasion>, ConfigError> {
    let Some(words) = section.texts("on", r#"["failure"]"#)? else {
        return Ok(Occasion::ALL.map(|(_, occasion)| occasion).into());
    };
    if words.is_empty() {
        return Err(ConfigError::at(
            "/on",
            "on is empty, expected at least one occasion",
        ));
    }
    let found = words.iter().enumerate().map(|(place, word)| {
        let found = Occasion::ALL.iter().find(|(known, _)| known == word);
        found.map(|(_, occasion)| *occasion).ok_or_else(|| {
            let message = "unknown occasion, expected `failure`, `recovery` or `missed`";
            ConfigError::at(format!("/on/{place}"), message)
        })
    });
    found.collect()
}

fn base_url(section: &Section<'_>) -> Result<Option<String>, ConfigError> {
    let Some(text) = section.text("base_url", "https://scheduler.example.com")? else {
        return Ok(None);
    };
    let url = Url::parse(text).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        let ends_with_path = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && is_plain && ends_with_path
    });
    let url = url.ok_or_else(|| {
        let message = "base_url is no URL for links, expected one such as https://scheduler.example.com without user, query and fragment";
        ConfigError::at("/base_url", message)
    })?;
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Value {
        json!({"smtp": "smtp://me:hush@localhost", "from": "a@example.com", "to": ["b@example.com"]})
    }

    #[test]
    fn what_is_wrong_is_pointed_at_and_never_repeated() {
        for (name, value, pointer, message) in [
            ("smtp", Value::Null, "", "`smtp` is missing, such as"),
            (
                "smtp",
                json!({"url": "hush"}),
                "/smtp",
                "smtp is an object, expected text",
            ),
            (
                "smtp",
                json!("ftp://me:hush@example.com"),
                "/smtp",
                "expected smtp:// or smtps://",
            ),
            (
                "from",
                json!("nobody"),
                "/from",
                "no e-mail address, expected one",
            ),
            (
                "from",
                json!("a@example.com\r\nBcc: b@example.com"),
                "/from",
                "no e-mail address",
            ),
            (
                "to",
                Value::Null,
                "",
                "`to` is missing, such as [\"me@example.com\"]",
            ),
            (
                "to",
                json!("b@example.com"),
                "/to",
                "to is text, expected a list of texts",
            ),
            (
                "to",
                json!([]),
                "/to",
                "to has 0 addresses, expected 1 to 50",
            ),
            (
                "to",
                json!(vec!["b@example.com"; 51]),
                "/to",
                "to has 51 addresses",
            ),
            (
                "to",
                json!(["b@example.com", "b"]),
                "/to/1",
                "no e-mail address",
            ),
            (
                "on",
                json!([]),
                "/on",
                "on is empty, expected at least one occasion",
            ),
            (
                "on",
                json!(["failure", "failures"]),
                "/on/1",
                "unknown occasion, expected `failure`,",
            ),
            (
                "base_url",
                json!("example.com"),
                "/base_url",
                "base_url is no URL for links",
            ),
            (
                "base_url",
                json!("https://me:hush@example.com"),
                "/base_url",
                "without user",
            ),
            (
                "bse_url",
                json!("x"),
                "/bse_url",
                "unknown key `bse_url`, did you mean `base_url`?",
            ),
        ] {
            let mut section = section();
            section[name] = value;

            let error = EmailFactory.build(&section).err().unwrap();

            assert_eq!(error.pointer, pointer, "{section}");
            assert!(error.message.contains(message), "{section}: {error}");
            assert!(!error.message.contains("hush"), "{error}");
        }
        assert!(EmailFactory.build(&section()).is_ok());
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = EmailFactory.schema();
        let properties = schema["properties"].as_object().unwrap();

        assert_eq!(properties.len(), KEYS.len());
        assert!(KEYS.iter().all(|key| properties.contains_key(*key)));
    }
}
