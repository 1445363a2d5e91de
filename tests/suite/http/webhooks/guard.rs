//! Nothing that is not public is reached.

use super::*;

/// Hosts that lead to this machine, in ways that a look at the text may miss.
const OWN: &[&str] = &[
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "127%2e0%2e0%2e1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
    "local%68ost",
    "a.localhost",
    "example.com@127.0.0.1",
    "8.8.8.8@localhost",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "10.0.0.1",
    "192.168.0.1",
    "[fe80::1]",
];

/// The names that this machine's own file gives to itself.
fn own_names() -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().filter_map(|line| line.split('#').next());
    let own = lines.filter(|line| line.starts_with("127.") || line.starts_with("::1"));
    let names = own.flat_map(|line| line.split_whitespace().skip(1));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn no_webhook_reaches_what_is_not_public() {
    let api = Api::start().await;
    let canary = Receiver::start().await;
    let port = canary.port();
    let canary_v6 = Receiver::at(&format!("[::1]:{port}")).await;
    let hosts = OWN.iter().map(ToString::to_string).chain(own_names());
    let urls =
        hosts.flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}/")));
    let redirected = [
        format!("http:127.0.0.1:{port}"),
        format!("http:\\\\127.0.0.1:{port}\\@example.com/"),
    ];
    let (mut refused, mut undelivered) = (0, 0);

    for url in urls.chain(redirected) {
        let created = api
            .send(&format!("POST {HOOKS}"), json!({"url": url}))
            .await;
        if created.status == 422 {
            assert_eq!(created.json()["errors"][0]["pointer"], "/url", "{url}");
            refused += 1;
            continue;
        }
        // A name that looks public: what it leads to is looked at when it is told.
        let hook = created.ok()["webhook_id"].as_str().unwrap().to_owned();
        let tried = api.call(&format!("POST {HOOKS}/{hook}/test")).await.ok();
        assert_eq!(tried["ok"], false, "{url}");
        undelivered += 1;
    }
    // Nor by changing one that is public, nor by an event.
    let hook = api
        .send(&format!("POST {HOOKS}"), json!({"url": PUBLIC}))
        .await
        .ok();
    let patch = format!("PATCH {HOOKS}/{}", hook["webhook_id"].as_str().unwrap());
    api.send(&patch, json!({"url": canary.url()}))
        .await
        .problem(422);
    api.send(&patch, json!({"url": canary.url(), "is_active": false}))
        .await
        .problem(422);
    api.job(json!({})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    assert_eq!(
        refused + undelivered,
        2 * (OWN.len() + own_names().len()) + 2
    );
    assert!(refused >= 2 * OWN.len(), "{refused} refused");
    for canary in [Some(canary), canary_v6].into_iter().flatten() {
        assert!(canary.requests().is_empty(), "{:?}", canary.requests());
    }
}

#[tokio::test]
async fn a_webhook_that_may_not_be_told_any_more_says_so() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = format!("sqlite:{}", dir.path().join("jobs.db").display());
    let mut api = Api(Service::start(&options(&store)).await);
    let receiver = Receiver::start().await;
    let (hook, _) = api.hook(&receiver, json!({"events": ["JobCreated"]})).await;
    api.0.stop().await;

    let mut strict = Api(Service::start(&Options::store(&store)).await);
    strict.job(json!({})).await;
    let problem = eventually("it says so", Duration::from_secs(5), async || {
        strict.get(&hook).await["problem"]
            .as_str()
            .map(str::to_owned)
    })
    .await;
    strict.0.stop().await;
    let api = Api(Service::start(&options(&store)).await);

    assert!(
        problem.contains("127.0.0.1 is no public address"),
        "{problem}"
    );
    assert_eq!(
        types(&receiver.received(1).await),
        ["JobCreated"],
        "it goes on"
    );
    eventually("all is well", Duration::from_secs(5), async || {
        let hook = api.get(&hook).await;
        (hook["problem"].is_null() && hook["is_active"] == true).then_some(())
    })
    .await;
}
