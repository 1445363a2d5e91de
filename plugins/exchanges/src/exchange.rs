//! The calendar of one exchange: answers what it does on a date.

use std::borrow::Cow;
use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate, TimeDelta, WeekdaySet};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Calendar, Day, Session};

use crate::hours::{Changes, Hours, LocalTime, Span};
use crate::since::Since;

/// What is known about an exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) zone: Tz,
    pub(crate) first: NaiveDate,
    pub(crate) last: NaiveDate,
    pub(crate) weekdays: Since<WeekdaySet>,
    pub(crate) hours: Since<Hours>,
    /// In the order of the dates, each once.
    pub(crate) exceptions: Vec<(NaiveDate, Exception)>,
    pub(crate) shortest_period: OnceLock<TimeDelta>,
}

/// What is not as usual on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exception {
    Closed,
    // Boxed, because closed days are by far the most.
    Open(Box<Changes>),
}

impl Exchange {
    /// Whether it trades on that day of the week.
    pub(crate) fn is_weekday(&self, date: NaiveDate) -> bool {
        self.weekdays.on(date).contains(date.weekday())
    }

    fn exception(&self, date: NaiveDate) -> Option<&Exception> {
        let exceptions = &self.exceptions;
        let place = exceptions.binary_search_by_key(&date, |(date, _)| *date);
        place.ok().map(|place| &exceptions[place].1)
    }

    pub(crate) fn covers(&self, date: NaiveDate) -> bool {
        (self.first..=self.last).contains(&date)
    }

    /// What is otherwise in the session of a date, or why there is none.
    pub(crate) fn changes(&self, date: NaiveDate) -> Result<Option<&Changes>, &'static str> {
        match self.exception(date) {
            Some(Exception::Closed) => Err("holiday"),
            Some(Exception::Open(changes)) if changes.special || self.is_weekday(date) => {
                Ok(Some(changes))
            }
            _ if self.is_weekday(date) => Ok(None),
            _ => Err("weekend"),
        }
    }

    /// The hours of a date, or why there are none.
    pub(crate) fn hours_on(&self, date: NaiveDate) -> Result<Cow<'_, Hours>, &'static str> {
        let changes = self.changes(date)?;
        let usual = self.hours.on(date);
        Ok(match changes {
            Some(changes) => Cow::Owned(usual.with(changes)),
            None => Cow::Borrowed(usual),
        })
    }

    fn session(&self, date: NaiveDate, hours: &Hours) -> Option<Session> {
        let instant = |time: LocalTime| wall_clock::instant(time.on(date), self.zone);
        let pause = |pause: &Span| Some((instant(pause.begin)?, instant(pause.end)?));
        let mut session = Session::new(date, instant(hours.open)?, instant(hours.close)?);
        session.breaks = hours.breaks.iter().map(pause).collect::<Option<_>>()?;
        Some(session)
    }

    /// What people should know about a date that is not as usual.
    fn notes(&self, date: NaiveDate, hours: &Hours) -> Vec<String> {
        let mut notes = hours.notes(self.hours.on(date));
        if !self.is_weekday(date) {
            notes.insert(0, "special session".to_owned());
        }
        notes
    }

    fn sessions(&self) -> impl Iterator<Item = Session> {
        let dates = self.first.iter_days();
        let dates = dates.take_while(|date| *date <= self.last);
        dates.filter_map(|date| match self.day(date) {
            Day::Session(session) => Some(session),
            _ => None,
        })
    }

    fn measure_shortest_period(&self) -> TimeDelta {
        let times = self.sessions().map(|session| (session.open, session.close));
        let times: Vec<_> = times.collect();
        let periods = times.iter().zip(times.iter().skip(1));
        let periods = periods.map(|(one, next)| (next.0 - one.0).min(next.1 - one.1));
        periods.min().unwrap_or(TimeDelta::days(1))
    }
}

impl Calendar for Exchange {
    fn code(&self) -> &str {
        &self.code
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn zone(&self) -> Tz {
        self.zone
    }

    fn covered(&self) -> (NaiveDate, NaiveDate) {
        (self.first, self.last)
    }

    fn day(&self, date: NaiveDate) -> Day {
        if !self.covers(date) {
            return Day::Unknown;
        }
        let hours = match self.hours_on(date) {
            Ok(hours) => hours,
            Err(why) => return Day::Closed(why),
        };
        let Some(mut session) = self.session(date, &hours) else {
            return Day::Unknown;
        };
        // Those of usual days are borrowed.
        if matches!(hours, Cow::Owned(_)) {
            session.notes = self.notes(date, &hours);
        }
        Day::Session(session)
    }

    /// A day where there are fewer than two sessions.
    fn shortest_period(&self) -> TimeDelta {
        let known = &self.shortest_period;
        *known.get_or_init(|| self.measure_shortest_period())
    }
}
