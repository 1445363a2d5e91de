//! The conversation with one running program, from its start to its end.

use std::future::pending;
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use stock_scheduler_sdk::plain_line;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::select;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::call::{Call, Failure};
use crate::child::Process;
use crate::description::{self, Description};
use crate::fault::Fault;
use crate::flights::Flights;
use crate::line::Lines;
use crate::log::{self, LastLine};
use crate::message::{self, Answer, Describe, Outcome, PROTOCOL};
use crate::shared::Shared;

/// The id of the first request; all others are later.
const DESCRIBE: u64 = 0;

/// How long after a program has closed a pipe its end is waited for, so that it can be said how it ended.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
/// How long what a program has written may take to arrive after its end.
const WORDS_WITHIN: Duration = Duration::from_millis(100);

/// A running program, what it was asked and what it says.
pub(crate) struct Link {
    shared: Arc<Shared>,
    process: Process,
    stdin: ChildStdin,
    /// What has not been written yet.
    out: Vec<u8>,
    lines: Lines<ChildStdout>,
    flights: Flights,
    stage: Stage,
    ending: Option<Ending>,
    log: JoinHandle<()>,
    last_line: LastLine,
}

enum Stage {
    /// It must describe itself until then.
    Describing(Instant),
    Ready(Arc<Description>),
}

/// A program of which something is gone; what it has said is still listened to for a moment.
struct Ending {
    fault: Fault,
    at: Instant,
    all_was_read: bool,
}

/// What comes from a program.
pub(crate) enum Event {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Ended(ExitStatus),
    Timer,
}

/// What a line of the program means to the owner.
pub(crate) enum Heard {
    Described(Arc<Description>),
    Answered(Call, Outcome),
}

impl Link {
    /// Starts the program and asks what it is.
    pub(crate) async fn start(shared: &Arc<Shared>) -> Result<Self, Fault> {
        let config = &shared.config;
        let (process, pipes) = Process::start(config).await?;
        let last_line = LastLine::default();
        let log = log::copy(pipes.stderr, shared.clone(), last_line.clone());
        let describe = Describe {
            protocol: PROTOCOL,
            config: &config.config,
        };
        Ok(Self {
            shared: shared.clone(),
            process,
            stdin: pipes.stdin,
            out: message::request(DESCRIBE, &describe),
            lines: Lines::new(pipes.stdout, config.max_line),
            flights: Flights::default(),
            stage: Stage::Describing(Instant::now() + config.start_timeout),
            ending: None,
            log: tokio::spawn(log),
            last_line,
        })
    }

    /// What it is, once it has said so.
    pub(crate) fn description(&self) -> Option<&Arc<Description>> {
        match &self.stage {
            Stage::Ready(description) => Some(description),
            Stage::Describing(_) => None,
        }
    }

    /// Whether it may be sent one more request.
    pub(crate) fn has_room(&self) -> bool {
        self.description().is_some()
            && self.ending.is_none()
            && self.flights.len() < self.shared.config.in_flight
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, mut call: Call) {
        self.out.append(&mut call.line);
        let deadline = Instant::now() + self.shared.config.timeout;
        self.flights.send(call, deadline);
    }

    /// Tells it that nobody waits for request `id` any more.
    pub(crate) fn cancel(&mut self, id: u64) {
        if self.flights.abandon(id) {
            self.out.extend(message::cancel(id));
        }
    }

    /// Waits for what comes next. Dropping the future loses nothing.
    pub(crate) async fn event(&mut self) -> Event {
        let timer = self.timer();
        let all_was_read = self.ending.as_ref().is_some_and(|end| end.all_was_read);
        let may_write = !self.out.is_empty() && self.ending.is_none();
        let has_ended = matches!(
            &self.ending,
            Some(Ending {
                fault: Fault::Ended(_),
                ..
            })
        );
        select! {
            read = self.lines.fill(), if !all_was_read => Event::Read(read),
            wrote = self.stdin.write(&self.out), if may_write => Event::Wrote(wrote),
            status = self.process.ended(), if !has_ended => Event::Ended(status),
            () = at(timer) => Event::Timer,
        }
    }

    fn timer(&self) -> Option<Instant> {
        if let Some(ending) = &self.ending {
            return Some(ending.at);
        }
        match &self.stage {
            Stage::Describing(until) => Some(*until),
            Stage::Ready(_) => self.flights.deadline(),
        }
    }

    /// Takes what `event` brought. What was heard is added to `heard`, and counts even where there is a fault.
    pub(crate) fn take(&mut self, event: Event, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        match event {
            Event::Read(Ok(1..)) => self.hear(heard),
            Event::Read(_) => self.ends(Fault::ClosedOutput, ENDS_WITHIN, true),
            Event::Wrote(Ok(written)) => {
                self.out.drain(..written);
                Ok(())
            }
            Event::Wrote(Err(_)) => self.ends(Fault::ClosedInput, ENDS_WITHIN, false),
            Event::Ended(status) => self.ends(Fault::Ended(status), WORDS_WITHIN, false),
            Event::Timer => self.time_passed(),
        }
    }

