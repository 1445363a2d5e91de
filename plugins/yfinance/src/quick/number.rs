//! Numbers as JSON writes them. Each function is given text that begins with one and answers what follows it, too.

/// So many digits fit a `u64`, whatever they are.
const MOST_DIGITS: usize = 19;

/// The largest number up to which a float holds every whole number.
const LARGEST_EXACT: u64 = 1 << 53;

/// The powers of ten that matter and that a float holds exactly.
const TENS: [f64; MOST_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19,
];

/// A whole number without sign, point and exponent.
#[inline]
pub(super) fn whole(text: &[u8]) -> Option<(u64, &[u8])> {
    whole_of(text, digits(0, text))
}

/// The digits that were read from `text`, if they are a whole number.
#[inline]
fn whole_of<'a>(text: &[u8], (value, rest): (u64, &'a [u8])) -> Option<(u64, &'a [u8])> {
    let count = text.len() - rest.len();
    let usual = (1..=MOST_DIGITS).contains(&count) && (count == 1 || text[0] != b'0');
    usual.then_some((value, rest))
}

/// The float nearest to any number, unless that is infinite.
#[inline]
pub(super) fn float(text: &[u8]) -> Option<(f64, &[u8])> {
    short_float(text).or_else(|| long_float(text))
}

/// A number without sign and exponent, of so few digits that arithmetic gives the nearest float.
#[inline]
fn short_float(text: &[u8]) -> Option<(f64, &[u8])> {
    let (mut value, mut rest) = whole_of(text, few_digits(0, text))?;
    let mut decimals = 0;
    if let [b'.', fraction @ ..] = rest {
        (value, rest) = digits(value, fraction);
        decimals = fraction.len() - rest.len();
        // The point is counted with the digits; one too many does no harm.
        if decimals == 0 || text.len() - rest.len() > MOST_DIGITS {
            return None;
        }
    }
    if !matches!(rest, [b',' | b']', ..]) {
        return None;
    }
    if value > LARGEST_EXACT {
        return Some((quotient(value, TENS[decimals] as u64), rest));
    }
    // The quotient of two exact floats is the float nearest to the true one.
    Some((value as f64 / TENS[decimals], rest))
}

/// The float nearest to `value / scale`, of which neither is 0.
fn quotient(value: u64, scale: u64) -> f64 {
    // With so many places before the division that the quotient has 63 binary digits at least. Its last then stands for
    // all that follow it when the others are rounded to the 53 of a float.
    let places = 64 + value.leading_zeros();
    let (large, scale) = (u128::from(value) << places, u128::from(scale));
    let whole = large / scale;
    let more = u128::from(whole * scale != large);
    let place = f64::from_bits((1023 - u64::from(places)) << 52);
    (whole | more) as f64 * place
}

#[cold]
fn long_float(text: &[u8]) -> Option<(f64, &[u8])> {
    let rest = after_number(text)?;
    let number = str::from_utf8(&text[..text.len() - rest.len()]).ok()?;
    let value: f64 = number.parse().ok()?;
    value.is_finite().then_some((value, rest))
}

/// What follows the number.
pub(super) fn after_number(text: &[u8]) -> Option<&[u8]> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = after_digits(unsigned)?;
    if unsigned[0] == b'0' && unsigned.len() - rest.len() > 1 {
        return None;
    }
    if let [b'.', fraction @ ..] = rest {
        rest = after_digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = match exponent {
            [b'+' | b'-', digits @ ..] => after_digits(digits)?,
            digits => after_digits(digits)?,
        };
    }
    Some(rest)
}

/// What follows the digits, of which there must be one.
fn after_digits(text: &[u8]) -> Option<&[u8]> {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let count = text.iter().take_while(is_digit).count();
    (count > 0).then(|| &text[count..])
}

/// Appends the digits at the beginning of `text` to those of `value`; too many give a number without meaning.
#[inline]
fn digits(mut value: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((eight, _)) = text.split_first_chunk() {
        let (number, count) = first_of_eight(u64::from_le_bytes(*eight));
        value = value.wrapping_mul(POWERS[count]).wrapping_add(number);
        text = &text[count..];
        if count < 8 {
            return (value, text);
        }
    }
    few_digits(value, text)
}

