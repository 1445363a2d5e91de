//! The field for years (OCPS 1.2, 4.2).

use std::ops::RangeInclusive;

use crate::CronError;
use crate::field::YEAR;

/// Which years match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Years {
    /// All from 1 to 9999: no field, or `*`, which says the same.
    Every,
    /// Those of the field.
    Listed(Listed),
}

/// Years from 1970 on, one a bit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed([u64; 4]);

const FIRST_LISTED: i32 = 1970;
const LAST_LISTED: i32 = 2199;

impl Years {
    pub(crate) fn parse(text: &str) -> Result<Self, CronError> {
        Ok(match text {
            "*" => Self::Every,
            text => Self::Listed(YEAR.values(text)?),
        })
    }

    /// The years that match, from `least` on, in order.
    pub(crate) fn from(&self, least: i32) -> impl Iterator<Item = i32> {
        let all = self.all();
        let rest = least.max(*all.start())..=*all.end();
        rest.filter(|year| self.has(*year))
    }

    fn all(&self) -> RangeInclusive<i32> {
        match self {
            Self::Every => 1..=9999,
            Self::Listed(_) => FIRST_LISTED..=LAST_LISTED,
        }
    }

    fn has(&self, year: i32) -> bool {
        match self {
            Self::Every => true,
            Self::Listed(listed) => listed.has(year),
        }
    }
}

impl Listed {
    fn has(&self, year: i32) -> bool {
        let (word, bit) = place(year);
        self.0[word] >> bit & 1 == 1
    }
}

impl FromIterator<u32> for Listed {
    fn from_iter<I: IntoIterator<Item = u32>>(years: I) -> Self {
        let mut listed = Self::default();
        for year in years {
            let (word, bit) = place(year as i32);
            listed.0[word] |= 1 << bit;
        }
        listed
    }
}

/// The word and the bit of a year from 1970 to 2199.
fn place(year: i32) -> (usize, i32) {
    let number = year - FIRST_LISTED;
    ((number / 64) as usize, number % 64)
}
