//! All calendars: those shipped, with the files of users.

use std::collections::BTreeMap;
use std::sync::Arc;

use stock_scheduler_sdk::{Calendar, Calendars};

use crate::error::FileError;
use crate::exchange::Exchange;
use crate::file::{File, Head};
use crate::shipped::shipped;

/// Makes calendars of exchanges.
#[derive(Debug)]
pub struct Exchanges(BTreeMap<String, Exchange>);

impl Exchanges {
    /// The calendars that are in the binary.
    pub fn shipped() -> Calendars {
        Self(shipped()).into_calendars()
    }

    /// The calendars that are in the binary with those that `files` add, and with their corrections.
    ///
    /// Each file is a name, for errors, and a text. Their order does not matter: files that contradict each other are an
    /// error.
    pub fn with_files<N, T>(files: impl IntoIterator<Item = (N, T)>) -> Result<Calendars, FileError>
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let mut texts: Vec<_> = files.into_iter().collect();
        texts.sort_by(|(one, _), (other, _)| one.as_ref().cmp(other.as_ref()));
        let files = texts
            .iter()
            .map(|(name, text)| File::read(name.as_ref(), text.as_ref()));
        let files: Vec<_> = files.collect::<Result<_, _>>()?;
        let mut exchanges = Self(shipped());
        for file in &files {
            exchanges.define(file)?;
        }
        exchanges.correct(&files)?;
        Ok(exchanges.into_calendars())
    }

    /// Adds the calendar that `file` is, if it is one.
    fn define(&mut self, file: &File<'_>) -> Result<(), FileError> {
        let Head::Code(code) = file.head else {
            return Ok(());
        };
        if self.0.contains_key(code) {
            let message = format!("{code} is known already, `corrects {code}` changes it");
            return Err(file.place.wrong(message));
        }
        let exchange = Exchange::defined(code, file)?;
        check(&exchange, &[file])?;
        self.0.insert(code.to_owned(), exchange);
        Ok(())
    }

    /// Changes each calendar by all the files that correct it.
    fn correct(&mut self, files: &[File<'_>]) -> Result<(), FileError> {
        for (code, files) in corrections(files) {
            let Some(exchange) = self.0.get_mut(code) else {
                let known: Vec<_> = self.0.keys().map(String::as_str).collect();
                let known = known.join(", ");
                let message = format!("unknown exchange `{code}`, known are {known}");
                return Err(files[0].place.wrong(message));
            };
            let lines: Vec<_> = files.iter().flat_map(|file| &file.lines).collect();
            exchange.correct(&lines)?;
            check(exchange, &files)?;
        }
        Ok(())
    }

    fn into_calendars(self) -> Calendars {
        let exchanges = self.0.into_values();
        exchanges
            .map(|exchange| Arc::new(exchange) as Arc<dyn Calendar>)
            .collect()
    }
}

/// The files that correct an exchange, by its code.
fn corrections<'f, 'a>(files: &'f [File<'a>]) -> BTreeMap<&'a str, Vec<&'f File<'a>>> {
    let mut by_code: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files {
        if let Head::Corrects(codes) = &file.head {
            for code in codes {
                by_code.entry(*code).or_default().push(file);
            }
        }
    }
    by_code
}

/// That `exchange`, which `files` made or changed, is right as a whole.
fn check(exchange: &Exchange, files: &[&File<'_>]) -> Result<(), FileError> {
    let Some((date, wrong)) = exchange.first_mistake() else {
        return Ok(());
    };
    let mut lines = files.iter().flat_map(|file| &file.lines);
    let about = lines.rfind(|line| line.is_about(date));
    let place = about.map_or(files[0].place, |line| line.place);
    Err(place.wrong(format!("{date} of {}: {wrong}", exchange.code)))
}
