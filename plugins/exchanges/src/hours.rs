//! The hours of a trading day, on the wall clock of the exchange.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Minutes of a day.
pub(crate) const DAY: i16 = 24 * 60;

/// A time in minutes after the midnight that begins a trading day; before zero it is on the evening before, from
/// [`DAY`] on in the night after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalTime(pub(crate) i16);

impl LocalTime {
    /// The same time on the day before.
    pub(crate) fn day_before(self) -> Self {
        Self(self.0 - DAY)
    }

    /// What the clock shows, for the trading day `date`.
    pub(crate) fn on(self, date: NaiveDate) -> NaiveDateTime {
        date.and_time(NaiveTime::MIN) + TimeDelta::minutes(self.0.into())
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = if self.0 < 0 { self.0 + DAY } else { self.0 };
        write!(f, "{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// From one time to a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) begin: LocalTime,
    pub(crate) end: LocalTime,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.begin, self.end)
    }
}

/// From the open to the close, with the breaks in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hours {
    pub(crate) open: LocalTime,
    pub(crate) close: LocalTime,
    pub(crate) breaks: Vec<Span>,
}

impl Hours {
    /// What is wrong with them, in a sentence: they end before they begin, or a break is not inside or not after the one
    /// before.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (open, close) = (self.open, self.close);
        if open >= close {
            return Err(format!(
                "the close at {close} is not after the open at {open}"
            ));
        }
        let mut free = open;
        for pause in &self.breaks {
            if pause.begin >= pause.end {
                return Err(format!("the break {pause} ends before it begins"));
            }
            if pause.begin < free || pause.end > close {
                return Err(format!("the break {pause} is not inside of {free}-{close}"));
            }
            free = pause.end;
        }
        Ok(())
    }

    /// These hours with what is otherwise on one day. Usual breaks outside of that day's hours fall away.
    pub(crate) fn with(&self, changes: &Changes) -> Self {
        let open = changes.open.map(|time| match self.open.0 < 0 {
            true => time.day_before(),
            false => time,
        });
        let open = open.unwrap_or(self.open);
        let close = changes.close.unwrap_or(self.close);
        let breaks = match &changes.pause {
            Some(Pause::No) => Vec::new(),
            Some(Pause::At(pause)) => vec![*pause],
            None => {
                let touches = |pause: &&Span| pause.begin < close && pause.end > open;
                self.breaks.iter().filter(touches).copied().collect()
            }
        };
        Self {
            open,
            close,
            breaks,
        }
    }

    /// How they differ from the usual ones, for people.
    pub(crate) fn notes(&self, usual: &Self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.open != usual.open {
            notes.push(format!(
                "{} open {}",
                early(self.open, usual.open),
                self.open
            ));
        }
        if self.close != usual.close {
            notes.push(format!(
                "{} close {}",
                early(self.close, usual.close),
                self.close
            ));
        }
        if self.breaks != usual.breaks {
            notes.push(match self.breaks.as_slice() {
                [] => "no lunch break".to_owned(),
                breaks => {
                    let breaks: Vec<_> = breaks.iter().map(Span::to_string).collect();
                    format!("break {}", breaks.join(", "))
                }
            });
        }
        notes
    }
}

fn early(time: LocalTime, usual: LocalTime) -> &'static str {
    if time < usual { "early" } else { "late" }
}

/// What is otherwise on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// A session even if it is none of the weekdays.
    pub(crate) special: bool,
    pub(crate) open: Option<LocalTime>,
    pub(crate) close: Option<LocalTime>,
    pub(crate) pause: Option<Pause>,
}

/// Instead of the usual breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    No,
    At(Span),
}

impl Changes {
    /// These changes, and where they say nothing, those of `known`.
    pub(crate) fn or(self, known: &Self) -> Self {
        Self {
            special: self.special || known.special,
            open: self.open.or(known.open),
            close: self.close.or(known.close),
            pause: self.pause.or(known.pause),
        }
    }
}
