//! A provider on this machine: answers each request as a test says, and remembers what it was asked.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use stock_scheduler_sdk::{FetchRequest, Fetcher, FetcherFactory};
use stock_scheduler_yfinance::factory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What the provider answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status, header lines and a body.
    Answer(u16, Vec<String>, Vec<u8>),
    /// Nothing, until the asker goes away.
    Silence,
    /// The connection is closed after half an answer.
    HalfAnAnswer,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(status, Vec::new(), body.into())
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn with(self, header: impl Into<String>) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push(header.into());
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

type Script = dyn Fn(&str) -> Reply + Send + Sync;

/// The provider; it is gone when this is dropped.
pub(crate) struct Provider {
    pub(crate) url: String,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    deserted: tokio::sync::Notify,
}

impl Provider {
    /// Starts a provider that answers a request's target (path and query) as `script` says.
    pub(crate) async fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn(accept(listener, state.clone(), script)).abort_handle();
        Self { url, state, task }
    }

    /// Starts a provider that answers everything with `reply`.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// A fetcher that asks this provider and waits a tenth of a second at most when `impatient`.
    pub(crate) fn fetcher(&self, impatient: bool) -> Arc<dyn Fetcher> {
        let timeout = if impatient { 0.1 } else { 30.0 };
        factory()
            .build(&json!({ "url": self.url, "timeout": timeout }))
            .unwrap()
    }

    /// The head of each request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The path and query of each request so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        let target = |head: String| head.split(' ').nth(1).unwrap().to_owned();
        self.requests().into_iter().map(target).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Waits until an asker has gone away from [`Reply::Silence`].
    pub(crate) async fn deserted(&self) {
        self.state.deserted.notified().await;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, script: Arc<Script>) {
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (state, script) = (state.clone(), script.clone());
        conversations.spawn(async move {
            // An asker that goes away in the middle is part of the play.
            let _ = converse(stream, &state, &*script).await;
        });
    }
}

async fn converse(mut stream: TcpStream, state: &State, script: &Script) -> std::io::Result<()> {
    while let Some(head) = read_head(&mut stream).await? {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        state.requests.lock().unwrap().push(head);
        match script(&target) {
            Reply::Silence => {
                let _ = stream.read(&mut [0; 1]).await;
                state.deserted.notify_one();
                return Ok(());
            }
            Reply::HalfAnAnswer => {
                return stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}")
                    .await;
            }
            Reply::Answer(status, headers, body) => {
                let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} -\r\n{lines}content-length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&body).await?;
            }
        }
    }
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Asks for the daily bars of `symbol` from `start` until `end`.
pub(crate) fn request(symbol: &str, start: &str, end: &str) -> FetchRequest {
    FetchRequest::daily(
        symbol.parse().unwrap(),
        start.parse().unwrap(),
        end.parse().unwrap(),
    )
}

/// A chart with bars at `times`: close 10.5, 11.5 and so on, half of it after adjustment.
pub(crate) fn chart(zone: &str, times: &[i64]) -> String {
    let column = |first: f64| {
        (0..times.len())
            .map(|n| first + n as f64)
            .collect::<Vec<_>>()
    };
    let adjusted: Vec<f64> = column(10.5).iter().map(|close| close / 2.0).collect();
    json!({"chart": {"error": null, "result": [{
        "meta": {"currency": "USD", "symbol": "X", "exchangeTimezoneName": zone, "dataGranularity": "1d"},
        "timestamp": times,
        "indicators": {
            "quote": [{
                "open": column(10.0), "high": column(12.0), "low": column(8.0), "close": column(10.5),
                "volume": vec![100; times.len()],
            }],
            "adjclose": [{"adjclose": adjusted}],
        },
    }]}})
    .to_string()
}
