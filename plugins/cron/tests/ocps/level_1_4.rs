//! OCPS 1.4: how the day fields go together, `?`, clock changes and limits.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Next, Schedule};

use crate::{are_same, cron, cron_in, dates, instant, is_refused, occurrences, times};

#[test]
fn s4_1_1_by_default_either_day_field_suffices() {
    // The last Friday of June is the 25th.
    assert_eq!(
        dates("0 12 28 * FRI#L", "2027-06-01", 4),
        ["2027-06-25", "2027-06-28", "2027-07-28", "2027-07-30"]
    );
}

#[test]
fn s4_1_2_with_a_plus_a_date_matches_both_day_fields() {
    assert_eq!(
        dates("0 12 13 * +FRI", "2027-01-01", 2),
        ["2027-08-13", "2028-10-13"]
    );
    assert_eq!(
        dates("0 12 1-7 * +MON", "2027-06-01", 2),
        ["2027-06-07", "2027-07-05"]
    );
    assert_eq!(
        dates("0 12 L * +FRI#L", "2027-01-01", 2),
        ["2027-04-30", "2027-12-31"]
    );
    assert_eq!(
        dates("0 12 1W * +MON#1", "2027-06-02", 2),
        ["2027-08-02", "2027-11-01"]
    );
}

#[test]
fn s4_1_2_a_plus_changes_nothing_where_a_field_is_a_wildcard() {
    assert!(are_same("0 12 * * +MON-FRI", "0 12 * * MON-FRI"));
    assert!(are_same("0 12 13 * +*", "0 12 13 * *"));
}

