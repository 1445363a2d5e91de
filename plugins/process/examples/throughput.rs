//! How fast a plugin is asked: symbols a second with eight requests under way, beside a bare pipe to the same Python.
//!
//! Run it with `cargo run --release -p stock-scheduler-process --example throughput`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example prints, and ends where it fails"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stock_scheduler_process::{ProcessConfig, ProcessPlugin};
use stock_scheduler_sdk::{FetchRequest, Fetcher};

const IN_FLIGHT: usize = 8;
const SYMBOLS: usize = 20_000;
const GATE: f64 = 1_000.0;

/// Answers at once with five bars.
const PLUGIN: &str = r#"
import json, sys
bars = [{"date": f"2025-06-0{day}", "open": 101.25, "high": 103.5, "low": 100.75, "close": 102.125,
         "adj_close": 102.125, "volume": 51234567} for day in range(2, 7)]
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "describe":
        result = {"protocol": 1, "name": "quick", "version": "1", "fetcher": {"concurrency": 8}}
    else:
        result = {"zone": "America/New_York", "currency": "USD", "bars": bars}
    sys.stdout.write(json.dumps({"id": request["id"], "result": result}) + "\n")
    sys.stdout.flush()
"#;

/// Answers each line with the line given, and looks at nothing.
const ECHO: &str = r#"
import sys
answer = sys.argv[1] + "\n"
for line in sys.stdin:
    sys.stdout.write(answer)
    sys.stdout.flush()
"#;

fn main() {
    let plugin = best(through_plugin);
    let echo = best(|| through_pipe(ECHO));
    let bare = best(|| through_pipe(PLUGIN));
    println!("plugin:                       {plugin:>8.0} symbols/s");
    println!(
        "its program on a bare pipe:   {bare:>8.0} symbols/s, ratio {:.2}",
        plugin / bare
    );
    println!(
        "lines of that size, echoed:   {echo:>8.0} lines/s, ratio {:.2}",
        plugin / echo
    );
    if plugin < GATE {
        println!("fewer than {GATE} symbols/s");
        std::process::exit(1);
    }
}

/// The best of three, a second.
fn best(measure: impl Fn() -> Duration) -> f64 {
    let rate = |took: Duration| SYMBOLS as f64 / took.as_secs_f64();
    (0..3).map(|_| rate(measure())).fold(0.0, f64::max)
}

/// As the host asks: on two threads with a runtime of their own, four requests at once on each.
fn through_plugin() -> Duration {
    let plugin =
        ProcessPlugin::start("quick", ProcessConfig::new(["python3", "-S", "-c", PLUGIN])).unwrap();
    let left = Arc::new(AtomicUsize::new(SYMBOLS));
    let waiting = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    waiting.block_on(plugin.describe()).unwrap();

    let start = Instant::now();
    let threads = [(); 2].map(|()| {
        let (fetcher, left) = (plugin.fetcher(), left.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(async {
                let worker = || ask(&fetcher, &left);
                tokio::join!(worker(), worker(), worker(), worker());
            });
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let took = start.elapsed();
    waiting.block_on(plugin.stop());
    took
}

async fn ask(fetcher: &impl Fetcher, left: &AtomicUsize) {
    let date = |text: &str| text.parse().unwrap();
    let symbol = "AAPL".parse().unwrap();
    let request = FetchRequest::daily(symbol, date("2025-06-02"), date("2025-06-07"));
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        let series = fetcher.fetch(&request).await.unwrap();
        assert_eq!(series.bars.len(), 5);
    }
}

/// The least that must be done: a line there and a line back, eight under way.
fn through_pipe(program: &str) -> Duration {
    let request = r#"{"id":12345,"method":"fetch","params":{"symbol":"AAPL","start":"2025-06-02","end":"2025-06-07","interval":"1d","options":null}}"#;
    // As long as what the program answers.
    let bar = r#"{"date": "2025-06-02", "open": 101.25, "high": 103.5, "low": 100.75, "close": 102.125, "adj_close": 102.125, "volume": 51234567}"#;
    let bars = [bar; 5].join(", ");
    let answer = format!(
        r#"{{"id": 12345, "result": {{"zone": "America/New_York", "currency": "USD", "bars": [{bars}]}}}}"#
    );
    let mut child = Command::new("python3")
        .args(["-S", "-c", program, &answer])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut output, mut line) = (BufReader::new(output), String::new());
    let request = format!("{request}\n");
    let mut ask = |times: usize| input.write_all(request.repeat(times).as_bytes()).unwrap();
    let mut hear = || {
        line.clear();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.len(), answer.len() + 1);
    };

    ask(1);
    hear();
    let start = Instant::now();
    ask(IN_FLIGHT);
    for asked in IN_FLIGHT..SYMBOLS + IN_FLIGHT {
        hear();
        if asked < SYMBOLS {
            ask(1);
        }
    }
    let took = start.elapsed();
    drop(input);
    child.wait().unwrap();
    took
}
