//! When a schedule fires that follows the sessions of an exchange.

use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::{out_of_coverage, wall_clock};
use stock_scheduler_sdk::{Calendar, Day, Next, Occurrence, Schedule, Session, write_duration};

/// No session begins or ends so many days after its date.
const REACH: Days = Days::new(3);

/// What a schedule follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The begin of trading.
    Open,
    /// The end of trading.
    Close,
}

/// Fires once per session, at its open or its close or some time before or after it.
///
/// It says when it fires only where the calendar knows all that could come first. So it says nothing about instants before
/// the fourth date that the calendar covers, nor from the end of the last session on.
#[derive(Clone)]
pub struct SessionSchedule {
    calendar: Arc<dyn Calendar>,
    moment: Moment,
    offset: TimeDelta,
    zone: Option<Tz>,
}

impl SessionSchedule {
    /// At the `moment` of each session of `calendar`.
    pub fn new(calendar: Arc<dyn Calendar>, moment: Moment) -> Self {
        Self {
            calendar,
            moment,
            offset: TimeDelta::zero(),
            zone: None,
        }
    }

    /// The same schedule so much later, or earlier if `offset` is negative.
    pub fn with_offset(mut self, offset: TimeDelta) -> Self {
        self.offset = offset;
        self
    }

    /// The same schedule, shown in `zone` and not in the exchange's.
    pub fn shown_in(mut self, zone: Tz) -> Self {
        self.zone = Some(zone);
        self
    }

    /// The first of the dates whose session may be the next after `instant`.
    fn first_date(&self, instant: DateTime<Utc>) -> Option<NaiveDate> {
        let moment = instant.checked_sub_signed(self.offset)?;
        let date = wall_clock::date(moment, self.calendar.zone())?;
        date.checked_sub_days(REACH)
    }

    fn fire(&self, session: &Session) -> Option<DateTime<Utc>> {
        let moment = match self.moment {
            Moment::Open => session.open,
            Moment::Close => session.close,
        };
        moment.checked_add_signed(self.offset)
    }
}

impl Schedule for SessionSchedule {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let dates = self.first_date(instant).into_iter();
        for date in dates.flat_map(|first| first.iter_days()) {
            let session = match self.calendar.day(date) {
                Day::Session(session) => session,
                Day::Closed(_) => continue,
                _ => break,
            };
            if let Some(at) = self.fire(&session).filter(|at| *at > instant) {
                let mut fire = Occurrence::new(at);
                fire.notes = session.notes;
                return Next::At(fire);
            }
        }
        out_of_coverage(self.calendar.as_ref())
    }

    fn describe(&self) -> String {
        let length = write_duration(self.offset.abs());
        let when = match self.offset.num_seconds() {
            0 => "at".to_owned(),
            1.. => format!("{length} after"),
            _ => format!("{length} before"),
        };
        let moment = match self.moment {
            Moment::Open => "open",
            Moment::Close => "close",
        };
        let (code, name) = (self.calendar.code(), self.calendar.name());
        format!("{when} the {moment} of {code} ({name})")
    }

    /// The one that it was given, else the exchange's.
    fn zone(&self) -> Option<Tz> {
        Some(self.zone.unwrap_or(self.calendar.zone()))
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        Some(self.calendar.clone())
    }
}
