//! Connections to the provider, one pool for each runtime: a connection is driven by the runtime that opened it, and to
//! use it from another takes longer than it has to.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, redirect, retry};
use stock_scheduler_sdk::ConfigError;
use tokio::runtime::{Handle, Id};

/// A host that does not take a connection by then will not; another may.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Runtimes that are remembered: more than the threads that a host has for this fetcher.
const RUNTIMES: usize = 64;

/// A client for each runtime.
pub(crate) struct Clients {
    user_agent: HeaderValue,
    /// Made to see whether one can be made; the first runtime's.
    first: Client,
    known: Mutex<Vec<(Id, Client)>>,
}

impl Clients {
    /// Nothing is sent yet.
    pub(crate) fn new(user_agent: HeaderValue) -> Result<Self, ConfigError> {
        // Whoever installed a provider before us chose it for the whole process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let first = client(&user_agent).map_err(|e| {
            ConfigError::at(
                "",
                format!("cannot set up TLS, are there CA certificates? {e:?}"),
            )
        })?;
        Ok(Self {
            user_agent,
            first,
            known: Mutex::default(),
        })
    }

    /// The client of the caller's runtime.
    pub(crate) fn here(&self) -> Client {
        let here = Handle::current().id();
        let find = |known: &[(Id, Client)]| {
            let own = known.iter().find(|(runtime, _)| *runtime == here);
            own.map(|(_, client)| client.clone())
        };
        {
            let mut known = self.known();
            if known.is_empty() {
                known.push((here, self.first.clone()));
            }
            if let Some(own) = find(&known) {
                return own;
            }
        }
        // What could be made once, can nearly always be made again. Nobody else waits for it.
        let new = client(&self.user_agent).unwrap_or_else(|_| self.first.clone());
        let mut known = self.known();
        if let Some(own) = find(&known) {
            return own;
        }
        if known.len() == RUNTIMES {
            known.remove(0);
        }
        known.push((here, new.clone()));
        new
    }

    fn known(&self) -> MutexGuard<'_, Vec<(Id, Client)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client(user_agent: &HeaderValue) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(user_agent)
        .redirect(redirect::Policy::limited(3))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // The host tries again, and knows of it.
        .retry(retry::never().max_retries_per_request(0))
        .build()
}
