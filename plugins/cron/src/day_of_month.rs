//! The field for days of the month, with `L` for the last and `W` for the nearest weekday (OCPS 1.3, 4.1 and 4.3).

use crate::CronError;
use crate::bits::Bits;
use crate::field::DAY_OF_MONTH;
use crate::month::Month;

/// Which days of a month match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DayOfMonth {
    /// These days, and the last one where `last` is set.
    Days { days: Bits, last: bool },
    /// The weekday nearest to a day.
    NearestWeekday(u32),
    /// The last weekday.
    LastWeekday,
}

impl DayOfMonth {
    pub(crate) fn parse(text: &str) -> Result<Self, CronError> {
        if text == "LW" {
            return Ok(Self::LastWeekday);
        }
        if text.contains('W') {
            return Self::nearest_weekday(text);
        }
        let (mut days, mut last) = (Bits::default(), false);
        for item in DAY_OF_MONTH.items(text)? {
            match item {
                "L" => last = true,
                item => DAY_OF_MONTH.item(item)?.for_each(|day| days.insert(day)),
            }
        }
        Ok(Self::Days { days, last })
    }

    /// Reads `15W`. A list or a range of such days has no meaning in OCPS.
    fn nearest_weekday(text: &str) -> Result<Self, CronError> {
        let day = text.strip_suffix('W').unwrap_or_default();
        if day.is_empty() || !day.bytes().all(|byte| byte.is_ascii_digit()) {
            let hint =
                "has a W that follows no single day, expected one such as \"15W\", or \"LW\"";
            return Err(DAY_OF_MONTH.wrong(text, hint));
        }
        DAY_OF_MONTH.value(day).map(Self::NearestWeekday)
    }

    pub(crate) fn is_every(&self) -> bool {
        matches!(self, Self::Days { days, .. } if days.len() == 31)
    }

    pub(crate) fn in_month(&self, month: Month) -> Bits {
        match self {
            Self::Days { days, last } => {
                let last = u64::from(*last) << month.last_day();
                Bits(days.0 & month.all_days().0 | last)
            }
            Self::NearestWeekday(day) => month.nearest_weekday(*day).into_iter().collect(),
            Self::LastWeekday => month
                .nearest_weekday(month.last_day())
                .into_iter()
                .collect(),
        }
    }
}
