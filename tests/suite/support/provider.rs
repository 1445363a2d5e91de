//! A provider of daily bars over HTTP/1.1, in the shape of Yahoo's chart endpoint, with a log of what it was asked.
//!
//! Written on sockets, so that it costs next to nothing beside what is measured.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How the provider answers for one symbol.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Daily bars for the window asked for.
    Bars,
    /// This status and body.
    Fixed(u16, &'static str, String),
    /// This status so many times, then bars.
    Failing(u16, usize),
    /// 429 with `Retry-After` so many seconds, so many times, then bars.
    Limited(u64, usize),
    /// No answer.
    Hang,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which symbol.
    pub(crate) symbol: String,
    /// The path and query.
    pub(crate) target: String,
    /// When.
    pub(crate) at: Instant,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Script>,
    log: Vec<Asked>,
    answered: HashMap<String, usize>,
    delay: Duration,
    /// How many requests are answered; later ones wait until this is raised. `None`: all.
    most: Option<usize>,
    quiet: bool,
    /// The last window's bars, while quiet.
    ready: Option<(String, Arc<Vec<u8>>)>,
}

/// A running provider.
#[derive(Clone)]
pub(crate) struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: Arc<tokio::task::JoinHandle<()>>,
}

impl Provider {
    /// Starts on a free port; every symbol has bars.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port for the provider");
        let address = listener.local_addr().expect("the provider's address");
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self {
            address,
            state,
            task: Arc::new(task),
        }
    }

    /// What to set as the fetcher's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers for `symbol` otherwise from now on.
    pub(crate) fn script(&self, symbol: &str, script: Script) {
        self.state
            .lock()
            .unwrap()
            .scripts
            .insert(symbol.to_owned(), script);
    }

    /// Takes so long for every answer from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// Answers as many requests as that of all it was ever asked, and lets later ones wait; `None`: answers all.
    pub(crate) fn answer_first(&self, most: Option<usize>) {
        self.state.lock().unwrap().most = most;
    }

    /// Keeps no log from now on, and sends the same bars for every symbol: as cheap as can be.
    pub(crate) fn quiet(&self) {
        self.state.lock().unwrap().quiet = true;
    }

    /// Everything asked so far.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.state.lock().unwrap().log.clone()
    }

    /// How often it was asked so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().log.len()
    }

    /// How often bars of `symbol` were sent.
    pub(crate) fn answered(&self, symbol: &str) -> usize {
        self.state
            .lock()
            .unwrap()
            .answered
            .get(symbol)
            .copied()
            .unwrap_or(0)
    }

    /// Stops answering.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            let mut part = [0; 4096];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(n) => buffer.extend_from_slice(&part[..n]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let Some(answer) = answer(&target, &state).await else {
            std::future::pending::<()>().await;
            return;
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn answer(target: &str, state: &Mutex<State>) -> Option<Vec<u8>> {
    let path = target.split('?').next().unwrap_or_default();
    let symbol = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .replace("%5E", "^")
        .replace("%3D", "=");
    let (script, delay, number) = {
        let mut state = state.lock().unwrap();
        if !state.quiet {
            state.log.push(Asked {
                symbol: symbol.clone(),
                target: target.to_owned(),
                at: Instant::now(),
            });
        }
        let script = state.scripts.get(&symbol).cloned().unwrap_or(Script::Bars);
        match state.scripts.get_mut(&symbol) {
            Some(Script::Failing(_, left) | Script::Limited(_, left)) if *left > 0 => *left -= 1,
            _ => {}
        }
        (script, state.delay, state.log.len())
    };
    let is_held = || {
        let state = state.lock().unwrap();
        !state.quiet && state.most.is_some_and(|most| number > most)
    };
    while is_held() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Some(match script {
        Script::Hang => return None,
        Script::Fixed(status, headers, body) => respond(status, headers, &body),
        Script::Failing(status, left) if left > 0 => respond(status, "", "not now"),
        Script::Limited(after, left) if left > 0 => respond(
            429,
            &format!("Retry-After: {after}\r\n"),
            "Too Many Requests",
        ),
        _ => bars(target, &symbol, state),
    })
}

fn bars(target: &str, symbol: &str, state: &Mutex<State>) -> Vec<u8> {
    let mut state = state.lock().unwrap();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    if let Some((_, bytes)) = state.ready.as_ref().filter(|(window, _)| window == query) {
        return bytes.to_vec();
    }
    let number = |name: &str| {
        let value = query
            .split('&')
            .find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|v| v.parse().ok()).unwrap_or(0)
    };
    let bytes = respond(
        200,
        "",
        &chart(symbol, number("period1"), number("period2")),
    );
    if state.quiet {
        state.ready = Some((query.to_owned(), Arc::new(bytes.clone())));
    } else {
        *state.answered.entry(symbol.to_owned()).or_default() += 1;
    }
    bytes
}

fn respond(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let kind = "Content-Type: application/json\r\n";
    format!("HTTP/1.1 {status} X\r\n{kind}{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A chart of made-up daily bars on weekdays at 14:30 UTC.
pub(crate) fn chart(symbol: &str, from: i64, to: i64) -> String {
    const DAY: i64 = 86_400;
    let first = from.div_euclid(DAY);
    let days: Vec<i64> = (first..=to.div_euclid(DAY))
        .filter(|day| (day + 3).rem_euclid(7) < 5)
        .map(|day| day * DAY + 52_200)
        .filter(|at| (from..to).contains(at))
        .collect();
    let base = 50.0 + symbol.bytes().map(f64::from).sum::<f64>() / 7.0;
    let list =
        |value: &dyn Fn(usize) -> String| (0..days.len()).map(value).collect::<Vec<_>>().join(",");
    let price =
        |offset: f64| list(&move |i| format!("{:.6}", base + offset + (i % 11) as f64 * 0.37));
    format!(
        r#"{{"chart":{{"result":[{{"meta":{{"currency":"USD","symbol":"{symbol}","exchangeName":"NMS","instrumentType":"EQUITY","regularMarketTime":{now},"gmtoffset":-18000,"timezone":"EST","exchangeTimezoneName":"America/New_York","dataGranularity":"1d"}},"timestamp":[{times}],"indicators":{{"quote":[{{"open":[{open}],"high":[{high}],"low":[{low}],"close":[{close}],"volume":[{volume}]}}],"adjclose":[{{"adjclose":[{close}]}}]}}}}],"error":null}}}}"#,
        now = days.last().copied().unwrap_or(to),
        times = list(&|i| days[i].to_string()),
        open = price(0.1),
        high = price(1.4),
        low = price(-1.2),
        close = price(0.0),
        volume = list(&|i| (1_000_000 + i * 7).to_string()),
    )
}
