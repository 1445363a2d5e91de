//! Asks Yahoo: one request a symbol, over connections that are kept.
//!
//! What the answer means is the business of `answer`; waiting and trying again is the host's.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::DateTime;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, Url};
use stock_scheduler_sdk::{
    ConfigError, FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherInfo, Interval, Limits,
    Series, async_trait,
};

use crate::answer::{Answer, SymbolChart};
use crate::calendar::Window;
use crate::clients::Clients;
use crate::config::Config;
use crate::refusal::{malformed, no_bars};
use crate::zones::Zones;

/// Fetches daily bars from Yahoo's chart endpoint.
///
/// One request is made for each fetch. A second follows only for a symbol whose zone could not be told from its name,
/// and then once: what the answer said is remembered.
pub struct YFinance {
    clients: Clients,
    hosts: Hosts,
    addresses: Addresses,
    zones: Zones,
    limits: Limits,
    timeout: Duration,
}

/// No chart is as large: fifty years of days are less than 2 MB.
const MOST_BYTES: usize = 16 << 20;

impl YFinance {
    /// A fetcher that asks as `config` says. Nothing is sent yet.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|e| ConfigError::at("/user_agent", format!("user_agent: {e}")))?;
        Ok(Self {
            clients: Clients::new(user_agent)?,
            hosts: Hosts::new(config.urls()?),
            addresses: Addresses::default(),
            zones: Zones::default(),
            limits: limits(&config),
            timeout: config.timeout,
        })
    }

    /// Asks for `window`.
    async fn ask(
        &self,
        request: &FetchRequest,
        window: Window,
        deadline: Instant,
    ) -> Result<SymbolChart, FetchError> {
        let (host, base) = self.hosts.current();
        let url = self.addresses.of(base, request, window);
        let left = deadline.saturating_duration_since(Instant::now());
        let answered = self.answer_of(url, request, left).await;
        if answered
            .as_ref()
            .is_err_and(|e| e.kind() == FetchErrorKind::Unavailable)
        {
            self.hosts.leave(host);
        }
        answered
    }

    async fn answer_of(
        &self,
        url: Url,
        request: &FetchRequest,
        timeout: Duration,
    ) -> Result<SymbolChart, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |e| transport_error(e, &host, request);
        let response = self
            .clients
            .here()
            .get(url)
            .timeout(timeout)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = match body_of(response).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                return Err(malformed(
                    request,
                    format!("it has more than {MOST_BYTES} bytes"),
                ));
            }
            Err(e) => return Err(failed(e)),
        };
        SymbolChart::read(
            &Answer {
                status,
                retry_after,
                body: &body,
            },
            request,
        )
    }
}

#[async_trait]
impl Fetcher for YFinance {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        check(request)?;
        let deadline = Instant::now() + self.timeout;
        let symbol = request.symbol.to_upper();
        let zone = self.zones.zone(&symbol);
        let window = Window::of(request, zone);
        let mut chart = self.ask(request, window, deadline).await?;
        if chart.zone != zone {
            self.zones.learn(&symbol, chart.zone);
            let meant = Window::of(request, chart.zone);
            if !window.covers(&meant) {
                chart = self.ask(request, meant, deadline).await?;
            }
        }
        chart.series(request)
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.version = env!("CARGO_PKG_VERSION").to_owned();
        info.intervals = vec![Interval::Day];
        info.limits = self.limits;
        info
    }
}

/// Refuses what Yahoo need not be asked for.
fn check(request: &FetchRequest) -> Result<(), FetchError> {
    if request.interval != Interval::Day {
        let message = format!(
            "yfinance fetches bars of 1d only, not of {}",
            request.interval
        );
        return Err(FetchError::new(FetchErrorKind::NoData, message));
    }
    // In a path these two would mean another document.
    if matches!(request.symbol.as_str(), "." | "..") {
        let message = format!("{:?} is no symbol", request.symbol.as_str());
        return Err(FetchError::new(FetchErrorKind::UnknownSymbol, message));
    }
    if request.start >= request.end {
        return Err(no_bars(request));
    }
    Ok(())
}

