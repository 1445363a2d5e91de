//! The user's calendar files: read at the start, and again when they change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use stock_scheduler_sdk::Calendars;

use crate::defaults;
use crate::host::Host;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where files are: one file, or a directory whose files end in `.cal`.
#[derive(Debug, Clone)]
pub(super) struct CalendarFiles(Option<PathBuf>);

/// Name and text of each file.
type Texts = Vec<(String, String)>;

impl CalendarFiles {
    pub(super) fn at(path: Option<&str>) -> Self {
        Self(path.map(PathBuf::from))
    }

    /// The calendars that are shipped, with the files.
    pub(super) fn calendars(&self) -> Result<Calendars, String> {
        defaults::calendars(&self.texts()?)
    }

    fn texts(&self) -> Result<Texts, String> {
        let Some(path) = &self.0 else {
            return Ok(Texts::new());
        };
        let failed = |error| format!("cannot read calendars at {}: {error}", path.display());
        if !path.is_dir() {
            return Ok(vec![text(path).map_err(failed)?]);
        }
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let paths: Result<Vec<_>, _> = paths.collect();
        let files = paths.map_err(failed)?.into_iter();
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "cal"));
        let mut texts: Texts = files
            .map(|path| text(&path).map_err(failed))
            .collect::<Result<_, _>>()?;
        texts.sort();
        Ok(texts)
    }

    /// Puts changed files in force. While they are wrong, what was in force stays.
    pub(super) async fn watch(self, host: Host) {
        if self.0.is_none() {
            return;
        }
        let mut seen = self.texts();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let files = self.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || files.texts()).await else {
                continue;
            };
            if now == seen {
                continue;
            }
            match now.clone().and_then(|texts| defaults::calendars(&texts)) {
                Ok(calendars) => {
                    host.set_calendars(calendars);
                    tracing::info!("calendar files have changed and are in force");
                }
                Err(error) => {
                    tracing::error!(%error, "calendar files have changed and are wrong; what was in force stays")
                }
            }
            seen = now;
        }
    }
}

fn text(path: &Path) -> std::io::Result<(String, String)> {
    Ok((path.display().to_string(), std::fs::read_to_string(path)?))
}
