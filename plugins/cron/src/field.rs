//! Reads a field of an expression: a list of values, ranges and wildcards, each range with a step where it has one.
//!
//! OCPS 1.0, sections 4.2, 5 and 6.2, and OCPS 1.1, section 6.2. What only the day fields know is not read here.

use std::fmt::Display;

use crate::CronError;

/// A field: what it is called and which values it has.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    first: u32,
    last: u32,
    /// What the values may be called, from the first value on.
    names: &'static [&'static str],
    /// The values in words.
    expected: &'static str,
    /// The signs that mean every value.
    wildcards: &'static [&'static str],
}

const NUMBERS: Field = Field {
    name: "",
    first: 0,
    last: 59,
    names: &[],
    expected: "0 to 59",
    wildcards: &["*"],
};

pub(crate) const SECOND: Field = Field {
    name: "second",
    ..NUMBERS
};

pub(crate) const MINUTE: Field = Field {
    name: "minute",
    ..NUMBERS
};

pub(crate) const HOUR: Field = Field {
    name: "hour",
    last: 23,
    expected: "0 to 23",
    ..NUMBERS
};

pub(crate) const DAY_OF_MONTH: Field = Field {
    name: "day of month",
    first: 1,
    last: 31,
    expected: "1 to 31, L or one such as 15W",
    wildcards: &["*", "?"],
    ..NUMBERS
};

pub(crate) const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    expected: "1 to 12 or JAN to DEC",
    ..NUMBERS
};

pub(crate) const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    last: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
    expected: "0 to 7, SUN to SAT or one such as FRI#1 or FRI#L",
    wildcards: &["*", "?"],
    ..NUMBERS
};

pub(crate) const YEAR: Field = Field {
    name: "year",
    first: 1970,
    last: 2199,
    expected: "1970 to 2199",
    ..NUMBERS
};

impl Field {
    /// All values of a list.
    pub(crate) fn values<All: FromIterator<u32>>(&self, text: &str) -> Result<All, CronError> {
        let items: Vec<_> = self
            .items(text)?
            .map(|item| self.item(item))
            .collect::<Result<_, _>>()?;
        Ok(items.into_iter().flatten().collect())
    }

    /// The items of a list, none of them empty.
    pub(crate) fn items<'a>(
        &self,
        text: &'a str,
    ) -> Result<impl Iterator<Item = &'a str>, CronError> {
        match text.split(',').any(str::is_empty) {
            true => Err(self.wrong(text, "has an empty entry, expected a value between commas")),
            false => Ok(text.split(',')),
        }
    }

    /// The values of one item: a value, a range or a wildcard, the latter two with a step where they have one.
    pub(crate) fn item(&self, item: &str) -> Result<impl Iterator<Item = u32> + use<>, CronError> {
        let Some((range, step)) = item.split_once('/') else {
            let (from, to) = self.range(item)?;
            return Ok((from..=to).step_by(1));
        };
        self.check_steps_over(item, range, step)?;
        let (from, to) = self.range(range)?;
        let step = match number(step) {
            Some(0) => return Err(self.wrong(item, "has a step of 0, expected 1 or more")),
            Some(step) => step,
            None => {
                let hint = format!("has the step {step:?}, expected a number from 1 on");
                return Err(self.wrong(item, hint));
            }
        };
        Ok((from..=to).step_by(step as usize))
    }

    /// OCPS 1.1 refuses what some crons take for a range to the end: `5/15`.
    fn check_steps_over(&self, item: &str, range: &str, step: &str) -> Result<(), CronError> {
        if range.contains('-') || self.wildcards.contains(&range) {
            return Ok(());
        }
        let start = match range {
            "" => "*".to_owned(),
            one => {
                self.value(one)?;
                format!("{one}-{}", self.last)
            }
        };
        let hint = format!("steps over no range, expected \"{start}/{step}\"");
        Err(self.wrong(item, hint))
    }

    /// The first and the last value of `*`, `a-b` or `a`.
    fn range(&self, text: &str) -> Result<(u32, u32), CronError> {
        if self.wildcards.contains(&text) {
            return Ok((self.first, self.last));
        }
        let Some((from_text, to_text)) = text.split_once('-') else {
            let value = self.value(text)?;
            return Ok((value, value));
        };
        if from_text.is_empty() || to_text.is_empty() {
            let whole = format!("\"{}-{}\"", self.first, self.last);
            let hint = format!("lacks an end, expected a range such as {whole}");
            return Err(self.wrong(text, hint));
        }
        let from = self.value(from_text)?;
        let to = self.value_from(from, to_text)?;
        if from > to {
            let (first, last) = (self.first, self.last);
            let hint = format!(
                "descends, expected \"{to_text}-{from_text}\", or over the end \"{from_text}-{last},{first}-{to_text}\""
            );
            return Err(self.wrong(text, hint));
        }
        Ok((from, to))
    }

    /// A single value, as a number or by its name.
    pub(crate) fn value(&self, text: &str) -> Result<u32, CronError> {
        self.value_from(self.first, text)
    }

    /// A value; of two values with one name that which is `least` or more, so that `FRI-SUN` is `5-7`.
    fn value_from(&self, least: u32, text: &str) -> Result<u32, CronError> {
        if let Some(number) = number(text) {
            let is_known = (self.first..=self.last).contains(&number);
            let wrong = || self.wrong(text, format!("is out of range, expected {}", self.expected));
            return is_known.then_some(number).ok_or_else(wrong);
        }
        let is_it = |(_, name): &(u32, &&str)| name.eq_ignore_ascii_case(text);
        let mut named = (self.first..).zip(self.names).filter(is_it);
        let near = named.clone().find(|(value, _)| *value >= least);
        let (value, _) = near
            .or_else(|| named.next())
            .ok_or_else(|| self.no_value(text))?;
        Ok(value)
    }

    fn no_value(&self, text: &str) -> CronError {
        if text == "?" {
            return self.wrong(text, "is for the day fields alone, expected \"*\"");
        }
        if let Some(rest) = text.strip_prefix('+') {
            let hint = format!("has a +, which only begins day of week, expected {rest:?}");
            return self.wrong(text, hint);
        }
        let start = text.get(..3).unwrap_or_default();
        let mut names = self.names.iter();
        let hint = match names.find(|name| name.eq_ignore_ascii_case(start)) {
            Some(name) => format!("did you mean {name:?}?"),
            None => format!("expected {}", self.expected),
        };
        self.wrong(text, format!("is no value, {hint}"))
    }

    /// That `text`, a part of this field, is wrong.
    pub(crate) fn wrong(&self, text: &str, what: impl Display) -> CronError {
        CronError::Syntax(format!("{} {text:?} {what}", self.name))
    }
}

/// A whole number, digits and nothing else. One that is too large for any field stays so.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}
