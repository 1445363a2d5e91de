//! OCPS 1.1: nicknames, and what its text says more clearly than that of 1.0.

use chrono_tz::Tz;
use stock_scheduler_cron::{Cron, CronError};

use crate::{are_same, is_refused};

#[test]
fn s7_1_each_nickname_stands_for_its_fields() {
    for (name, fields) in [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        assert!(are_same(name, fields), "{name}");
    }
}

#[test]
fn s7_1_spaces_around_a_nickname_do_not_count() {
    assert!(are_same(" \t@daily ", "@daily"));
}

/// The draft of 1.1 wants nicknames in any case; the final text and its vectors want other cases refused. What one of them
/// demands to be accepted is accepted: nobody means anything else by `@Daily`.
#[test]
fn s7_1_decided_nicknames_are_known_in_any_case() {
    assert!(are_same("@Daily", "@daily"));
    assert!(are_same("@HOURLY", "@hourly"));
}

#[test]
fn s7_1_a_nickname_stands_alone() {
    for wrong in [
        "@daily 0 0 * * *",
        "@daily @hourly",
        "0 @daily",
        "@daily *",
        "0 0 * * @weekly",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s7_1_other_nicknames_are_refused() {
    for wrong in ["@", "@every", "@dayly", "daily", "@ daily", "@@daily"] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

/// There is no startup event here: a fire belongs to a time, so that none is missed.
#[test]
fn s7_2_reboot_is_no_syntax_error_but_has_no_schedule() {
    for name in ["@reboot", " @reboot ", "@Reboot"] {
        assert_eq!(Cron::parse(name, Tz::UTC), Err(CronError::Startup));
    }
    assert!(
        CronError::Startup
            .to_string()
            .starts_with("@reboot is no schedule here")
    );
}

/// The table of names gives Sunday both values, so that a range can end with it.
#[test]
fn s4_2_a_range_of_names_may_end_on_sunday() {
    assert!(are_same("0 0 * * FRI-SUN", "0 0 * * 5-7"));
    assert!(are_same("0 0 * * 6-sun", "0 0 * * 6,0"));
    assert!(are_same("0 0 * * SUN-TUE", "0 0 * * 0-2"));
    assert!(are_same("0 0 * * SUN-SUN", "0 0 * * 0"));
    assert!(are_same("0 0 * * MON-SUN/3", "0 0 * * 1,4,7"));
}
