//! OCPS 1.3: `L`, `#` and `W`.

use stock_scheduler_sdk::{Next, Schedule};

use crate::{are_same, cron, dates, instant, is_refused};

#[test]
fn s4_1_l_is_the_last_day_of_a_month() {
    assert_eq!(
        dates("0 0 L * *", "2028-01-15", 4),
        ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    );
}

#[test]
fn s4_1_l_may_be_in_a_list_of_days() {
    assert_eq!(
        dates("0 0 10,L,30 * *", "2027-02-01", 5),
        [
            "2027-02-10",
            "2027-02-28",
            "2027-03-10",
            "2027-03-30",
            "2027-03-31"
        ]
    );
}

#[test]
fn s4_1_a_weekday_with_l_is_the_last_of_a_month() {
    assert_eq!(
        dates("0 0 * * 2L", "2027-06-01", 3),
        ["2027-06-29", "2027-07-27", "2027-08-31"]
    );
    for same in ["2#L", "TUEL", "tue#L"] {
        assert!(are_same(&format!("0 0 * * {same}"), "0 0 * * 2L"), "{same}");
    }
    assert!(are_same("0 0 * * 7#L", "0 0 * * SUN#L"));
}

#[test]
fn s4_1_l_stands_after_one_day_of_a_day_field() {
    for wrong in [
        "L * * * *",
        "* L * * *",
        "* * * L *",
        "* * * * L",
        "* * * * #L",
        "* * * * MON-FRI#L",
        "* * * * *#L",
        "* * * * 1-5L",
        "* * L-3 * *",
        "* * 1-L * *",
        "* * L/2 * *",
        "* * 3L * *",
        "* * LL * *",
        "* * * * 8L",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

/// Only names are free in their case; that a small letter is meant for a sign is said nowhere.
#[test]
fn s4_1_decided_signs_are_capital_letters() {
    for wrong in [
        "* * l * *",
        "* * * * 5l",
        "* * * * FRI#l",
        "* * 15w * *",
        "* * lw * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_2_a_weekday_with_a_number_is_the_nth_of_a_month() {
    assert_eq!(
        dates("0 0 * * 3#2", "2027-06-01", 3),
        ["2027-06-09", "2027-07-14", "2027-08-11"]
    );
    assert!(are_same("0 0 * * WED#2", "0 0 * * 3#2"));
    assert!(are_same("0 0 * * 0#1", "0 0 * * 7#1"));
    assert_eq!(
        dates("0 0 * * TUE#1", "2027-06-01", 2),
        ["2027-07-06", "2027-08-03"]
    );
    assert_eq!(dates("0 1 * * TUE#1", "2027-06-01", 1), ["2027-06-01"]);
}

#[test]
fn s4_2_a_month_without_a_fifth_one_is_passed_over() {
    assert_eq!(
        dates("0 0 * * MON#5", "2027-01-01", 3),
        ["2027-03-29", "2027-05-31", "2027-08-30"]
    );
}

#[test]
fn s4_2_nth_ones_may_be_in_a_list() {
    assert_eq!(
        dates("0 0 * * MON#1,FRI#L,WED", "2027-05-31", 8),
        [
            "2027-06-02",
            "2027-06-07",
            "2027-06-09",
            "2027-06-16",
            "2027-06-23",
            "2027-06-25",
            "2027-06-30",
            "2027-07-05"
        ]
    );
}

#[test]
fn s4_2_there_are_five_weeks_of_one_day_each() {
    for wrong in [
        "* * * * MON#0",
        "* * * * MON#6",
        "* * * * MON#",
        "* * * * #1",
        "* * * * 1#01",
        "* * * * 1-5#2",
        "* * * * *#1",
        "* * * * 8#1",
        "* * * * MON#1#2",
        "* * * * MON#1-2",
        "* * * * MON#1/2",
        "* * 1#1 * *",
        "1#1 * * * *",
        "* * * JAN#1 *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_3_w_is_the_weekday_nearest_to_a_day() {
    // The 10th is a Sunday in January, a Saturday in April, and a weekday in February and March.
    assert_eq!(
        dates("0 0 10W * *", "2027-01-01", 4),
        ["2027-01-11", "2027-02-10", "2027-03-10", "2027-04-09"]
    );
}

#[test]
fn s4_3_w_stays_within_the_month() {
    // 1 May is a Saturday and 1 August a Sunday; 31 July is a Saturday and 31 October a Sunday.
    assert_eq!(
        dates("0 0 1W 5,8 *", "2027-01-01", 2),
        ["2027-05-03", "2027-08-02"]
    );
    assert_eq!(
        dates("0 0 31W 7,10 *", "2027-01-01", 2),
        ["2027-07-30", "2027-10-29"]
    );
    // 28 February is a Sunday, and the last day.
    assert_eq!(dates("0 0 28W 2 *", "2027-01-01", 1), ["2027-02-26"]);
}

#[test]
fn s4_3_w_needs_a_month_that_has_the_day() {
    assert_eq!(
        dates("0 0 31W * *", "2027-01-01", 3),
        ["2027-01-29", "2027-03-31", "2027-05-31"]
    );
    assert_eq!(
        cron("0 0 30W 2 *").next_after(instant("2027-01-01 00:00:00")),
        Next::Never
    );
}

#[test]
fn s4_3_w_goes_with_a_single_day() {
    for wrong in [
        "* * W * *",
        "* * 1-15W * *",
        "* * 15W,20 * *",
        "* * 1,15W * *",
        "* * 15W-20 * *",
        "* * */2W * *",
        "* * 15W/2 * *",
        "* * 0W * *",
        "* * 32W * *",
        "* * WL * *",
        "* * 1,LW * *",
        "* * * * 1W",
        "15W * * * *",
        "* * *W * *",
        "* * MONW * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

/// The documents do not speak of it; Quartz, from which they have both letters, knows it.
#[test]
fn s4_3_decided_lw_is_the_last_weekday_of_a_month() {
    // 31 January and 28 February are Sundays, 31 July is a Saturday.
    assert_eq!(
        dates("0 0 LW 1-3,7 *", "2027-01-01", 4),
        ["2027-01-29", "2027-02-26", "2027-03-31", "2027-07-30"]
    );
}
