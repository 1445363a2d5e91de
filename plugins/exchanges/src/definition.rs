//! Makes a calendar from a file that is one of its own.

use std::sync::OnceLock;

use chrono::{NaiveDate, WeekdaySet};
use chrono_tz::Tz;

use crate::error::{FileError, Place};
use crate::exchange::Exchange;
use crate::file::{File, Line, Says};
use crate::hours::Hours;
use crate::since::Since;

impl Exchange {
    /// The calendar `code` that `file` defines.
    pub(crate) fn defined(code: &str, file: &File<'_>) -> Result<Self, FileError> {
        let lines: Vec<_> = file.lines.iter().collect();
        let header = Header::read(&lines)?;
        let needed =
            |line: &'static str| move || file.place.wrong(format!("the line `{line}` is missing"));
        let name = header.name.ok_or_else(needed("name A Bourse"))?;
        let zone = header.zone.ok_or_else(needed("zone America/New_York"))?;
        let covers = header.covers;
        let (first, last) = covers.ok_or_else(needed("covers 2000-01-01 to 2027-12-31"))?;
        let weekdays = header.weekdays;
        let weekdays = weekdays.ok_or_else(needed("weekdays mon tue wed thu fri"))?;
        let hours = header.hours.ok_or_else(needed("hours 09:30-16:00"))?;
        let mut exchange = Self {
            code: code.to_owned(),
            name: name.to_owned(),
            zone,
            first,
            last,
            weekdays: Since::new(weekdays),
            hours: Since::new(hours.clone()),
            exceptions: Vec::new(),
            shortest_period: OnceLock::new(),
        };
        exchange.change_usual(&lines)?;
        exchange.change_dates(&lines, true)?;
        Ok(exchange)
    }
}

/// The lines of which there is one.
#[derive(Default)]
struct Header<'a> {
    name: Option<&'a str>,
    zone: Option<Tz>,
    covers: Option<(NaiveDate, NaiveDate)>,
    weekdays: Option<WeekdaySet>,
    hours: Option<&'a Hours>,
}

impl<'a> Header<'a> {
    fn read(lines: &[&'a Line<'a>]) -> Result<Self, FileError> {
        let mut header = Self::default();
        for line in lines {
            let place = line.place;
            match &line.says {
                Says::Name(name) => set(&mut header.name, *name, "name", place)?,
                Says::Zone(zone) => set(&mut header.zone, *zone, "zone", place)?,
                Says::Covers(Some(first), last) => {
                    set(&mut header.covers, (*first, *last), "covers", place)?;
                }
                Says::Covers(None, last) => {
                    let message = format!(
                        "expected `covers` with two dates, such as `covers 2000-01-01 to {last}`"
                    );
                    return Err(place.wrong(message));
                }
                Says::Weekdays(None, days) => set(&mut header.weekdays, *days, "weekdays", place)?,
                Says::Hours(None, hours) => set(&mut header.hours, hours, "hours", place)?,
                Says::Weekdays(Some(_), _) | Says::Hours(Some(_), _) | Says::Of(..) => {}
            }
        }
        Ok(header)
    }
}

fn set<T>(field: &mut Option<T>, value: T, name: &str, place: Place<'_>) -> Result<(), FileError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(place.wrong(format!("`{name}` is there already"))),
    }
}
