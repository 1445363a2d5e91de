//! A listener that writes a line into a chat when a symbol or a run fails.
//!
//! ```toml
//! [plugins.listener.chat]
//! secret_url = "https://hooks.example.com/services/…"
//! ```
//!
//! It posts `{"text": "…"}`, which the incoming webhooks of Slack and Mattermost take.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Value, json};
use stock_scheduler::{
    ConfigError, Delivery, DeliveryError, DeliveryErrorKind, EventKind, Listener, ListenerInfo,
    RunStatus, Section, async_trait,
};

/// Posts to an incoming webhook.
struct Chat {
    client: Client,
    /// Whoever knows it may write into the chat. So no message has it, and its setting is named so that it is not shown.
    url: Url,
}

/// Makes the listener from its section of the configuration.
pub(crate) fn factory(section: &Value) -> Result<Arc<dyn Listener>, ConfigError> {
    let section = Section::read(section, &["secret_url"])?;
    let url = section.needed("secret_url", "https://hooks.example.com/services/…")?;
    let url = url.parse().ok();
    let url = url.filter(|url: &Url| matches!(url.scheme(), "http" | "https"));
    let wrong = || ConfigError::at("/secret_url", "secret_url is no http or https address");
    // Whoever comes second finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().build();
    Ok(Arc::new(Chat {
        url: url.ok_or_else(wrong)?,
        client: client.map_err(|error| ConfigError::at("", error))?,
    }))
}

#[async_trait]
impl Listener for Chat {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let Some(text) = text(delivery) else {
            return Ok(());
        };
        let post = self.client.post(self.url.clone());
        let post = post.header("content-type", "application/json");
        let sent = post.body(json!({"text": text}).to_string()).send().await;
        answered(&sent.map_err(|error| {
            let error = error.without_url();
            let message = format!("cannot post to the chat: {error}");
            DeliveryError::new(DeliveryErrorKind::Unavailable, message).with_source(error)
        })?)
    }

    fn info(&self) -> ListenerInfo {
        let mut info = ListenerInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.timeout = Duration::from_secs(10);
        info.events = vec!["StockFailed".into(), "JobFinished".into()];
        info
    }
}

/// What to write about an event; `None`: nothing.
fn text(delivery: &Delivery) -> Option<String> {
    let event = &delivery.event;
    let job = delivery
        .job
        .as_ref()
        .map_or(event.job.as_str(), |job| &job.name);
    let text = match &event.kind {
        EventKind::StockFailed {
            stock_id, message, ..
        } => format!("{job}: {stock_id} failed: {message}"),
        EventKind::JobFinished {
            status: RunStatus::Failed,
            failed,
            ..
        } => {
            format!("{job} failed: none of {failed} symbols was stored")
        }
        _ => return None,
    };
    // These are the chat's own marks, by which a name could call everybody.
    Some(
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
    )
}

fn answered(response: &Response) -> Result<(), DeliveryError> {
    let status = response.status();
    let kind = match status {
        _ if status.is_success() => return Ok(()),
        StatusCode::TOO_MANY_REQUESTS => DeliveryErrorKind::RateLimited {
            retry_after: retry_after(response),
        },
        StatusCode::GONE => DeliveryErrorKind::Gone,
        StatusCode::REQUEST_TIMEOUT => DeliveryErrorKind::Unavailable,
        _ if status.is_client_error() => DeliveryErrorKind::Refused,
        _ => DeliveryErrorKind::Unavailable,
    };
    let message = format!("the chat answered {status}, expected 200");
    Err(DeliveryError::new(kind, message).with_status(status.as_u16()))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.listener("chat", factory))
}

