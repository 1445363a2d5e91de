//! When a cron expression fires next, on the wall clock of a zone.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Next, Occurrence, Schedule};

use crate::CronError;
use crate::clock::{self, Passes};
use crate::pattern::Pattern;
use crate::words;

/// Fires at the times that a cron expression describes, on the wall clock of a zone.
///
/// Where clocks change, Vixie cron's rule holds:
///
/// * An expression whose minute or hour begins with `*` follows elapsed time: `7 * * * *` fires in both passes of an hour
///   that comes twice, and not in one that is left out.
/// * Every other one has fixed times: `30 2 * * *` fires at the first instant after a gap that leaves 02:30 out, with a
///   note, and where 02:30 comes twice, at the first. All times in one gap fire once, together; so do those of a date
///   that a zone left out as a whole.
///
/// It fires in the years 1 to 9999, or in those of its own field, and then never again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// As it was given, with single spaces.
    expression: String,
    pattern: Pattern,
    zone: Tz,
    names_zone: bool,
}

/// Two days before the year 1 and after the year 9999: outside of them nothing fires, whatever the zone.
const BEFORE_ALL: DateTime<Utc> = DateTime::from_timestamp(-62_135_769_600, 0).expect("in range");
const AFTER_ALL: DateTime<Utc> = DateTime::from_timestamp(253_402_473_600, 0).expect("in range");

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Of the times that fire together after a gap, so many are told one by one.
const MOST_NOTES: usize = 4;

impl Cron {
    /// Reads `expression`, whose times are meant in `zone`.
    pub fn parse(expression: &str, zone: Tz) -> Result<Self, CronError> {
        let pattern = Pattern::parse(expression)?;
        let words: Vec<_> = expression.split_ascii_whitespace().collect();
        Ok(Self {
            expression: words.join(" "),
            pattern,
            zone,
            names_zone: true,
        })
    }

    /// The same schedule, in a zone that it was given and does not name itself.
    pub(crate) fn in_given_zone(mut self) -> Self {
        self.names_zone = false;
        self
    }

    /// The first of the fixed times whose instant is after `instant`.
    fn next_fixed(&self, instant: DateTime<Utc>) -> Option<Occurrence> {
        let shown = clock::shown(instant, self.zone);
        let mut wanted = self.pattern.first_from(shown + SECOND)?;
        let mut at = wall_clock::instant(wanted, self.zone)?;
        if at <= instant {
            // The clock was put back and has shown this time before.
            let ahead = clock::first_ahead(shown, instant, self.zone);
            wanted = self.pattern.first_from(ahead)?;
            at = wall_clock::instant(wanted, self.zone)?;
        }
        Some(self.fire(wanted, at))
    }

    /// The fire at `at`, for `wanted` and for what else was left out by the same gap.
    fn fire(&self, wanted: NaiveDateTime, at: DateTime<Utc>) -> Occurrence {
        let mut fire = Occurrence::new(at);
        let mut moved = Some(wanted);
        while let Some(local) =
            moved.filter(|local| wall_clock::instant(*local, self.zone) == Some(at))
            && let Some(note) = wall_clock::note(local, self.zone)
        {
            if fire.notes.len() == MOST_NOTES {
                return fire.with_note("further times of the same gap are moved to the same fire");
            }
            fire = fire.with_note(note);
            // A note tells no seconds.
            moved = self.pattern.first_from(clock::next_minute(local));
        }
        fire
    }

    /// The first instant after `instant` at which the clock shows a time that matches.
    fn next_elapsed(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let shown = clock::shown(instant, self.zone);
        let later = self.first_shown_from(shown + SECOND);
        let later = later.map(|passes| passes.after(instant));
        if clock::last_pass(shown, self.zone).is_none_or(|last| last <= instant) {
            return later;
        }
        // The clock will be put back and show times again that are not ahead of it now.
        let back = clock::first_back(shown, instant, self.zone);
        let again = self.first_shown_from(back).map(|passes| passes.last);
        later.into_iter().chain(again).min()
    }

    /// When the clock shows the first time that matches, `local` or a later one, and that it shows at all.
    fn first_shown_from(&self, local: NaiveDateTime) -> Option<Passes> {
        let mut wanted = self.pattern.first_from(local)?;
        loop {
            match clock::passes(wanted, self.zone) {
                Ok(passes) => return Some(passes),
                Err(after_gap) => wanted = self.pattern.first_from(after_gap?)?,
            }
        }
    }
}

impl Schedule for Cron {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        if instant >= AFTER_ALL {
            return Next::Never;
        }
        let instant = instant.max(BEFORE_ALL);
        let fire = match self.pattern.is_elapsed {
            true => self.next_elapsed(instant).map(Occurrence::new),
            false => self.next_fixed(instant),
        };
        fire.map_or(Next::Never, Next::At)
    }

    fn describe(&self) -> String {
        let words = words::describe(&self.pattern);
        let words = words.unwrap_or_else(|| format!("cron {}", self.expression));
        format!("{words} ({})", self.zone.name())
    }

    fn zone(&self) -> Option<Tz> {
        self.names_zone.then_some(self.zone)
    }

    fn time_of_day(&self) -> Option<String> {
        let time = self.pattern.only_time()?;
        Some(time.format("%H:%M").to_string())
    }
}
