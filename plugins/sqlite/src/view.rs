//! Reading, for whoever reads: the writer inside its transaction, and the readers beside it.

use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::fault::Outcome;

/// The file at one moment.
pub(crate) struct View<'a> {
    pub(crate) file: &'a Connection,
}

impl View<'_> {
    /// The first row, where there is one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        let mut statement = self.file.prepare_cached(sql)?;
        Ok(statement.query_row(values, read).optional()?)
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Vec<T>> {
        let mut statement = self.file.prepare_cached(sql)?;
        let rows = statement.query_map(values, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
