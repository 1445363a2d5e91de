//! What a check finds, told as it is found.

use stock_scheduler_sdk::conformance::Broken;

/// Counts what is not as it should be.
#[derive(Default)]
pub(super) struct Report {
    broken: usize,
    unasked: usize,
}

impl Report {
    pub(super) fn kept(&mut self, what: &str) {
        say!("  ok      {what}");
    }

    pub(super) fn broken(&mut self, what: &str) {
        self.broken += 1;
        say!("  BROKEN  {what}");
    }

    /// Says what could not be asked: whether a promise is kept, nobody knows.
    pub(super) fn unasked(&mut self, what: &str) {
        self.unasked += 1;
        say!("  ?       {what}");
    }

    pub(super) fn note(&mut self, what: &str) {
        say!("  note    {what}");
    }

    pub(super) fn outcome(&mut self, what: &str, outcome: Result<(), Broken>) {
        match outcome {
            Ok(()) => self.kept(&format!("{what} keeps its promises")),
            Err(broken) => self.broken(&format!("{what}: {broken}")),
        }
    }

    pub(super) fn end(self) -> Result<(), String> {
        match (self.broken, self.unasked) {
            (0, 0) => Ok(()),
            (0, _) => Err("not everything could be asked".into()),
            (1, _) => Err("a promise is broken".into()),
            (count, _) => Err(format!("{count} promises are broken")),
        }
    }
}
