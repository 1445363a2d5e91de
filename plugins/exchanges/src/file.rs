//! Takes a calendar file apart: what each line says, whatever it means for the calendar.

use chrono::{NaiveDate, WeekdaySet};
use chrono_tz::Tz;

use crate::error::{FileError, Place};
use crate::hours::{Hours, LocalTime, Pause};
use crate::words::Words;

/// A file, line by line.
#[derive(Debug)]
pub(crate) struct File<'a> {
    pub(crate) head: Head<'a>,
    /// Where the head stands.
    pub(crate) place: Place<'a>,
    pub(crate) lines: Vec<Line<'a>>,
}

/// What a file is for.
#[derive(Debug)]
pub(crate) enum Head<'a> {
    /// It is a calendar of its own.
    Code(&'a str),
    /// It changes others.
    Corrects(Vec<&'a str>),
}

#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) says: Says<'a>,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum Says<'a> {
    Name(&'a str),
    Zone(Tz),
    Covers(Option<NaiveDate>, NaiveDate),
    Weekdays(Option<NaiveDate>, WeekdaySet),
    Hours(Option<NaiveDate>, Hours),
    Of(Vec<NaiveDate>, Fact),
}

/// What a line says of dates.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fact {
    Closed,
    Open,
    OpenAt(LocalTime),
    CloseAt(LocalTime),
    Break(Pause),
}

impl<'a> File<'a> {
    pub(crate) fn read(name: &'a str, text: &'a str) -> Result<Self, FileError> {
        let mut lines = statements(name, text);
        let (place, words) = lines.next().unwrap_or((
            Place {
                file: name,
                line: 1,
            },
            "",
        ));
        Ok(Self {
            head: head(words, place)?,
            place,
            lines: lines
                .map(|(place, words)| line(words, place))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Line<'_> {
    /// Whether it says something of the hours of `date`, or of the day before.
    pub(crate) fn is_about(&self, date: NaiveDate) -> bool {
        match &self.says {
            Says::Of(dates, _) => dates
                .iter()
                .any(|of| [Some(date), date.pred_opt()].contains(&Some(*of))),
            Says::Hours(from, _) | Says::Weekdays(from, _) => from.is_none_or(|from| from <= date),
            Says::Name(_) | Says::Zone(_) | Says::Covers(..) => false,
        }
    }
}

/// The lines without comments that say something.
fn statements<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = (Place<'a>, &'a str)> {
    // Some editors of texts put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(move |(before, line)| {
        let words = line.split('#').next().unwrap_or(line).trim();
        let place = Place {
            file,
            line: before + 1,
        };
        (place, words)
    });
    lines.filter(|(_, words)| !words.is_empty())
}

fn head<'a>(text: &'a str, place: Place<'a>) -> Result<Head<'a>, FileError> {
    let mut words = Words::new(text, place);
    if words.take("code") {
        let code = words.code()?;
        return words.end().map(|()| Head::Code(code));
    }
    if words.take("corrects") {
        let mut codes = words.all("codes such as XNYS")?;
        codes.sort_unstable();
        codes.dedup();
        return Ok(Head::Corrects(codes));
    }
    let message = "expected the file to begin with `code`, such as `code XNYS`, or `corrects`";
    Err(place.wrong(message))
}

fn line<'a>(text: &'a str, place: Place<'a>) -> Result<Line<'a>, FileError> {
    let mut words = Words::new(text, place);
    let says = match words.next("a word")? {
        "name" => {
            words.next("what people call the exchange")?;
            Says::Name(text["name".len()..].trim_start())
        }
        "zone" => {
            let zone = words.zone()?;
            words.end().map(|()| Says::Zone(zone))?
        }
        "covers" => covers(words, place)?,
        "weekdays" => Says::Weekdays(words.from()?, words.weekdays()?),
        "hours" => Says::Hours(words.from()?, words.hours()?),
        word => {
            let fact = fact(word, &mut words, place)?;
            Says::Of(words.dates()?, fact)
        }
    };
    Ok(Line { place, says })
}

/// `covers 2000-01-01 to 2027-12-31`, or `covers to 2028-12-31`.
fn covers<'a>(mut words: Words<'a>, place: Place<'a>) -> Result<Says<'a>, FileError> {
    let mut first = None;
    if !words.take("to") {
        first = Some(words.date()?);
        if !words.take("to") {
            return Err(place.wrong("expected `covers` with two dates and `to` between them"));
        }
    }
    let last = words.date()?;
    words.end()?;
    match first {
        Some(first) if first > last => Err(place.wrong(format!("{last} is before {first}"))),
        _ => Ok(Says::Covers(first, last)),
    }
}

fn fact(word: &str, words: &mut Words<'_>, place: Place<'_>) -> Result<Fact, FileError> {
    Ok(match word {
        "closed" => Fact::Closed,
        "open" => Fact::Open,
        "open-at" => Fact::OpenAt(words.opening()?),
        "close-at" => Fact::CloseAt(words.closing()?),
        "no-break" => Fact::Break(Pause::No),
        "break-at" => Fact::Break(Pause::At(words.span()?)),
        "code" | "corrects" => {
            return Err(place.wrong(format!("`{word}` belongs on the first line, once")));
        }
        _ => {
            let message = format!(
                "unknown word `{word}`, expected name, zone, covers, weekdays, hours, closed, open, open-at, close-at, \
                 no-break or break-at"
            );
            return Err(place.wrong(message));
        }
    })
}
