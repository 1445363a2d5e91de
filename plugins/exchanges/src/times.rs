//! Reads times and hours.

use crate::error::FileError;
use crate::hours::{DAY, Hours, LocalTime, Span};
use crate::words::{Words, two_numbers};

impl Words<'_> {
    /// A time from 00:00 to before 24:00.
    pub(crate) fn opening(&mut self) -> Result<LocalTime, FileError> {
        let word = self.next("a time as HH:MM")?;
        let time = time(word).filter(is_opening);
        time.ok_or_else(|| self.no_opening(word))
    }

    /// A time from 00:00 to 48:00.
    pub(crate) fn closing(&mut self) -> Result<LocalTime, FileError> {
        let word = self.next("a time as HH:MM")?;
        time(word).ok_or_else(|| self.no_time(word))
    }

    /// `09:30-16:00`.
    pub(crate) fn span(&mut self) -> Result<Span, FileError> {
        let word = self.next("times such as 09:30-16:00")?;
        let no_span = || self.wrong(format!("`{word}` are no times, expected HH:MM-HH:MM"));
        let (begin, end) = word.split_once('-').ok_or_else(no_span)?;
        Ok(Span {
            begin: time(begin).ok_or_else(|| self.no_time(begin))?,
            end: time(end).ok_or_else(|| self.no_time(end))?,
        })
    }

    /// `09:00-15:30 break 11:30-12:30`.
    pub(crate) fn hours(mut self) -> Result<Hours, FileError> {
        let evening_before = self.take("evening-before");
        let Span { begin, end } = self.span()?;
        if !is_opening(&begin) {
            return Err(self.no_opening(&begin.to_string()));
        }
        let open = match evening_before {
            true => begin.day_before(),
            false => begin,
        };
        let mut hours = Hours {
            open,
            close: end,
            breaks: Vec::new(),
        };
        if self.take("break") {
            while hours.breaks.is_empty() || !self.is_empty() {
                hours.breaks.push(self.span()?);
            }
        }
        hours.check().map_err(|message| self.wrong(message))?;
        self.end()?;
        Ok(hours)
    }

    fn no_opening(&self, word: &str) -> FileError {
        let message = format!("`{word}` is no time of opening, expected HH:MM from 00:00 to 23:59");
        self.wrong(message)
    }

    fn no_time(&self, word: &str) -> FileError {
        let message = format!("`{word}` is no time, expected HH:MM from 00:00 to 48:00");
        self.wrong(message)
    }
}

fn is_opening(time: &LocalTime) -> bool {
    time.0 < DAY
}

fn time(text: &str) -> Option<LocalTime> {
    let (hours, minutes) = two_numbers(text, b':')?;
    let time = i16::try_from(hours * 60 + minutes).ok()?;
    (minutes < 60 && time <= 2 * DAY).then_some(LocalTime(time))
}
