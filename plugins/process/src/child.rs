//! A running program with all that it started: they are one process group, which begins and ends as one.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid,
};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::ProcessConfig;
use crate::fault::Fault;

/// How long a killed process may take to be gone: longer only where the system itself is stuck.
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether all that a program started is gone, and with what pause. Where somebody else leaves dead
/// processes lying, it stays.
const MOST_LOOKS: u32 = 100;
const LOOKS_EVERY: Duration = Duration::from_millis(2);

/// A program that was started and has not been reaped.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    status: Option<ExitStatus>,
}

/// The ends of its pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

impl Process {
    /// Starts the program of `config` in a process group of its own.
    pub(crate) async fn start(config: &ProcessConfig) -> Result<(Self, Pipes), Fault> {
        if let Some(directory) = &config.directory
            && !Path::new(directory).is_dir()
        {
            return Err(Fault::NoDirectory(directory.clone()));
        }
        let not_started = |error| Fault::NotStarted {
            program: config.command.first().cloned().unwrap_or_default(),
            error,
        };
        let mut child = command(config).spawn().map_err(not_started)?;
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(group), (Some(stdin), Some(stdout), Some(stderr))) = (pid, pipes) else {
            return Err(not_started(std::io::Error::other(
                "it has no process id or no pipes",
            )));
        };
        let mut process = Self {
            child,
            group,
            status: None,
        };
        if let Some(bytes) = config.memory
            && let Err(error) = limit_memory(group, bytes)
        {
            process.kill().await;
            return Err(Fault::NotSetUp {
                what: "its memory cannot be limited",
                error,
            });
        }
        let pipes = Pipes {
            stdin,
            stdout,
            stderr,
        };
        Ok((process, pipes))
    }

    /// Waits until the program itself has ended; what it started may go on. Dropping the future loses nothing.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        match self.child.wait().await {
            Ok(status) => *self.status.insert(status),
            // Only where somebody else in this process has reaped it.
            Err(_) => *self.status.insert(ExitStatus::default()),
        }
    }

    /// Waits so long at most.
    pub(crate) async fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        timeout(patience, self.ended()).await.ok()
    }

    /// Asks the whole group to end.
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends the whole group and waits until nothing of it is left.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        if self.ended_within(KILLED_WITHIN).await.is_none() {
            tracing::error!(
                pid = self.group.as_raw_nonzero(),
                "a killed process does not end"
            );
        }
        self.reap_orphans().await;
    }

    fn signal(&mut self, signal: Signal) {
        // It fails where nothing of the group is left, which is what is wanted.
        let _ = kill_process_group(self.group, signal);
    }

    /// Waits until nothing is left of what the program started, and reaps it: it becomes a child of the first process when
    /// the program ends, and in a container that may be this one.
    async fn reap_orphans(&self) {
        for _ in 0..MOST_LOOKS {
            while let Ok(Some(_)) = waitpgid(self.group, WaitOptions::NOHANG) {}
            if test_kill_process_group(self.group).is_err() {
                return;
            }
            sleep(LOOKS_EVERY).await;
        }
    }
}

fn command(config: &ProcessConfig) -> Command {
    let mut words = config.command.iter();
    let mut command = Command::new(words.next().map_or("", String::as_str));
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .env_clear();
    for name in &config.environment {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(&config.set);
    if let Some(directory) = &config.directory {
        command.current_dir(directory);
    }
    command
}

/// The program has begun by then; without unsafe code there is no earlier moment.
#[cfg(target_os = "linux")]
fn limit_memory(process: Pid, bytes: u64) -> std::io::Result<()> {
    let limit = rustix::process::Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    match rustix::process::prlimit(Some(process), rustix::process::Resource::As, limit) {
        // It has ended already, and that is what will be said.
        Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: Pid, _: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
