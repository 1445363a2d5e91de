//! When a daily schedule fires next.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Next, Occurrence, Schedule};

/// Fires each day at the same times on the wall clock of a zone, whatever the zone's offset is on that day.
///
/// Where clocks are put forward, a time that is left out fires at the first instant after the gap, with a note; all times
/// in one gap fire once, together. That holds for a date that a zone left out as a whole too: Samoa had no 2011-12-30,
/// and the fires of that day came at the first instant of the 31st. Where clocks are put back, a time that comes twice
/// fires when it comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// In order, each once, at least one.
    times: Vec<NaiveTime>,
    zone: Tz,
    names_zone: bool,
}

impl Daily {
    /// Every day at `time` in `zone`.
    pub fn at(time: NaiveTime, zone: Tz) -> Self {
        Self {
            times: vec![time],
            zone,
            names_zone: true,
        }
    }

    /// The same schedule at a further time of the day.
    pub fn and_at(mut self, time: NaiveTime) -> Self {
        if let Err(place) = self.times.binary_search(&time) {
            self.times.insert(place, time);
        }
        self
    }

    /// The same schedule, in a zone that it was given and does not name itself.
    pub(crate) fn in_given_zone(mut self) -> Self {
        self.names_zone = false;
        self
    }

    /// The first fire of `date` after `instant`, where that date has one.
    fn on(&self, date: NaiveDate, instant: DateTime<Utc>) -> Option<Occurrence> {
        let instant_of = |time: &NaiveTime| wall_clock::instant(date.and_time(*time), self.zone);
        let has_passed = |time: &NaiveTime| instant_of(time).is_some_and(|at| at <= instant);
        if self.times.last().is_none_or(has_passed) {
            return None;
        }
        // Later times never come earlier, so the passed ones are in front.
        let rest = &self.times[self.times.partition_point(has_passed)..];
        let at = instant_of(rest.first()?)?;
        let together = rest.iter().take_while(|time| instant_of(time) == Some(at));
        let notes = together.filter_map(|time| wall_clock::note(date.and_time(*time), self.zone));
        Some(notes.fold(Occurrence::new(at), Occurrence::with_note))
    }
}

impl Schedule for Daily {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let Some(today) = wall_clock::date(instant, self.zone) else {
            return Next::Never;
        };
        // The fires of a date that was left out come on the next, so yesterday is asked too. Clocks that are put back
        // over midnight repeat a part of yesterday, so the next fire can be the day after tomorrow's.
        let dates = today.pred_opt().unwrap_or(today).iter_days().take(5);
        match dates.into_iter().find_map(|date| self.on(date, instant)) {
            Some(fire) => Next::At(fire),
            None => Next::Never,
        }
    }

    fn describe(&self) -> String {
        let times: Vec<_> = self.times.iter().map(hh_mm).collect();
        let times = match times.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        };
        format!("daily at {times} ({})", self.zone.name())
    }

    fn zone(&self) -> Option<Tz> {
        self.names_zone.then_some(self.zone)
    }

    fn time_of_day(&self) -> Option<String> {
        match self.times.as_slice() {
            [time] => Some(hh_mm(time)),
            _ => None,
        }
    }
}

fn hh_mm(time: &NaiveTime) -> String {
    time.format("%H:%M").to_string()
}
