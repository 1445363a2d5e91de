//! What Yahoo answered to one request, understood without any I/O.
//!
//! Why there is no chart is `refusal`'s business, what the bars of a chart are is that of `bars`.

use chrono_tz::Tz;
use stock_scheduler_sdk::{FetchError, FetchRequest, Series};

use crate::chart::{Answered, Document};
use crate::refusal::{self, malformed, one_line};
use crate::{bars, quick};

/// One HTTP answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// For how many seconds the provider asks to be left alone.
    pub retry_after: Option<u64>,
    /// The body, unpacked.
    pub body: &'a [u8],
}

/// Reads the series that `answer` holds for `request`, or says why there is none.
///
/// Bars outside the request are left out. Whatever the bytes are, this does not panic.
pub fn parse(answer: &Answer<'_>, request: &FetchRequest) -> Result<Series, FetchError> {
    SymbolChart::read(answer, request)?.series(request)
}

/// A chart whose zone is known.
pub(crate) struct SymbolChart {
    pub(crate) zone: Tz,
    answered: Answered,
}

impl SymbolChart {
    /// Reads `answer` as far as its zone, which tells whether the right span of time was asked for.
    pub(crate) fn read(answer: &Answer<'_>, request: &FetchRequest) -> Result<Self, FetchError> {
        if !(200..300).contains(&answer.status) {
            return Err(refusal::of_status(answer, request));
        }
        let answered = match quick::read(answer.body) {
            Some(answered) => answered,
            None => read_any(answer, request)?,
        };
        Ok(Self {
            zone: zone_of(&answered, request)?,
            answered,
        })
    }

    /// The bars within `request`, with the corporate actions among them.
    pub(crate) fn series(self, request: &FetchRequest) -> Result<Series, FetchError> {
        bars::series(self.answered, self.zone, request)
    }
}

/// Reads the first result of any chart, or says why there is none.
fn read_any(answer: &Answer<'_>, request: &FetchRequest) -> Result<Answered, FetchError> {
    let document: Document = serde_json::from_slice(answer.body)
        .map_err(|e| refusal::of_unreadable(answer, request, e))?;
    if let Some(problem) = document.chart.error {
        return Err(refusal::of_problem(&problem, request));
    }
    let result = document.chart.result.unwrap_or_default();
    let first = result.into_iter().next();
    first.ok_or_else(|| refusal::no_bars(request))
}

fn zone_of(answered: &Answered, request: &FetchRequest) -> Result<Tz, FetchError> {
    let Some(name) = &answered.meta.exchange_timezone_name else {
        return Err(malformed(request, "it names no exchangeTimezoneName"));
    };
    name.parse().map_err(|e| {
        let shown = one_line(name);
        malformed(
            request,
            format!("exchangeTimezoneName {shown:?} is no zone that we know"),
        )
        .with_source(e)
    })
}
