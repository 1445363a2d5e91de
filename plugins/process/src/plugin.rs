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
/// This is a handle, cheap to clone; the program is owned by a thread that ends with [`stop`](Self::stop), or with the last
/// handle. The program is started when it is first needed.
#[derive(Clone)]
pub struct ProcessPlugin(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    /// `None` only while the handle is dropped.
    commands: Option<mpsc::UnboundedSender<Command>>,
    next_id: AtomicU64,
    owner: Mutex<Option<JoinHandle<()>>>,
}

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
        let owner = thread.spawn(move || runtime.block_on(owner.run()))?;
        Ok(Self(Arc::new(Handle {
            shared,
            commands: Some(commands),
            next_id: AtomicU64::new(1),
            owner: Mutex::new(Some(owner)),
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
            let kinds: Vec<_> = described.schedules.keys().collect();
            let schedules = if kinds.is_empty() {
                String::new()
            } else {
                format!("; its schedules are {kinds:?}")
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
        let (done, stopped) = oneshot::channel();
        if self.command(Command::Stop(done)).is_ok() {
            let _ = stopped.await;
        }
        self.0.join();
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
        match &self.0.commands {
            Some(commands) => commands.send(command).map_err(|refused| refused.0),
            None => Err(command),
        }
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
    /// Waits until the owner's thread has ended.
    fn join(&self) {
        let owner = self
            .owner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The owner itself drops the last handle where a task that it wakes ends with that.
        if let Some(owner) = owner
            && owner.thread().id() != thread::current().id()
        {
            // It tells what went wrong itself.
            let _ = owner.join();
        }
    }
}

impl Drop for Handle {
    /// Takes as long as it takes the system to kill the program, where it was not stopped before.
    fn drop(&mut self) {
        self.commands = None;
        self.join();
    }
}