#[cfg(test)]
mod tests {
    use poem::listener::{Acceptor, TcpListener};
    use poem::web::Data;
    use poem::{EndpointExt, Server, handler, listener::Listener as _};
    use stock_scheduler::{Event, EventId, RunId};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    /// A chat that answers with this status, and what it was posted.
    async fn chat(status: u16) -> (Arc<dyn Listener>, UnboundedReceiver<String>) {
        let (sender, posted) = unbounded_channel();
        let acceptor = TcpListener::bind("127.0.0.1:0")
            .into_acceptor()
            .await
            .unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
        let status = poem::http::StatusCode::from_u16(status).unwrap();
        let server = Server::new_with_acceptor(acceptor);
        tokio::spawn(server.run(take.data(sender).data(status)));
        let section = json!({"secret_url": format!("http://{address}/hook/SECRET")});
        (factory(&section).unwrap(), posted)
    }

    #[handler]
    fn take(
        body: String,
        Data(posted): Data<&UnboundedSender<String>>,
        Data(status): Data<&poem::http::StatusCode>,
    ) -> poem::Response {
        let _ = posted.send(body);
        poem::Response::builder()
            .status(*status)
            .header("retry-after", 7)
            .finish()
    }

    fn finished(status: RunStatus) -> Delivery {
        delivery(EventKind::JobFinished {
            execution_id: RunId::random(),
            status,
            fetched: 0,
            failed: 2,
            duration_seconds: 1.0,
            next_run: None,
        })
    }

    fn failed(symbol: &str, message: &str) -> Delivery {
        delivery(EventKind::StockFailed {
            execution_id: RunId::random(),
            stock_id: symbol.into(),
            kind: "no_data".into(),
            message: message.into(),
            attempts: 1,
        })
    }

    fn delivery(kind: EventKind) -> Delivery {
        let (id, at, job) = (
            EventId { ms: 1, seq: 0 },
            chrono::DateTime::UNIX_EPOCH,
            "tech".parse().unwrap(),
        );
        Delivery::new(Event { id, at, job, kind })
    }

    #[tokio::test]
    async fn failures_are_told_and_successes_are_not() {
        let (listener, mut posted) = chat(200).await;

        for told in [
            finished(RunStatus::Success),
            failed("AAPL", "<!channel> & no rows"),
            finished(RunStatus::Failed),
        ] {
            listener.deliver(&told).await.unwrap();
        }

        let texts = [posted.recv().await, posted.recv().await].map(Option::unwrap);
        assert_eq!(
            texts[0],
            r#"{"text":"tech: AAPL failed: &lt;!channel&gt; &amp; no rows"}"#
        );
        assert_eq!(
            texts[1],
            r#"{"text":"tech failed: none of 2 symbols was stored"}"#
        );
        assert!(posted.try_recv().is_err());
    }

    #[tokio::test]
    async fn what_the_chat_answers_decides_about_another_try() {
        let retry_after = Some(Duration::from_secs(7));
        for (status, kind) in [
            (429, DeliveryErrorKind::RateLimited { retry_after }),
            (410, DeliveryErrorKind::Gone),
            (404, DeliveryErrorKind::Refused),
            (503, DeliveryErrorKind::Unavailable),
        ] {
            let (listener, _posted) = chat(status).await;

            let error = listener
                .deliver(&finished(RunStatus::Failed))
                .await
                .unwrap_err();

            assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        }
    }

    #[tokio::test]
    async fn a_chat_that_is_away_is_unavailable_and_its_address_stays_secret() {
        let section = json!({"secret_url": "http://127.0.0.1:1/hook/SECRET"});

        let error = factory(&section)
            .unwrap()
            .deliver(&finished(RunStatus::Failed))
            .await
            .unwrap_err();

        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
        assert!(
            !format!("{error} {error:?}").contains("SECRET"),
            "{error:?}"
        );
    }

    #[test]
    fn a_wrong_section_is_pointed_at() {
        for (section, pointer) in [
            (json!({}), ""),
            (json!({"secret_url": "SECRET"}), "/secret_url"),
            (json!({"secret_url": "ftp://a/SECRET"}), "/secret_url"),
            (json!({"secret_url": "http://a", "text": "a"}), "/text"),
        ] {
            let refused = factory(&section).err().expect("a refusal");
            assert_eq!(refused.pointer, pointer, "{refused}");
            assert!(!refused.message.contains("SECRET"), "{refused}");
        }
    }
}