    fn hear(&mut self, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let too_long = |_| Fault::LineTooLong(self.shared.config.max_line);
        while let Some(line) = self.lines.next().map_err(too_long)? {
            let answer = message::answer(line).map_err(|why| no_message(line, why))?;
            let described = matches!(self.stage, Stage::Ready(_));
            if answer.id == DESCRIBE && !described {
                let description = Arc::new(describe(answer).map_err(Fault::Unfit)?);
                self.stage = Stage::Ready(description.clone());
                self.shared.counters.answers.fetch_add(1, Ordering::Relaxed);
                heard.push(Heard::Described(description));
                continue;
            }
            let id = answer.id;
            let call = self.flights.answered(id);
            let call = call.map_err(|how| Fault::Unasked { id, how })?;
            self.shared.counters.answers.fetch_add(1, Ordering::Relaxed);
            heard.extend(call.map(|call| Heard::Answered(call, answer.outcome)));
        }
        Ok(())
    }

    /// Something of the program is gone, and `fault` says what. Its end says more than a closed pipe.
    fn ends(&mut self, fault: Fault, patience: Duration, all_was_read: bool) -> Result<(), Fault> {
        let at = Instant::now() + patience;
        let ending = match self.ending.take() {
            None => Ending {
                fault,
                at,
                all_was_read,
            },
            Some(before) => {
                let ended = matches!(fault, Fault::Ended(_));
                Ending {
                    fault: if ended { fault } else { before.fault },
                    at: before.at.min(at),
                    all_was_read: before.all_was_read || all_was_read,
                }
            }
        };
        match ending {
            Ending {
                fault: fault @ Fault::Ended(_),
                all_was_read: true,
                ..
            } => Err(fault),
            ending => {
                self.ending = Some(ending);
                Ok(())
            }
        }
    }

    fn time_passed(&mut self) -> Result<(), Fault> {
        if let Some(ending) = self.ending.take() {
            return Err(ending.fault);
        }
        let shared = self.shared.clone();
        let timeout = shared.config.timeout;
        if let Stage::Describing(_) = self.stage {
            return Err(Fault::NotDescribed(shared.config.start_timeout));
        }
        for call in self.flights.expire(Instant::now()) {
            shared.counters.timeouts.fetch_add(1, Ordering::Relaxed);
            shared.counters.failures.fetch_add(1, Ordering::Relaxed);
            (call.answered)(Err(Failure::Late(timeout)));
        }
        match self.flights.hang(shared.config.in_flight) {
            Some(requests) => Err(Fault::Hangs { requests, timeout }),
            None => Ok(()),
        }
    }

    /// Ends the program at once. What is left is the last line of its log.
    pub(crate) async fn kill(mut self) -> Option<String> {
        self.process.kill().await;
        // It has an end of its own, but for what the program started and gave another group.
        if timeout(WORDS_WITHIN, &mut self.log).await.is_err() {
            self.log.abort();
        }
        self.last_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Takes the requests that it has not answered.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        self.flights.take()
    }

    /// Ends the program as gently as it lets us: its input ends, then it is asked to end, then it is killed.
    pub(crate) async fn stop(self) {
        let Self {
            mut process,
            stdin,
            lines,
            ..
        } = self;
        let patience = self.shared.config.stop_timeout;
        drop(stdin);
        let end = async {
            if process.ended_within(patience).await.is_none() {
                process.terminate();
                process.ended_within(patience.max(WORDS_WITHIN)).await;
            }
        };
        // A program that waits until somebody reads what it writes could not end.
        select! {
            () = end => {}
            () = discard(lines.into_inner()) => {}
        }
        process.kill().await;
        self.log.abort();
    }
}

/// Reads all that comes, and never ends.
async fn discard(mut from: ChildStdout) {
    let mut nothing = vec![0; 8 << 10];
    while let Ok(1..) = from.read(&mut nothing).await {}
    pending().await
}

fn no_message(line: &[u8], why: String) -> Fault {
    let begin = String::from_utf8_lossy(&line[..line.len().min(400)]);
    let line = plain_line(&begin, 100);
    Fault::NoMessage { line, why }
}

/// What a program says it is, or a sentence about it.
fn describe(answer: Answer) -> Result<Description, String> {
    match answer.outcome {
        Outcome::Result(text) => description::read(text.get()),
        Outcome::Malformed(what) => Err(format!("described itself with {what}")),
        Outcome::Refused(refusal) => {
            let place = format!("config{}", refusal.pointer);
            let why = refusal.message;
            Err(format!("refuses its configuration at {place:?}: {why}"))
        }
    }
}

async fn at(timer: Option<Instant>) {
    match timer {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
