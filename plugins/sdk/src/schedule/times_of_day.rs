//! Times of day on the dates that match: what all kinds that fire by the wall clock of a zone have in common.
//!
//! Which dates match is the kind's own business.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::spec::{Spec, schema};
use super::{Next, Occurrence, wall_clock};
use crate::ConfigError;

/// The times at which a schedule fires on each of its dates, on the wall clock of a zone, whatever the zone's offset is on
/// that date.
///
/// Where clocks are put forward, a time that is left out fires at the first instant after the gap, with a note; all times
/// in one gap fire once, together. That holds for a date that a zone left out as a whole too: Samoa had no 2011-12-30,
/// and the fires of that day came at the first instant of the 31st. Where clocks are put back, a time that comes twice
/// fires when it comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimesOfDay {
    /// In order, each once, at least one.
    times: Vec<NaiveTime>,
    zone: Tz,
    names_zone: bool,
}

impl TimesOfDay {
    /// At `time` in `zone`.
    pub fn at(time: NaiveTime, zone: Tz) -> Self {
        Self {
            times: vec![time],
            zone,
            names_zone: true,
        }
    }

    /// The same times and a further one.
    pub fn and_at(mut self, time: NaiveTime) -> Self {
        if let Err(place) = self.times.binary_search(&time) {
            self.times.insert(place, time);
        }
        self
    }

    /// Reads `time` or `times`, and `timezone`; without that the zone is `given`, which the schedule does not name itself.
    pub fn read(spec: &Spec<'_>, given: Tz) -> Result<Self, ConfigError> {
        let mut times = spec.times()?.into_iter();
        let named = spec.named_zone()?;
        let first = times.next().unwrap_or_default();
        let read = times.fold(Self::at(first, named.unwrap_or(given)), Self::and_at);
        Ok(Self {
            names_zone: named.is_some(),
            ..read
        })
    }

    /// The two shapes of a kind with times of day as JSON Schemas, one with `time` and one with `times`.
    ///
    /// `dates` says in words on which dates it fires, such as `Every day`; `needed` are the fields that say so.
    pub fn schemas(title: &str, dates: &str, kind: &str, needed: &[(&str, Value)]) -> [Value; 2] {
        let optional = [("timezone", schema::timezone()), ("on", schema::on())];
        let shape = |title: &str, at: &str, field| {
            let needed = [needed, &[field]].concat();
            schema::object(title, &format!("{dates} {at}."), kind, &needed, &optional)
        };
        let several = format!("{title}Times");
        [
            shape(title, "at `time`", ("time", schema::time())),
            shape(&several, "at each of `times`", ("times", schema::times())),
        ]
    }

    /// The first fire after `instant`, on the dates that `dates_from` gives: all that match from a date on, in order.
    pub fn next_after<Dates: Iterator<Item = NaiveDate>>(
        &self,
        instant: DateTime<Utc>,
        dates_from: impl FnOnce(NaiveDate) -> Dates,
    ) -> Next {
        // No time of an earlier date is still to come: the clock already shows a later one.
        let today = wall_clock::date(instant, self.zone);
        let fire = today.and_then(|today| self.first_after(instant, dates_from(today)));
        // Where calendars end there is no today, so what fires there would be passed over when asked just before it.
        let fire = fire.filter(|fire| wall_clock::date(fire.at, self.zone).is_some());
        fire.map_or(Next::Never, Next::At)
    }

    fn first_after(
        &self,
        instant: DateTime<Utc>,
        dates: impl Iterator<Item = NaiveDate>,
    ) -> Option<Occurrence> {
        let has_passed = |local| self.instant(local).is_some_and(|at| at <= instant);
        let last = *self.times.last()?;
        let mut dates = dates.skip_while(|date| has_passed(date.and_time(last)));
        let date = dates.next()?;
        // Later times never come earlier, so the passed ones are in front.
        let is_behind = |time: &NaiveTime| has_passed(date.and_time(*time));
        let rest = &self.times[self.times.partition_point(is_behind)..];
        let later = dates.flat_map(|date| on(date, &self.times));
        let fires = on(date, rest).chain(later).filter_map(|local| {
            let at = self.instant(local)?;
            (at > instant).then_some((local, at))
        });
        self.first_of(fires)
    }

    /// The first of `fires`, which are in order; others at the same instant are part of it.
    fn first_of(
        &self,
        mut fires: impl Iterator<Item = (NaiveDateTime, DateTime<Utc>)>,
    ) -> Option<Occurrence> {
        let (first, at) = fires.next()?;
        let together = fires.take_while(|(_, other)| *other == at);
        let locals = std::iter::once(first).chain(together.map(|(local, _)| local));
        let notes = locals.filter_map(|local| wall_clock::note(local, self.zone));
        Some(notes.fold(Occurrence::new(at), Occurrence::with_note))
    }

    fn instant(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        wall_clock::instant(local, self.zone)
    }

    /// The zone, where the schedule names it itself.
    pub fn named_zone(&self) -> Option<Tz> {
        self.names_zone.then_some(self.zone)
    }

    /// The time as `HH:MM`, where there is just one.
    pub fn time_of_day(&self) -> Option<String> {
        match self.times.as_slice() {
            [time] => Some(hh_mm(time)),
            _ => None,
        }
    }
}

impl fmt::Display for TimesOfDay {
    /// Writes `09:45 and 16:15 (America/New_York)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times: Vec<_> = self.times.iter().map(hh_mm).collect();
        write!(f, "{} ({})", joined(&times), self.zone.name())
    }
}

/// Words as a sentence lists them: `a, b and c`.
pub fn joined(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn on(date: NaiveDate, times: &[NaiveTime]) -> impl Iterator<Item = NaiveDateTime> {
    times.iter().map(move |time| date.and_time(*time))
}

fn hh_mm(time: &NaiveTime) -> String {
    time.format("%H:%M").to_string()
}
