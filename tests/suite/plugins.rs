//! Plugins that are programs: written from a template, declared in the configuration, changed while the service runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::service::Options;
use crate::support::{Service, eventually};

/// A folder with a configuration and plugins in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let helper = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("plugins/process/python/stock_scheduler_plugin.py");
        std::fs::copy(helper, folder.path("stock_scheduler_plugin.py")).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file so that a reader sees the old or the new one whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// The section of a plugin in a file of this folder.
    pub(crate) fn section(&self, role: &str, name: &str, file: &str) -> String {
        let directory = self.0.path().display();
        format!(
            "[plugins.{role}.{name}]\ncommand = [\"python3\", \"{file}\"]\ndirectory = \"{directory}\"\n"
        )
    }

    pub(crate) async fn service(&self) -> Service {
        let config = self.path("scheduler.toml");
        let options = Options::store("memory:").with("--config", config.to_str().unwrap());
        Service::start(&options).await
    }
}

/// A fetcher whose one price is `price`, with an option.
pub(crate) fn fetcher(price: u32) -> String {
    format!(
        r#"
import os, time
from stock_scheduler_plugin import Plugin, UnknownSymbol
plugin = Plugin("mine", "1.2.3")

@plugin.fetcher(intervals=["1d"], concurrency=8, example=("AAPL", "2025-06-02", "2025-06-04"), unknown_symbol="NO-SUCH",
                options_schema={{"type": "object", "properties": {{"feed": {{"enum": ["sip", "iex"]}}}}, "additionalProperties": False}})
def fetch(request):
    if request.symbol == "NO-SUCH":
        raise UnknownSymbol("there is no NO-SUCH")
    if request.symbol == "CRASH":
        os._exit(3)
    if request.symbol == "HANG":
        time.sleep(3600)
    bars = [{{"date": day, "open": {price}, "high": {price}, "low": {price}, "close": {price}, "volume": 1}} for day in request.days()]
    return {{"zone": "America/New_York", "currency": "USD", "bars": bars}}

plugin.run()
"#
    )
}

pub(crate) fn order(symbols: &[&str]) -> Value {
    json!({"name": "Mine", "stock_ids": symbols, "schedule_time": "17:00", "fetcher": "mine",
        "start_date": "2025-06-02", "end_date": "2025-06-03"})
}

/// What the service says against a job that it does not take.
pub(crate) async fn refused(service: &Service, order: Value) -> Value {
    let answer = service
        .send(Method::POST, "/scheduler/jobs", Some(order))
        .await;
    assert_eq!(answer.status(), 422);
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Runs a job with these symbols to its end.
pub(crate) async fn ran(service: &Service, symbols: &[&str]) -> Value {
    let created = service.post("/scheduler/jobs", order(symbols)).await;
    let run = service
        .run(created["job_id"].as_str().expect("an id"))
        .await;
    service.ended(&run).await
}

pub(crate) async fn plugin(service: &Service, role: &str, name: &str) -> Option<Value> {
    let plugins = service.get("/scheduler/plugins").await;
    let mut plugins = plugins.as_array().unwrap().clone().into_iter();
    plugins.find(|plugin| plugin["role"] == role && plugin["name"] == name)
}

/// Waits until a plugin is as it should be.
pub(crate) async fn until(service: &Service, name: &str, right: impl Fn(Option<&Value>) -> bool) {
    soon("the plugin is as it should be", async || {
        let plugin = plugin(service, "fetcher", name).await;
        right(plugin.as_ref())
    })
    .await;
}

/// Waits until something is so.
pub(crate) async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    eventually(what, Duration::from_secs(20), async || {
        is_so().await.then_some(())
    })
    .await;
}

/// A service whose fetcher `mine` is a program; its section says `more`.
pub(crate) async fn mine(more: &str) -> (Folder, Service) {
    let folder = Folder::new();
    folder.write("mine.py", &fetcher(7));
    let section = folder.section("fetcher", "mine", "mine.py");
    folder.write("scheduler.toml", &(section + more));
    let service = folder.service().await;
    until(&service, "mine", |plugin| {
        plugin.is_some_and(|it| it["version"] == "1.2.3")
    })
    .await;
    (folder, service)
}

