//! `stock-scheduler backfill`: asks a running service to run a job for past fire times, and shows how far it is.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How often the service is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many characters the bar has.
const WIDTH: usize = 30;

pub(super) fn command() -> Command {
    let date = |name: &'static str, help| {
        Arg::new(name)
            .long(name)
            .value_name("DATE")
            .required(true)
            .help(help)
    };
    Command::new("backfill")
        .about("Have a running service run a job for its past fire times, and show the progress; ctrl-c leaves it running")
        .arg(Arg::new("job").value_name("JOB_ID").required(true).help("The job"))
        .arg(date("from", "First date of fire times, YYYY-MM-DD, in the job's zone"))
        .arg(date("to", "Last date of fire times, included"))
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .default_value("http://127.0.0.1:8001")
                .env("STOCK_SCHEDULER_URL")
                .help("Where the service listens"),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name| {
        matches
            .get_one::<String>(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let service = Service::at(text("url"))?;
    let dates = json!({"start_date": text("from"), "end_date": text("to")});
    let path = format!("/scheduler/jobs/{}/backfill", text("job"));
    let mut backfill = service.ask(Method::POST, &path, Some(dates)).await?;
    let id = backfill["backfill_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    say!("backfill {id}: {} fire times", backfill["total"]);
    let place = format!("/scheduler/backfills/{id}");
    while backfill["status"] == "running" {
        draw(&backfill);
        tokio::time::sleep(LOOK_EVERY).await;
        backfill = service.ask(Method::GET, &place, None).await?;
    }
    draw(&backfill);
    let (status, counts) = (&backfill["status"], ["succeeded", "partial", "failed"]);
    let counts = counts.map(|name| format!("{} {name}", backfill[name]));
    say!(
        "\n{}: {}",
        status.as_str().unwrap_or_default(),
        counts.join(", ")
    );
    match status.as_str() {
        Some("finished") => Ok(()),
        _ => Err(format!("backfill {id} did not finish")),
    }
}

/// Draws the bar over itself, where somebody is watching.
fn draw(backfill: &Value) {
    let count = |name: &str| backfill[name].as_u64().unwrap_or(0) as usize;
    let (done, total) = (count("done"), count("total").max(1));
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let full = (WIDTH * done / total).min(WIDTH);
        let at = backfill["scheduled_for"].as_str().unwrap_or_default();
        let (bar, rest) = ("#".repeat(full), "-".repeat(WIDTH - full));
        // A terminal that is gone is no reason to stop.
        let _ = write!(out, "\r[{bar}{rest}] {done}/{total} {at:<25}");
        let _ = out.flush();
    }
}

/// A running service.
struct Service {
    client: Client,
    url: String,
}

impl Service {
    fn at(url: &str) -> Result<Self, String> {
        if !url.starts_with("http://") {
            return Err(format!("--url must be http://HOST:PORT, not {url:?}"));
        }
        // The client is built for TLS too, and wants to know by whom.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(Duration::from_secs(30)).build();
        Ok(Self {
            client: client.map_err(|error| format!("cannot ask the service: {error}"))?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// The JSON that the service answers; a refusal is an error with its sentence.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let unreachable = |error| format!("the service at {} does not answer: {error}", self.url);
        let answer = request.send().await.map_err(unreachable)?;
        let is_ok = answer.status().is_success();
        let text = answer.text().await.map_err(unreachable)?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|_| format!("what answers at {} is no stock-scheduler", self.url))?;
        match is_ok {
            true => Ok(value),
            false => Err(value["detail"].as_str().unwrap_or(&text).to_owned()),
        }
    }
}
