//! In which zone a symbol's dates are meant: guessed from its suffix, corrected by what answers said.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use chrono_tz::Tz;

/// The zones of symbols, as far as they differ from what their suffix says.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    surprises: Mutex<HashMap<String, Tz>>,
}

/// Surprises kept; beyond it one is forgotten, which costs one request when its symbol comes again.
const MOST_SURPRISES: usize = 10_000;

impl Zones {
    /// The zone of `symbol`, which is in upper case.
    pub(crate) fn zone(&self, symbol: &str) -> Tz {
        let known = self.lock().get(symbol).copied();
        known.unwrap_or_else(|| guess(symbol))
    }

    /// Remembers that `symbol` is in `zone`.
    pub(crate) fn learn(&self, symbol: &str, zone: Tz) {
        let mut surprises = self.lock();
        if zone == guess(symbol) {
            surprises.remove(symbol);
            return;
        }
        if surprises.len() >= MOST_SURPRISES && !surprises.contains_key(symbol) {
            let any = surprises.keys().next().cloned();
            any.and_then(|symbol| surprises.remove(&symbol));
        }
        surprises.insert(symbol.to_owned(), zone);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Tz>> {
        self.surprises.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The zone that Yahoo most likely gives for `symbol`.
fn guess(symbol: &str) -> Tz {
    if symbol.ends_with("=X") {
        return Tz::Europe__London;
    }
    if let Some((_, money)) = symbol.rsplit_once('-')
        && QUOTED_IN.contains(&money)
    {
        return Tz::UTC;
    }
    let suffix = symbol.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix.and_then(of_suffix).unwrap_or(Tz::America__New_York)
}

/// What crypto currencies are quoted in; `BRK-B` is a share class.
const QUOTED_IN: [&str; 11] = [
    "USD", "EUR", "GBP", "CAD", "AUD", "JPY", "INR", "KRW", "CNY", "BTC", "ETH",
];

/// The zone of the exchange that a suffix names. Futures and United States symbols have New York's.
fn of_suffix(suffix: &str) -> Option<Tz> {
    let zone = match suffix {
        "AE" => Tz::Asia__Dubai,
        "AS" => Tz::Europe__Amsterdam,
        "AT" => Tz::Europe__Athens,
        "AX" | "XA" => Tz::Australia__Sydney,
        "BA" => Tz::America__Argentina__Buenos_Aires,
        "BD" => Tz::Europe__Budapest,
        "BE" | "BM" | "DE" | "DU" | "F" | "HA" | "HM" | "MU" | "SG" => Tz::Europe__Berlin,
        "BK" => Tz::Asia__Bangkok,
        "BO" | "NS" => Tz::Asia__Kolkata,
        "BR" => Tz::Europe__Brussels,
        "CA" => Tz::Africa__Cairo,
        "CL" => Tz::America__Bogota,
        "CN" | "NE" | "TO" | "V" => Tz::America__Toronto,
        "CO" => Tz::Europe__Copenhagen,
        "CR" => Tz::America__Caracas,
        "HE" => Tz::Europe__Helsinki,
        "HK" => Tz::Asia__Hong_Kong,
        "IC" => Tz::Atlantic__Reykjavik,
        "IL" | "L" | "XC" | "XD" => Tz::Europe__London,
        "IR" => Tz::Europe__Dublin,
        "IS" => Tz::Europe__Istanbul,
        "JK" => Tz::Asia__Jakarta,
        "JO" => Tz::Africa__Johannesburg,
        "KL" => Tz::Asia__Kuala_Lumpur,
        "KQ" | "KS" => Tz::Asia__Seoul,
        "KW" => Tz::Asia__Kuwait,
        "LS" => Tz::Europe__Lisbon,
        "MC" => Tz::Europe__Madrid,
        "ME" => Tz::Europe__Moscow,
        "MI" | "TI" => Tz::Europe__Rome,
        "MX" => Tz::America__Mexico_City,
        "NX" | "PA" => Tz::Europe__Paris,
        "NZ" => Tz::Pacific__Auckland,
        "OL" => Tz::Europe__Oslo,
        "PR" => Tz::Europe__Prague,
        "PS" => Tz::Asia__Manila,
        "QA" => Tz::Asia__Qatar,
        "RG" => Tz::Europe__Riga,
        "RO" => Tz::Europe__Bucharest,
        "SA" => Tz::America__Sao_Paulo,
        "SI" => Tz::Asia__Singapore,
        "SN" => Tz::America__Santiago,
        "SR" | "SAU" => Tz::Asia__Riyadh,
        "SS" | "SZ" => Tz::Asia__Shanghai,
        "ST" => Tz::Europe__Stockholm,
        "SW" => Tz::Europe__Zurich,
        "T" => Tz::Asia__Tokyo,
        "TA" => Tz::Asia__Jerusalem,
        "TL" => Tz::Europe__Tallinn,
        "TW" | "TWO" => Tz::Asia__Taipei,
        "VI" => Tz::Europe__Vienna,
        "VN" => Tz::Asia__Ho_Chi_Minh,
        "VS" => Tz::Europe__Vilnius,
        "WA" => Tz::Europe__Warsaw,
        _ => return None,
    };
    Some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_tells_the_zone() {
        for (symbol, expected) in [
            ("AAPL", Tz::America__New_York),
            ("BRK-B", Tz::America__New_York),
            ("GC=F", Tz::America__New_York),
            ("^GSPC", Tz::America__New_York),
            ("X.UNHEARD", Tz::America__New_York),
            ("7203.T", Tz::Asia__Tokyo),
            ("M&M.NS", Tz::Asia__Kolkata),
            ("BP.L", Tz::Europe__London),
            ("BTC-USD", Tz::UTC),
            ("GBPUSD=X", Tz::Europe__London),
        ] {
            assert_eq!(Zones::default().zone(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn an_answer_corrects_the_guess_and_memory_is_bounded() {
        let zones = Zones::default();

        zones.learn("^N225", Tz::Asia__Tokyo);
        zones.learn("AAPL", Tz::America__New_York);
        assert_eq!(zones.zone("^N225"), Tz::Asia__Tokyo);
        assert_eq!(
            zones.lock().len(),
            1,
            "what was guessed right needs no memory"
        );

        for n in 0..MOST_SURPRISES + 10 {
            zones.learn(&format!("S{n}"), Tz::Asia__Tokyo);
        }
        assert_eq!(zones.lock().len(), MOST_SURPRISES);

        zones.learn("S1", Tz::America__New_York);
        assert_eq!(zones.zone("S1"), Tz::America__New_York);
    }
}
