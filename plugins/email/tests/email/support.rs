//! A mail server on this machine: speaks as a test says, and remembers what it was told.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stock_scheduler_email::EmailFactory;
use stock_scheduler_sdk::{
    Delivery, Event, EventId, EventKind, Job, JobId, Listener, ListenerFactory, RunId, RunStatus,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// An answer that never comes.
pub(crate) const SILENCE: &str = "silence";
/// No answer, and no more connection.
pub(crate) const CLOSE: &str = "close";

/// How a server speaks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Script {
    /// What it can do, as it says at EHLO.
    pub(crate) extensions: &'static [&'static str],
    /// Its answers to lines that begin so, where they are others than usual; `HELLO` for the greeting and `.` for the end
    /// of a mail.
    pub(crate) answers: &'static [(&'static str, &'static str)],
}

impl Script {
    fn answer(&self, line: &str) -> String {
        let mut answers = self.answers.iter();
        if let Some((_, answer)) = answers.find(|(begin, _)| line.starts_with(begin)) {
            return (*answer).to_owned();
        }
        let answer = match line.split(' ').next().unwrap_or_default() {
            "HELLO" => "220 ready",
            "EHLO" => {
                let extensions = self.extensions.iter().map(|e| format!("250-{e}\r\n"));
                return extensions.collect::<String>() + "250 8BITMIME";
            }
            "AUTH" => "235 welcome",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        answer.to_owned()
    }
}

/// The server; gone when this is dropped.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Default)]
struct State {
    lines: Mutex<Vec<String>>,
    is_silent: Notify,
}

impl MailServer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::default();
        let task = tokio::spawn(accept(listener, Arc::clone(&state), script)).abort_handle();
        Self { port, state, task }
    }

    /// All lines that came, in their order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lines.lock().unwrap().clone()
    }

    /// Comes back when somebody waits for an answer that never comes.
    pub(crate) async fn silence(&self) {
        self.state.is_silent.notified().await;
    }

    /// The lines that begin so.
    pub(crate) fn lines_of(&self, begin: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.starts_with(begin));
        lines
    }

    /// A listener that writes by this server; `settings` are added to its section.
    pub(crate) fn listener(&self, settings: Value) -> Arc<dyn Listener> {
        let mut section = json!({
            "smtp": format!("smtp://127.0.0.1:{}", self.port),
            "from": "Scheduler <scheduler@example.com>",
            "to": ["me@example.com", "Zoë <zoe@example.com>"],
        });
        for (name, value) in settings.as_object().unwrap() {
            section[name] = value.clone();
        }
        EmailFactory.build(&section).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, script: Script) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&state), script));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>, script: Script) {
    let mut stream = BufReader::new(stream);
    let (mut line, mut in_mail) = ("HELLO".to_owned(), false);
    loop {
        if !in_mail || line == "." {
            let answer = script.answer(&line);
            match answer.as_str() {
                CLOSE => return,
                SILENCE => {
                    state.is_silent.notify_one();
                    return std::future::pending().await;
                }
                _ => {}
            }
            if stream
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .is_err()
            {
                return;
            }
            in_mail = answer.starts_with("354");
        }
        line.clear();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        line.truncate(line.trim_end_matches("\r\n").len());
        state.lines.lock().unwrap().push(line.clone());
    }
}

/// About a job of this name.
pub(crate) fn delivery(name: &str, kind: EventKind) -> Delivery {
    let at = "2025-06-15T15:06:40.123Z".parse().unwrap();
    let job = JobId::random();
    let event = Event {
        id: EventId {
            ms: 1_750_000_000_123,
            seq: 4,
        },
        at,
        job: job.clone(),
        kind,
    };
    Delivery::new(event).with_job(Arc::new(Job::new(job, name, vec![], json!({}), at)))
}

/// The end of a run of 500 symbols, of which so many failed.
pub(crate) fn finished(failed: usize) -> EventKind {
    EventKind::JobFinished {
        execution_id: RunId::random(),
        status: RunStatus::of(500 - failed, failed),
        fetched: 500 - failed,
        failed,
        duration_seconds: 12.5,
        next_run: None,
    }
}
