//! Lengths of time as people write them: `90s`, `15m`, `1h30m`, `2d`.

use chrono::TimeDelta;

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads numbers with units, largest unit first, each at most once.
///
/// The error is a sentence without subject: what is wrong with the text, and what would be right.
pub fn parse_duration(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("{text:?} is no duration, expected one such as 90s, 15m, 1h30m or 2d");
    let (mut seconds, mut rest, mut units) = (0_i64, text, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        seconds = number
            .checked_mul(*length)
            .and_then(|part| part.checked_add(seconds))
            .ok_or_else(wrong)?;
        rest = &rest[digits + 1..];
    }
    if text.is_empty() {
        return Err(wrong());
    }
    TimeDelta::try_seconds(seconds).ok_or_else(wrong)
}

/// Writes whole seconds as [`parse_duration`] reads them; a sign goes before them.
pub fn write_duration(duration: TimeDelta) -> String {
    let mut seconds = duration.num_seconds();
    let mut text = String::new();
    if seconds < 0 {
        text.push('-');
        seconds = -seconds;
    }
    for (unit, length) in UNITS {
        let number = seconds / length;
        seconds %= length;
        if number > 0 {
            text += &format!("{number}{unit}");
        }
    }
    if duration.num_seconds() == 0 {
        text += "0s";
    }
    text
}

/// A duration as text in JSON, or null.
pub(crate) mod optional {
    use super::{TimeDelta, parse_duration, write_duration};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<TimeDelta>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(write_duration).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<TimeDelta>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| parse_duration(&text).map_err(Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_and_other_texts_are_refused() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(TimeDelta::seconds(seconds)),
                "{text}"
            );
        }
        for text in ["90s", "1d2h3m4s", "0s"] {
            let read = parse_duration(&write_duration(parse_duration(text).unwrap()));
            assert_eq!(read, parse_duration(text));
        }
        assert_eq!(write_duration(TimeDelta::seconds(-5_400)), "-1h30m");
        for bad in [
            "",
            "5",
            "m",
            "5x",
            "1m1h",
            "1m2m",
            "-5m",
            "1.5h",
            "5 m",
            "99999999999999999999d",
            "9223372036854775807d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
