//! Webhooks: made, changed, looked after, and told what happens.

mod definition;
mod deliveries;
mod guard;
mod reference;
mod telling;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Api, has_fields};
use crate::support::receiver::{Reply, Request};
use crate::support::service::Options;
use crate::support::{Receiver, RedisServer, Service, eventually};

const HOOKS: &str = "/scheduler/webhooks";
/// A secret as a client brings it.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// An address that nobody tells: 192.0.2.0/24 leads nowhere.
const PUBLIC: &str = "https://example.com/hook";

fn options(store: &str) -> Options {
    Options::store(store).switch("--private-webhooks")
}

impl Api {
    /// On an empty store, and webhooks may lead to this machine.
    async fn telling() -> Self {
        Self(Service::start(&options("memory:")).await)
    }

    /// A webhook as `more` says that tells `receiver`; answers its path and secret.
    async fn hook(&self, receiver: &Receiver, mut more: Value) -> (String, String) {
        more["url"] = receiver.url().into();
        let created = self.send(&format!("POST {HOOKS}"), more).await.ok();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        (format!("{HOOKS}/{}", text("webhook_id")), text("secret"))
    }

    async fn get(&self, path: &str) -> Value {
        self.call(&format!("GET {path}")).await.ok()
    }

    /// A webhook's deliveries, once they are as wished.
    async fn deliveries(&self, hook: &str, are_right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let most = Duration::from_secs(20);
        eventually("the deliveries are right", most, async || {
            let list = self.get(&format!("{hook}/deliveries")).await;
            let list = list.as_array().unwrap().clone();
            are_right(&list).then_some(list)
        })
        .await
    }

    /// Runs a job to its end.
    async fn run(&self, job: &str) {
        let run = self.send(&format!("POST {job}/run"), json!({})).await.ok();
        self.0.ended(run["execution_id"].as_str().unwrap()).await;
    }
}

fn types(requests: &[Request]) -> Vec<String> {
    let types = requests
        .iter()
        .map(|request| request.json()["type"].clone());
    types
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}
