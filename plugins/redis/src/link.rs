//! The connection to the server: opened when first needed, opened again when lost, and never waited for long.
//!
//! Every call here may be repeated with the effect of once, so a call whose connection breaks is tried once more.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use redis::aio::{
    ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection,
};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use stock_scheduler_sdk::{ConfigError, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::scripts::{Call, Script};

/// A call that is not answered by then fails; a caller who promised a reply within a second has time to say so.
const DEADLINE: Duration = Duration::from_millis(900);
/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_millis(500);
/// When a silent connection is given up: a network that swallows everything looks like a server that thinks.
const SILENCE: Duration = Duration::from_secs(5);
/// Connections kept for calls that need one for themselves, besides those that [watch](crate::watches) a run.
const IDLE: usize = 4;

/// One server.
pub(crate) struct Link {
    client: Client,
    place: String,
    shared: OnceLock<ConnectionManager>,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

impl Link {
    /// A link to the server that `url` names; opens nothing yet.
    pub(crate) fn new(url: &str) -> Result<Self, ConfigError> {
        if url.starts_with("rediss:") && !cfg!(feature = "tls") {
            return Err(ConfigError::at(
                "",
                "cannot open a rediss:// store: TLS is not built in (cargo feature `tls`)",
            ));
        }
        // The cause may repeat the address, and with it a password.
        let wrong = |_| {
            ConfigError::at(
                "",
                "the store's address is not redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]",
            )
        };
        let info = url.into_connection_info().map_err(wrong)?;
        let place = place(info.addr());
        let info = info.set_tcp_settings(tcp_settings());
        let client = Client::open(info).map_err(wrong)?;
        Ok(Self {
            client,
            place,
            shared: OnceLock::new(),
            idle: Mutex::default(),
        })
    }

    /// Runs a script and answers what it answers.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &Call) -> Result<T, StoreError> {
        let name = call.script.name();
        self.within(name, async {
            let mut connection = self.shared()?;
            match send(&mut connection, &call.command).await {
                Err(error) if is_unknown_script(&error) => {
                    self.load(call.script).await?;
                    send(&mut connection, &call.command).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Sends one command.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        what: &str,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        self.within(what, async { send(&mut self.shared()?, command).await })
            .await
    }

    /// Sends several commands that do not depend on each other.
    pub(crate) async fn ask_all(
        &self,
        what: &str,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, StoreError> {
        self.within(what, async {
            let mut connection = self.shared()?;
            match commands.query_async(&mut connection).await {
                Err(error) if is_lost(&error) => commands.query_async(&mut connection).await,
                answer => answer,
            }
        })
        .await
    }

    /// Sends commands that the server answers within `wait`, without holding up other calls.
    pub(crate) async fn wait<T: FromRedisValue>(
        &self,
        what: &str,
        commands: &Pipeline,
        wait: Duration,
    ) -> Result<T, StoreError> {
        let ask = async |mut connection: MultiplexedConnection| {
            commands.query_async(&mut connection).await
        };
        let asked = self.alone(ask);
        let (answer, connection) = self.bounded(what, wait + DEADLINE, asked).await?;
        self.put_back(connection);
        Ok(answer)
    }

    /// Does `work` on a connection that nobody else uses meanwhile, and hands that connection over with its answer; again on
    /// a new one where an old one has broken.
    pub(crate) async fn alone<T, F>(
        &self,
        work: impl Fn(MultiplexedConnection) -> F,
    ) -> RedisResult<(T, MultiplexedConnection)>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let idle = self.idle().pop();
        if let Some(connection) = idle {
            match work(connection.clone()).await {
                Err(error) if is_lost(&error) => {}
                answer => return Ok((answer?, connection)),
            }
        }
        let connection = self.connect().await?;
        Ok((work(connection.clone()).await?, connection))
    }

    /// Takes back a connection that [`Link::alone`] has handed over.
    pub(crate) fn put_back(&self, connection: MultiplexedConnection) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    /// Makes a script known to the server.
    pub(crate) async fn load(&self, script: &Script) -> RedisResult<()> {
        send::<String>(&mut self.shared()?, &script.load()).await?;
        Ok(())
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None);
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<MultiplexedConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> RedisResult<ConnectionManager> {
        if let Some(shared) = self.shared.get() {
            return Ok(shared.clone());
        }
        // Our own deadline is the only one for answers: a connection is not worse for one slow answer.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(100))
            .set_pipeline_buffer_size(1024);
        let manager = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(self.shared.get_or_init(|| manager).clone())
    }

    /// Bounds work that consists of several calls, or waits for others'.
    pub(crate) async fn in_time<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(DEADLINE, work)
            .await
            .unwrap_or_else(|_| Err(self.too_late(what, DEADLINE)))
    }

    fn too_late(&self, what: &str, deadline: Duration) -> StoreError {
        let message = format!("cannot {what} at {self}: no answer within {deadline:?}");
        StoreError::new(StoreErrorKind::Unavailable, message)
    }

    /// Bounds the work of a call.
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreError> {
        self.bounded(what, DEADLINE, work).await
    }

    async fn bounded<T>(
        &self,
        what: &str,
        deadline: Duration,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreError> {
        match timeout(deadline, work).await {
            Ok(answer) => answer.map_err(|error| self.error(what, error)),
            Err(_) => Err(self.too_late(what, deadline)),
        }
    }

    /// Almost every refusal of a server passes: full, loading, read-only, failing over. What does not is a key of ours
    /// that holds something else.
    fn error(&self, what: &str, error: RedisError) -> StoreError {
        let is_ours = error.code() == Some("WRONGTYPE")
            || error.to_string().contains("WRONGTYPE")
            || matches!(
                error.kind(),
                ErrorKind::UnexpectedReturnType | ErrorKind::Parse
            );
        if is_ours {
            // What came instead may be long, and is the cause's to show.
            let message = format!("cannot {what} at {self}: a key of ours holds something else");
            return StoreError::new(StoreErrorKind::Corrupt, message).with_source(error);
        }
        let message = format!("cannot {what} at {self}: {error}");
        StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
    }
}

/// Host and port, never a password.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis {}", self.place)
    }
}

/// Sends a command, twice where the connection breaks.
async fn send<T: FromRedisValue>(
    connection: &mut impl ConnectionLike,
    command: &Cmd,
) -> RedisResult<T> {
    match command.query_async(connection).await {
        Err(error) if is_lost(&error) => command.query_async(connection).await,
        answer => answer,
    }
}

pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        || error.to_string().contains("NOSCRIPT")
}

pub(crate) fn is_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.is_unrecoverable_error()
}

fn place(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}")
        }
        other => other.to_string(),
    }
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(SILENCE));
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}
