//! OCPS 1.2: seconds and years.

use stock_scheduler_sdk::{Next, Schedule};

use crate::{are_same, cron, fires, instant, is_refused, times};

#[test]
fn s4_1_a_sixth_field_before_the_others_is_the_second() {
    assert!(fires("40 20 6 * * *", "2027-06-18 06:20:40"));
    assert!(!fires("40 20 6 * * *", "2027-06-18 06:20:00"));
    assert_eq!(
        times(&cron("5-15/5,59 20 6 * * *"), "2027-06-18 06:20:05", 4),
        [
            "2027-06-18 06:20:10",
            "2027-06-18 06:20:15",
            "2027-06-18 06:20:59",
            "2027-06-19 06:20:05"
        ]
    );
}

#[test]
fn s4_1_without_it_the_second_is_0() {
    assert!(are_same("20 6 * * *", "0 20 6 * * *"));
    assert!(are_same("@hourly", "0 0 * * * *"));
}

#[test]
fn s4_1_the_second_has_the_rules_of_any_field() {
    assert!(are_same("*/20 * * * * *", "0,20,40 * * * * *"));
    for wrong in [
        "60 * * * * *",
        "5/5 * * * * *",
        "9-8 * * * * *",
        "? * * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_2_a_seventh_field_after_the_others_is_the_year() {
    assert!(fires("0 20 6 * * * 2027", "2027-06-18 06:20:00"));
    assert!(!fires("0 20 6 * * * 2027", "2028-06-18 06:20:00"));
    assert_eq!(
        times(
            &cron("0 0 0 1 1 * 2027,2030-2031"),
            "2026-06-18 00:00:00",
            9
        ),
        [
            "2027-01-01 00:00:00",
            "2030-01-01 00:00:00",
            "2031-01-01 00:00:00"
        ]
    );
}

#[test]
fn s4_2_six_fields_have_no_year() {
    // Were the last of them a year, 2027 would be one; as a weekday it is none.
    assert!(is_refused("0 0 1 1 * 2027"));
}

#[test]
fn s4_2_after_its_last_year_an_expression_never_fires() {
    let schedule = cron("0 0 12 * * * 2027");

    let next = schedule.next_after(instant("2027-12-31 12:00:00"));

    assert_eq!(next, Next::Never);
}

#[test]
fn s4_2_years_are_1970_to_2199() {
    assert!(fires("0 0 0 1 1 * 1970", "1970-01-01 00:00:00"));
    assert!(fires("0 0 0 1 1 * 2199", "2199-01-01 00:00:00"));
    for wrong in [
        "1969",
        "2200",
        "0",
        "27",
        "2027-2026",
        "2027/2",
        "*/0",
        "2027,",
        "L",
        "?",
    ] {
        assert!(is_refused(&format!("0 0 0 1 1 * {wrong}")), "{wrong:?}");
    }
}

#[test]
fn s4_2_steps_of_years_count_from_1970() {
    assert!(are_same("0 0 0 1 * * */2", "0 0 0 1 * * 1970-2199/2"));
    assert!(fires("0 0 0 1 1 * */2", "2028-01-01 00:00:00"));
    assert!(!fires("0 0 0 1 1 * */2", "2027-01-01 00:00:00"));
    assert!(fires("0 0 0 1 1 * 1971-2199/2", "2027-01-01 00:00:00"));
}

/// A missing year means `*`, so `*` means what a missing year means, also outside of 1970 to 2199.
#[test]
fn s4_2_decided_a_wildcard_is_every_year_as_a_missing_one_is() {
    for expression in ["0 0 0 1 1 *", "0 0 0 1 1 * *"] {
        assert!(fires(expression, "1850-01-01 00:00:00"));
        assert!(fires(expression, "2500-01-01 00:00:00"));
    }
}
