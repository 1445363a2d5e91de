//! What is asked of a plugin that is checked.

use chrono::NaiveDate;
use clap::ArgMatches;
use serde_json::Value;
use stock_scheduler_sdk::conformance::fetcher::FetcherCases;
use stock_scheduler_sdk::{FetchRequest, Interval, Symbol};

/// What is asked of the plugin, where the command line says.
pub(super) struct Asked {
    symbol: Option<Symbol>,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    interval: Option<Interval>,
    pub(super) options: Option<Value>,
    unknown: Option<Symbol>,
    pub(super) spec: Option<Value>,
    pub(super) config: Option<Value>,
}

impl Asked {
    pub(super) fn read(matches: &ArgMatches) -> Result<Self, String> {
        fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
            matches: &ArgMatches,
            name: &str,
        ) -> Result<Option<T>, String> {
            let text = matches.get_one::<String>(name);
            let read = |text: &String| text.parse().map_err(|e| format!("--{name} {text:?}: {e}"));
            text.map(read).transpose()
        }
        let question = ["symbol", "start", "end"].map(|name| matches.contains_id(name));
        if question.contains(&true) && question.contains(&false) {
            return Err("--symbol, --start and --end go together: give all three".into());
        }
        Ok(Self {
            symbol: parsed(matches, "symbol")?,
            start: parsed(matches, "start")?,
            end: parsed(matches, "end")?,
            interval: parsed(matches, "interval")?,
            options: parsed(matches, "options")?,
            unknown: parsed(matches, "unknown")?,
            spec: parsed(matches, "spec")?,
            config: parsed(matches, "with-config")?,
        })
    }

    /// What to ask a fetcher: what the command line says, and of the rest the fetcher's own example.
    pub(super) fn cases(
        &self,
        example: Option<FetchRequest>,
        unknown: Option<Symbol>,
    ) -> Result<FetcherCases, String> {
        let request = match (&self.symbol, self.start, self.end, example) {
            (Some(symbol), Some(start), Some(end), _) => {
                FetchRequest::daily(symbol.clone(), start, end)
            }
            (None, None, None, Some(example)) => example,
            _ => {
                return Err("the fetcher describes no `example` to ask it; give --symbol, --start and --end".into());
            }
        };
        let request = match self.interval {
            Some(interval) => request.with_interval(interval),
            None => request,
        };
        let request = match &self.options {
            Some(options) => request.with_options(options.clone()),
            None => request,
        };
        let cases = FetcherCases::new(request);
        Ok(match self.unknown.clone().or(unknown) {
            Some(symbol) => cases.with_unknown(symbol),
            None => cases,
        })
    }
}
