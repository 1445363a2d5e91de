//! Somebody on this machine who is told: answers as a test says, and remembers what came.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stock_scheduler_sdk::{
    Delivery, Event, EventId, EventKind, JobId, Listener, ListenerFactory, RunId, RunStatus,
};
use stock_scheduler_webhook::WebhookFactory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This text.
    Text(String),
    /// Nothing, until the other side goes away.
    Silence,
    /// The connection is closed.
    Close,
}

impl Reply {
    /// An answer without a body; `headers` are lines that end in `\r\n`.
    pub(crate) fn of(status: &str, headers: &str) -> Self {
        Self::Text(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n"
        ))
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The request line and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The value of a header; the empty text where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        values.next().map_or("", |(_, value)| value)
    }
}

/// Who is told; gone when this is dropped.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Received>>>,
    task: AbortHandle,
}

impl Receiver {
    /// Answers all requests at `address` with `reply`; `None` where this machine has no such address.
    pub(crate) async fn at(address: &str, reply: Reply) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::default();
        let task = tokio::spawn(accept(listener, Arc::clone(&requests), reply)).abort_handle();
        Some(Self {
            port,
            requests,
            task,
        })
    }

    pub(crate) async fn answering(reply: Reply) -> Self {
        Self::at("127.0.0.1:0", reply).await.unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }

    /// A listener that tells this; `settings` are added to its section.
    pub(crate) fn listener(&self, settings: Value) -> Arc<dyn Listener> {
        let mut section = json!({
            "url": format!("http://me:hush@127.0.0.1:{}/hush?hush", self.port),
            "secret": SECRET,
            "allow_private": true,
        });
        for (name, value) in settings.as_object().unwrap() {
            section[name] = value.clone();
        }
        WebhookFactory.build(&section).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, requests: Arc<Mutex<Vec<Received>>>, reply: Reply) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&requests), reply.clone()));
    }
}

async fn serve(mut stream: TcpStream, requests: Arc<Mutex<Vec<Received>>>, reply: Reply) {
    while let Some(received) = read(&mut stream).await {
        requests.lock().unwrap().push(received);
        match &reply {
            Reply::Text(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Silence => {
                let _ = stream.read(&mut [0]).await;
                return;
            }
            Reply::Close => return,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut received = Received { head, body: vec![] };
    received.body = vec![0; received.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut received.body).await.ok()?;
    Some(received)
}

/// The end of a run of 500 symbols, of which 3 failed, on its first try.
pub(crate) fn delivery() -> Delivery {
    Delivery::new(Event {
        id: EventId {
            ms: 1_750_000_000_123,
            seq: 4,
        },
        at: "2025-06-15T15:06:40.123Z".parse().unwrap(),
        job: JobId::random(),
        kind: EventKind::JobFinished {
            execution_id: RunId::random(),
            status: RunStatus::PartialSuccess,
            fetched: 497,
            failed: 3,
            duration_seconds: 12.5,
            next_run: None,
        },
    })
}
