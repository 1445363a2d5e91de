//! Reads a chart as Yahoo nearly always writes it, several times faster than `serde` can.
//!
//! What is wrong, and what is right but rare, gives `None` and is left to `serde`, which reads everything and says what
//! is wrong. So this must never make of a text what `serde` would not make of it.

mod cursor;
mod number;

use crate::chart::{
    AdjustedClose, Answered, Events, Indicators, Meta, Period, Prices, Quote, TradingPeriods,
    Volume,
};
use cursor::Cursor;

/// The only result of the chart that `body` holds.
pub(crate) fn read(body: &[u8]) -> Option<Answered> {
    let mut text = Cursor::new(body);
    let mut chart = None;
    text.members(|key, text| match key {
        b"chart" => once(&mut chart, result(text)?),
        _ => None,
    })?;
    text.end()?;
    chart
}

fn result(text: &mut Cursor<'_>) -> Option<Answered> {
    let (mut result, mut error) = (None, None);
    text.members(|key, text| match key {
        b"result" => once(&mut result, text.only(answered)?),
        b"error" => once(&mut error, text.nullable(|_| None::<()>)?),
        _ => None,
    })?;
    result
}

fn answered(text: &mut Cursor<'_>) -> Option<Answered> {
    let (mut known, mut timestamp, mut table, mut events) = (None, None, None, None);
    text.members(|key, text| match key {
        b"meta" => once(&mut known, meta(text)?),
        b"timestamp" => once(&mut timestamp, text.list(Cursor::integer)?),
        b"indicators" => once(&mut table, indicators(text)?),
        b"events" => once(&mut events, rare::<Events>(text)?),
        _ => text.skip(),
    })?;
    Some(Answered {
        meta: known?,
        timestamp,
        indicators: table.unwrap_or_default(),
        events,
    })
}

fn meta(text: &mut Cursor<'_>) -> Option<Meta> {
    let (mut currency, mut zone, mut granularity) = (None, None, None);
    let (mut market_time, mut period) = (None, None);
    text.members(|key, text| match key {
        b"currency" => once(&mut currency, text.text()?.to_owned()),
        b"exchangeTimezoneName" => once(&mut zone, text.text()?.to_owned()),
        b"dataGranularity" => once(&mut granularity, text.text()?.to_owned()),
        b"regularMarketTime" => once(&mut market_time, text.integer()?),
        b"currentTradingPeriod" => once(&mut period, trading_periods(text)?),
        _ => text.skip(),
    })?;
    Some(Meta {
        currency,
        exchange_timezone_name: zone,
        data_granularity: granularity,
        regular_market_time: market_time,
        current_trading_period: period,
    })
}

fn trading_periods(text: &mut Cursor<'_>) -> Option<TradingPeriods> {
    let mut regular = None;
    text.members(|key, text| match key {
        b"regular" => once(&mut regular, period(text)?),
        _ => text.skip(),
    })?;
    Some(TradingPeriods { regular })
}

fn period(text: &mut Cursor<'_>) -> Option<Period> {
    let (mut start, mut end) = (None, None);
    text.members(|key, text| match key {
        b"start" => once(&mut start, text.integer()?),
        b"end" => once(&mut end, text.integer()?),
        _ => text.skip(),
    })?;
    Some(Period {
        start: start?,
        end: end?,
    })
}

fn indicators(text: &mut Cursor<'_>) -> Option<Indicators> {
    let (mut quotes, mut adjusted) = (None, None);
    text.members(|key, text| match key {
        b"quote" => once(&mut quotes, text.only(quote)?),
        b"adjclose" => once(&mut adjusted, text.only(adjusted_close)?),
        _ => text.skip(),
    })?;
    Some(Indicators {
        quote: quotes.into_iter().collect(),
        adjclose: adjusted.map(|list| vec![list]),
    })
}

fn quote(text: &mut Cursor<'_>) -> Option<Quote> {
    let mut quote = Quote::default();
    text.members(|key, text| match key {
        b"open" => once(&mut quote.open, prices(text)?),
        b"high" => once(&mut quote.high, prices(text)?),
        b"low" => once(&mut quote.low, prices(text)?),
        b"close" => once(&mut quote.close, prices(text)?),
        b"volume" => once(&mut quote.volume, text.list(|text| text.nullable(volume))?),
        _ => text.skip(),
    })?;
    Some(quote)
}

fn adjusted_close(text: &mut Cursor<'_>) -> Option<AdjustedClose> {
    let mut adjclose = None;
    text.members(|key, text| match key {
        b"adjclose" => once(&mut adjclose, prices(text)?),
        _ => text.skip(),
    })?;
    Some(AdjustedClose { adjclose })
}

fn prices(text: &mut Cursor<'_>) -> Option<Prices> {
    text.list(|text| text.nullable(Cursor::float))
}

