//! A fetcher that reads `FOLDER/SYMBOL.csv`: jobs ask for it with `"fetcher": "csv"`.
//!
//! ```toml
//! [plugins.fetcher.csv]
//! folder = "/data/prices"
//! zone = "America/New_York"
//! ```
//!
//! Each file begins with the line `date,open,high,low,close,volume`, or has `adj_close` before `volume`. A price that is
//! left empty is not known.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler::schedule::wall_clock;
use stock_scheduler::{
    Bar, ConfigError, FetchError, FetchErrorKind, FetchRequest, Fetcher, FetcherInfo, Section,
    Series, async_trait,
};

const COLUMNS: &str = "date,open,high,low,close,volume";
const ADJUSTED: &str = "date,open,high,low,close,adj_close,volume";

/// Reads daily bars from a folder of files, one for each symbol.
#[derive(Debug, Clone)]
struct CsvFolder {
    folder: PathBuf,
    /// The zone of the dates.
    zone: Tz,
}

/// Makes the fetcher from its section of the configuration.
pub(crate) fn factory(section: &Value) -> Result<Arc<dyn Fetcher>, ConfigError> {
    let section = Section::read(section, &["folder", "zone"])?;
    let folder = PathBuf::from(section.needed("folder", "/data/prices")?);
    let zone = section.needed("zone", "America/New_York")?.parse();
    let wrong = |name: &str, right: &str| {
        ConfigError::at(format!("/{name}"), format!("{name} is not {right}"))
    };
    if !folder.is_dir() {
        return Err(wrong("folder", "one that is there"));
    }
    let zone = zone.map_err(|_| wrong("zone", "an IANA zone such as America/New_York"))?;
    Ok(Arc::new(CsvFolder { folder, zone }))
}

#[async_trait]
impl Fetcher for CsvFolder {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let (csv, request) = (self.clone(), request.clone());
        let read = tokio::task::spawn_blocking(move || csv.read(&request));
        read.await.unwrap_or_else(|gone| {
            let stopped = FetchError::new(FetchErrorKind::Unavailable, "reading was stopped");
            Err(stopped.with_source(gone))
        })
    }

    fn info(&self) -> FetcherInfo {
        let mut info = FetcherInfo::default();
        info.version = env!("CARGO_PKG_VERSION").into();
        info.limits.concurrency = Some(8);
        info
    }
}

impl CsvFolder {
    fn read(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let path = self.path(request);
        let text = std::fs::read_to_string(&path).map_err(|error| self.unread(&path, error))?;
        let mut series = Series::new(request.symbol.clone(), request.interval, self.zone);
        series.bars = self.bars(&text, request).map_err(|wrong| {
            let message = format!("cannot read {}: {wrong}", path.display());
            FetchError::new(FetchErrorKind::Malformed, message)
        })?;
        if series.bars.is_empty() {
            let FetchRequest { start, end, .. } = request;
            let message = format!("{} has no row from {start} until {end}", path.display());
            return Err(FetchError::new(FetchErrorKind::NoData, message));
        }
        Ok(series)
    }

    /// A symbol has no separator of paths, so this is a file right in the folder.
    fn path(&self, request: &FetchRequest) -> PathBuf {
        self.folder
            .join(format!("{}.csv", request.symbol.to_upper()))
    }

    fn unread(&self, path: &Path, error: io::Error) -> FetchError {
        let kind = match error.kind() {
            // Without the folder nothing is known of the symbol: a disk may be away.
            ErrorKind::NotFound if self.folder.is_dir() => FetchErrorKind::UnknownSymbol,
            ErrorKind::InvalidData => FetchErrorKind::Malformed,
            _ => FetchErrorKind::Unavailable,
        };
        FetchError::new(kind, format!("cannot read {}: {error}", path.display())).with_source(error)
    }

    /// The bars of the dates asked for, oldest first; all lines are read, so that a broken one is found whatever is asked.
    fn bars(&self, text: &str, request: &FetchRequest) -> Result<Vec<Bar>, String> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let header = lines.next().unwrap_or_default();
        if header != COLUMNS && header != ADJUSTED {
            return Err(format!(
                "line 1 is {header:?}, expected {COLUMNS:?} or {ADJUSTED:?}"
            ));
        }
        let mut bars = Vec::new();
        for (line, number) in lines.zip(2..) {
            let bar = self.bar(line, header == ADJUSTED);
            let (date, bar) = bar.map_err(|wrong| format!("line {number}: {wrong}"))?;
            if (request.start..request.end).contains(&date) {
                bars.push(bar);
            }
        }
        bars.sort_by_key(|bar: &Bar| bar.time);
        match bars.windows(2).find(|pair| pair[0].time == pair[1].time) {
            Some(pair) => Err(format!(
                "a date comes twice: {}",
                pair[0].time.with_timezone(&self.zone).date_naive()
            )),
            None => Ok(bars),
        }
    }

    fn bar(&self, line: &str, adjusted: bool) -> Result<(NaiveDate, Bar), String> {
        let cells: Vec<_> = line.split(',').map(str::trim).collect();
        let (date, prices, volume) = match cells[..] {
            [date, ref prices @ .., volume] if prices.len() == 4 + usize::from(adjusted) => {
                (date, prices, volume)
            }
            _ => {
                return Err(format!(
                    "there are {} cells, expected {}",
                    cells.len(),
                    6 + usize::from(adjusted)
                ));
            }
        };
        let date: NaiveDate = date
            .parse()
            .map_err(|_| format!("date is {date:?}, expected one such as 2025-06-02"))?;
        let time = wall_clock::instant(date.and_time(NaiveTime::MIN), self.zone);
        let close = price(prices[3])?;
        let bar = Bar {
            time: time.ok_or_else(|| format!("{date} is beyond all calendars"))?,
            open: price(prices[0])?,
            high: price(prices[1])?,
            low: price(prices[2])?,
            close,
            adj_close: prices.get(4).map_or(Ok(close), |cell| price(cell))?,
            volume: match volume {
                "" => 0,
                cell => cell
                    .parse()
                    .map_err(|_| format!("volume is {cell:?}, expected a whole number"))?,
            },
            ..Bar::default()
        };
        Ok((date, bar))
    }
}

