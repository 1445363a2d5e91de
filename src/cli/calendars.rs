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
        if path.is_file() {
            return Ok(vec![text(path)?]);
        }
        let failed = |error| format!("cannot read calendars in {}: {error}", path.display());
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let paths: Result<Vec<_>, _> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        let files = paths
            .map_err(failed)?
            .into_iter()
            .filter(|path| is_calendar(path));
        let mut texts: Texts = files.map(|path| text(&path)).collect::<Result<_, _>>()?;
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
                    host.set_calendar_problem(None);
                    tracing::info!("calendar files have changed and are in force");
                }
                Err(error) => {
                    tracing::error!(%error, "calendar files have changed and are wrong; what was in force stays");
                    host.set_calendar_problem(Some(error));
                }
            }
            seen = now;
        }
    }
}

/// Whether a file of the directory is a calendar: editors leave others there.
fn is_calendar(path: &Path) -> bool {
    let is_hidden = |name: &str| name.starts_with('.');
    let name = path.file_name().and_then(|name| name.to_str());
    path.is_file()
        && path.extension().is_some_and(|end| end == "cal")
        && !name.is_some_and(is_hidden)
}

fn text(path: &Path) -> Result<(String, String), String> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(format!("cannot read calendar {name}: {error}")),
    }
}
