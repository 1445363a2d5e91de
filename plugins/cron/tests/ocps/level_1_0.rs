//! OCPS 1.0: the baseline. Some of its rules were made clearer by later revisions, which are part of 1.1 too.

use chrono_tz::Tz;
use stock_scheduler_sdk::{Next, Schedule};

use crate::{are_same, cron, cron_in, dates, fires, instant, is_refused, times};

#[test]
fn s4_1_five_fields_are_minute_hour_day_month_and_weekday() {
    // 2027-06-18 is a Friday.
    assert!(fires("20 6 18 6 5", "2027-06-18 06:20:00"));
    assert!(!fires("20 6 18 6 5", "2027-06-18 20:06:00"));
    assert!(!fires("20 6 18 6 5", "2027-06-18 06:21:00"));
    for wrong in ["", " ", "20", "20 6 18 6", "20 6 18 6 5 7 8 9"] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_1_spaces_around_do_not_count_and_several_are_one() {
    assert!(are_same("  20 6 * * *", "20 6 * * *"));
    assert!(are_same("20 6 * * * \t ", "20 6 * * *"));
    assert!(are_same("20   6\t*\t \t* *", "20 6 * * *"));
}

#[test]
fn s4_2_the_first_and_the_last_value_of_each_field_are_known() {
    assert!(fires("0 0 1 1 *", "2027-01-01 00:00:00"));
    assert!(fires("59 23 31 12 *", "2027-12-31 23:59:00"));
    // Leading zeros change no number.
    assert!(fires("05 007 * * *", "2027-01-01 07:05:00"));
}

#[test]
fn s4_2_names_are_known_in_any_case() {
    let months = [
        "jan", "Feb", "MAR", "aPr", "may", "JUN", "jul", "AUG", "sep", "OCT", "nov", "dec",
    ];
    for (number, name) in (1..).zip(months) {
        let [named, numbered] = [format!("0 0 1 {name} *"), format!("0 0 1 {number} *")];
        assert!(are_same(&named, &numbered), "{name}");
    }
    for (number, name) in (0..).zip(["sun", "Mon", "TUE", "wEd", "thu", "FRI", "saT"]) {
        let [named, numbered] = [format!("0 0 * * {name}"), format!("0 0 * * {number}")];
        assert!(are_same(&named, &numbered), "{name}");
    }
}

#[test]
fn s4_2_names_belong_to_their_field() {
    for wrong in [
        "0 0 * MON *",
        "0 0 * * JAN",
        "0 0 JAN * *",
        "MON * * * *",
        "0 0 * JANUARY *",
        "0 0 * * MO",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_2_both_0_and_7_are_sunday() {
    assert_eq!(
        dates("0 0 * * 0", "2027-06-13", 2),
        ["2027-06-20", "2027-06-27"]
    );
    assert!(are_same("0 0 * * 0", "0 0 * * 7"));
    assert!(are_same("0 0 * * 5-7", "0 0 * * FRI,SAT,SUN"));
    assert!(are_same("0 0 * * 0-7", "0 0 * * *"));
}

#[test]
fn s4_3_other_characters_are_refused() {
    for wrong in [
        "! * * * *",
        "1.5 * * * *",
        "1;2 * * * *",
        "\"1\" * * * *",
        "０ * * * *",
        "٣ * * * *",
        "1\u{a0}2 * * * *",
        "* * * * *\n",
        "*\r* * * *",
        "\u{feff}* * * * *",
        "1\u{0} * * * *",
        "~ * * * *",
        "0x5 * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s5_a_wildcard_is_every_value() {
    assert!(are_same("* * * * *", "0-59 0-23 * 1-12 *"));
    assert_eq!(
        times(&cron("* * * * *"), "2027-12-31 23:58:30", 3),
        [
            "2027-12-31 23:59:00",
            "2028-01-01 00:00:00",
            "2028-01-01 00:01:00"
        ]
    );
}

#[test]
fn s5_a_list_is_each_of_its_values_once() {
    assert_eq!(
        times(&cron("40,10,10 8 * * *"), "2027-06-18 00:00:00", 3),
        [
            "2027-06-18 08:10:00",
            "2027-06-18 08:40:00",
            "2027-06-19 08:10:00"
        ]
    );
}

#[test]
fn s5_a_range_includes_both_ends() {
    assert!(are_same("0 8-11 * * *", "0 8,9,10,11 * * *"));
    assert!(are_same("0 8-8 * * *", "0 8 * * *"));
    assert!(are_same("0 0 1 MAR-MAY *", "0 0 1 3-5 *"));
    assert!(are_same("0 0 * * tue-THU", "0 0 * * 2-4"));
}

#[test]
fn s5_a_step_counts_from_the_begin_of_its_range() {
    assert!(are_same("7-58/17 * * * *", "7,24,41,58 * * * *"));
    assert!(are_same("*/25 * * * *", "0,25,50 * * * *"));
    // Days and months begin with 1.
    assert!(are_same("0 0 */10 * *", "0 0 1,11,21,31 * *"));
    assert!(are_same("0 0 1 */5 *", "0 0 1 1,6,11 *"));
}

#[test]
fn s5_1_a_step_beyond_its_range_leaves_the_first_value() {
    assert!(are_same("*/60 5-8/4 * * *", "0 5 * * *"));
    assert!(are_same("*/99999999999999999999 5 * * *", "0 5 * * *"));
}

#[test]
fn s5_1_a_list_unites_ranges_wildcards_and_steps() {
    assert!(are_same(
        "1-3,10-20/5,58 * * * *",
        "1,2,3,10,15,20,58 * * * *"
    ));
    assert!(are_same("5,* * * * *", "* * * * *"));
    assert!(are_same("0 0 * * MON,WED-FRI,0", "0 0 * * 0,1,3,4,5"));
}

#[test]
fn s5_1_every_entry_of_a_list_is_checked() {
    for wrong in [
        "*,61 * * * *",
        "*,*,x * * * *",
        "1,,2 * * * *",
        ",1 * * * *",
        "1, * * * *",
        ", * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_1_of_two_restricted_day_fields_either_suffices() {
    // The 18th is a Friday.
    assert_eq!(
        dates("0 12 18 * MON", "2027-06-12", 4),
        ["2027-06-14", "2027-06-18", "2027-06-21", "2027-06-28"]
    );
}

#[test]
fn s6_1_one_restricted_day_field_decides_alone() {
    assert_eq!(
        dates("0 12 18 * *", "2027-06-12", 2),
        ["2027-06-18", "2027-07-18"]
    );
    assert_eq!(
        dates("0 12 * * MON", "2027-06-12", 2),
        ["2027-06-14", "2027-06-21"]
    );
}

#[test]
fn s6_1_a_full_range_is_a_restriction() {
    // So that either field suffices, and each day matches.
    assert!(are_same("0 12 1-31 * MON", "0 12 * * *"));
    assert!(are_same("0 12 18 * 0-6", "0 12 * * *"));
}

#[test]
fn s6_1_a_field_whose_first_entry_is_a_wildcard_is_no_restriction() {
    assert!(are_same("0 12 *,18 * MON", "0 12 * * MON"));
    assert!(are_same("0 12 18,* * MON", "0 12 * * *"));
}

/// Only a bare `*` is unrestricted, which differs from Vixie cron: that looks at the first character alone.
#[test]
fn s6_1_a_wildcard_with_a_step_restricts() {
    assert_eq!(
        dates("0 12 */2 * MON", "2027-06-12", 3),
        ["2027-06-13", "2027-06-14", "2027-06-15"]
    );
    assert_eq!(
        dates("0 12 18 * */5", "2027-06-12", 3),
        ["2027-06-13", "2027-06-18", "2027-06-20"]
    );
}

#[test]
fn s6_2_values_out_of_range_are_refused() {
    for wrong in [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "0-60 * * * *",
        "* * 0-5 * *",
        "* * 32/2 * *",
        "4294967296 * * * *",
        "99999999999999999999 * * * *",
        "-1 * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_2_descending_ranges_are_refused() {
    for wrong in [
        "5-4 * * * *",
        "* 22-2 * * *",
        "* * 31-1 * *",
        "* * * DEC-JAN *",
        "* * * * SAT-MON",
        "* * * * 7-1",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_2_broken_ranges_are_refused() {
    for wrong in [
        "1- * * * *",
        "-1 * * * *",
        "- * * * *",
        "1-2-3 * * * *",
        "*-5 * * * *",
        "5-* * * * *",
        "** * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_2_a_step_of_zero_is_refused() {
    for wrong in [
        "*/0 * * * *",
        "1-5/0 * * * *",
        "* * */00 * *",
        "* * * * MON-FRI/0",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_2_a_step_needs_a_wildcard_or_a_range() {
    for wrong in [
        "/5 * * * *",
        "5/5 * * * *",
        "* 0/2 * * *",
        "* * * JAN/3 *",
        "*/ * * * *",
        "*/a * * * *",
        "*/2/2 * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s6_2_an_impossible_date_is_an_expression_that_never_fires() {
    for never in [
        "* * 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 30,31 FEB *",
        "0 0 29-31 * +MON#1",
    ] {
        assert_eq!(
            cron(never).next_after(instant("2027-01-01 00:00:00")),
            Next::Never,
            "{never}"
        );
    }
}

#[test]
fn s6_2_a_rare_date_is_found_however_far() {
    assert_eq!(dates("0 0 29 2 *", "2096-03-01", 1), ["2104-02-29"]);
    // The 29 February that is a Monday comes every 28 years, but for a century without a leap year.
    assert_eq!(
        dates("0 0 29 2 +MON", "2027-01-01", 4),
        ["2044-02-29", "2072-02-29", "2112-02-29", "2140-02-29"]
    );
}

#[test]
fn s6_4_an_expression_is_meant_in_the_zone_that_comes_with_it() {
    for (zone, expected) in [
        (Tz::UTC, "2027-06-18 09:30:00"),
        (Tz::America__New_York, "2027-06-18 13:30:00"),
        (Tz::Asia__Kolkata, "2027-06-18 04:00:00"),
        (Tz::Pacific__Kiritimati, "2027-06-18 19:30:00"),
    ] {
        let schedule = cron_in(zone, "30 9 * * *");
        assert_eq!(
            times(&schedule, "2027-06-18 00:00:00", 1),
            [expected],
            "{zone}"
        );
    }
}