fn price(cell: &str) -> Result<Option<f64>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    let price = cell.parse().ok().filter(|price: &f64| price.is_finite());
    price
        .map(Some)
        .ok_or_else(|| format!("a price is {cell:?}, expected a number"))
}

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.fetcher("csv", factory))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stock_scheduler::conformance::fetcher::{FetcherCases, check};
    use tempfile::TempDir;

    use super::*;

    const AAPL: &str = "date,open,high,low,close,adj_close,volume\n\
        2025-06-03,3,4,2,3.5,3.4,\n\
        2025-06-02,1,2,0.5,1.5,1.4,100\r\n";

    fn folder(file: &str, text: &str) -> (TempDir, Arc<dyn Fetcher>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        let section = json!({"folder": folder.path(), "zone": "America/New_York"});
        let fetcher = factory(&section).unwrap();
        (folder, fetcher)
    }

    fn june(symbol: &str, first: u32, end: u32) -> FetchRequest {
        let date = |day| NaiveDate::from_ymd_opt(2025, 6, day).unwrap();
        FetchRequest::daily(symbol.parse().unwrap(), date(first), date(end))
    }

    #[tokio::test]
    async fn every_law_of_a_fetcher_holds() {
        let (_folder, fetcher) = folder("AAPL.csv", AAPL);
        let cases = FetcherCases::new(june("AAPL", 1, 9))
            .and(june("aapl", 2, 3))
            .with_unknown("NO-SUCH".parse().unwrap());

        assert_eq!(check(fetcher.as_ref(), cases).await, Ok(()));
    }

    #[tokio::test]
    async fn only_rows_of_the_dates_asked_for_come() {
        let (_folder, fetcher) = folder("AAPL.csv", AAPL);

        let series = fetcher.fetch(&june("AAPL", 2, 3)).await.unwrap();

        let bars = series
            .bars
            .iter()
            .map(|bar| (bar.close, bar.adj_close, bar.volume));
        assert_eq!(bars.collect::<Vec<_>>(), [(Some(1.5), Some(1.4), 100)]);
        let none = fetcher.fetch(&june("AAPL", 4, 9)).await.unwrap_err();
        assert_eq!(none.kind(), FetchErrorKind::NoData, "{none}");
    }

    #[tokio::test]
    async fn a_broken_line_is_named_with_its_file() {
        for (rows, expected) in [
            (
                "2025-06-02,1,2,0,1,1\n2025-06-03,1,2,0,1",
                "A.csv: line 3: there are 5 cells, expected 6",
            ),
            (
                "02.06.2025,1,2,0,1,1",
                r#"line 2: date is "02.06.2025", expected one such as 2025-06-02"#,
            ),
            (
                "2025-06-02,1,2,0,NaN,1",
                r#"line 2: a price is "NaN", expected a number"#,
            ),
            (
                "2025-06-02,1,2,0,1,1.5",
                r#"line 2: volume is "1.5", expected a whole number"#,
            ),
            (
                "2025-06-02,1,2,0,1,1\n2025-06-02,1,2,0,1,1",
                "a date comes twice: 2025-06-02",
            ),
        ] {
            let (_folder, fetcher) = folder("A.csv", &format!("{COLUMNS}\n{rows}\n"));

            let error = fetcher.fetch(&june("A", 1, 9)).await.unwrap_err();

            assert_eq!(error.kind(), FetchErrorKind::Malformed);
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn no_symbol_leads_out_of_the_folder() {
        let (outer, _) = folder("SECRET.csv", AAPL);
        let inner = outer.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let csv = CsvFolder {
            folder: inner.clone(),
            zone: Tz::UTC,
        };

        for symbol in ["..", ".", "..SECRET", "...."] {
            assert_eq!(
                csv.path(&june(symbol, 1, 9)).parent(),
                Some(inner.as_path())
            );
        }
        for refused in ["../SECRET", "/SECRET", "..\\SECRET", "a:b"] {
            assert!(
                refused.parse::<stock_scheduler::Symbol>().is_err(),
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_away_is_no_unknown_symbol() {
        let (folder, fetcher) = folder("AAPL.csv", AAPL);
        drop(folder);

        let error = fetcher.fetch(&june("AAPL", 1, 9)).await.unwrap_err();

        assert_eq!(error.kind(), FetchErrorKind::Unavailable, "{error}");
    }

    #[test]
    fn a_wrong_section_is_pointed_at() {
        for (section, pointer) in [
            (json!(null), ""),
            (json!({"folder": "/", "zone": "UTC", "zoen": 1}), "/zoen"),
            (json!({"folder": "/", "zone": "Nowhere"}), "/zone"),
            (json!({"folder": "/no/such", "zone": "UTC"}), "/folder"),
        ] {
            let refused = factory(&section).err().expect("a refusal");
            assert_eq!(refused.pointer, pointer, "{refused}");
        }
    }
}
