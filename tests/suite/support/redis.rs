//! A real redis-server of the test's own, on a free port, with its data in a temporary folder.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{eventually, free_port};

/// A running redis-server; killed when dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    dir: TempDir,
    config: Vec<String>,
}

impl RedisServer {
    /// Starts an empty server that keeps every write on disk.
    pub(crate) async fn start() -> Self {
        Self::with(&[
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--save",
            "",
        ])
        .await
    }

    /// Starts an empty server with these options.
    pub(crate) async fn with(config: &[&str]) -> Self {
        let config: Vec<String> = config.iter().map(ToString::to_string).collect();
        loop {
            let (port, dir) = (free_port(), TempDir::new().expect("a temporary folder"));
            let child = spawn(port, dir.path(), &config);
            let mut server = Self {
                child,
                port,
                dir,
                config: config.clone(),
            };
            if server.answers().await {
                return server;
            }
        }
    }

    /// The address for the service.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A connection to look behind the service's back.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("an address");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection to redis-server")
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill redis-server");
        self.child.wait().expect("the end of redis-server");
    }

    /// Starts again on the same port with the same data.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port, self.dir.path(), &self.config);
        assert!(self.answers().await, "port {} was taken", self.port);
    }

    /// Sends a signal, such as `STOP` and `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        super::service::signal(self.child.id(), name);
    }

    /// Waits until this very server answers; `false` where it ended because its port is another's.
    async fn answers(&mut self) -> bool {
        let client = redis::Client::open(self.url()).expect("an address");
        let own = format!("process_id:{}\r\n", self.child.id());
        eventually(
            "redis-server answers",
            Duration::from_secs(10),
            async || {
                if self.child.try_wait().expect("its state").is_some() {
                    return Some(false);
                }
                let mut connection = client.get_multiplexed_async_connection().await.ok()?;
                let info = redis::cmd("INFO")
                    .query_async::<String>(&mut connection)
                    .await
                    .ok()?;
                (info.contains(&own) && info.contains("loading:0")).then_some(true)
            },
        )
        .await
    }
}

fn spawn(port: u16, dir: &Path, config: &[String]) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--daemonize",
            "no",
            "--dir",
        ])
        .arg(dir)
        .args(config)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server starts; install it (Debian, Ubuntu: apt-get install redis-server)")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
