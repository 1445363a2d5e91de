//! What is wrong with an expression is named: the field, the text, and what would be right.

use chrono_tz::Tz;
use stock_scheduler_cron::Cron;

#[test]
fn every_mistake_says_where_it_is_and_what_would_be_right() {
    let fields = "expected 5 (minute, hour, day of month, month, day of week), 6 with second first, or 7 with second first and year last";
    let count =
        |expression, count| format!("expression {expression:?} has {count} fields, {fields}");
    for (expression, message) in [
        ("", count("", 0)),
        ("* * * *", count("* * * *", 4)),
        ("* * * * * * * *", count("* * * * * * * *", 8)),
    ] {
        assert_eq!(error(expression), message);
    }
    for (expression, message) in [
        (
            "60 * * * *",
            r#"minute "60" is out of range, expected 0 to 59"#,
        ),
        (
            "60 * * * * *",
            r#"second "60" is out of range, expected 0 to 59"#,
        ),
        (
            "* 0-24 * * *",
            r#"hour "24" is out of range, expected 0 to 23"#,
        ),
        (
            "* * 0 * *",
            r#"day of month "0" is out of range, expected 1 to 31, L or one such as 15W"#,
        ),
        (
            "* * * 13 *",
            r#"month "13" is out of range, expected 1 to 12 or JAN to DEC"#,
        ),
        (
            "* * * * 8",
            r#"day of week "8" is out of range, expected 0 to 7, SUN to SAT or one such as FRI#1 or FRI#L"#,
        ),
        (
            "0 0 0 1 1 * 1969",
            r#"year "1969" is out of range, expected 1970 to 2199"#,
        ),
        ("a * * * *", r#"minute "a" is no value, expected 0 to 59"#),
        (
            "* * * * *\n",
            r#"day of week "*\n" is no value, expected 0 to 7, SUN to SAT or one such as FRI#1 or FRI#L"#,
        ),
        (
            "* * * FOO *",
            r#"month "FOO" is no value, expected 1 to 12 or JAN to DEC"#,
        ),
        (
            "* * * sept *",
            r#"month "sept" is no value, did you mean "SEP"?"#,
        ),
        (
            "* * * * MONDAY-FRIDAY",
            r#"day of week "MONDAY" is no value, did you mean "MON"?"#,
        ),
        (
            "* * * * ée",
            r#"day of week "ée" is no value, expected 0 to 7, SUN to SAT or one such as FRI#1 or FRI#L"#,
        ),
        (
            "* 22-2 * * *",
            r#"hour "22-2" descends, expected "2-22", or over the end "22-23,0-2""#,
        ),
        (
            "* * * * FRI-MON",
            r#"day of week "FRI-MON" descends, expected "MON-FRI", or over the end "FRI-7,0-MON""#,
        ),
        (
            "1- * * * *",
            r#"minute "1-" lacks an end, expected a range such as "0-59""#,
        ),
        (
            "*/0 * * * *",
            r#"minute "*/0" has a step of 0, expected 1 or more"#,
        ),
        (
            "*/x * * * *",
            r#"minute "*/x" has the step "x", expected a number from 1 on"#,
        ),
        (
            "/30 * * * *",
            r#"minute "/30" steps over no range, expected "*/30""#,
        ),
        (
            "5/15 * * * *",
            r#"minute "5/15" steps over no range, expected "5-59/15""#,
        ),
        (
            "1,,2 * * * *",
            r#"minute "1,,2" has an empty entry, expected a value between commas"#,
        ),
        (
            "? * * * *",
            r#"minute "?" is for the day fields alone, expected "*""#,
        ),
        (
            "* * +1 * *",
            r#"day of month "+1" has a +, which only begins day of week, expected "1""#,
        ),
        (
            "* * 1-15W * *",
            r#"day of month "1-15W" has a W that follows no single day, expected one such as "15W", or "LW""#,
        ),
        (
            "* * 32W * *",
            r#"day of month "32" is out of range, expected 1 to 31, L or one such as 15W"#,
        ),
        (
            "* * L-3 * *",
            r#"day of month "L" is no value, expected 1 to 31, L or one such as 15W"#,
        ),
        (
            "* * * * L",
            r#"day of week "L" names no single day, expected one such as "FRI#1" or "FRI#L""#,
        ),
        (
            "* * * * 1-5#2",
            r#"day of week "1-5#2" names no single day, expected one such as "FRI#1" or "FRI#L""#,
        ),
        (
            "* * * * MON#6",
            r#"day of week "MON#6" is no week, expected "MON#1" to "MON#5" or "MON#L""#,
        ),
        (
            "@daily 0 0 * * *",
            r#"nickname "@daily" is not alone, expected nothing else"#,
        ),
        (
            "@dayly",
            r#"unknown nickname "@dayly", known are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"#,
        ),
        (
            "@reboot",
            "@reboot is no schedule here, because a scheduler that never misses a fire has no startup event, \
             expected times such as \"0 17 * * MON-FRI\"",
        ),
    ] {
        assert_eq!(error(expression), message);
    }
}

fn error(expression: &str) -> String {
    match Cron::parse(expression, Tz::UTC) {
        Ok(_) => panic!("{expression:?} was read"),
        Err(error) => error.to_string(),
    }
}
