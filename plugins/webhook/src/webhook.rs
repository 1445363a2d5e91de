//! Sends events, each as one signed request.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Request, Response, dns, redirect, retry};
use serde::Serialize;
use serde_json::{Map, Value};
use stock_scheduler_sdk::{
    Clock, Delivery, DeliveryError, DeliveryErrorKind, Event, Listener, ListenerInfo, SystemClock,
    write_time,
};

use crate::answer::{sorted, unanswered};
use crate::resolver::{PublicOnly, system};
use crate::signature::Secrets;
use crate::target::Target;

const USER_AGENT: &str = concat!("stock-scheduler/", env!("CARGO_PKG_VERSION"));
/// Requests that may be under way at once.
const CONCURRENCY: usize = 8;
/// What the host waits longer than a request may take, so that the request's own error is told.
const MARGIN: Duration = Duration::from_secs(5);
/// What is read of an answer's body, so that its connection can be used again; the rest is left.
const MOST_OF_AN_ANSWER: usize = 4096;
/// How long that may take: the event is delivered already.
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// Tells one URL.
pub(crate) struct Webhook {
    client: Client,
    target: Target,
    secrets: Secrets,
    /// Sent with every request.
    headers: HeaderMap,
    timeout: Duration,
}

impl Webhook {
    /// Tells `target` by `client`, with `headers` besides those that say who tells what.
    pub(crate) fn new(
        client: Client,
        target: Target,
        secrets: Secrets,
        mut headers: HeaderMap,
        timeout: Duration,
    ) -> Self {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            client,
            target,
            secrets,
            headers,
            timeout,
        }
    }

    fn request(&self, delivery: &Delivery) -> Result<Request, DeliveryError> {
        let body = Body::of(&delivery.event);
        let body = serde_json::to_vec(&body).map_err(|e| unwritable(delivery, e))?;
        let timestamp = SystemClock.now().timestamp();
        let signatures = self.secrets.sign(&delivery.id, timestamp, &body);
        let request = self.client.post(self.target.url.clone());
        let request = request
            .headers(self.headers.clone())
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures)
            .timeout(self.timeout)
            .body(body);
        request
            .build()
            .map_err(|e| unwritable(delivery, e.without_url()))
    }
}

fn unwritable(
    delivery: &Delivery,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> DeliveryError {
    let message = format!("cannot write the request for event {:?}", delivery.id);
    DeliveryError::new(DeliveryErrorKind::Refused, message).with_source(cause)
}

#[async_trait]
impl Listener for Webhook {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let request = self.request(delivery)?;
        let whom = &self.target.shown;
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|e| unanswered(whom, self.timeout, e))?;
        let result = sorted(whom, answer.status(), answer.headers(), SystemClock.now());
        let _ = tokio::time::timeout(LONGEST_ANSWER, read(answer)).await;
        result
    }

    fn info(&self) -> ListenerInfo {
        let mut info = ListenerInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.concurrency = CONCURRENCY;
        info.timeout = self.timeout + MARGIN;
        info
    }
}

/// What is sent, in this order.
#[derive(Serialize)]
struct Body {
    r#type: &'static str,
    timestamp: String,
    data: Map<String, Value>,
}

impl Body {
    fn of(event: &Event) -> Self {
        Self {
            r#type: event.kind.name(),
            timestamp: write_time(event.at, Utc),
            data: event.data(),
        }
    }
}

async fn read(mut answer: Response) {
    let mut read = 0;
    while let Ok(Some(part)) = answer.chunk().await {
        read += part.len();
        if read > MOST_OF_AN_ANSWER {
            return;
        }
    }
}

/// A client that connects to public addresses alone, unless `allow_private`: one for all webhooks of a sort, for each has its
/// own copy of the machine's certificates.
pub(crate) fn client(allow_private: bool) -> reqwest::Result<Client> {
    static ANY: OnceLock<Client> = OnceLock::new();
    static PUBLIC: OnceLock<Client> = OnceLock::new();
    let shared = if allow_private { &ANY } else { &PUBLIC };
    if let Some(client) = shared.get() {
        return Ok(client.clone());
    }
    let client = match allow_private {
        true => client_with(system())?,
        false => client_with(PublicOnly(system()))?,
    };
    Ok(shared.get_or_init(|| client).clone())
}

/// A client that knows names by `resolver`.
pub(crate) fn client_with(resolver: impl dns::Resolve + 'static) -> reqwest::Result<Client> {
    // Whoever installed a provider before us chose it for the whole process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Arc::new(resolver))
        // A proxy would resolve names itself, and a redirect would lead past the look at the URL.
        .no_proxy()
        .redirect(redirect::Policy::none())
        // The host tries again, and knows of it.
        .retry(retry::never().max_retries_per_request(0))
        .gzip(false)
        .tcp_nodelay(true)
        .build()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use stock_scheduler_sdk::{EventId, EventKind, JobId};

    use super::*;
    use crate::resolver::tests::Fixed;
    use crate::signature::tests::SECRET;

    fn webhook(client: Client, port: u16) -> Webhook {
        let url = format!("http://me:hush@hook.example:{port}/hush?hush");
        let target = Target::parse(&url, false).unwrap();
        let secrets = SECRET.parse().unwrap();
        let timeout = Duration::from_secs(5);
        Webhook::new(client, target, secrets, HeaderMap::new(), timeout)
    }

    fn delivery() -> Delivery {
        Delivery::new(Event {
            id: EventId::START,
            at: chrono::DateTime::UNIX_EPOCH,
            job: JobId::random(),
            kind: EventKind::JobRescheduled { next_run: None },
        })
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent() {
        let canary = TcpListener::bind("127.0.0.1:0").unwrap();
        canary.set_nonblocking(true).unwrap();
        let port = canary.local_addr().unwrap().port();
        let found = || Fixed(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);

        let guarded = webhook(client_with(PublicOnly(found())).unwrap(), port);
        let error = guarded.deliver(&delivery()).await.unwrap_err();

        assert_eq!(error.kind(), DeliveryErrorKind::Refused);
        assert_eq!(
            error.to_string(),
            format!(
                "http://hook.example:{port} is not told: 127.0.0.1 is no public address (loopback), expected one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
            )
        );
        assert!(canary.accept().is_err(), "something came");
        // The canary would have noticed.
        let unguarded = webhook(client_with(found()).unwrap(), port);
        let reached = tokio::spawn(async move { unguarded.deliver(&delivery()).await });
        while canary.accept().is_err() {
            tokio::task::yield_now().await;
        }
        reached.abort();
    }
}
