//! Plugins' programs that start slowly, change, do not work, or are not what the configuration takes them for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::Durable;
use crate::plugins::{Folder, fetcher, mine, order, plugin, ran, refused, soon, until};
use crate::support::service::Options;
use crate::support::{Receiver, Service};

fn is(version: &str) -> impl Fn(Option<&Value>) -> bool {
    move |plugin| plugin.is_some_and(|it| it["version"] == version)
}

/// An order with an option that the fetcher `mine` does not know.
fn with_wrong_option() -> Value {
    let mut wrong = order(&["ABC"]);
    wrong["fetcher"] = json!({"name": "mine", "options": {"feed": "sib"}});
    wrong
}

#[tokio::test]
async fn a_changed_program_that_does_not_work_leaves_what_was_in_force() {
    let (folder, service) = mine("").await;

    folder.write("mine.py", &(fetcher(8) + "\ndef half_saved("));
    until(&service, "mine", |plugin| {
        let problem = plugin.and_then(|it| it["problem"].as_str());
        problem.is_some_and(|why| why.contains("what was in force stays"))
    })
    .await;
    let seen = plugin(&service, "fetcher", "mine").await.unwrap();

    assert_eq!(seen["version"], "1.2.3");
    refused(&service, with_wrong_option()).await;
    assert_eq!(ran(&service, &["ABC"]).await["status"], "success");
    // A file that is away for a moment is looked at again when it is back.
    std::fs::remove_file(folder.path("mine.py")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    folder.write("mine.py", &fetcher(8).replace("1.2.3", "1.2.4"));
    until(&service, "mine", is("1.2.4")).await;
    let seen = plugin(&service, "fetcher", "mine").await.unwrap();
    assert_eq!(seen["problem"], Value::Null);
}

#[tokio::test]
async fn nothing_is_saved_with_a_fetcher_that_has_not_said_yet_what_it_offers() {
    let folder = Folder::new();
    let waits = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\n";
    folder.write("mine.py", &(waits.to_owned() + &fetcher(7)));
    let section = folder.section("fetcher", "mine", "mine.py");
    folder.write("scheduler.toml", &section);
    let service = folder.service().await;
    until(&service, "mine", |plugin| plugin.is_some()).await;

    let answer = service.send(Method::POST, "/scheduler/jobs", Some(order(&["ABC"])));
    let answer = answer.await;

    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("has not described itself yet") && !text.contains("store"),
        "{text}"
    );
    folder.write("go", "");
    until(&service, "mine", is("1.2.3")).await;
    refused(&service, with_wrong_option()).await;
    assert_eq!(ran(&service, &["ABC"]).await["status"], "success");
}

#[tokio::test]
async fn a_run_waits_for_the_limits_of_a_fetcher_that_still_starts() {
    let (folder, store) = (Folder::new(), Durable::sqlite());
    let text = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\n".to_owned();
    let text = text + &fetcher(7);
    let text = text.replace(
        "concurrency=8,",
        "concurrency=8, requests_per_second=2, burst=1,",
    );
    let text = text.replace(
        "    bars = [",
        "    open('calls', 'a').write(f'{time.monotonic()}\\n')\n    bars = [",
    );
    assert!(text.contains("requests_per_second") && text.contains("'calls'"));
    folder.write("mine.py", &text);
    folder.write("go", "");
    folder.write(
        "scheduler.toml",
        &folder.section("fetcher", "mine", "mine.py"),
    );
    let config = folder.path("scheduler.toml");
    let options = Options::store(&store.url()).with("--config", config.to_str().unwrap());
    let mut service = Service::start(&options).await;
    until(&service, "mine", is("1.2.3")).await;
    let created = service
        .post("/scheduler/jobs", order(&["A", "B", "C", "D"]))
        .await;
    service.stop().await;
    std::fs::remove_file(folder.path("go")).unwrap();

    let service = Service::start(&options).await;
    let run = service.run(created["job_id"].as_str().unwrap()).await;
    folder.write("go", "");
    let ended = service.ended(&run).await;

    assert_eq!(ended["status"], "success", "{ended}");
    let calls = std::fs::read_to_string(folder.path("calls")).unwrap();
    let calls: Vec<f64> = calls.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(calls.len(), 4);
    assert!(calls[3] - calls[0] > 1.2, "{calls:?}");
}

/// Waits until the listener `hook` comes from there.
async fn comes_from(service: &Service, origin: &str) {
    soon("the listener comes from elsewhere", async || {
        let hook = plugin(service, "listener", "hook").await;
        hook.is_some_and(|hook| hook["origin"].as_str().unwrap().starts_with(origin))
    })
    .await;
}

#[tokio::test]
async fn a_name_passes_from_this_program_to_one_of_its_own_and_back() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let webhook = format!(
        "[plugins.listener.hook]\nkind = \"webhook\"\nurl = \"{}\"\nallow_private = true\n\
         secret = \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"\n",
        receiver.url()
    );
    folder.write("scheduler.toml", &webhook);
    let told = "\n@plugin.listener()\ndef hear(event): pass\n\nplugin.run()";
    folder.write("mine.py", &fetcher(7).replace("\nplugin.run()", told));
    let service = folder.service().await;
    comes_from(&service, "configuration, of kind \"webhook\"").await;

    let process = folder.section("listener", "hook", "mine.py");
    folder.write("scheduler.toml", &process);
    comes_from(&service, "process python3").await;
    // What is wrong takes nothing out.
    folder.write("scheduler.toml", &webhook);
    comes_from(&service, "configuration").await;
    folder.write("scheduler.toml", "[plugins.listener.hook]\ncommand = 5\n");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;

    comes_from(&service, "configuration").await;
}

#[tokio::test]
async fn what_a_program_is_given_wrongly_is_seen_and_its_secrets_are_not() {
    let folder = Folder::new();
    let named = "Plugin(\"mine\", \"1.2.3\", config_schema={\"type\": \"object\", \"properties\": \
                 {\"level\": {\"type\": \"integer\"}}})";
    let text = fetcher(7).replace("Plugin(\"mine\", \"1.2.3\")", named);
    assert!(text.contains("config_schema"));
    folder.write("mine.py", &text);
    let section = folder.section("fetcher", "mine", "mine.py");
    let section = section.replace("\"mine.py\"]", "\"mine.py\", \"eyJ.hush.sig\"]");
    folder.write(
        "scheduler.toml",
        &(section + "config = {level = \"high\"}\n"),
    );
    let service = folder.service().await;

    until(&service, "mine", is("1.2.3")).await;
    let seen = plugin(&service, "fetcher", "mine").await.unwrap();

    let problem = seen["problem"].as_str().unwrap();
    assert!(problem.contains("config.level"), "{problem}");
    assert_eq!(seen["origin"], "process python3 mine.py");
    let all = service.get("/scheduler/plugins").await.to_string();
    assert!(!all.contains("hush"), "{all}");
}
