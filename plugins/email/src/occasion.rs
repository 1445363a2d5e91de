//! What is worth a mail: news, and not what goes on as it was.

use stock_scheduler_sdk::{Delivery, EventKind, RunStatus};

/// Why somebody is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A run failed, in whole or in part, and the one before went better.
    Failure,
    /// A run stored every symbol, and the one before did not.
    Recovery,
    /// A fire time went by without a run.
    Missed,
}

impl Occasion {
    /// All of them, by their words in the configuration.
    pub(crate) const ALL: [(&str, Self); 3] = [
        ("failure", Self::Failure),
        ("recovery", Self::Recovery),
        ("missed", Self::Missed),
    ];

    /// The events that may be an occasion.
    pub(crate) const EVENTS: [&str; 2] = ["JobFinished", "FireMissed"];

    /// The occasion that `delivery` is. Where it is not known how the run before ended, it is taken to have succeeded.
    pub(crate) fn of(delivery: &Delivery) -> Option<Self> {
        match delivery.event.kind {
            EventKind::JobFinished { status, .. } => {
                let before = delivery.previous.map_or(0, badness);
                match badness(status) {
                    0 if before > 0 => Some(Self::Recovery),
                    now if now > before => Some(Self::Failure),
                    _ => None,
                }
            }
            EventKind::FireMissed { .. } => Some(Self::Missed),
            _ => None,
        }
    }
}

fn badness(status: RunStatus) -> u8 {
    match status {
        RunStatus::Running | RunStatus::Success => 0,
        RunStatus::PartialSuccess => 1,
        RunStatus::Failed => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::Occasion::{Failure, Missed, Recovery};
    use super::*;
    use crate::text::tests::{finished, missed};
    use stock_scheduler_sdk::RunStatus::{Failed, PartialSuccess, Success};

    #[test]
    fn only_what_got_worse_or_works_again_is_worth_a_mail() {
        for (before, now, occasion) in [
            (None, Success, None),
            (None, PartialSuccess, Some(Failure)),
            (None, Failed, Some(Failure)),
            (Some(Success), Success, None),
            (Some(Success), PartialSuccess, Some(Failure)),
            (Some(Success), Failed, Some(Failure)),
            (Some(PartialSuccess), Success, Some(Recovery)),
            (Some(PartialSuccess), PartialSuccess, None),
            (Some(PartialSuccess), Failed, Some(Failure)),
            (Some(Failed), Success, Some(Recovery)),
            (Some(Failed), PartialSuccess, None),
            (Some(Failed), Failed, None),
        ] {
            let mut delivery = finished(now);
            delivery.previous = before;

            assert_eq!(Occasion::of(&delivery), occasion, "{before:?}, {now:?}");
        }
        assert_eq!(Occasion::of(&missed()), Some(Missed));
    }

    #[test]
    fn other_events_are_no_occasion() {
        let mut delivery = missed();
        delivery.event.kind = EventKind::JobRescheduled { next_run: None };

        assert_eq!(Occasion::of(&delivery), None);
    }
}
