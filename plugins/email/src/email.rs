//! Makes mails of events and sends them.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use stock_scheduler_sdk::{
    Clock, Delivery, DeliveryError, DeliveryErrorKind, Listener, ListenerInfo, SystemClock,
};

use crate::occasion::Occasion;
use crate::server::{PATIENCE, Server};
use crate::text::Text;

/// What the host waits longer than the server is waited for, so that the mail's own error is told.
const MARGIN: Duration = Duration::from_secs(5);

/// Writes to the same people by the same server.
pub(crate) struct Email {
    pub server: Server,
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    /// What is written about.
    pub on: Vec<Occasion>,
    /// Where the service is reached, without a slash at its end.
    pub base_url: Option<String>,
}

impl Email {
    fn message(&self, delivery: &Delivery, occasion: Occasion) -> Result<Message, DeliveryError> {
        let text = Text::of(delivery, occasion, self.base_url.as_deref());
        let message = self
            .to
            .iter()
            .cloned()
            .fold(Message::builder(), MessageBuilder::to)
            .from(self.from.clone())
            .date(SystemTime::from(SystemClock.now()))
            .message_id(Some(message_id(&delivery.id, self.from.email.domain())))
            // Keeps those who are away from answering.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ))
            .subject(text.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.body);
        message.map_err(|e| {
            let message = format!("cannot write the mail for event {:?}", delivery.id);
            DeliveryError::new(DeliveryErrorKind::Refused, message).with_source(e)
        })
    }
}

#[async_trait]
impl Listener for Email {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        match Occasion::of(delivery) {
            Some(occasion) if self.on.contains(&occasion) => {
                let message = self.message(delivery, occasion)?;
                self.server.send(&message).await
            }
            _ => Ok(()),
        }
    }

    fn info(&self) -> ListenerInfo {
        let mut info = ListenerInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.timeout = PATIENCE + MARGIN;
        info.events = Occasion::EVENTS.map(String::from).into();
        info
    }
}

/// The same for each try, so that a mail that came twice is shown once. What an id cannot hold is written as its number.
fn message_id(delivery: &str, domain: &str) -> String {
    let mut id = String::from("<");
    for byte in delivery.bytes() {
        match byte {
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => id.push(byte.into()),
            _ => id += &format!("={byte:02X}"),
        }
    }
    id + "@" + domain + ">"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_message_id_whatever_is_in_its_name() {
        for (delivery, id) in [
            ("1750000000123-4", "<1750000000123-4@example.com>"),
            ("mail/1-0", "<mail=2F1-0@example.com>"),
            ("a>\r\nBcc: b", "<a=3E=0D=0ABcc=3A=20b@example.com>"),
        ] {
            assert_eq!(message_id(delivery, "example.com"), id);
        }
    }
}
