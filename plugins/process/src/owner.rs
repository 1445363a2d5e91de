//! Owns the program of one plugin: starts it when it is needed, hands requests to it, and starts it again when it fails.
//!
//! It has a thread and a runtime of its own, so that it does not matter who asks, from where, and whether they block.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Description;
use crate::backoff::Backoff;
use crate::call::{Call, Failure};
use crate::fault::Fault;
use crate::link::{Event, Heard, Link};
use crate::message::Outcome;
use crate::shared::Shared;

/// So many commands are taken at once, so that their lines are written at once.
const BATCH: usize = 64;

/// What is wanted of an owner.
pub(crate) enum Command {
    Call(Call),
    /// Nobody waits for this request any more.
    Abandon(u64),
    Describe(Describer),
    /// Ends the program, and then the owner.
    Stop,
}

/// Who waits to hear what the plugin is.
pub(crate) type Describer = oneshot::Sender<Result<Arc<Description>, String>>;

pub(crate) struct Owner {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Requests that have not been sent.
    queue: VecDeque<Call>,
    describers: Vec<Describer>,
    link: Option<Link>,
    backoff: Backoff,
    down: Option<Down>,
    has_started: bool,
}

/// Why the program does not run, and until when it is left alone.
struct Down {
    why: String,
    until: Instant,
}

enum Wake {
    /// Commands came; where none did, nobody is left who could send any.
    Commands(usize),
    Program(Event),
}

impl Owner {
    pub(crate) fn new(shared: Arc<Shared>, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let config = &shared.config;
        Self {
            backoff: Backoff::new(config.first_wait, config.longest_wait),
            shared,
            commands,
            queue: VecDeque::new(),
            describers: Vec::new(),
            link: None,
            down: None,
            has_started: false,
        }
    }