fn volume(text: &mut Cursor<'_>) -> Option<Volume> {
    let units = text.unsigned()?;
    i64::try_from(units).is_ok().then_some(Volume(units))
}

/// A value that is rare enough to be left to `serde`.
fn rare<'a, T: serde::Deserialize<'a>>(text: &mut Cursor<'a>) -> Option<T> {
    serde_json::from_slice(text.raw()?).ok()
}

/// Keeps `value`, unless the same key had one before.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Document;

    /// Every part of a chart that we read, and some that we do not.
    const WHOLE: &str = r#"{"chart":{"result":[{"meta":{"currency":"USD","symbol":"X","longName":"Sociét\u00e9",
        "exchangeTimezoneName":"America/New_York","dataGranularity":"1d","regularMarketTime":1714766401,"gmtoffset":-14400,
        "hasPrePostMarketData":true,"chartPreviousClose":170.33,"validRanges":["1d","max"],"tradingPeriods":[[{"end":-1}],[]],
        "currentTradingPeriod":{"pre":{"start":1},"regular":{"timezone":"EDT","start":1714743000,"end":1714766400}}},
        "timestamp":[1714570200,1714656600,-86400],"indicators":{"quote":[{"open":[169.5800018310547,1,null],
        "high":[12.0,-0.0,1e2],"low":[0.1,104.571429,3],"close":[9007199254740993,2.5,-7.25],"volume":[50383100,null,0]}],
        "adjclose":[{"adjclose":[168.6,2.0,null]}]},"events":{"dividends":{"1":{"date":1714656600,"amount":0.24}},
        "splits":{"2":{"date":1714656600,"numerator":4.0,"denominator":1,"splitRatio":"4:1"}}}}],"error":null}}"#;

    /// What `serde` makes of `body`, as text that tells every value apart.
    fn by_serde(body: &[u8]) -> Option<String> {
        let document: Document = serde_json::from_slice(body).ok()?;
        let first = document.chart.result?.into_iter().next()?;
        document.chart.error.is_none().then(|| format!("{first:?}"))
    }

    fn quickly(body: &[u8]) -> Option<String> {
        read(body).map(|answered| format!("{answered:?}"))
    }

    fn without_escapes() -> String {
        WHOLE.replace(r"\u00e9", "é")
    }

    #[test]
    fn the_usual_chart_is_understood() {
        let usual = without_escapes();

        assert!(by_serde(usual.as_bytes()).is_some());
        assert_eq!(quickly(usual.as_bytes()), by_serde(usual.as_bytes()));
        assert_eq!(quickly(WHOLE.as_bytes()), None, "escapes are for serde");
    }

    #[test]
    fn nothing_is_made_of_damage_that_serde_would_not_make_of_it() {
        let whole = without_escapes().into_bytes();
        let parts: [&[u8]; 14] = [
            b"", b"\0", b"\"", b"-", b"0", b"9", b".", b"e", b"[", b"}", b",", b" ", b"null",
            b"\xff",
        ];

        for at in 0..whole.len() {
            for part in parts {
                for length in [0, 1, 2, 5] {
                    let end = (at + length).min(whole.len());
                    let damaged = [&whole[..at], part, &whole[end..]].concat();
                    if let Some(read) = quickly(&damaged) {
                        let text = String::from_utf8_lossy(&damaged);
                        assert_eq!(Some(read), by_serde(&damaged), "{text}");
                    }
                }
            }
            assert_eq!(quickly(&whole[..at]), None);
        }
    }

    #[test]
    fn what_is_said_twice_or_is_not_as_usual_is_left_to_serde() {
        let usual = without_escapes();
        for (was, is) in [
            (
                r#""currency":"USD""#,
                r#""currency":"USD","currency":"USD""#,
            ),
            (r#""currency":"USD""#, r#""currency":null"#),
            (r#""timestamp":"#, r#""timestamp":[],"timestamp":"#),
            (r#""error":null"#, r#""error":{}"#),
            (r#""error":null"#, r#""error":null,"error":null"#),
            (r#""open":[169.5800018310547"#, r#""open":[1e999"#),
            (r#""open":[169.5800018310547"#, r#""open":[01"#),
            (r#""volume":[50383100"#, r#""volume":[-50383100"#),
            (r#""volume":[50383100"#, r#""volume":[9223372036854775808"#),
            (r#"[1714570200"#, r#"[1714570200.0"#),
            (r#"[1714570200"#, r#"[9223372036854775808"#),
            (r#""date":1714656600"#, r#""date":null"#),
            (
                r#"[[{"end":-1}]"#,
                &format!("[{}{}", "[".repeat(200), "]".repeat(200)),
            ),
            (r#"{"chart":"#, r#"{"finance":"#),
        ] {
            let changed = usual.replace(was, is);
            assert_ne!(changed, usual, "{was}");
            assert_eq!(quickly(changed.as_bytes()), None, "{is}");
        }
    }
}
