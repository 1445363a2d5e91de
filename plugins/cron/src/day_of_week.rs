//! The field for days of the week, with `#` for the nth and `L` for the last of a month (OCPS 1.3, 4.1 and 4.2).

use crate::CronError;
use crate::bits::Bits;
use crate::field::DAY_OF_WEEK;
use crate::month::Month;

/// Which weekdays match, Sunday being 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DayOfWeek {
    /// Those that match in every week.
    pub(crate) weekly: Bits,
    /// Those that match when they come for the first, second, … time in a month.
    pub(crate) nth: [Bits; 5],
    /// Those that match when they come for the last time in a month.
    pub(crate) last: Bits,
}

impl DayOfWeek {
    /// Reads the field without the `+` that may begin it.
    pub(crate) fn parse(text: &str) -> Result<Self, CronError> {
        let mut days = Self::default();
        for item in DAY_OF_WEEK.items(text)? {
            days.add(item)?;
        }
        Ok(days)
    }

    fn add(&mut self, item: &str) -> Result<(), CronError> {
        if let Some((day, which)) = item.split_once('#') {
            return self.add_nth(item, day, which);
        }
        if let Some(day) = item.strip_suffix('L') {
            self.last.insert(one_day(item, day)?);
            return Ok(());
        }
        let days = DAY_OF_WEEK.item(item)?;
        days.for_each(|day| self.weekly.insert(day % 7));
        Ok(())
    }

    fn add_nth(&mut self, item: &str, day: &str, which: &str) -> Result<(), CronError> {
        let weekday = one_day(item, day)?;
        let set = match which.as_bytes() {
            b"L" => &mut self.last,
            [n @ b'1'..=b'5'] => &mut self.nth[usize::from(n - b'1')],
            _ => {
                let hint =
                    format!("is no week, expected \"{day}#1\" to \"{day}#5\" or \"{day}#L\"");
                return Err(DAY_OF_WEEK.wrong(item, hint));
            }
        };
        set.insert(weekday);
        Ok(())
    }

    pub(crate) fn is_every(&self) -> bool {
        self.weekly.len() == 7
    }

    pub(crate) fn in_month(&self, month: Month) -> Bits {
        let mut days = month.weekdays(self.weekly).0;
        days |= month.weekdays(self.last).0 & month.last_week().0;
        for (n, weekdays) in (1..).zip(self.nth) {
            days |= month.weekdays(weekdays).0 & month.nth_week(n).0;
        }
        Bits(days)
    }
}

/// The weekday before a `#` or an `L`, which stand after a single one.
fn one_day(item: &str, day: &str) -> Result<u32, CronError> {
    if day.is_empty() || day.contains(['-', '/', '*', '?']) {
        let hint = "names no single day, expected one such as \"FRI#1\" or \"FRI#L\"";
        return Err(DAY_OF_WEEK.wrong(item, hint));
    }
    Ok(DAY_OF_WEEK.value(day)? % 7)
}
