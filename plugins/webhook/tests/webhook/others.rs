//! Requests are verified by the reference implementation in Python, where it is installed.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Receiver, Reply, SECRET, delivery};

const VERIFY: &str = "
import json, sys
from standardwebhooks import Webhook
request = json.load(sys.stdin)
print(json.dumps(Webhook(request['secret']).verify(request['body'], request['headers'])))
";

fn is_installed() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import standardwebhooks"]);
    let status = python.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What the reference implementation reads of a request, or `None` where it refuses it.
fn verified(request: &serde_json::Value) -> Option<serde_json::Value> {
    let mut python = Command::new("python3");
    python.args(["-c", VERIFY]).stdin(Stdio::piped());
    python.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = python.spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), request).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).ok()
}

#[tokio::test]
async fn the_reference_implementation_verifies_requests() {
    if !is_installed() {
        eprintln!("skipped: python3 has no standardwebhooks");
        return;
    }
    let receiver = Receiver::answering(Reply::of("200 OK", "")).await;
    receiver
        .listener(json!({}))
        .deliver(&delivery())
        .await
        .unwrap();
    let [request] = receiver.requests().try_into().unwrap();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> = names
        .map(|name| (name.to_owned(), request.header(name).into()))
        .into_iter()
        .collect();
    let mut request = json!({
        "secret": SECRET,
        "headers": headers,
        "body": String::from_utf8(request.body).unwrap(),
    });

    assert_eq!(verified(&request).unwrap()["type"], "JobFinished");

    request["body"] = json!("{}");
    assert_eq!(verified(&request), None);
}
