//! The examples of plugins, each started as the service that it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{EndpointExt, Server, handler};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::service::Options;
use crate::support::{Service, eventually, example};

/// A folder with a configuration in it.
fn configured(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scheduler.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn with(config: &Path) -> Options {
    let config = config.to_str().expect("a path that is text");
    Options::store("memory:").with("--config", config)
}

/// An order for the first two days of June 2025.
fn order(fetcher: &str, symbols: &[&str]) -> Value {
    json!({"name": "Example", "stock_ids": symbols, "schedule_time": "17:00", "fetcher": fetcher,
        "start_date": "2025-06-02", "end_date": "2025-06-03"})
}

/// Creates the job that is ordered and runs it to its end; answers the run.
async fn ran(service: &Service, order: Value) -> Value {
    let created = service.post("/scheduler/jobs", order).await;
    let run = service
        .run(created["job_id"].as_str().expect("an id"))
        .await;
    service.ended(&run).await
}

async fn closes(service: &Service, symbol: &str) -> Vec<Value> {
    let path = format!("/scheduler/datasets/latest?symbol={symbol}");
    let records = service.get(&path).await;
    let records = records.as_array().expect("records").iter();
    records.map(|record| record["Close"].clone()).collect()
}

#[tokio::test]
async fn the_csv_folder_stores_the_rows_of_its_files() {
    let prices = tempfile::tempdir().unwrap();
    let rows =
        "date,open,high,low,close,volume\n2025-06-02,1,2,0.5,1.5,100\n2025-06-03,2,3,1.5,2.5,200\n";
    std::fs::write(prices.path().join("ABC.csv"), rows).unwrap();
    let (_folder, config) = configured(&format!(
        "[plugins.fetcher.csv]\nfolder = {:?}\nzone = \"America/New_York\"\n",
        prices.path()
    ));
    let service = Service::start_binary(&example("csv_folder").await, &with(&config)).await;

    let run = ran(&service, order("csv", &["ABC", "NO-SUCH"])).await;

    assert_eq!(run["status"], "partial_success", "{run}");
    assert_eq!(closes(&service, "ABC").await, [1.5, 2.5]);
}

#[tokio::test]
async fn the_business_month_end_knows_the_holidays_of_an_exchange() {
    let binary = example("business_month_end").await;
    let service = Service::start_binary(&binary, &Options::store("memory:")).await;
    let schedule = json!({"kind": "business_month_end", "time": "18:00", "timezone": "America/New_York",
        "exchange": "XNYS", "days_before": 1});

    let wish = json!({"schedule": schedule, "from": "2024-03-01T00:00:00Z", "n": 3});
    let preview = service.post("/scheduler/preview", wish).await;
    let mut order = order("demo", &["AAPL"]);
    order["schedule"] = schedule;
    order.as_object_mut().unwrap().remove("schedule_time");
    let run = ran(&service, order).await;

    // The last trading day of March 2024 was the 28th: the 29th was Good Friday.
    let fires = preview["fires"].as_array().expect("fires").iter();
    let fires: Vec<_> = fires.map(|fire| fire["local"].clone()).collect();
    let expected = [
        "2024-03-27T18:00:00-04:00",
        "2024-04-29T18:00:00-04:00",
        "2024-05-30T18:00:00-04:00",
    ];
    assert_eq!(fires, expected, "{preview}");
    assert_eq!(run["status"], "success", "{run}");
}

#[tokio::test]
async fn the_file_store_keeps_what_it_acknowledged_over_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("journal:{}", folder.path().join("jobs.journal").display());
    let (binary, options) = (example("file_store").await, Options::store(&url));
    let mut service = Service::start_binary(&binary, &options).await;
    let run = ran(&service, order("demo", &["AAPL"])).await;
    let stored = closes(&service, "AAPL").await;

    let second = Command::new(&binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--store", &url])
        .output()
        .await
        .unwrap();
    service.kill().await;
    let service = Service::start_binary(&binary, &options).await;

    let told = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "{told}");
    assert!(told.contains("another service uses it"), "{told}");
    let path = format!(
        "/scheduler/executions/{}",
        run["execution_id"].as_str().expect("an id")
    );
    assert_eq!(service.get(&path).await["status"], "success");
    assert_eq!(stored.len(), 2);
    assert_eq!(closes(&service, "AAPL").await, stored);
}

#[tokio::test]
async fn the_chat_is_told_what_failed() {
    let (url, mut posted) = chat().await;
    let (_folder, config) = configured(&format!(
        "[plugins.listener.chat]\nsecret_url = \"{url}\"\n"
    ));
    let service = Service::start_binary(&example("chat_listener").await, &with(&config)).await;

    let run = ran(&service, order("demo", &["FAIL"])).await;

    assert_eq!(run["status"], "failed", "{run}");
    let told = async |posted: &mut UnboundedReceiver<String>| {
        eventually("the chat is told", Duration::from_secs(30), async || {
            posted.try_recv().ok()
        })
        .await
    };
    let symbol = told(&mut posted).await;
    assert!(symbol.contains("Example: FAIL failed: "), "{symbol}");
    let end = told(&mut posted).await;
    assert_eq!(
        end,
        r#"{"text":"Example failed: none of 1 symbols was stored"}"#
    );
}

#[tokio::test]
async fn a_scheduler_of_ones_own_has_a_plugin_of_each_sort() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _posted) = chat().await;
    let (_folder, config) = configured(&format!(
        "[plugins.fetcher.csv]\nfolder = {:?}\nzone = \"UTC\"\n[plugins.listener.chat]\nsecret_url = \"{url}\"\n",
        folder.path()
    ));
    let journal = folder.path().join("jobs.journal");
    let options = Options::store(&format!("journal:{}", journal.display()));
    let options = options.with("--config", config.to_str().expect("a path that is text"));

    let service = Service::start_binary(&example("custom_scheduler").await, &options).await;

    let plugins = service.get("/scheduler/plugins").await;
    let plugins = plugins.as_array().expect("plugins");
    for (role, name) in [
        ("fetcher", "csv"),
        ("fetcher", "yfinance"),
        ("schedule", "business_month_end"),
        ("store", "journal"),
        ("listener", "chat"),
    ] {
        let seen = plugins
            .iter()
            .find(|one| one["role"] == role && one["name"] == name);
        assert_eq!(seen.expect(name)["healthy"], true, "{plugins:?}");
    }
}

/// A chat's address, and what is posted there.
async fn chat() -> (String, UnboundedReceiver<String>) {
    let (sender, posted) = unbounded_channel();
    let acceptor = TcpListener::bind("127.0.0.1:0")
        .into_acceptor()
        .await
        .unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(take.data(sender)));
    (format!("http://{address}/hook"), posted)
}

#[handler]
fn take(body: String, Data(posted): Data<&UnboundedSender<String>>) {
    let _ = posted.send(body);
}