#[test]
fn s4_1_2_a_plus_is_the_first_character_of_day_of_week_and_nowhere_else() {
    for wrong in [
        "+1 * * * *",
        "* +1 * * *",
        "* * +1 * *",
        "* * * +1 *",
        "* * * * 1+",
        "* * * * 1,+2",
        "* * * * ++1",
        "* * * * +",
        "+0 0 0 * * *",
        "0 0 0 * * * +2027",
        "+ * * * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

#[test]
fn s4_2_a_question_mark_is_a_wildcard_in_the_day_fields() {
    assert!(are_same("0 12 ? * MON", "0 12 * * MON"));
    assert!(are_same("0 12 18 * ?", "0 12 18 * *"));
    assert!(are_same("0 12 ? * ?", "0 12 * * *"));
    assert!(are_same("0 12 ?/10 * ?", "0 12 */10 * *"));
}

#[test]
fn s4_2_a_question_mark_is_refused_in_all_other_fields() {
    for wrong in [
        "? * * * *",
        "* ? * * *",
        "* * * ? *",
        "?/5 * * * *",
        "? * * * * *",
        "0 0 0 1 1 * ?",
        "* * ?? * *",
    ] {
        assert!(is_refused(wrong), "{wrong:?}");
    }
}

// 4.3.1 recommends to leave out what a gap leaves out. The rule here is Vixie cron's own, to which 4.3.1 appeals, because a
// daily job must not miss a day: fixed times in a gap fire after it. Clocks in New York are put forward from 02:00 to 03:00
// on 14 March 2027, at 07:00 UTC, and back from 02:00 to 01:00 on 7 November, at 06:00 UTC.

const NEW_YORK: Tz = Tz::America__New_York;

#[test]
fn s4_3_1_decided_a_fixed_time_in_a_gap_fires_after_it_with_a_note() {
    let fires = occurrences(&cron_in(NEW_YORK, "30 2 * * *"), "2027-03-14 00:00:00", 2);

    assert_eq!(fires[0].at, instant("2027-03-14 07:00:00"));
    assert_eq!(
        fires[0].notes,
        [
            "there is no 02:30 on 2027-03-14 in America/New_York, because clocks are put forward: moved to 03:00 on 2027-03-14"
        ]
    );
    assert_eq!(fires[1].at, instant("2027-03-15 06:30:00"));
    assert!(fires[1].notes.is_empty());
}

#[test]
fn s4_3_1_decided_all_fixed_times_in_a_gap_fire_once() {
    let schedule = cron_in(NEW_YORK, "0,30 1-3 * * *");

    let fires = occurrences(&schedule, "2027-03-14 06:00:00", 3);

    let at: Vec<_> = fires.iter().map(|fire| fire.at).collect();
    let expected = [
        "2027-03-14 06:30:00",
        "2027-03-14 07:00:00",
        "2027-03-14 07:30:00",
    ];
    assert_eq!(at, expected.map(instant));
    // 03:00 itself is a reason for the second one too, but not worth a note.
    assert_eq!(fires[1].notes.len(), 2);
}

#[test]
fn s4_3_1_decided_of_many_times_in_a_gap_a_few_are_told() {
    let schedule = cron_in(NEW_YORK, "0-59 2 * * *");

    let fires = occurrences(&schedule, "2027-03-14 00:00:00", 1);

    assert_eq!(fires[0].at, instant("2027-03-14 07:00:00"));
    assert_eq!(fires[0].notes.len(), 5);
    assert!(fires[0].notes[3].starts_with("there is no 02:03 on"));
    assert_eq!(
        fires[0].notes[4],
        "further times of the same gap are moved to the same fire"
    );
}

#[test]
fn s4_3_1_decided_a_date_that_was_left_out_fires_after_it() {
    // Samoa had no 30 December 2011, a Friday: the 31st began at 10:00 UTC.
    for fixed in ["0 9 * * FRI", "15,45 9,16 30 12 *", "0 0 * * 5"] {
        let fires = occurrences(&cron_in(Tz::Pacific__Apia, fixed), "2011-12-30 09:00:00", 1);
        assert_eq!(fires[0].at, instant("2011-12-30 10:00:00"), "{fixed}");
        assert!(fires[0].notes[0].starts_with("there is no "), "{fixed}");
    }
    let elapsed = times(
        &cron_in(Tz::Pacific__Apia, "0 * * * FRI"),
        "2011-12-30 09:00:00",
        1,
    );
    assert_eq!(elapsed, ["2012-01-05 10:00:00"]);
}

#[test]
fn s4_3_1_a_fixed_time_that_comes_twice_fires_when_it_comes_first() {
    let schedule = cron_in(NEW_YORK, "0,30 1-2 * * *");

    let fires = times(&schedule, "2027-11-07 05:00:00", 4);

    // 05:00 UTC is the first 01:00, 06:00 UTC the second.
    assert_eq!(
        fires,
        [
            "2027-11-07 05:30:00",
            "2027-11-07 07:00:00",
            "2027-11-07 07:30:00",
            "2027-11-08 06:00:00"
        ]
    );
}

#[test]
fn s4_3_1_decided_a_wildcard_in_minute_or_hour_follows_elapsed_time() {
    for (expression, spring, autumn) in [
        (
            "7 * * * *",
            ["07:07", "08:07", "09:07"],
            ["06:07", "07:07", "08:07"],
        ),
        (
            "*/20 1-3 * * *",
            ["06:40", "07:00", "07:20"],
            ["05:40", "06:00", "06:20"],
        ),
        (
            "45 */1 * * *",
            ["06:45", "07:45", "08:45"],
            ["05:45", "06:45", "07:45"],
        ),
        // 02:00 to 02:59 in spring is that of the next day.
        (
            "*,30 2 * * *",
            ["06:00", "06:01", "06:02"],
            ["07:00", "07:01", "07:02"],
        ),
    ] {
        let schedule = cron_in(NEW_YORK, expression);
        let clock = |start| {
            let fires = occurrences(&schedule, start, 3).into_iter();
            fires
                .map(|fire| fire.at.format("%H:%M").to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(clock("2027-03-14 06:30:00"), spring, "{expression}");
        assert_eq!(clock("2027-11-07 05:30:00"), autumn, "{expression}");
    }
}

#[test]
fn s4_3_1_decided_the_second_does_not_decide() {
    let fixed = occurrences(
        &cron_in(NEW_YORK, "*/30 15 2 * * *"),
        "2027-03-14 00:00:00",
        2,
    );

    assert_eq!(fixed[0].at, instant("2027-03-14 07:00:00"));
    assert_eq!(fixed[0].notes.len(), 1);
    assert_eq!(fixed[1].at, instant("2027-03-15 06:15:00"));
}

#[test]
fn s4_3_1_both_halves_of_a_half_hour_are_kept_apart() {
    // Lord Howe Island puts clocks back from 02:00 to 01:30, on 4 April 2027 at 15:00 UTC the day before.
    let elapsed = cron_in(Tz::Australia__Lord_Howe, "*/15 * * * *");
    let fixed = cron_in(Tz::Australia__Lord_Howe, "0,15,30,45 0-23 * * *");

    assert_eq!(
        times(&elapsed, "2027-04-03 14:45:00", 3),
        [
            "2027-04-03 15:00:00",
            "2027-04-03 15:15:00",
            "2027-04-03 15:30:00"
        ]
    );
    assert_eq!(
        times(&fixed, "2027-04-03 14:30:00", 2),
        ["2027-04-03 14:45:00", "2027-04-03 15:30:00"]
    );
}

#[test]
fn s4_3_2_the_calendar_is_the_proleptic_gregorian_one() {
    // There was no 29 February 1900, and Rome's calendar of 1500 had one.
    assert_eq!(dates("0 0 29 2 *", "1899-01-01", 1), ["1904-02-29"]);
    assert_eq!(dates("0 0 29 2 *", "1499-01-01", 1), ["1504-02-29"]);
}

#[test]
fn s4_3_2_years_are_1_to_9999() {
    let schedule = cron("0 0 * * *");

    let first = schedule.next_after(DateTime::<Utc>::MIN_UTC);
    let last = schedule.next_after(instant("9999-12-30 12:00:00"));

    assert_eq!(first, Next::from(instant("0001-01-01 00:00:00")));
    assert_eq!(last, Next::from(instant("9999-12-31 00:00:00")));
}

#[test]
fn s4_3_2_outside_of_the_years_there_is_no_fire() {
    for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Etc__GMTPlus12] {
        for expression in ["* * * * *", "59 23 * * *", "0 0 0 1 1 * 2199"] {
            let schedule = cron_in(zone, expression);
            for late in [
                instant("9999-12-31 23:59:00") + chrono::TimeDelta::days(1),
                DateTime::<Utc>::MAX_UTC,
            ] {
                assert_eq!(
                    schedule.next_after(late),
                    Next::Never,
                    "{expression} in {zone}"
                );
            }
        }
    }
}
