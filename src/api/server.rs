//! Listening: many connections, small answers at once, an end that waits for nobody for long.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::endpoint;
use crate::host::Host;

/// How many connections may wait to be accepted: a few hundred listeners may come at once.
const BACKLOG: u32 = 4_096;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(75);
/// How long answers under way may take when the service stops.
const DRAIN: Duration = Duration::from_secs(2);

/// The HTTP face of a host, bound to an address.
pub struct Server {
    host: Host,
    acceptor: TcpAcceptor,
    address: SocketAddr,
    origins: Vec<String>,
    job_gauges: bool,
}

impl Server {
    /// Binds `address` (port 0: any free one), to serve `host` to clients and to pages of `origins`.
    pub fn bind(host: Host, address: SocketAddr, origins: Vec<String>) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Self {
            host,
            acceptor: TcpAcceptor::from_tokio(listener)?,
            address,
            origins,
            job_gauges: true,
        })
    }

    /// Tells of no single job in the metrics: two numbers for each are many where there are many jobs.
    pub fn without_job_metrics(mut self) -> Self {
        self.job_gauges = false;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then stops the host and ends: within ten seconds, whatever clients do.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let streams = CancellationToken::new();
        let app = endpoint(&self.host, self.origins, self.job_gauges, streams.clone());
        let host = self.host.clone();
        let stopped = async move {
            stop.await;
            // New requests are still answered while runs checkpoint; reads as before, writes too.
            host.stop().await;
            streams.cancel();
        };
        poem::Server::new_with_acceptor(Calm(self.acceptor))
            .idle_timeout(IDLE)
            .run_with_graceful_shutdown(app, stopped, Some(DRAIN))
            .await
    }
}

/// Accepts connections for small answers, and takes a breath when that fails (out of file descriptors, say), where poem
/// would try again at once.
struct Calm(TcpAcceptor);

impl Acceptor for Calm {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok(accepted) => {
                // Without it small answers wait for the client's acknowledgement; failing to set it harms nothing.
                let _ = accepted.0.set_nodelay(true);
                Ok(accepted)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(error)
            }
        }
    }
}
