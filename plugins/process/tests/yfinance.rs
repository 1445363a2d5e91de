//! The example that wraps the package `yfinance` gives what our own fetcher gives, for every daily answer of the provider
//! that was recorded.
//!
//! Where the recordings or the package are missing, this says so and passes.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![allow(clippy::print_stdout, reason = "what was left out is told")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use stock_scheduler_process::{ProcessConfig, ProcessPlugin};
use stock_scheduler_sdk::records::render;
use stock_scheduler_sdk::{FetchError, FetchRequest, Fetcher, Series};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");
/// Rows outside the request are kept by yfinance and left out by us.
const DIFFERENT_ON_PURPOSE: &str = "two_overrun";

/// Kinds of failure where nothing was stored: those of our own fetcher.
const REFUSED: [(&str, &str); 13] = [
    ("AAPL_1d_empty_n0", "malformed"),
    ("AAPL_1d_empty_n0_v2", "no_data"),
    ("AAPL_1d_empty_n0_v3", "no_data"),
    ("APS.AX_1d_empty_n0", "no_data"),
    ("MUV2.DE_1d_2017-11-27_n124_v2", "malformed"),
    ("XSP.TO_1d_empty_n0", "no_data"),
    ("err_400_no_data_for_range", "no_data"),
    ("err_400_no_data_for_range_2", "no_data"),
    ("err_401_invalid_crumb", "denied"),
    ("err_404_not_found", "unknown_symbol"),
    ("err_422_1m_30days", "no_data"),
    ("err_422_5m_60days", "no_data"),
    ("err_429_too_many_requests", "rate_limited"),
];

/// What was recorded: its name, the dates asked for, and what was stored.
struct Case {
    name: String,
    request: FetchRequest,
    stored: String,
}

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("STOCK_SCHEDULER_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = named.unwrap_or(beside).join("data/yahoo");
    folder.is_dir().then_some(folder)
}

fn read(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The daily recordings of all folders, laid out in `served` for the local provider: there a recording is found under a
/// short name, for no symbol is as long as that of its file.
fn cases(folders: &[PathBuf], served: &Path) -> Vec<Case> {
    let (mut cases, mut index) = (Vec::new(), Vec::new());
    for folder in folders {
        for mut entry in read(folder.join("index.json")).as_array().unwrap().clone() {
            let file = entry["file"].as_str().unwrap().to_owned();
            let (name, _) = file.rsplit_once('.').unwrap();
            let short = format!("R{}", index.len());
            std::fs::copy(folder.join(&file), served.join(format!("{short}.json"))).unwrap();
            entry["file"] = format!("{short}.json").into();
            index.push(entry);
            let expected = read(folder.join(format!("{name}.expected.json")));
            for case in expected["cases"].as_array().unwrap() {
                if case["case"] == "seed" && case["args"]["interval"] == "1d" {
                    cases.push(case_of(name, &short, case));
                }
            }
        }
    }
    let index = serde_json::to_vec(&index).unwrap();
    std::fs::write(served.join("index.json"), index).unwrap();
    cases
}

fn case_of(name: &str, symbol: &str, case: &Value) -> Case {
    let date = |key: &str| case["args"][key].as_str().unwrap().parse().unwrap();
    Case {
        name: name.to_owned(),
        request: FetchRequest::daily(symbol.parse().unwrap(), date("start"), date("end")),
        stored: case["stored"].as_str().unwrap().to_owned(),
    }
}

/// The recordings over HTTP.
struct Provider {
    child: Child,
    url: String,
}

impl Provider {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new("python3")
            .arg("tests_support/local_provider.py")
            .arg(folder)
            .current_dir(FOLDER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let url = url.trim().to_owned();
        Self { child, url }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn has_yfinance() -> bool {
    let import = Command::new("python3")
        .args(["-c", "import yfinance"])
        .output();
    import.is_ok_and(|import| import.status.success())
}

impl Case {
    fn check(&self, fetched: Result<Series, FetchError>) {
        let name = self.name.as_str();
        let refused = REFUSED.iter().find(|(case, _)| *case == name);
        match (fetched, refused) {
            (Ok(series), None) if name == DIFFERENT_ON_PURPOSE => {
                let json = render(&series).json;
                let kept = json.trim_end_matches(']');
                assert!(self.stored.starts_with(kept), "{name}: {json}");
            }
            (Ok(series), None) => assert_eq!(render(&series).json, self.stored, "{name}"),
            (Err(error), Some((_, kind))) => {
                assert_eq!(error.kind().as_str(), *kind, "{name}: {error}");
            }
            (Ok(_), Some((_, kind))) => panic!("{name}: expected {kind}, got a series"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_package_yfinance_behind_the_protocol_stores_what_our_fetcher_stores() {
    let Some(shared) = shared() else {
        println!("skipped: the recordings are not there");
        return;
    };
    if !has_yfinance() {
        println!(
            "skipped: python3 has no yfinance; pip install -r plugins/process/python/examples/requirements.txt"
        );
        return;
    }
    let folders = ["recorded", "synthetic"].map(|part| shared.join(part));
    let (served, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = cases(&folders, served.path());
    let provider = Provider::start(served.path());
    let mut config = ProcessConfig::new(["python3", "examples/yfinance_plugin.py"]);
    config.directory = Some(FOLDER.into());
    config.environment.push("PYTHONPATH".into());
    config.set.insert("PYTHONPATH".into(), FOLDER.into());
    config.config = json!({"base_url": provider.url, "cache": cache.path()});
    let plugin = ProcessPlugin::start("yfinance", config).unwrap();
    plugin.describe().await.unwrap();
    let fetcher = plugin.fetcher();

    for case in &cases {
        case.check(fetcher.fetch(&case.request).await);
    }

    assert_eq!(cases.len(), 78, "every daily answer");
    plugin.stop().await;
}
