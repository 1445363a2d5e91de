//! The published document: the committed one is what the service serves, on every machine.

use std::path::Path;
use std::process::Command;

use crate::support::Service;
use crate::support::service::Options;

/// The document as the command prints it, on a machine in this zone.
fn printed(zone: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stock-scheduler"))
        .arg("openapi")
        .env("TZ", zone)
        .env("STOCK_SCHEDULER_TIMEZONE", zone)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first line in which two texts differ, with those around it.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let at = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str]| lines[at.saturating_sub(3)..lines.len().min(at + 4)].join("\n");
    format!(
        "line {}, committed:\n{}\ngenerated:\n{}",
        at + 1,
        part(&old),
        part(&new)
    )
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let now = printed("UTC");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &now).unwrap();
    }

    let committed = std::fs::read_to_string(&file).unwrap_or_default();

    assert!(
        committed == now,
        "openapi/openapi.json is not what the code says; if the change is meant, accept it with\n  \
         UPDATE_OPENAPI=1 cargo test --test suite openapi\n{}",
        difference(&committed, &now)
    );
}

#[test]
fn the_document_is_the_same_on_every_machine() {
    assert_eq!(printed("UTC"), printed("America/New_York"));
}

#[tokio::test]
async fn the_served_document_is_the_printed_one() {
    let service = Service::start(&Options::store("memory:")).await;

    for path in ["/openapi.json", "/openapi.yaml"] {
        let served = service.send(reqwest::Method::GET, path, None).await;
        assert_eq!(served.text().await.unwrap(), printed("UTC"), "{path}");
    }
}
