//! What applies from a date on.

use chrono::NaiveDate;

/// A value, and what replaced it later.
#[derive(Debug, Clone)]
pub(crate) struct Since<T> {
    first: T,
    /// In the order of their dates.
    later: Vec<(NaiveDate, T)>,
}

impl<T> Since<T> {
    pub(crate) fn new(first: T) -> Self {
        Self {
            first,
            later: Vec::new(),
        }
    }

    /// What applies on `date`.
    pub(crate) fn on(&self, date: NaiveDate) -> &T {
        let latest = self.later.iter().rfind(|(from, _)| *from <= date);
        latest.map_or(&self.first, |(_, value)| value)
    }

    /// Lets `value` apply from `from` on, which must be after all before; otherwise answers with the last of those.
    pub(crate) fn change(&mut self, from: NaiveDate, value: T) -> Result<(), NaiveDate> {
        match self.later.last() {
            Some((last, _)) if *last >= from => Err(*last),
            _ => {
                self.later.push((from, value));
                Ok(())
            }
        }
    }
}
