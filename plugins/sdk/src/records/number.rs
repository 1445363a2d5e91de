//! Number text as pandas' JSON writer makes it: ten decimals at most, cut or rounded by its own rule.
//!
//! A correctly rounded `{:.10}` differs from it in about one number of 200,000, so the rule is followed step by step.

/// Above this, and below [`SMALLEST_DECIMAL`] but for 0, numbers have an exponent.
const LARGEST_DECIMAL: f64 = 1e16 - 1.0;
const SMALLEST_DECIMAL: f64 = 1e-15;

const DECIMALS: usize = 10;
const DECIMAL_UNITS: u64 = 10_u64.pow(DECIMALS as u32);

/// Writes `value` with one to ten decimals, with an exponent where it is huge or tiny, `null` where it is not finite.
pub(super) fn push_float(text: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        text.extend_from_slice(b"null");
        return;
    }
    let size = value.abs();
    if size > LARGEST_DECIMAL || (size < SMALLEST_DECIMAL && size != 0.0) {
        push_with_exponent(text, value);
        return;
    }
    let (whole, units) = round(size);
    // Not the sign bit: pandas writes negative zero without a sign, but a rounded -1e-12 with one.
    if value < 0.0 {
        text.push(b'-');
    }
    push_unsigned(text, whole);
    text.push(b'.');
    push_decimals(text, units);
}

/// Writes a whole number.
pub(super) fn push_signed(text: &mut Vec<u8>, value: i64) {
    if value < 0 {
        text.push(b'-');
    }
    push_unsigned(text, value.unsigned_abs());
}

/// Writes a whole number that is not negative.
pub(super) fn push_unsigned(text: &mut Vec<u8>, value: u64) {
    let mut digits = [b'0'; 20];
    let first = write_digits(&mut digits, value).min(19);
    text.extend_from_slice(&digits[first..]);
}

/// The whole part of `size` and the rest in units of the last decimal.
fn round(size: f64) -> (u64, u64) {
    let whole = size as u64;
    let scaled = (size - whole as f64) * DECIMAL_UNITS as f64;
    let units = scaled as u64;
    let rest = scaled - units as f64;
    let up = rest > 0.5 || (rest == 0.5 && (units == 0 || units % 2 == 1));
    match units + u64::from(up) {
        DECIMAL_UNITS.. => (whole + 1, 0),
        units => (whole, units),
    }
}

fn push_decimals(text: &mut Vec<u8>, units: u64) {
    let mut digits = [b'0'; DECIMALS];
    write_digits(&mut digits, units);
    let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    text.extend_from_slice(&digits[..=last]);
}

/// Writes `value` at the end of `digits`, which holds zeros and is long enough; answers where its first digit is.
fn write_digits(digits: &mut [u8], mut value: u64) -> usize {
    let mut at = digits.len();
    while value >= 10 {
        let pair = 2 * (value % 100) as usize;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value > 0 {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    at
}

/// All pairs of digits, `00` to `99`.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// Writes `value` as C's `%.10g` does for numbers of this size.
fn push_with_exponent(text: &mut Vec<u8>, value: f64) {
    let scientific = format!("{value:.9e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("this format has an exponent");
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    text.extend_from_slice(format!("{mantissa}e{sign}{exponent:0>2}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut text = Vec::new();
        push_float(&mut text, value);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn floats_are_written_as_pandas_writes_them() {
        // The right-hand side is what pandas 3.1.1 wrote.
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (11.0, "11.0"),
            (100.0, "100.0"),
            (105.05, "105.05"),
            (0.1, "0.1"),
            (0.5, "0.5"),
            (-3.25, "-3.25"),
            (73.9884719848633, "73.9884719849"),
            (123456789012.123, "123456789012.1230010986"),
            (1234567.0000001, "1234567.0000000999"),
            (1000000000000000.5, "1000000000000000.5"),
            (4503599627370497.5, "4503599627370498.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "10000000000000000.0"),
            (-1e16, "-10000000000000000.0"),
            (1.0000000000000002e16, "1e+16"),
            (2e16, "2e+16"),
            (-2.5e16, "-2.5e+16"),
            (1.23456789012e300, "1.23456789e+300"),
            (f64::MAX, "1.797693135e+308"),
            (1e-15, "0.0"),
            (1.5e-15, "0.0"),
            (9.99e-16, "9.99e-16"),
            (1e-16, "1e-16"),
            (-1e-16, "-1e-16"),
            (5e-324, "4.940656458e-324"),
            (-1e-12, "-0.0"),
            (1e-10, "0.0000000001"),
            (5e-11, "0.0000000001"),
            (1.5e-10, "0.0000000002"),
            (2.5e-10, "0.0000000002"),
            (0.00048828125, "0.0004882812"),
            (1.00000000005, "1.0000000001"),
            (0.99999999995, "1.0"),
            (0.99999999996, "1.0"),
            (1.99999999999, "2.0"),
            (f64::INFINITY, "null"),
            (f64::NEG_INFINITY, "null"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(float(value), expected, "{value:e}");
        }
    }

    #[test]
    fn whole_numbers_have_all_their_digits_and_no_more() {
        for value in [
            0,
            5,
            9,
            10,
            99,
            100,
            105,
            1000,
            123_456,
            10_000_000,
            u64::MAX,
        ] {
            let mut text = Vec::new();
            push_unsigned(&mut text, value);
            assert_eq!(String::from_utf8(text).unwrap(), value.to_string());
        }
        for value in [
            0,
            -1,
            1_714_521_600_000,
            -252_374_400_000,
            i64::MIN,
            i64::MAX,
        ] {
            let mut text = Vec::new();
            push_signed(&mut text, value);
            assert_eq!(String::from_utf8(text).unwrap(), value.to_string());
        }
    }
}
