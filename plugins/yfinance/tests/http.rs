//! How Yahoo is asked, and what becomes of its refusals: over real connections to a provider on this machine.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use stock_scheduler_sdk::conformance::fetcher::{FetcherCases, check};
use stock_scheduler_sdk::{FetchErrorKind, FetcherFactory, Interval};
use stock_scheduler_yfinance::factory;

use support::{Provider, Reply, chart, request};

/// 09:30 in New York on 2024-05-01 and the day after.
const NEW_YORK: [i64; 2] = [1714570200, 1714656600];
/// 09:00 in Tokyo on 2024-05-01 and the day after.
const TOKYO: [i64; 2] = [1714521600, 1714608000];

async fn kind_of(reply: Reply) -> FetchErrorKind {
    let provider = Provider::always(reply.clone()).await;
    let fetcher = provider.fetcher(matches!(reply, Reply::Silence));
    let error = fetcher
        .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    error.kind()
}

#[tokio::test]
async fn the_fetcher_keeps_its_promises() {
    let provider = Provider::start(|target| match target {
        nope if nope.contains("NOPE") => Reply::new(404, "{}"),
        _ => Reply::ok(chart("America/New_York", &NEW_YORK)),
    })
    .await;
    let cases = FetcherCases::new(request("AAPL", "2024-05-01", "2024-05-03"))
        .and(request("aapl", "2024-05-01", "2024-05-02"))
        .with_unknown("NOPE".parse().unwrap());

    check(&*provider.fetcher(false), cases).await.unwrap();
}

#[tokio::test]
async fn one_request_asks_for_exactly_the_dates_wanted() {
    let provider = Provider::always(Reply::ok(chart("America/New_York", &NEW_YORK))).await;
    let fetcher = provider.fetcher(false);

    let series = fetcher
        .fetch(&request("aapl", "2024-05-01", "2024-05-03"))
        .await
        .unwrap();

    assert_eq!(series.symbol.as_str(), "aapl");
    assert_eq!(series.bars.len(), 2);
    assert_eq!(
        provider.targets(),
        [
            "/v8/finance/chart/AAPL?period1=1714536000&period2=1714708800&interval=1d\
          &includePrePost=false&events=div,splits,capitalGains"
        ]
    );
    let head = provider.requests()[0].to_lowercase();
    assert!(
        head.contains("user-agent: mozilla/5.0 (compatible; stock-scheduler/"),
        "{head}"
    );
    assert!(head.contains("accept-encoding: gzip"), "{head}");
}

