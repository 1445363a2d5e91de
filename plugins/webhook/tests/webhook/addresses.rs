//! Ways of writing an address that is not public: none leads to it.

use serde_json::json;
use stock_scheduler_sdk::{DeliveryErrorKind, ListenerFactory};
use stock_scheduler_webhook::WebhookFactory;

use crate::support::{Receiver, Reply, SECRET, delivery};

/// Hosts that lead to this machine.
const OWN: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.1.",
    "127.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0x7f.0.0.01",
    "0x0000007f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "00000000177.1",
    "127.0x1",
    "127.000.000.001",
    "127.0.0.0x1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "127.0.0.%31",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[::]",
    "[0::0]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::ffff:0.0.0.0]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "LocalHost",
    "ｌｏｃａｌｈｏｓｔ",
    "ⓛocalhost",
    "local%68ost",
    "a.localhost",
    "a.b.localhost.",
    "loc\u{ad}alhost",
    "localhost.local",
    "example.com@127.0.0.1",
    "example.com:80@127.0.0.1",
    "8.8.8.8@127.1",
    "me:127.0.0.2@localhost",
    "@127.0.0.1",
    "a%40b@127.0.0.1",
    "a@b@127.0.0.1",
];

/// Hosts of this machine's network and its cloud, or of nobody.
const NEAR: &[&str] = &[
    "169.254.169.254",
    "169.254.1.1",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "metadata.google.internal.",
    "instance-data.ec2.internal",
    "printer.local",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "0x0a000001",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "3232235521",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[4000::1]",
    "[::8.8.8.8]",
    "[::ffff:8.8.8.8]",
];

/// What is written in full where a host alone does not say it.
fn tricks(port: u16) -> Vec<String> {
    [
        "http:127.0.0.1:PORT",
        "http:/127.0.0.1:PORT/",
        "http:///127.0.0.1:PORT/",
        "http:\\\\127.0.0.1:PORT\\",
        "http://127.0.0.1:PORT\\@example.com/",
        "http://127.0.0.1:PORT#@example.com/",
        "http://127.0.0.1:PORT?@example.com/",
        "http://127.0.0.1:PORT/@example.com/",
        "  http://127.0.0.1:PORT/  ",
        "ht\ntp://127.0\t.0.1:PORT/",
        "\u{1}http://127.0.0.1:PORT/",
        "HTTP://127.0.0.1:PORT/",
        "//127.0.0.1:PORT/",
        "127.0.0.1:PORT",
        "file://127.0.0.1:PORT/",
        "ftp://127.0.0.1:PORT/",
        "gopher://127.0.0.1:PORT/",
        "ws://127.0.0.1:PORT/",
        "unix:/run/docker.sock",
        "http://[::1%25lo]:PORT/",
        "http://[::1%lo]:PORT/",
        "http://127.0.0.1:0PORT/",
        "http://127.0.0.1:0/",
        "http://example.com:0/",
        "http://example.com:70000/",
        "http://256.256.256.256:PORT/",
        "http://127.0.0.1.1:PORT/",
        "http://0x7f.0.0.1.:PORT/",
        "http://::1:PORT/",
        "http://[127.0.0.1]:PORT/",
        "http://127.0.0.1\u{0}.example.com:PORT/",
        "http://127.0.0.1 .example.com:PORT/",
        "http://:PORT/",
        "http://",
        "",
    ]
    .map(|text| text.replace("PORT", &port.to_string()))
    .into()
}

/// The sentence with which a URL is refused, when the listener is built or at the delivery.
async fn refusal(url: &str) -> Option<String> {
    let section = json!({"url": url, "secret": SECRET, "timeout": "2s"});
    let listener = match WebhookFactory.build(&section) {
        Ok(listener) => listener,
        Err(error) => {
            assert_eq!(error.pointer, "/url");
            return Some(error.message);
        }
    };
    let error = listener.deliver(&delivery()).await.err()?;
    (error.kind() == DeliveryErrorKind::Refused).then(|| error.to_string())
}

#[tokio::test]
async fn no_way_of_writing_leads_to_an_address_that_is_not_public() {
    let canary = Receiver::answering(Reply::of("200 OK", "")).await;
    let port = canary.port;
    let canary_v6 = Receiver::at(&format!("[::1]:{port}"), Reply::of("200 OK", "")).await;
    let hosts = OWN.iter().chain(NEAR);
    let urls = hosts.flat_map(|host| ["http", "https"].map(|s| format!("{s}://{host}:{port}/")));
    let urls: Vec<_> = urls.chain(tricks(port)).collect();
    assert!(urls.len() > 200);

    for url in &urls {
        let sentence = refusal(url).await;

        let sentence = sentence.unwrap_or_else(|| panic!("{url:?} was not refused"));
        assert!(sentence.split(' ').count() > 3, "{url:?}: {sentence}");
    }

    for canary in [Some(canary), canary_v6].into_iter().flatten() {
        assert!(canary.requests().is_empty(), "{:?}", canary.requests());
    }
}

#[tokio::test]
async fn a_listener_that_may_tell_private_addresses_reaches_them() {
    let canary = Receiver::answering(Reply::of("200 OK", "")).await;
    let canary_v6 = Receiver::at("[::1]:0", Reply::of("200 OK", "")).await;
    let v4 = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost"];
    let urls = v4.map(|host| format!("http://{host}:{}/", canary.port));

    for url in &urls {
        let told = canary
            .listener(json!({"url": url}))
            .deliver(&delivery())
            .await;
        assert!(told.is_ok(), "{url}: {told:?}");
    }

    assert_eq!(canary.requests().len(), urls.len());
    if let Some(canary) = canary_v6 {
        let url = format!("http://[0:0::1]:{}/", canary.port);
        let told = canary
            .listener(json!({"url": url}))
            .deliver(&delivery())
            .await;
        assert!(told.is_ok() && canary.requests().len() == 1, "{told:?}");
    }
}
