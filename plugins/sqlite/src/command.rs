//! A step on its way: from its caller to the writer, and its answer back once it is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::fault::{Fault, Outcome};
use crate::step::Step;

pub(crate) type Waiting = Box<dyn Command>;

/// Makes `step` ready to wait, and answers where its outcome will come.
pub(crate) fn waiting<T: Send + 'static>(
    step: impl FnMut(&mut Step<'_>) -> Outcome<T> + Send + 'static,
) -> (Waiting, oneshot::Receiver<Outcome<T>>) {
    let (reply, answer) = oneshot::channel();
    let task = Task {
        step,
        outcome: None,
        reply,
    };
    (Box::new(task), answer)
}

pub(crate) fn has_ended() -> Fault {
    Fault::unavailable("the file is closed")
}

/// A step that waits, with the way to its caller.
pub(crate) trait Command: Send {
    /// Does the step inside the open transaction; its answer waits for the commit.
    fn run(&mut self, step: &mut Step<'_>) -> Ran;
    /// Tells the caller the step's answer.
    fn answer(self: Box<Self>);
    /// Tells the caller that nothing was done.
    fn refuse(self: Box<Self>, why: Fault);
}

/// How a step went.
#[derive(PartialEq)]
pub(crate) enum Ran {
    /// It did its work, or refused and changed nothing.
    Whole,
    /// It may have left half of its work behind.
    Broken,
}

struct Task<T, F> {
    step: F,
    outcome: Option<Outcome<T>>,
    reply: oneshot::Sender<Outcome<T>>,
}

impl<T, F> Command for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Step<'_>) -> Outcome<T> + Send,
{
    fn run(&mut self, step: &mut Step<'_>) -> Ran {
        let before = step.file.total_changes();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.step)(step)))
            .unwrap_or_else(|_| Err(Fault::corrupt("the step failed on what is stored")));
        let ran = match &outcome {
            Err(fault) if fault.is_of_the_file() => Ran::Broken,
            Err(_) if step.file.total_changes() != before => Ran::Broken,
            _ => Ran::Whole,
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(has_ended()));
        // A caller that went away needs no answer.
        let _ = self.reply.send(outcome);
    }

    fn refuse(self: Box<Self>, why: Fault) {
        let _ = self.reply.send(Err(why));
    }
}
