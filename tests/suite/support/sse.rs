//! A listener to the event stream.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

/// One event as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Its id, if it has one.
    pub(crate) id: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: Value,
}

/// An open event stream.
pub(crate) struct Events {
    stream: futures_util::stream::BoxStream<'static, Result<bytes::Bytes, reqwest::Error>>,
    buffer: String,
}

impl Events {
    /// Opens the stream at `url`, after the event `last`.
    pub(crate) async fn open(url: &str, last: Option<&str>) -> Self {
        let mut request = super::client().get(url);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.expect("the event stream");
        assert_eq!(response.status(), 200, "{url}");
        Self {
            stream: response.bytes_stream().boxed(),
            buffer: String::new(),
        }
    }

    /// The next event but ticks; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some(end) = self.buffer.find("\n\n") {
                let frame: String = self.buffer.drain(..end + 2).collect();
                if let Some(heard) = parse(&frame).filter(|heard| heard.name != "Tick") {
                    return Some(heard);
                }
            }
            let part = tokio::time::timeout(Duration::from_secs(60), self.stream.next())
                .await
                .expect("an event in time");
            self.buffer.push_str(&String::from_utf8_lossy(&part?.ok()?));
        }
    }

    /// The events up to and with the first of this name.
    pub(crate) async fn until(&mut self, name: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let next = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended before {name}: {heard:?}"));
            let done = next.name == name;
            heard.push(next);
            if done {
                return heard;
            }
        }
    }
}

fn parse(frame: &str) -> Option<Heard> {
    let field = |name: &str| {
        frame
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let data = serde_json::from_str(field("data")?).expect("JSON in an event");
    Some(Heard {
        id: field("id").map(str::to_owned),
        name: field("event")?.to_owned(),
        data,
    })
}