#[tokio::test]
async fn symbols_are_escaped_and_a_base_path_is_kept() {
    let provider = Provider::always(Reply::new(404, "")).await;
    let section = json!({"url": format!("{}/mirror/", provider.url), "user_agent": "me"});
    let fetcher = factory().build(&section).unwrap();

    for symbol in ["^GSPC", "GBPUSD=X", "M&M.NS", "A$B+C!", "..", "."] {
        let error = fetcher
            .fetch(&request(symbol, "2024-05-01", "2024-05-03"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::UnknownSymbol, "{symbol}");
    }

    let paths: Vec<String> = provider
        .targets()
        .iter()
        .map(|target| target.split('?').next().unwrap().to_owned())
        .collect();
    let asked = ["%5EGSPC", "GBPUSD=X", "M&M.NS", "A$B+C!"];
    assert_eq!(
        paths,
        asked.map(|symbol| format!("/mirror/v8/finance/chart/{symbol}"))
    );
    assert!(provider.requests()[0].contains("user-agent: me\r\n"));
}

#[tokio::test]
async fn one_connection_serves_many_fetches() {
    let provider = Provider::always(Reply::ok(chart("America/New_York", &NEW_YORK))).await;
    let fetcher = provider.fetcher(false);

    for _ in 0..5 {
        fetcher
            .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
            .await
            .unwrap();
    }

    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_zone_guessed_wrong_is_asked_again_once_and_remembered() {
    let provider = Provider::always(Reply::ok(chart("Asia/Tokyo", &TOKYO))).await;
    let fetcher = provider.fetcher(false);
    let window = |target: &String| target[target.find("period1").unwrap()..][..37].to_owned();

    let series = fetcher
        .fetch(&request("^N225", "2024-05-01", "2024-05-02"))
        .await
        .unwrap();
    fetcher
        .fetch(&request("^n225", "2024-05-01", "2024-05-02"))
        .await
        .unwrap();

    assert_eq!(series.zone.name(), "Asia/Tokyo");
    assert_eq!(
        series.bars.len(),
        1,
        "the second bar is outside the request"
    );
    assert_eq!(
        provider.targets().iter().map(window).collect::<Vec<_>>(),
        [
            "period1=1714536000&period2=1714622400",
            "period1=1714489200&period2=1714575600",
            "period1=1714489200&period2=1714575600",
        ]
    );
}

#[tokio::test]
async fn a_zone_guessed_wrong_is_noticed_in_an_empty_answer_too() {
    let provider = Provider::start(|target| {
        let in_tokyo = target.contains("period1=1714489200");
        Reply::ok(chart(
            "Asia/Tokyo",
            if in_tokyo { &TOKYO[..1] } else { &TOKYO[1..] },
        ))
    })
    .await;

    let series = provider
        .fetcher(false)
        .fetch(&request("^N225", "2024-05-01", "2024-05-02"))
        .await;

    assert_eq!(series.unwrap().bars.len(), 1);
}

#[tokio::test]
async fn a_wrong_guess_that_loses_no_bar_costs_nothing() {
    let provider = Provider::always(Reply::ok(chart("Europe/Berlin", &[1714546800]))).await;

    provider
        .fetcher(false)
        .fetch(&request("X.PA", "2024-05-01", "2024-05-02"))
        .await
        .unwrap();

    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn refusals_are_classified_by_what_the_host_can_do() {
    let limited = |retry_after| FetchErrorKind::RateLimited { retry_after };
    let date = "date: Wed, 21 Oct 2026 07:28:00 GMT";
    for (reply, expected) in [
        (Reply::new(404, "not found"), FetchErrorKind::UnknownSymbol),
        (Reply::new(400, "{}"), FetchErrorKind::NoData),
        (Reply::new(422, "{}"), FetchErrorKind::NoData),
        (Reply::new(401, "{}"), FetchErrorKind::Denied),
        (Reply::new(403, "<html>"), FetchErrorKind::Denied),
        (Reply::new(451, ""), FetchErrorKind::Denied),
        (Reply::new(429, "Too Many Requests\r\n"), limited(None)),
        (
            Reply::new(429, "").with("retry-after: 30"),
            limited(Some(30)),
        ),
        (Reply::new(429, "").with("retry-after: soon"), limited(None)),
        (Reply::new(429, "").with("retry-after: -5"), limited(None)),
        (
            Reply::new(429, "")
                .with("retry-after: Wed, 21 Oct 2026 07:30:00 GMT")
                .with(date),
            limited(Some(120)),
        ),
        (
            Reply::new(429, "")
                .with("retry-after: Wed, 21 Oct 2026 07:00:00 GMT")
                .with(date),
            limited(Some(0)),
        ),
        (Reply::new(999, ""), limited(None)),
        (Reply::new(500, "oops"), FetchErrorKind::Unavailable),
        (
            Reply::new(503, "").with("retry-after: 30"),
            FetchErrorKind::Unavailable,
        ),
        (Reply::new(304, ""), FetchErrorKind::Malformed),
        (
            Reply::ok("<html>Will be right back...</html>"),
            FetchErrorKind::Unavailable,
        ),
        (Reply::ok("<html>consent</html>"), FetchErrorKind::Malformed),
        (Reply::ok(""), FetchErrorKind::Malformed),
        (Reply::ok(b"\xff\xfe{".to_vec()), FetchErrorKind::Malformed),
        (
            Reply::ok("{}").with("content-encoding: gzip"),
            FetchErrorKind::Malformed,
        ),
        (Reply::Silence, FetchErrorKind::Unavailable),
        (Reply::HalfAnAnswer, FetchErrorKind::Unavailable),
        (
            Reply::new(302, "").with("location: /again"),
            FetchErrorKind::Unavailable,
        ),
    ] {
        assert_eq!(kind_of(reply.clone()).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_three_times_at_most() {
    let provider = Provider::always(Reply::new(302, "").with("location: /again")).await;

    let error = provider
        .fetcher(false)
        .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
        .await;

    assert_eq!(
        error.unwrap_err().to_string(),
        "127.0.0.1 sends the request for AAPL in a circle"
    );
    assert_eq!(provider.requests().len(), 4);
}

#[tokio::test]
async fn a_body_larger_than_any_chart_is_refused() {
    let provider = Provider::always(Reply::ok(vec![b' '; (16 << 20) + 1])).await;

    let error = provider
        .fetcher(false)
        .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
        .await;

    let error = error.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Malformed);
    assert!(
        error.to_string().contains("more than 16777216 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_packed_body_is_unpacked() {
    let body = gzip(chart("America/New_York", &NEW_YORK).as_bytes());
    let provider = Provider::always(Reply::ok(body).with("content-encoding: gzip")).await;

    let series = provider
        .fetcher(false)
        .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
        .await;

    assert_eq!(series.unwrap().bars.len(), 2);
}

#[tokio::test]
async fn a_failing_host_is_left_for_the_next_one() {
    let good = Provider::always(Reply::ok(chart("America/New_York", &NEW_YORK))).await;
    let broken = Provider::always(Reply::new(502, "")).await;
    let asked = request("AAPL", "2024-05-01", "2024-05-03");
    // Nobody listens where this one was.
    let gone = Provider::always(Reply::Silence).await.url.clone();

    let urls = json!([broken.url, gone, good.url]);
    let fetcher = factory().build(&json!({ "url": urls })).unwrap();

    for _ in 0..2 {
        let error = fetcher.fetch(&asked).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Unavailable, "{error}");
    }
    for _ in 0..2 {
        fetcher.fetch(&asked).await.unwrap();
    }
    assert_eq!(broken.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_does_not_change_the_host() {
    let strict = Provider::always(Reply::new(429, "")).await;
    let other = Provider::always(Reply::new(500, "")).await;
    let fetcher = factory()
        .build(&json!({ "url": [strict.url, other.url] }))
        .unwrap();

    for _ in 0..3 {
        fetcher
            .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
            .await
            .unwrap_err();
    }

    assert_eq!((strict.requests().len(), other.requests().len()), (3, 0));
}

#[tokio::test]
async fn a_dropped_fetch_closes_its_connection_and_can_be_asked_again() {
    static AWAKE: AtomicBool = AtomicBool::new(false);
    let provider = Provider::start(|_| match AWAKE.load(Ordering::SeqCst) {
        true => Reply::ok(chart("America/New_York", &NEW_YORK)),
        false => Reply::Silence,
    })
    .await;
    let fetcher = provider.fetcher(false);
    let asked = request("AAPL", "2024-05-01", "2024-05-03");
    let arrived = async {
        while provider.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };

    tokio::select! {
        _ = fetcher.fetch(&asked) => unreachable!("the provider is silent"),
        _ = arrived => {}
    }

    tokio::time::timeout(Duration::from_secs(10), provider.deserted())
        .await
        .expect("it closes");
    AWAKE.store(true, Ordering::SeqCst);
    fetcher.fetch(&asked).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_answered_is_not_asked() {
    let provider = Provider::always(Reply::Silence).await;
    let fetcher = provider.fetcher(false);
    let weekly = request("AAPL", "2024-05-01", "2024-06-01").with_interval(Interval::Weeks(1));

    for (asked, message) in [
        (weekly, "yfinance fetches bars of 1d only, not of 1wk"),
        (
            request("AAPL", "2024-05-01", "2024-05-01"),
            "yahoo has no bars of AAPL from 2024-05-01 until 2024-05-01",
        ),
    ] {
        let error = fetcher.fetch(&asked).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (FetchErrorKind::NoData, message)
        );
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn errors_show_the_host_and_no_password() {
    let url = Provider::always(Reply::Silence)
        .await
        .url
        .replace("//", "//me:secret@");
    let fetcher = factory().build(&json!({ "url": url })).unwrap();

    let error = fetcher
        .fetch(&request("AAPL", "2024-05-01", "2024-05-03"))
        .await
        .unwrap_err();

    assert_eq!(error.to_string(), "cannot connect to 127.0.0.1 for AAPL");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn limits_come_from_the_configuration_and_zero_lifts_them() {
    let limits = |section| factory().build(&section).unwrap().info().limits;

    let default = limits(json!({}));
    assert_eq!((default.per_second, default.burst), (Some(0.5), Some(5)));
    assert_eq!(
        (default.concurrency, default.per_hour),
        (Some(2), Some(1000))
    );
    assert_eq!(default.timeout, Some(Duration::from_secs(30)));

    let lifted = limits(json!({
        "requests_per_second": 0, "burst": 0, "concurrency": 0, "requests_per_hour": 0
    }));
    assert_eq!((lifted.per_second, lifted.burst), (None, None));
    assert_eq!((lifted.concurrency, lifted.per_hour), (None, None));
}

/// Wraps `bytes` in gzip without packing them.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("one block is enough");
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}
