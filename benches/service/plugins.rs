//! What plugins cost: one that is a program, one that is built in, and many that fail.

mod calls;
mod faults;
mod left;
mod python;

use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::process::{Process, client, get};

/// All of it.
pub(crate) async fn all() {
    python::beside_a_pipe().await;
    calls::through_a_pointer().await;
    faults::beside_another_job().await;
}

/// The interpreter itself: what `python3` is may be a script that looks for it, which takes longer than our programs.
static PYTHON: LazyLock<String> = LazyLock::new(|| {
    let asked = ["-c", "import sys; print(sys.executable)"];
    let answer = Command::new("python3").args(asked).output().unwrap();
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
});

/// A program of this benchmark with its arguments, as Python runs it.
fn program(name: &str, args: &[&str]) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/service/plugins");
    let words = [PYTHON.clone(), "-S".into(), format!("{folder}/{name}")];
    let args = args.iter().map(|arg| arg.to_string());
    words.into_iter().chain(args).collect()
}

/// Where Python finds the helper that plugins are written with.
const HELPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/process/python");

/// A fetcher that is a program: its section of the configuration, with more keys behind.
fn section(name: &str, command: &[String], keys: &str) -> String {
    let command = json!(command);
    format!("[plugins.fetcher.{name}]\ncommand = {command}\n{keys}\n")
}

/// A service with these sections in its configuration, whose programs have described themselves. The file must stay.
async fn service(store: &str, sections: &str) -> (Process, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sections).unwrap();
    let service = Process::service(&["--store", store, "--config", file.path().to_str().unwrap()]);
    while !programs(&service.url)
        .await
        .iter()
        .all(|it| it["version"].is_string())
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (service, file)
}

/// What the service says of the plugins that are programs.
async fn programs(service: &str) -> Vec<Value> {
    let all = get(&client(), &format!("{service}/scheduler/plugins")).await;
    let all = all.as_array().unwrap().iter();
    let is_program = |it: &&Value| it["origin"].as_str().unwrap().starts_with("process ");
    all.filter(is_program).cloned().collect()
}
