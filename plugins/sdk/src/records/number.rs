//! Number text as pandas' JSON writer makes it: ten decimals at most, cut or rounded by its own rule.
//!
//! A correctly rounded `{:.10}` differs from it in about one number of 200,000, so the rule is followed step by step.

use super::line::Line;

/// Above this, and below [`SMALLEST_DECIMAL`] but for 0, numbers have an exponent.
const LARGEST_DECIMAL: f64 = 1e16 - 1.0;
const SMALLEST_DECIMAL: f64 = 1e-15;

/// Units of the last, the tenth decimal.
const DECIMAL_UNITS: u64 = 10_u64.pow(10);
/// So many numbers eight digits tell apart.
const EIGHT_DIGITS: u64 = 10_u64.pow(8);

/// Writes `value` with one to ten decimals, with an exponent where it is huge or tiny, `null` where it is not finite.
pub(super) fn push_float(line: &mut Line, value: f64) {
    let size = value.abs();
    let is_decimal = (SMALLEST_DECIMAL..=LARGEST_DECIMAL).contains(&size) || size == 0.0;
    if !is_decimal {
        return push_odd(line, value);
    }
    let (whole, units) = round(size);
    // Not the sign bit: pandas writes negative zero without a sign, but a rounded -1e-12 with one.
    if value < 0.0 {
        line.push(b"-");
    }
    push_unsigned(line, whole);
    line.push(b".");
    push_decimals(line, units);
}

/// Writes a whole number.
pub(super) fn push_signed(line: &mut Line, value: i64) {
    if value < 0 {
        line.push(b"-");
    }
    push_unsigned(line, value.unsigned_abs());
}

/// Writes a whole number that is not negative.
#[inline]
pub(super) fn push_unsigned(line: &mut Line, value: u64) {
    match value {
        0..EIGHT_DIGITS => push_first(line, value),
        _ => push_long(line, value),
    }
}

/// Writes a number of more than eight digits.
fn push_long(line: &mut Line, value: u64) {
    push_unsigned(line, value / EIGHT_DIGITS);
    line.push(&characters(digits(value % EIGHT_DIGITS)));
}

/// Writes a number of at most eight digits.
#[inline]
fn push_first(line: &mut Line, value: u64) {
    let digits = digits(value);
    let zeros = (digits.trailing_zeros() / 8).min(7);
    line.push_some(characters(digits >> (8 * zeros)), 8 - zeros as usize);
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
#[inline]
fn push_decimals(line: &mut Line, units: u64) {
    let (first_eight, last_two) = (digits(units / 100), units % 100);
    if last_two == 0 {
        let zeros = (first_eight.leading_zeros() / 8).min(7);
        return line.push_some(characters(first_eight), 8 - zeros as usize);
    }
    line.push(&characters(first_eight));
    let last_two = [last_two / 10, last_two % 10].map(|digit| b'0' + digit as u8);
    line.push_some(last_two, 2 - usize::from(last_two[1] == b'0'));
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

/// Writes what is no decimal: as C's `%.10g` does for numbers of this size, or `null`.
#[cold]
fn push_odd(line: &mut Line, value: f64) {
    if !value.is_finite() {
        return line.push(b"null");
    }
    let scientific = format!("{value:.9e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("this format has an exponent");
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    line.push_text(&format!("{mantissa}e{sign}{exponent:0>2}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `push` writes, also where something else was written before.
    fn written(push: impl Fn(&mut Line)) -> String {
        let mut line = Line::new();
        line.push(b"99999999999999999999999999999999");
        line.clear();
        push(&mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    fn float(value: f64) -> String {
        written(|line| push_float(line, value))
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
            let text = written(|line| push_unsigned(line, value));
            assert_eq!(text, value.to_string());
        }
        for value in [
            0,
            -1,
            1_714_521_600_000,
            -252_374_400_000,
            i64::MIN,
            i64::MAX,
        ] {
            let text = written(|line| push_signed(line, value));
            assert_eq!(text, value.to_string());
        }
    }
}
