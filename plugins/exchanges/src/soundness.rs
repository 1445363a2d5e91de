//! Checks a calendar as a whole, date by date.

use chrono::NaiveDate;

use crate::exchange::Exchange;

impl Exchange {
    /// The first date whose hours are wrong, and how: by themselves, or because they begin before the session before is
    /// over.
    pub(crate) fn first_mistake(&self) -> Option<(NaiveDate, String)> {
        let mut free = None;
        for date in self.first.iter_days().take_while(|date| *date <= self.last) {
            let Ok(hours) = self.hours_on(date) else {
                continue;
            };
            if let Err(wrong) = hours.check() {
                return Some((date, wrong));
            }
            let (open, close) = (hours.open.on(date), hours.close.on(date));
            if let Some(free) = free.filter(|free| *free > open) {
                let [open, free] = [open, free].map(|time| time.format("%Y-%m-%d %H:%M"));
                let wrong =
                    format!("the open at {open} is before {free}, when the session before closes");
                return Some((date, wrong));
            }
            free = Some(close);
        }
        None
    }
}
