//! Number text as pandas' JSON writer makes it: ten decimals at most, cut or rounded by its own rule.
//!
//! A correctly rounded `{:.10}` differs from it in about one number of 200,000, so the rule is followed step by step.

/// Above this, and below [`SMALLEST_DECIMAL`] but for 0, numbers have an exponent.
const LARGEST_DECIMAL: f64 = 1e16 - 1.0;
const SMALLEST_DECIMAL: f64 = 1e-15;

/// Units of the last, the tenth decimal.
const DECIMAL_UNITS: u64 = 10_u64.pow(10);
/// So many numbers eight digits tell apart.
const EIGHT_DIGITS: u64 = 10_u64.pow(8);

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
    if value < EIGHT_DIGITS {
        return push_without_zeros(text, value);
    }
    push_unsigned(text, value / EIGHT_DIGITS);
    text.extend_from_slice(&characters(digits(value % EIGHT_DIGITS)));
}

/// The whole part of `size`, which is no longer than a decimal may be, and the rest in units of the last decimal.
fn round(size: f64) -> (u64, u64) {
    // By way of signed numbers, for which the processor has a single step.
    let whole = size as i64;
    let scaled = (size - whole as f64) * DECIMAL_UNITS as f64;
    let units = scaled as i64;
    let rest = scaled - units as f64;
    let up = rest > 0.5 || (rest == 0.5 && (units == 0 || units % 2 == 1));
    let (whole, units) = (whole.unsigned_abs(), units.unsigned_abs() + u64::from(up));
    match units {
        DECIMAL_UNITS.. => (whole + 1, 0),
        units => (whole, units),
    }
}

/// Writes ten decimals without the zeros at their end, but for the first.
fn push_decimals(text: &mut Vec<u8>, units: u64) {
    let (first_eight, last_two) = (digits(units / 100), units % 100);
    text.extend_from_slice(&characters(first_eight));
    if last_two > 0 {
        let last_two = [last_two / 10, last_two % 10].map(|digit| b'0' + digit as u8);
        text.extend_from_slice(&last_two);
        text.truncate(text.len() - usize::from(last_two[1] == b'0'));
    } else {
        let zeros = first_eight.leading_zeros() as usize / 8;
        text.truncate(text.len() - zeros.min(7));
    }
}

/// Writes a number of at most eight digits.
fn push_without_zeros(text: &mut Vec<u8>, value: u64) {
    let digits = digits(value);
    let zeros = (digits.trailing_zeros() / 8).min(7);
    // Eight at once and some of them too many, because that is a single step.
    text.extend_from_slice(&characters(digits >> (8 * zeros)));
    text.truncate(text.len() - zeros as usize);
}

/// The digits of a number below 10^8, one in each byte, the first in the lowest.
fn digits(value: u64) -> u64 {
    // Each step takes all parts of the number in two at once: fours, pairs, then digits. The factors stand for divisions
    // by 100 and by 10, and are exact for all that a part can be.
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | ((pairs - 10 * tens) << 8)
}

fn characters(digits: u64) -> [u8; 8] {
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

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
    fn eight_digits_are_those_of_the_number() {
        let steps = (0..EIGHT_DIGITS).step_by(9_973);
        for value in steps.chain([9, 10, 9_999, 10_000, 99_999, 9_999_999, EIGHT_DIGITS - 1]) {
            let text = String::from_utf8(characters(digits(value)).to_vec()).unwrap();
            assert_eq!(text, format!("{value:08}"));
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