/// The whole body, or `None` when it is larger than any chart. What gzip makes of it is counted, not what was sent.
async fn body_of(mut response: Response) -> reqwest::Result<Option<Bytes>> {
    // Most come in one piece, which need not be copied.
    let first = response.chunk().await?.unwrap_or_default();
    let mut next = response.chunk().await?;
    if next.is_none() {
        return Ok(Some(first).filter(|body| body.len() <= MOST_BYTES));
    }
    let mut body = Vec::from(first);
    while let Some(chunk) = next {
        if body.len() + chunk.len() > MOST_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
        next = response.chunk().await?;
    }
    Ok(Some(body.into()))
}

/// The seconds that the provider asks to wait, whether it gave them or the time when they are over.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let wish = text(RETRY_AFTER)?;
    if let Ok(seconds) = wish.parse() {
        return Some(seconds);
    }
    // Against the provider's own clock: ours may differ from it.
    let until = DateTime::parse_from_rfc2822(wish).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
    Some((until - now).num_seconds().max(0).unsigned_abs())
}

/// The error of a request without an answer. It names the host alone: a URL may hold a password.
fn transport_error(error: reqwest::Error, host: &str, request: &FetchRequest) -> FetchError {
    let symbol = &request.symbol;
    if error.is_decode() && cannot_be_unpacked(&error) {
        return malformed(request, "it cannot be unpacked").with_source(error.without_url());
    }
    let message = if error.is_timeout() && !error.is_connect() {
        format!("{host} did not answer in time for {symbol}")
    } else if error.is_connect() {
        format!("cannot connect to {host} for {symbol}")
    } else if error.is_redirect() {
        format!("{host} sends the request for {symbol} in a circle")
    } else {
        format!("the connection to {host} broke while it answered for {symbol}")
    };
    FetchError::new(FetchErrorKind::Unavailable, message).with_source(error.without_url())
}

/// Whether the body is not what its `Content-Encoding` says; only the cause tells that from a broken connection.
fn cannot_be_unpacked(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return matches!(
                io.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
            );
        }
        cause = error.source();
    }
    false
}

fn limits(config: &Config) -> Limits {
    let mut limits = Limits::default();
    limits.concurrency = Some(config.concurrency).filter(|n| *n > 0);
    limits.per_second = Some(config.requests_per_second).filter(|n| *n > 0.0);
    limits.burst = Some(config.burst).filter(|n| *n > 0);
    limits.per_hour = Some(config.requests_per_hour).filter(|n| *n > 0);
    limits.timeout = Some(config.timeout);
    limits
}

/// Equal hosts, of which one is asked until it fails.
struct Hosts {
    bases: Vec<Url>,
    current: AtomicUsize,
}

impl Hosts {
    fn new(bases: Vec<Url>) -> Self {
        Self {
            bases,
            current: AtomicUsize::new(0),
        }
    }

    fn current(&self) -> (usize, &Url) {
        let current = self.current.load(Ordering::Relaxed);
        (current, &self.bases[current % self.bases.len()])
    }

    /// Turns to the next host, unless another request that failed on `host` has done so.
    fn leave(&self, host: usize) {
        let next = host.wrapping_add(1);
        let _ = self
            .current
            .compare_exchange(host, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Makes the addresses of charts. The symbols of a job have all of it in common but themselves, so the last one is kept.
#[derive(Default)]
struct Addresses(Mutex<Option<Address>>);

struct Address {
    base: Url,
    window: Window,
    interval: Interval,
    /// The address; its path is still the base's.
    question: Url,
}

impl Addresses {
    fn of(&self, base: &Url, request: &FetchRequest, window: Window) -> Url {
        // Of what a symbol may hold, this alone may not stand in a path as it is.
        let symbol = request.symbol.to_upper().replace('^', "%5E");
        let mut url = self.question(base, request.interval, window);
        let before = base.path().trim_end_matches('/');
        url.set_path(&[before, "/v8/finance/chart/", &symbol].concat());
        url
    }

    fn question(&self, base: &Url, interval: Interval, window: Window) -> Url {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |a: &&Address| a.window == window && a.interval == interval && a.base == *base;
        if let Some(known) = last.as_ref().filter(is_same) {
            return known.question.clone();
        }
        let mut question = base.clone();
        question.set_query(Some(&format!(
            "period1={}&period2={}&interval={interval}&includePrePost=false&events=div,splits,capitalGains",
            window.from.timestamp(),
            window.until.timestamp(),
        )));
        let base = base.clone();
        let known = last.insert(Address {
            base,
            window,
            interval,
            question,
        });
        known.question.clone()
    }
}
