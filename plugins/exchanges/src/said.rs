//! Gathers what lines say about dates, and refuses what they say twice.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::error::{FileError, Place};
use crate::file::{Fact, Line, Says};
use crate::hours::Changes;

/// What lines say about one date.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    /// The last line that says something.
    pub(crate) place: Place<'a>,
    pub(crate) closed: bool,
    pub(crate) changes: Changes,
}

/// What lines say, by date.
pub(crate) type SaidOf<'a> = BTreeMap<NaiveDate, Said<'a>>;

/// Gathers what `lines` say about dates.
pub(crate) fn gather<'a>(lines: &[&Line<'a>]) -> Result<SaidOf<'a>, FileError> {
    let mut said = SaidOf::new();
    for line in lines {
        let Says::Of(dates, fact) = &line.says else {
            continue;
        };
        for date in dates {
            match said.get_mut(date) {
                Some(said) => said.also(*date, *fact, line.place)?,
                None => {
                    said.insert(*date, Said::first(*fact, line.place));
                }
            }
        }
    }
    Ok(said)
}

impl<'a> Said<'a> {
    fn first(fact: Fact, place: Place<'a>) -> Self {
        let mut said = Self {
            place,
            closed: false,
            changes: Changes::default(),
        };
        said.add(fact);
        said
    }

    fn also(&mut self, date: NaiveDate, fact: Fact, place: Place<'a>) -> Result<(), FileError> {
        let was_closed = self.closed;
        let is_repeated = self.add(fact);
        if was_closed || self.closed || is_repeated {
            let message = format!(
                "{date} is there already, in {}: only one of them can be right",
                self.place
            );
            return Err(place.wrong(message));
        }
        self.place = place;
        Ok(())
    }

    /// Adds a fact, and says whether one of its kind was there.
    fn add(&mut self, fact: Fact) -> bool {
        let changes = &mut self.changes;
        match fact {
            Fact::Closed => std::mem::replace(&mut self.closed, true),
            Fact::Open => std::mem::replace(&mut changes.special, true),
            Fact::OpenAt(time) => changes.open.replace(time).is_some(),
            Fact::CloseAt(time) => changes.close.replace(time).is_some(),
            Fact::Break(pause) => changes.pause.replace(pause).is_some(),
        }
    }
}