/// [`digits`] where few are expected.
#[inline]
fn few_digits(mut value: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let [byte @ b'0'..=b'9', rest @ ..] = text {
        value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        text = rest;
    }
    (value, text)
}

const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The number that eight characters begin with, and how many of them are its digits.
#[inline]
fn first_of_eight(characters: u64) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const EVEN_PAIRS: u64 = 0x0000_00FF_0000_00FF;
    // A digit becomes 0 to 9; of what is none, the highest bit is set now or after adding 0x76.
    let values = characters ^ (EACH * 0x30);
    let others = (values.wrapping_add(EACH * 0x76) | values) & (EACH * 0x80);
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // The first character is in the lowest byte. Zeros are put before the digits, which then make pairs, and a number.
    let padded = values << (64 - 8 * count);
    let pairs = padded.wrapping_mul(10).wrapping_add(padded >> 8);
    let even = (pairs & EVEN_PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let odd = ((pairs >> 16) & EVEN_PAIRS).wrapping_mul(1 + (10_000 << 32));
    (even.wrapping_add(odd) >> 32, count)
}

#[cfg(test)]
mod tests {
    fn float(text: &str) -> Option<f64> {
        let (value, rest) = super::float(text.as_bytes())?;
        rest.is_empty().then_some(value)
    }

    #[test]
    fn floats_are_those_that_serde_reads() {
        let mut texts: Vec<String> = [
            "0",
            "-0",
            "-0.0",
            "7",
            "10",
            "0.1",
            "104.571429",
            "184.25999450683594",
            "1e5",
            "1E-5",
            "1.5e+300",
            "1e400",
            "-1e400",
            "5e-324",
            "1e-400",
            "9007199254740993",
            "0.000000000000000000001",
            "9007199254740992.5",
            "18446744073709551615",
            "18446744073709551616",
            "12345678",
            "123456789",
            "1234567.8",
            "12345678.12345678",
            "123456789012345678901234567890",
            "2.2250738585072011e-308",
            // Not numbers.
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1.e5",
            "0x1",
            "NaN",
            "inf",
            "1_0",
            "1 ",
            "--1",
            "1\u{e9}",
            "1234567\u{e9}",
        ]
        .map(str::to_owned)
        .to_vec();
        // Halfway between two floats, and next to it.
        for units in [
            9_007_199_254_740_993_u64,
            18_014_398_509_481_986,
            36_028_797_018_963_970,
        ] {
            for power in [1, 10, 100] {
                for units in [units * power - 1, units * power, units * power + 1] {
                    for decimals in 1..=15 {
                        let digits = units.to_string();
                        let (whole, decimals) = digits.split_at(digits.len() - decimals);
                        texts.push(format!("{whole}.{decimals}"));
                    }
                }
            }
        }
        for n in 1..20_000_u64 {
            // As Yahoo writes its prices: with all the digits that a float of 32 bits has in one of 64.
            texts.push(f64::from(n as f32 * 0.7613).to_string());
        }
        // Every count of digits before and after the point, ended by the text or by something else.
        let digits = "98765432109876543210";
        for whole in 1..=20 {
            for decimals in 1..=20 {
                texts.push(format!("{}.{}", &digits[..whole], &digits[..decimals]));
            }
        }

        for text in texts {
            let expected = serde_json::from_str::<f64>(&text).ok();
            let is_number = !text.ends_with(' ');
            assert_eq!(
                float(&text).map(f64::to_bits),
                expected.filter(|_| is_number).map(f64::to_bits),
                "{text}"
            );
            let followed = format!("{text},          ");
            let read = super::float(followed.as_bytes()).map(|(value, _)| value.to_bits());
            if is_number && expected.is_some() {
                assert_eq!(read, expected.map(f64::to_bits), "{text}");
            }
        }
    }
}
