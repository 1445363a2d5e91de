//! Reads a line word by word. Dates are read in `dates`, times in `times`.

use std::fmt;
use std::str::SplitWhitespace;

use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::zones;

use crate::error::{FileError, Place};

/// What remains of a line.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    rest: SplitWhitespace<'a>,
    place: Place<'a>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str, place: Place<'a>) -> Self {
        Self {
            rest: text.split_whitespace(),
            place,
        }
    }

    /// The error that `message` is wrong with this line.
    pub(crate) fn wrong(&self, message: impl fmt::Display) -> FileError {
        self.place.wrong(message)
    }

    /// Whether no word remains.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.clone().next().is_none()
    }

    /// The next word, which must be there; `expected` says what would be right.
    pub(crate) fn next(&mut self, expected: &str) -> Result<&'a str, FileError> {
        match self.rest.next() {
            Some(word) => Ok(word),
            None => Err(self.wrong(format!("the line ends too early, expected {expected}"))),
        }
    }

    /// Takes the next word if it is `word`.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let mut rest = self.rest.clone();
        let is_next = rest.next() == Some(word);
        if is_next {
            self.rest = rest;
        }
        is_next
    }

    /// All words that remain, of which there is one at least.
    pub(crate) fn all(&mut self, expected: &str) -> Result<Vec<&'a str>, FileError> {
        let mut all = vec![self.next(expected)?];
        all.extend(&mut self.rest);
        Ok(all)
    }

    /// That no word remains.
    pub(crate) fn end(mut self) -> Result<(), FileError> {
        match self.rest.next() {
            Some(word) => Err(self.wrong(format!("`{word}` is too much on this line"))),
            None => Ok(()),
        }
    }

    /// The code of an exchange.
    pub(crate) fn code(&mut self) -> Result<&'a str, FileError> {
        let code = self.next("a code such as XNYS")?;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
        match code.len() <= 16 && code.chars().all(is_letter) {
            true => Ok(code),
            false => Err(self.wrong(format!(
                "`{code}` is no code, expected 1 to 16 of A-Z, a-z, 0-9, /, - and _"
            ))),
        }
    }

    pub(crate) fn zone(&mut self) -> Result<Tz, FileError> {
        let name = self.next("an IANA name such as America/New_York")?;
        let unknown = |_| {
            let message = format!(
                "unknown time zone `{name}`, expected an IANA name such as America/New_York"
            );
            self.wrong(message)
        };
        name.parse().map(zones::canonical).map_err(unknown)
    }
}

/// Reads `NN`, a separator and `NN`, and nothing else.
pub(crate) fn two_numbers(text: &str, separator: u8) -> Option<(u16, u16)> {
    let number = |tens: u8, ones: u8| {
        let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        are_digits.then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
    };
    match *text.as_bytes() {
        [a, b, between, c, d] if between == separator => Some((number(a, b)?, number(c, d)?)),
        _ => None,
    }
}
