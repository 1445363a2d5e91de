//! How fast a fetcher of a few lines of Python is asked, beside lines of the same length on a bare pipe.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::{HELPER, program, section, service};
use crate::process::{Stores, client, post};
use crate::{fetch, figure, median, note};

const SYMBOLS: usize = 2_000;
const IN_FLIGHT: usize = 8;
const ROUNDS: usize = 5;
const LEAST: f64 = 1_000.0;

/// Answers each line with the line given, and looks at nothing.
const ECHO: &str = r#"
import sys
answer = sys.argv[1] + "\n"
for line in sys.stdin:
    sys.stdout.write(answer)
    sys.stdout.flush()
"#;

const REQUEST: &str = r#"{"id":12345,"method":"fetch","params":{"symbol":"S0001","start":"2025-06-02","end":"2025-06-07","interval":"1d","options":null}}"#;

/// A job of 2,000 symbols, a plugin that answers at once, eight requests under way.
pub(crate) async fn beside_a_pipe() {
    let quick = program("quick.py", &[]);
    let answer = Pipe::open(&quick).ask();
    let echo = [
        &quick[..2],
        &["-c".into(), ECHO.into(), answer.trim().into()],
    ]
    .concat();
    let names: Vec<_> = (0..SYMBOLS).map(|number| format!("S{number:04}")).collect();
    let order = json!({"name": "Bench", "stock_ids": names, "schedule_time": "00:00", "fetcher": "quick",
        "start_date": "2025-06-02", "end_date": "2025-06-06"});
    let keys = format!("set = {{ PYTHONPATH = {HELPER:?} }}");
    let stores = Stores::new();
    for (name, url) in stores.all() {
        let (service, _file) = service(&url, &section("quick", &quick, &keys)).await;
        let jobs = format!("{}/scheduler/jobs", service.url);
        let job = post(&client(), &jobs, order.clone()).await;
        let job = job["job_id"].as_str().unwrap();
        let (mut echoes, mut bare, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (echo, alone) = (Pipe::open(&echo).rate(), Pipe::open(&quick).rate());
            let took = fetch::run(&client(), &service.url, job).await;
            // The first round starts threads and fills caches.
            if round > 0 {
                echoes.push(echo);
                bare.push(alone);
                ours.push(SYMBOLS as f64 / took);
            }
        }
        print(name, &echoes, &bare, &ours);
    }
}

fn print(store: &str, echoes: &[f64], bare: &[f64], ours: &[f64]) {
    let ratio = |base: &[f64]| {
        let pairs = ours.iter().zip(base);
        median(pairs.map(|(ours, base)| ours / base).collect())
    };
    let rate = median(ours.to_vec());
    let what = format!("{store}: a Python fetcher's job, {IN_FLIGHT} at once");
    figure(
        &what,
        rate,
        "symbols/s",
        &format!(">= {LEAST}"),
        rate >= LEAST,
    );
    note(
        "  its program on a bare pipe",
        median(bare.to_vec()),
        "lines/s",
    );
    note("  job / its program on a bare pipe", ratio(bare), "");
    note(
        "  lines of that length, echoed",
        median(echoes.to_vec()),
        "lines/s",
    );
    note("  job / echo", ratio(echoes), "");
}

/// A program and the pipes to it.
struct Pipe {
    child: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Pipe {
    fn open(command: &[String]) -> Self {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .env("PYTHONPATH", HELPER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn send(&mut self, times: usize) {
        let lines = format!("{REQUEST}\n").repeat(times);
        let mut input = self.child.stdin.as_ref().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.len() > 400, "five bars: {line}");
        line
    }

    fn ask(&mut self) -> String {
        self.send(1);
        self.hear()
    }

    /// Lines answered a second.
    fn rate(mut self) -> f64 {
        self.ask();
        let begun = Instant::now();
        self.send(IN_FLIGHT);
        for heard in 0..SYMBOLS {
            self.hear();
            if heard + IN_FLIGHT < SYMBOLS {
                self.send(1);
            }
        }
        SYMBOLS as f64 / begun.elapsed().as_secs_f64()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
