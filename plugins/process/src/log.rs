//! A program's standard error becomes the host's log: always read, so that the program never waits, but only so much of it
//! written.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stock_scheduler_sdk::is_plain;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::shared::Shared;

/// Lines that are written a second; the rest is counted.
const LINES_A_SECOND: u64 = 100;
/// How much of a line is written, in bytes.
const LONGEST_LINE: usize = 4 << 10;

/// The last line that a program logged, whether it was written or not.
pub(crate) type LastLine = Arc<Mutex<Option<String>>>;

/// Writes what comes from `stream` to the log until it ends.
pub(crate) async fn copy(
    mut stream: impl AsyncRead + Unpin,
    plugin: Arc<Shared>,
    last_line: LastLine,
) {
    let mut lines = Split::default();
    let mut allowance = Allowance::new(Instant::now());
    let mut chunk = vec![0; 8 << 10];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        let now = Instant::now();
        lines.feed(&chunk[..read], |line| {
            write(&plugin, &mut allowance, now, line, &last_line)
        });
    }
    if !lines.begun.is_empty() {
        let rest = std::mem::take(&mut lines.begun);
        write(&plugin, &mut allowance, Instant::now(), &rest, &last_line);
    }
}

fn write(
    plugin: &Shared,
    allowance: &mut Allowance,
    now: Instant,
    line: &[u8],
    last_line: &LastLine,
) {
    // Blanks at its beginning are kept: they tell the parts of a traceback apart.
    let text = plain(&String::from_utf8_lossy(line));
    if text.is_empty() {
        return;
    }
    // Also of a line that is one too many: the last one is what says why a program ended.
    *last_line.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
    if !allowance.allows(now) {
        plugin
            .counters
            .log_lines_dropped
            .fetch_add(1, Ordering::Relaxed);
        return;
    }
    let name = plugin.name.as_str();
    if let Some(dropped) = allowance.take_dropped() {
        tracing::warn!(
            plugin = name,
            dropped,
            "a plugin logs more than {LINES_A_SECOND} lines a second"
        );
    }
    tracing::info!(plugin = name, "{text}");
}

/// Text from outside without control characters and blanks at its end.
fn plain(text: &str) -> String {
    let plain = |c: char| if is_plain(c) { c } else { ' ' };
    text.trim_end().chars().map(plain).collect()
}

/// Whether `text` from outside may be kept as a name: no longer than `most` characters, none of which controls anything.
pub(crate) fn is_name(text: &str, most: usize) -> bool {
    text.chars().all(is_plain) && text.chars().count() <= most
}

/// Splits bytes into lines, of which it keeps no more than is written.
#[derive(Default)]
struct Split {
    begun: Vec<u8>,
}

impl Split {
    fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            each(&self.begun);
            self.begun.clear();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.begun.len();
        self.begun
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// How many lines may still be written in this second.
struct Allowance {
    since: Instant,
    written: u64,
    dropped: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            written: 0,
            dropped: 0,
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now - self.since >= Duration::from_secs(1) {
            (self.since, self.written) = (now, 0);
        }
        let allowed = self.written < LINES_A_SECOND;
        match allowed {
            true => self.written += 1,
            false => self.dropped += 1,
        }
        allowed
    }

    /// How many lines were left out since this was asked.
    fn take_dropped(&mut self) -> Option<u64> {
        let dropped = std::mem::take(&mut self.dropped);
        (dropped > 0).then_some(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_put_together() {
        let mut split = Split::default();
        let mut lines = Vec::new();
        let long = vec![b'x'; 3 * LONGEST_LINE];

        for bytes in [b"a\nb".as_slice(), b"c\n", &long, &long, b"\nd\n"] {
            split.feed(bytes, |line| lines.push(line.to_vec()));
        }

        assert_eq!(
            lines,
            [
                b"a".to_vec(),
                b"bc".to_vec(),
                long[..LONGEST_LINE].to_vec(),
                b"d".to_vec()
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_line_is_known_where_it_is_one_too_many_to_be_written() {
        let noise: String = (0..200).map(|number| format!("noise {number}\n")).collect();
        let text = format!("{noise}the vendor's key has expired\n \n");
        let config = crate::ProcessConfig::new(["true"]);
        let plugin = Arc::new(Shared::new("mine".to_owned(), config));
        let last_line = LastLine::default();

        copy(text.as_bytes(), plugin.clone(), last_line.clone()).await;

        let last_line = last_line.lock().unwrap().take();
        assert_eq!(last_line.as_deref(), Some("the vendor's key has expired"));
        let dropped = plugin.counters.log_lines_dropped.load(Ordering::Relaxed);
        assert_eq!(dropped, 101);
    }

    #[test]
    fn a_hundred_lines_a_second_are_written() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let allowed = |allowance: &mut Allowance, at: u64| {
            let now = start + Duration::from_millis(at);
            (0..150).filter(|_| allowance.allows(now)).count()
        };

        assert_eq!(allowed(&mut allowance, 0), 100);
        assert_eq!(allowed(&mut allowance, 999), 0);
        assert_eq!(allowed(&mut allowance, 1_000), 100);
        assert_eq!(allowance.take_dropped(), Some(50 + 150 + 50));
        assert_eq!(allowance.take_dropped(), None);
    }

    #[test]
    fn text_from_outside_is_one_short_line() {
        assert_eq!(plain(" a\n\x1b[31mb "), " a  [31mb");
    }
}
