//! What is sent, read by the reference implementation of Standard Webhooks.

use std::process::Command;

use super::*;

const VERIFY: &str = "
import json, sys
from standardwebhooks import Webhook
request = json.load(sys.stdin)
print(json.dumps(Webhook(request['secret']).verify(request['body'], request['headers'])))
";

/// What the reference implementation in Python reads of a request, or `None` where it refuses it.
fn verified(request: &Value) -> Option<Value> {
    let mut python = Command::new("python3");
    python
        .args(["-c", VERIFY])
        .stdin(std::process::Stdio::piped());
    python
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = python.spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), request).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).ok()
}

#[tokio::test]
async fn the_reference_implementation_verifies_what_the_service_sends() {
    let import = Command::new("python3")
        .args(["-c", "import standardwebhooks"])
        .output();
    if !import.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: python3 has no package standardwebhooks");
        return;
    }
    let (api, receiver) = (Api::telling().await, Receiver::start().await);
    let (_, secret) = api
        .hook(&receiver, json!({"events": ["JobFinished"]}))
        .await;
    let job = api.job(json!({})).await;
    api.run(&job).await;

    let [request] = receiver.received(1).await.try_into().unwrap();

    let header = |name: &str| (name.to_owned(), request.header(name).into());
    let headers: serde_json::Map<_, _> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(header)
        .into_iter()
        .collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    let mut sent = json!({"secret": secret, "headers": headers, "body": body});
    assert_eq!(verified(&sent), Some(request.json()));
    sent["secret"] = SECRET.into();
    assert_eq!(verified(&sent), None, "another secret");
}
