//! The handle of a plugin, by which everybody asks it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::value::RawValue;
use stock_scheduler_sdk::Health;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};

use crate::call::{Call, Failure};
use crate::message::{self, Question};
use crate::owner::{Command, Owner, stopped};
use crate::shared::Shared;
use crate::{
    Description, ProcessConfig, ProcessFetcher, ProcessFetcherFactory, ProcessListener,
    ProcessScheduleFactory,
};

/// A plugin that is a program of its own.
///
/// This is a handle, cheap to clone; the program is owned by a thread. It is started when it is first needed, and ends with
/// [`stop`](Self::stop), or as gently when the last handle is dropped, which waits for nothing: before this process ends,
/// wait for [`WeakProcessPlugin::stop`]. Otherwise a program that goes on when its input has ended may outlive it.
#[derive(Clone)]
pub struct ProcessPlugin(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    next_id: AtomicU64,
    owner: Mutex<Option<JoinHandle<()>>>,
    ended: Ended,
}

/// Closed when the owner has ended, and with it the program.
type Ended = watch::Receiver<()>;

impl ProcessPlugin {
    /// Makes the plugin `name`, as people know it. Its program is not started yet; an error means that the system has no
    /// thread for its owner.
    pub fn start(name: impl Into<String>, config: ProcessConfig) -> io::Result<Self> {
        let name = name.into();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // The system cuts longer names of threads off.
        let thread =
            thread::Builder::new().name(format!("plugin {name}").chars().take(15).collect());
        let shared = Arc::new(Shared::new(name, config));
        let (commands, wanted) = mpsc::unbounded_channel();
        let owner = Owner::new(shared.clone(), wanted);
        let (ending, ended) = watch::channel(());
        let owner = thread.spawn(move || {
            runtime.block_on(owner.run());
            drop(ending);
        })?;
        Ok(Self(Arc::new(Handle {
            shared,
            commands,
            next_id: AtomicU64::new(1),
            owner: Mutex::new(Some(owner)),
            ended,
        })))
    }

    /// The name that the host knows it by.
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }

    /// What it said last of itself; `None` until it has been started and has described itself.
    pub fn described(&self) -> watch::Receiver<Option<Arc<Description>>> {
        self.0.shared.description.subscribe()
    }

    /// Starts the program where it does not run, and waits until it has described itself or has failed to; the error is a
    /// sentence for people.
    pub async fn describe(&self) -> Result<Arc<Description>, String> {
        let (describer, described) = oneshot::channel();
        let gone = || stopped(self.name());
        self.command(Command::Describe(describer))
            .map_err(|_| gone())?;
        described.await.unwrap_or_else(|_| Err(gone()))
    }

    /// How it is: what keeps it from working now, and its counters `restarts`, `calls`, `failures`, `timeouts` and
    /// `log_lines_dropped`.
    pub fn health(&self) -> Health {
        self.0.shared.health()
    }

    /// How it is in one role, which its description may lack.
    pub(crate) fn health_of(&self, role: &str, has: impl Fn(&Description) -> bool) -> Health {
        let mut health = self.health();
        let described = self.0.shared.described();
        if let Some(described) = described.filter(|described| !has(described)) {
            let schedules = if described.schedules.is_empty() {
                String::new()
            } else {
                format!("; its schedules are {}", described.kinds())
            };
            health.problem = Some(format!(
                "plugin {:?} describes no {role}{schedules}",
                self.name()
            ));
        }
        health
    }

    /// Its fetcher. What the host learns from it before the plugin was described is that it fetches daily bars.
    pub fn fetcher(&self) -> ProcessFetcher {
        ProcessFetcher::new(self.clone())
    }

    /// Makes its fetcher, and knows the options of that.
    pub fn fetcher_factory(&self) -> ProcessFetcherFactory {
        ProcessFetcherFactory::new(self.clone())
    }

    /// Makes its schedules of the kind `kind`.
    pub fn schedule(&self, kind: impl Into<String>) -> ProcessScheduleFactory {
        ProcessScheduleFactory::new(self.clone(), kind.into())
    }

    /// Its listener.
    pub fn listener(&self) -> ProcessListener {
        ProcessListener::new(self.clone())
    }

    /// Ends the program and its owner, and returns when nothing of them is left.
    ///
    /// What is under way fails. The program's input ends; where it has not ended after `stop_timeout`, its process group gets
    /// SIGTERM, and after as long again SIGKILL. Whoever asks the plugin afterwards hears that it was stopped.
    pub async fn stop(&self) {
        self.downgrade().stop().await;
        self.0.join();
    }

    /// A handle that does not keep the program running, to end it at last.
    pub fn downgrade(&self) -> WeakProcessPlugin {
        WeakProcessPlugin {
            commands: self.0.commands.downgrade(),
            ended: self.0.ended.clone(),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Asks `question`; `answered` is called once, on the owner's thread, or here where there is no owner any more.
    pub(crate) fn ask(
        &self,
        question: &impl Question,
        answered: impl FnOnce(Result<Box<RawValue>, Failure>) + Send + 'static,
    ) -> u64 {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.0.shared.counters.calls.fetch_add(1, Ordering::Relaxed);
        let call = Call {
            id,
            line: message::request(id, question),
            answered: Box::new(answered),
        };
        if let Err(Command::Call(call)) = self.command(Command::Call(call)) {
            (call.answered)(Err(Failure::Down(stopped(self.name()))));
        }
        id
    }

    /// Asks `question` and waits for the answer. Where the future is dropped, the plugin is told that nobody waits any more.
    pub(crate) async fn call(&self, question: &impl Question) -> Result<Box<RawValue>, Failure> {
        let (answered, answer) = oneshot::channel();
        let id = self.ask(question, move |result| drop(answered.send(result)));
        let mut waiting = Waiting {
            plugin: self,
            id: Some(id),
        };
        let answer = answer.await;
        waiting.id = None;
        answer.unwrap_or_else(|_| Err(Failure::Down(stopped(self.name()))))
    }

    fn command(&self, command: Command) -> Result<(), Command> {
        let sent = self.0.commands.send(command);
        sent.map_err(|refused| refused.0)
    }
}

/// A plugin that runs only as long as others have a [`ProcessPlugin`], and may still be ending after that.
#[derive(Clone)]
pub struct WeakProcessPlugin {
    commands: mpsc::WeakUnboundedSender<Command>,
    ended: Ended,
}

impl WeakProcessPlugin {
    /// Whether nothing of the program and its owner is left.
    pub fn is_gone(&self) -> bool {
        self.ended.has_changed().is_err()
    }

    /// As [`ProcessPlugin::stop`]; waits also for a program that is ending already.
    pub async fn stop(&self) {
        if let Some(commands) = self.commands.upgrade() {
            // It fails where the program is ending already.
            let _ = commands.send(Command::Stop);
        }
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// Somebody who waits for an answer.
struct Waiting<'a> {
    plugin: &'a ProcessPlugin,
    /// `None`: the answer has come.
    id: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = self.plugin.command(Command::Abandon(id));
        }
    }
}

impl Handle {
    /// Waits until the thread of an owner that has ended has, too.
    fn join(&self) {
        let owner = self
            .owner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(owner) = owner {
            // It tells what went wrong itself.
            let _ = owner.join();
        }
    }
}
