//! Somebody who is told by signed requests: answers as a test says, and remembers what came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use stock_scheduler_webhook::Secrets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This status, with these lines of headers.
    Status(u16, &'static str),
    /// 200 after so long.
    After(Duration),
    /// 200 after so long, but 500 every so many requests.
    NotEvery(usize, Duration),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The request line and headers.
    pub(crate) head: String,
    /// What was signed.
    pub(crate) body: Vec<u8>,
    /// When.
    pub(crate) at: Instant,
    /// Whether the sender, who still was there, is answered that it arrived.
    pub(crate) arrived: bool,
}

impl Request {
    /// The value of a header; the empty text where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1);
        let mut lines = lines.filter_map(|line| line.split_once(": "));
        let found = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The event's id.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is signed with `secret`, and just now.
    pub(crate) fn is_signed(&self, secret: &str) -> bool {
        let secrets: Secrets = secret.parse().unwrap();
        let timestamp: i64 = self.header("webhook-timestamp").parse().unwrap();
        let signatures = self.header("webhook-signature");
        (chrono::Utc::now().timestamp() - timestamp).abs() < 600
            && secrets.verify(self.id(), timestamp, &self.body, signatures)
    }
}

struct State {
    reply: Reply,
    requests: Vec<Request>,
}

/// Who is told; gone when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: Arc<tokio_util::task::AbortOnDropHandle<()>>,
}

impl Receiver {
    /// Starts on a free port of this machine and answers 200.
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0")
            .await
            .expect("a port for the receiver")
    }

    /// Starts at this address; `None` where this machine does not have it.
    pub(crate) async fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let address = listener.local_addr().ok()?;
        let state = Arc::new(Mutex::new(State {
            reply: Reply::Status(200, ""),
            requests: Vec::new(),
        }));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, shared.clone()));
            }
        });
        Some(Self {
            address,
            state,
            task: Arc::new(tokio_util::task::AbortOnDropHandle::new(task)),
        })
    }

    /// Where requests go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers otherwise from now on.
    pub(crate) fn answers(&self, reply: Reply) {
        self.state.lock().unwrap().reply = reply;
    }

    /// Answers this status from now on.
    pub(crate) fn answers_status(&self, status: u16) {
        self.answers(Reply::Status(status, ""));
    }

    /// Everything that came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The requests, once there are at least so many.
    pub(crate) async fn received(&self, count: usize) -> Vec<Request> {
        let most = Duration::from_secs(20);
        super::eventually(&format!("{count} requests come"), most, async || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
        .await
    }

    /// Stops listening; connections end.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(request) = read(&mut stream).await {
        let (number, time, status, headers) = {
            let mut state = state.lock().unwrap();
            state.requests.push(request);
            let count = state.requests.len();
            let (time, status, headers) = match state.reply {
                Reply::Status(status, headers) => (Duration::ZERO, status, headers),
                Reply::After(time) => (time, 200, ""),
                Reply::NotEvery(some, time) if count.is_multiple_of(some) => (time, 500, ""),
                Reply::NotEvery(_, time) => (time, 200, ""),
            };
            (count - 1, time, status, headers)
        };
        // Nothing comes before the answer but the end of a sender that is gone.
        if tokio::time::timeout(time, stream.read_u8()).await.is_ok() {
            return;
        }
        state.lock().unwrap().requests[number].arrived = (200..300).contains(&status);
        let answer = respond(status, headers);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn respond(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n")
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut request = Request {
        head: String::from_utf8(head).ok()?,
        body: Vec::new(),
        at: Instant::now(),
        arrived: false,
    };
    let length = request.header("content-length").parse().unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}