    /// Works until it is stopped, or until nobody is left who could ask; returns when nothing is left of the program.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_wanted = true;
        while is_wanted {
            match self.wake(&mut batch).await {
                Wake::Commands(0) => break,
                Wake::Commands(_) => is_wanted = self.obey(&mut batch),
                Wake::Program(event) => self.hear(event).await,
            }
            if is_wanted {
                self.go_on().await;
            }
        }
        self.stop().await;
    }

    async fn wake(&mut self, batch: &mut Vec<Command>) -> Wake {
        let link = &mut self.link;
        let event = async {
            match link {
                Some(link) => link.event().await,
                None => std::future::pending().await,
            }
        };
        select! {
            count = self.commands.recv_many(batch, BATCH) => Wake::Commands(count),
            event = event => Wake::Program(event),
        }
    }

    /// Does what is wanted, and tells whether that goes on.
    fn obey(&mut self, batch: &mut Vec<Command>) -> bool {
        let mut is_wanted = true;
        for command in batch.drain(..) {
            match command {
                Command::Call(call) => self.queue.push_back(call),
                Command::Abandon(id) => match self.queue.iter().position(|call| call.id == id) {
                    Some(place) => drop(self.queue.remove(place)),
                    None => self.link.iter_mut().for_each(|link| link.cancel(id)),
                },
                Command::Describe(describer) => self.describers.push(describer),
                // Whoever asked meanwhile is told when all is stopped.
                Command::Stop => is_wanted = false,
            }
        }
        is_wanted
    }

    async fn hear(&mut self, event: Event) {
        let Some(link) = &mut self.link else { return };
        let mut heard = Vec::new();
        let taken = link.take(event, &mut heard);
        for heard in heard {
            match heard {
                Heard::Described(description) => {
                    self.shared.set_problem(None);
                    self.shared.description.send_replace(Some(description));
                }
                Heard::Answered(call, outcome) => self.settle(call, outcome),
            }
        }
        if let Err(fault) = taken {
            self.fail(fault).await;
        }
    }

    fn settle(&mut self, call: Call, outcome: Outcome) {
        let result = match outcome {
            Outcome::Result(result) => Ok(result),
            Outcome::Refused(refusal) => Err(Failure::Refused(refusal)),
            Outcome::Malformed(what) => Err(Failure::Malformed(what)),
        };
        match result {
            // It works: what went wrong before is past.
            Ok(_) | Err(Failure::Refused(_)) => self.backoff.reset(),
            Err(_) => {}
        }
        self.give(call, result);
    }

    fn give(&self, call: Call, result: Result<Box<serde_json::value::RawValue>, Failure>) {
        if result.is_err() {
            self.shared
                .counters
                .failures
                .fetch_add(1, Ordering::Relaxed);
        }
        (call.answered)(result);
    }

    /// Brings what waits as far as it can come now.
    async fn go_on(&mut self) {
        if self.link.is_none() && !(self.queue.is_empty() && self.describers.is_empty()) {
            match &self.down {
                Some(down) if Instant::now() < down.until => return self.refuse_all(Vec::new()),
                _ => self.start().await,
            }
        }
        let Some(link) = &mut self.link else { return };
        if let Some(description) = link.description() {
            for describer in self.describers.drain(..) {
                let _ = describer.send(Ok(description.clone()));
            }
        }
        while link.has_room()
            && let Some(call) = self.queue.pop_front()
        {
            link.send(call);
        }
    }

    async fn start(&mut self) {
        if std::mem::replace(&mut self.has_started, true) {
            self.shared
                .counters
                .restarts
                .fetch_add(1, Ordering::Relaxed);
        }
        match Link::start(&self.shared).await {
            Ok(link) => {
                self.down = None;
                self.link = Some(link);
            }
            Err(fault) => self.fail(fault).await,
        }
    }

    /// Ends the program because of `fault`; all that was asked fails, and what is asked until it is started again.
    async fn fail(&mut self, fault: Fault) {
        let (mut calls, mut last_line) = (Vec::new(), None);
        if let Some(mut link) = self.link.take() {
            calls = link.take_calls();
            last_line = link.kill().await;
        }
        let why = fault.sentence(&self.shared.name, last_line.as_deref());
        tracing::warn!(plugin = self.shared.name, "{why}");
        self.shared.set_problem(Some(why.clone()));
        let until = Instant::now() + self.backoff.failed();
        self.down = Some(Down { why, until });
        self.refuse_all(calls);
    }

    /// Fails `calls` and all that waits, because the program is down.
    fn refuse_all(&mut self, calls: Vec<Call>) {
        let Some(down) = &self.down else { return };
        let wait = down.until.saturating_duration_since(Instant::now());
        let wait = wait.as_secs_f64().ceil().max(1.0);
        let sentence = format!("{}; it is started again in {wait}s", down.why);
        let calls = calls.into_iter().chain(std::mem::take(&mut self.queue));
        for call in calls {
            self.give(call, Err(Failure::Down(sentence.clone())));
        }
        for describer in self.describers.drain(..) {
            let _ = describer.send(Err(sentence.clone()));
        }
    }

    /// Ends the program as gently as it lets us. What was asked fails before that.
    async fn stop(&mut self) {
        self.commands.close();
        let mut rest = Vec::new();
        while let Ok(command) = self.commands.try_recv() {
            rest.push(command);
        }
        self.obey(&mut rest);
        let under_way = self.link.as_mut().map(Link::take_calls).unwrap_or_default();
        let why = stopped(&self.shared.name);
        for call in under_way.into_iter().chain(std::mem::take(&mut self.queue)) {
            self.give(call, Err(Failure::Down(why.clone())));
        }
        self.shared.set_problem(Some(why));
        if let Some(link) = self.link.take() {
            link.stop().await;
        }
    }
}

/// What is said to those who ask a plugin that was stopped.
pub(crate) fn stopped(name: &str) -> String {
    format!("plugin {name:?} has been stopped")
}
