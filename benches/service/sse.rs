//! How long an event takes to the last of a thousand listeners.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use stock_scheduler::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, mpsc};

use super::process::{Process, Stores, client, post};
use super::{figure, quantile};

const STREAMS: usize = 1_000;
const EVENTS: usize = 100;

/// 1,000 open streams, 100 events.
pub(crate) async fn a_thousand_streams() {
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let service = Process::service(&["--store", &url]);
        let (sender, mut heard) = mpsc::unbounded_channel();
        let ready = Arc::new(Barrier::new(STREAMS + 1));
        for _ in 0..STREAMS {
            tokio::spawn(listen(service.url.clone(), sender.clone(), ready.clone()));
        }
        ready.wait().await;
        let http = client();
        let body = json!({"name": "Bench", "stock_ids": ["AAPL"], "schedule_time": "00:00", "is_active": false});
        let mut lateness = Vec::new();
        for _ in 0..EVENTS {
            let asked = SystemClock.now();
            post(
                &http,
                &format!("{}/scheduler/jobs", service.url),
                body.clone(),
            )
            .await;
            let mut last = asked;
            for _ in 0..STREAMS {
                let at: DateTime<Utc> = heard.recv().await.unwrap();
                last = last.max(at);
            }
            lateness.push((last - asked).as_seconds_f64() * 1_000.0);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let p99 = quantile(&mut lateness, 0.99);
        figure(
            &format!("{name}: POST to last of {STREAMS} listeners, p99"),
            p99,
            "ms",
            "< 50",
            p99 < 50.0,
        );
    }
}

/// Counts events on one stream by their `event:` lines, without parsing more.
async fn listen(url: String, heard: mpsc::UnboundedSender<DateTime<Utc>>, ready: Arc<Barrier>) {
    let address = url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request =
        format!("GET /scheduler/events?types=JobCreated HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let mut open = false;
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        if !std::mem::replace(&mut open, true) {
            ready.wait().await;
        }
        let now = SystemClock.now();
        let events = buffer[..read]
            .windows(17)
            .filter(|part| part == b"event: JobCreated")
            .count();
        for _ in 0..events {
            let _ = heard.send(now);
        }
    }
}