async fn close(service: &Service, symbol: &str) -> Value {
    let path = format!("/scheduler/datasets/latest?symbol={symbol}");
    service.get(&path).await[0]["Close"].clone()
}

#[tokio::test]
async fn a_python_fetcher_stores_its_bars_and_is_seen_beside_the_defaults() {
    let (_folder, service) = mine("").await;

    let run = ran(&service, &["ABC", "NO-SUCH"]).await;

    assert_eq!(run["status"], "partial_success", "{run}");
    assert_eq!(run["symbols"][1]["error"]["kind"], "unknown_symbol");
    assert_eq!(close(&service, "ABC").await, 7.0);
    let seen = plugin(&service, "fetcher", "mine").await.unwrap();
    assert_eq!(seen["healthy"], true, "{seen}");
    assert_eq!(seen["counters"]["fetched"], 1, "{seen}");
    assert_eq!(
        seen["job_schema"]["properties"]["feed"]["enum"],
        json!(["sip", "iex"])
    );
    let document = service.get("/openapi.json").await;
    let shown = document["components"]["schemas"]["Fetcher"].to_string();
    assert!(shown.contains("mine"), "{shown}");
}

#[tokio::test]
async fn a_jobs_options_are_held_against_the_plugins_schema() {
    let (_folder, service) = mine("").await;

    let mut wrong = order(&["ABC"]);
    wrong["fetcher"] = json!({"name": "mine", "options": {"feed": "sib"}});
    let refused = refused(&service, wrong).await;

    assert_eq!(
        refused["errors"][0]["pointer"], "/fetcher/options/feed",
        "{refused}"
    );
    assert!(
        refused["detail"].as_str().unwrap().contains("sib"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_plugin_that_crashes_or_hangs_fails_its_symbols_and_nothing_else() {
    let (_folder, service) = mine("timeout = \"1s\"\n").await;

    let created = service.post("/scheduler/jobs", order(&["CRASH"])).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;
    // Another job over another fetcher does not notice.
    let mut other = order(&["AAPL"]);
    other["fetcher"] = "demo".into();
    let other = service.post("/scheduler/jobs", other).await;
    let begun = tokio::time::Instant::now();
    let run_of_other = service.run(other["job_id"].as_str().unwrap()).await;
    let ended = service.ended(&run_of_other).await;
    assert_eq!(ended["status"], "success");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    let crashed = service.ended(&run).await;

    assert_eq!(crashed["status"], "failed");
    let error = &crashed["symbols"][0]["error"];
    assert_eq!(error["kind"], "unavailable", "{crashed}");
    assert!(
        error["message"].as_str().unwrap().contains("status 3"),
        "{error}"
    );
    let run = ran(&service, &["ABC"]).await;
    assert_eq!(run["status"], "success", "{run}");
}

#[tokio::test]
async fn plugins_come_change_and_go_while_the_service_runs() {
    let folder = Folder::new();
    folder.write("scheduler.toml", "");
    let service = folder.service().await;
    let unknown = refused(&service, order(&["ABC"])).await;
    assert!(
        unknown["detail"]
            .as_str()
            .unwrap()
            .contains("no fetcher named \"mine\"")
    );

    folder.write("mine.py", &fetcher(7));
    folder.write(
        "scheduler.toml",
        &folder.section("fetcher", "mine", "mine.py"),
    );
    until(&service, "mine", |plugin| {
        plugin.is_some_and(|it| it["version"] == "1.2.3")
    })
    .await;
    ran(&service, &["ABC"]).await;
    assert_eq!(close(&service, "ABC").await, 7.0);

    // The program itself changes.
    folder.write("mine.py", &fetcher(8).replace("1.2.3", "1.2.4"));
    until(&service, "mine", |plugin| {
        plugin.is_some_and(|it| it["version"] == "1.2.4")
    })
    .await;
    ran(&service, &["ABC"]).await;
    assert_eq!(close(&service, "ABC").await, 8.0);

    // What is wrong in the file changes nothing.
    folder.write("scheduler.toml", "[plugins.fetcher.mine]\ncommand = 5\n");
    tokio::time::sleep(Duration::from_secs(3)).await;
    ran(&service, &["ABC"]).await;

    folder.write("scheduler.toml", "");
    until(&service, "mine", |plugin| plugin.is_none()).await;
    refused(&service, order(&["ABC"])).await;
    let jobs = service.get("/scheduler/jobs").await;
    let problem = jobs[0]["problem"].as_str().unwrap();
    assert!(problem.contains("no fetcher named \"mine\""), "{problem}");
}

#[tokio::test]
async fn a_run_goes_on_with_the_program_that_it_began_with() {
    let folder = Folder::new();
    let slow = fetcher(7).replace("    bars = [", "    time.sleep(0.3)\n    bars = [");
    folder.write("mine.py", &slow);
    folder.write(
        "scheduler.toml",
        &folder.section("fetcher", "mine", "mine.py"),
    );
    let service = folder.service().await;
    let is =
        |version| move |plugin: Option<&Value>| plugin.is_some_and(|it| it["version"] == version);
    until(&service, "mine", is("1.2.3")).await;
    let symbols: Vec<_> = (0..64).map(|number| format!("S{number}")).collect();
    let symbols: Vec<_> = symbols.iter().map(String::as_str).collect();
    let created = service.post("/scheduler/jobs", order(&symbols)).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;

    folder.write("mine.py", &slow.replace("1.2.3", "1.2.4"));
    until(&service, "mine", is("1.2.4")).await;
    let now = service.get(&format!("/scheduler/executions/{run}")).await;
    let ended = service.ended(&run).await;

    assert_eq!(
        now["status"], "running",
        "the program changed during the run"
    );
    assert_eq!(ended["status"], "success", "{ended}");
}

#[tokio::test]
async fn a_program_that_was_replaced_and_does_not_want_to_end_does_not_outlive_the_service() {
    let folder = Folder::new();
    let begin = "import os, time\nprint(os.getpid(), file=open('pids', 'a'))\n";
    let calm = fetcher(7).replace("import os, time\n", begin);
    let stubborn = calm.clone()
        + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\n";
    folder.write("mine.py", &stubborn);
    folder.write(
        "scheduler.toml",
        &folder.section("fetcher", "mine", "mine.py"),
    );
    let mut service = folder.service().await;
    let is =
        |version| move |plugin: Option<&Value>| plugin.is_some_and(|it| it["version"] == version);
    until(&service, "mine", is("1.2.3")).await;

    folder.write("mine.py", &calm.replace("1.2.3", "1.2.4"));
    until(&service, "mine", is("1.2.4")).await;
    service.stop().await;

    let pids = std::fs::read_to_string(folder.path("pids")).unwrap();
    let pids: Vec<_> = pids.lines().collect();
    let living = pids.iter().filter(|pid| is_alive(pid)).count();
    assert_eq!((pids.len(), living), (2, 0), "{pids:?}");
}

/// Whether this process goes on.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_what_has_it_stays() {
    let folder = Folder::new();
    folder.write("mine.py", &fetcher(7));
    folder.write(
        "scheduler.toml",
        &folder.section("fetcher", "demo", "mine.py"),
    );
    let service = folder.service().await;

    folder.write("scheduler.toml", "");
    tokio::time::sleep(Duration::from_secs(2)).await;

    let demo = plugin(&service, "fetcher", "demo").await.unwrap();
    assert_eq!(demo["origin"], "built in");
}

#[tokio::test]
async fn a_python_schedule_is_previewed_and_fires() {
    let folder = Folder::new();
    folder.write(
        "moon.py",
        r#"
from datetime import datetime, timedelta, timezone
from stock_scheduler_plugin import Invalid, Plugin
plugin = Plugin("moon", "0.1.0")

def check(spec, zone):
    if not isinstance(spec.get("seconds"), int):
        raise Invalid("seconds is missing, such as 2", "/seconds")

@plugin.schedule("moon", schema={"type": "object", "required": ["seconds"], "properties": {"seconds": {"type": "integer"}}},
                 example={"seconds": 3600}, check=check)
def moon(spec, zone, after):
    step = spec["seconds"]
    count = int(after.timestamp()) // step + 1
    while count * step < 250000000000:
        yield datetime.fromtimestamp(count * step, timezone.utc)
        count += 1

plugin.run()
"#,
    );
    folder.write(
        "scheduler.toml",
        &folder.section("schedule", "moon", "moon.py"),
    );
    let service = folder.service().await;
    soon("the schedule is described", async || {
        let seen = plugin(&service, "schedule", "moon").await;
        seen.is_some_and(|it| it["job_schema"]["properties"]["seconds"]["type"] == "integer")
    })
    .await;

    let schedule = json!({"kind": "moon", "seconds": 86400});
    let wish = json!({"schedule": schedule, "n": 2, "from": "2025-06-02T12:00:00+00:00"});
    let preview = service.post("/scheduler/preview", wish).await;
    assert_eq!(
        preview["fires"][0]["at"], "2025-06-03T00:00:00+00:00",
        "{preview}"
    );
    assert_eq!(
        preview["fires"][1]["at"], "2025-06-04T00:00:00+00:00",
        "{preview}"
    );

    let wrong = json!({"name": "M", "stock_ids": ["A"], "fetcher": "demo", "schedule": {"kind": "moon", "seconds": "two"}});
    let refused = refused(&service, wrong).await;
    assert_eq!(
        refused["errors"][0]["pointer"], "/schedule/seconds",
        "{refused}"
    );

    let right = json!({"name": "M", "stock_ids": ["A"], "fetcher": "demo", "schedule": {"kind": "moon", "seconds": 1}});
    let created = service.post("/scheduler/jobs", right).await;
    let fires = format!(
        "/scheduler/jobs/{}/fires",
        created["job_id"].as_str().unwrap()
    );
    soon("it fires", async || {
        let fires = service.get(&fires).await;
        fires
            .as_array()
            .unwrap()
            .iter()
            .any(|fire| fire["state"] == "fired")
    })
    .await;
    let document = service.get("/openapi.json").await;
    assert!(
        document["components"]["schemas"]["Schedule"]
            .to_string()
            .contains("\"moon\""),
        "Swagger knows it"
    );
}

#[tokio::test]
async fn a_python_listener_is_told_what_it_wants() {
    let folder = Folder::new();
    folder.write(
        "tell.py",
        r#"
from stock_scheduler_plugin import Plugin
plugin = Plugin("tell", "0.1.0")

@plugin.listener(events=["JobFinished"])
def hear(event):
    with open("told", "a") as told:
        told.write(f"{event.id} {event.event} {event.job['name']} {event.data['status']}\n")

plugin.run()
"#,
    );
    folder.write(
        "scheduler.toml",
        &folder.section("listener", "tell", "tell.py"),
    );
    let service = folder.service().await;
    soon("the listener is described", async || {
        let seen = plugin(&service, "listener", "tell").await;
        seen.is_some_and(|it| it["version"] == "0.1.0")
    })
    .await;
    let mut order = order(&["AAPL"]);
    order["fetcher"] = "demo".into();

    let created = service.post("/scheduler/jobs", order).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;
    service.ended(&run).await;

    let told = folder.path("told");
    soon("it is told", async || {
        std::fs::read_to_string(&told)
            .is_ok_and(|told| told.ends_with("JobFinished Mine success\n"))
    })
    .await;
}

/// Runs the command line and answers its exit and what it said.
pub(crate) async fn cli(folder: &Folder, words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stock-scheduler"))
        .args(words)
        .current_dir(folder.0.path())
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn a_new_python_plugin_of_each_role_works_and_keeps_its_promises() {
    for (role, kept) in [
        ("fetcher", "the fetcher keeps its promises"),
        ("schedule", "schedule \"first\" keeps its promises"),
        ("listener", "an event that comes twice is taken"),
    ] {
        let folder = Folder::new();
        let (made, said) = cli(&folder, &["plugin", "new", "first", "--role", role]).await;
        assert!(made, "{said}");

        let tests = Command::new("python3")
            .arg("test_first.py")
            .current_dir(folder.path("first"))
            .output();
        let tests = tests.await.unwrap();
        assert!(
            tests.status.success(),
            "{role}: {}",
            String::from_utf8_lossy(&tests.stderr)
        );
        let (right, said) = cli(&folder, &["plugin", "check", "python3 first/first.py"]).await;
        assert!(right && said.contains(kept), "{role}: {said}");
    }
}

#[tokio::test]
async fn a_new_plugin_is_a_fetcher_in_a_directory_of_its_own() {
    let folder = Folder::new();

    let (made, said) = cli(&folder, &["plugin", "new", "first"]).await;
    let (again, refused) = cli(&folder, &["plugin", "new", "first"]).await;

    assert!(made && said.contains("cd first\n"), "{said}");
    let text = std::fs::read_to_string(folder.path("first/first.py")).unwrap();
    assert!(text.contains("@plugin.fetcher("), "{text}");
    assert!(!again && refused.contains("cannot make first"), "{refused}");
}

#[tokio::test]
async fn the_steps_after_a_new_plugin_go_where_it_is() {
    for lang in ["python", "rust"] {
        let folder = Folder::new();
        let words = [
            "plugin",
            "new",
            "first",
            "--lang",
            lang,
            "--directory",
            "a b",
        ];

        let (made, said) = cli(&folder, &words).await;

        assert!(made && said.contains("cd 'a b'\n"), "{said}");
        assert!(folder.path("a b/README.md").is_file(), "{said}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_work_is_refused_before_anything_is_written() {
    for (words, why) in [
        (&["My Plugin"][..], "lower-case"),
        (&["class"], "keyword of Python"),
        (&["json"], "standard library"),
        (&["crate", "--lang", "rust"], "keyword of Rust"),
        (&["tokio", "--lang", "rust"], "depends on the crate"),
        (&["demo"], "this program has a fetcher of this name"),
        (&["yfinance"], "this program has a fetcher of this name"),
        (&["daily", "--role", "schedule"], "has a schedule of this"),
        (&["after", "--role", "schedule"], "has a schedule of this"),
        (&["webhook", "--role", "listener"], "has a listener of this"),
        (
            &["redis", "--lang", "rust", "--role", "store"],
            "has a store",
        ),
        (&["mine", "--role", "store"], "expected --lang rust"),
    ] {
        let folder = Folder::new();

        let (made, said) = cli(&folder, &[&["plugin", "new"], words].concat()).await;

        assert!(!made && said.contains(why), "{words:?}: {said}");
        assert!(!folder.path(words[0]).exists(), "{words:?}");
    }
}

#[tokio::test]
async fn a_broken_promise_is_told_in_a_sentence() {
    let folder = Folder::new();
    let broken = fetcher(7).replace(
        "for day in request.days()]",
        "for day in reversed(list(request.days()))]",
    );
    folder.write("broken.py", &broken);
    folder.write("silent.py", "print('hello')\n");
    for (words, part) in [
        (&["plugin", "check", "python3 broken.py"][..], "bars"),
        (&["plugin", "check", "python3", "silent.py"], "hello"),
        (&["plugin", "check", "./nothing"], "nothing"),
        (&["plugin", "check", "nobody"], "fetchers are"),
        (&["plugin", "check", "python3 'broken.py"], "quote"),
    ] {
        let (kept, said) = cli(&folder, words).await;

        assert!(!kept && said.contains(part), "{words:?}: {said}");
    }
}

#[tokio::test]
async fn a_fetcher_of_this_program_is_checked_by_its_name() {
    let folder = Folder::new();
    let words = [
        "plugin",
        "check",
        "demo",
        "--symbol",
        "AAPL",
        "--start",
        "2025-06-02",
        "--end",
        "2025-06-06",
    ];

    let (kept, said) = cli(&folder, &words).await;

    assert!(kept && said.contains("keeps its promises"), "{said}");
}
