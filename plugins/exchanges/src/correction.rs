//! Changes a calendar as the lines of files say.

use chrono::NaiveDate;

use crate::error::{FileError, Place};
use crate::exchange::{Exception, Exchange};
use crate::file::{Line, Says};
use crate::said::{Said, gather};

impl Exchange {
    /// Changes what the lines of files that begin with `corrects` say.
    pub(crate) fn correct(&mut self, lines: &[&Line<'_>]) -> Result<(), FileError> {
        self.extend(lines)?;
        self.change_usual(lines)?;
        self.change_dates(lines, false)
    }

    /// Moves the end of what is covered, if that is not known already.
    fn extend(&mut self, lines: &[&Line<'_>]) -> Result<(), FileError> {
        let mut extended: Option<Place<'_>> = None;
        for line in lines {
            match (&line.says, extended) {
                (Says::Covers(None, last), None) => {
                    self.last = self.last.max(*last);
                    extended = Some(line.place);
                }
                (Says::Covers(None, _), Some(before)) => {
                    return Err(line
                        .place
                        .wrong(format!("`covers` is there already, in {before}")));
                }
                (Says::Covers(Some(_), last), _) => {
                    let message =
                        format!("a correction moves the end alone, expected `covers to {last}`");
                    return Err(line.place.wrong(message));
                }
                (Says::Name(_) | Says::Zone(_), _) => {
                    let message = "a correction changes neither `name` nor `zone`";
                    return Err(line.place.wrong(message));
                }
                (Says::Weekdays(None, _) | Says::Hours(None, _), _) => {
                    let message = "a correction says from when on, expected `from` and a date";
                    return Err(line.place.wrong(message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Changes weekdays and hours from a date on.
    pub(crate) fn change_usual(&mut self, lines: &[&Line<'_>]) -> Result<(), FileError> {
        let starts = lines.iter().filter_map(|line| match &line.says {
            Says::Weekdays(Some(from), _) | Says::Hours(Some(from), _) => Some((*from, *line)),
            _ => None,
        });
        let mut starts: Vec<_> = starts.collect();
        starts.sort_by_key(|(from, _)| *from);
        for (from, line) in starts {
            self.check_covered(from, line.place)?;
            let changed = match &line.says {
                Says::Weekdays(_, days) => self.weekdays.change(from, *days),
                Says::Hours(_, hours) => self.hours.change(from, hours.clone()),
                _ => Ok(()),
            };
            changed.map_err(|last| {
                let message = format!("{from} is not after {last}, from when on others apply");
                line.place.wrong(message)
            })?;
        }
        Ok(())
    }

    /// Changes single dates. In a calendar of its own, `is_new`, lines say nothing that would be so without them.
    pub(crate) fn change_dates(
        &mut self,
        lines: &[&Line<'_>],
        is_new: bool,
    ) -> Result<(), FileError> {
        let said = gather(lines)?;
        let mut changed = Vec::with_capacity(said.len());
        for (date, said) in said {
            if is_new && said.changes.special && self.is_weekday(date) {
                let message = format!(
                    "{date} is a {}, on which {} trades anyway",
                    date.format("%A"),
                    self.code
                );
                return Err(said.place.wrong(message));
            }
            changed.push((date, self.changed(date, said)?));
        }
        // Of two for one date the first is kept.
        changed.append(&mut self.exceptions);
        changed.sort_by_key(|(date, _)| *date);
        changed.dedup_by_key(|(date, _)| *date);
        changed.shrink_to_fit();
        self.exceptions = changed;
        Ok(())
    }

    /// What is known of `date` with what is said.
    fn changed(&self, date: NaiveDate, said: Said<'_>) -> Result<Exception, FileError> {
        let place = said.place;
        self.check_covered(date, place)?;
        let known = self.changes(date);
        if said.closed && (known.is_ok() || self.is_weekday(date)) {
            return Ok(Exception::Closed);
        }
        let changes = match known {
            _ if said.changes.special => said.changes,
            Ok(Some(known)) => said.changes.or(known),
            Ok(None) => said.changes,
            Err(_) => return Err(place.wrong(self.closed_anyway(date))),
        };
        let hours = self.hours.on(date).with(&changes);
        let checked = hours.check();
        checked.map_err(|wrong| place.wrong(format!("{date}: {wrong}")))?;
        Ok(Exception::Open(Box::new(changes)))
    }

    fn closed_anyway(&self, date: NaiveDate) -> String {
        let why = match self.is_weekday(date) {
            true => "a holiday".to_owned(),
            false => format!("a {}", date.format("%A")),
        };
        format!(
            "{date} is {why}, on which {} is closed anyway; `open` makes it a session",
            self.code
        )
    }

    fn check_covered(&self, date: NaiveDate, place: Place<'_>) -> Result<(), FileError> {
        match self.covers(date) {
            true => Ok(()),
            false => Err(place.wrong(format!(
                "{date} is outside of what {} covers, {} to {}",
                self.code, self.first, self.last
            ))),
        }
    }
}
