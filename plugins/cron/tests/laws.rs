//! The promises of a schedule hold for cron expressions, also where clocks change.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stock_scheduler_cron::Cron;
use stock_scheduler_sdk::conformance::schedule::check;

const EXPRESSIONS: [&str; 20] = [
    "* * * * *",
    "*/15 * * * *",
    "7 * * * *",
    "*/20 0-3 * * *",
    "30 */2 * * *",
    "0,30 0-3 * * *",
    "15 2 * * *",
    "0-59 2 * * *",
    "0 0 * * *",
    "59 23 * * *",
    "0 17 * * MON-FRI",
    "0 12 1 * MON",
    "0 12 1-7 * +SUN",
    "0 2 L * *",
    "30 1 LW * *",
    "*/30 2 * * SUN#L",
    "*/20 30 1-2 * * *",
    "10,50 */30 * * * *",
    "0 0 0 29 2 * 2028",
    "@hourly",
];

fn begin_of(date: &str) -> DateTime<Utc> {
    format!("{date}T00:00:00Z").parse().expect("an instant")
}

#[test]
fn the_laws_of_a_schedule_hold_where_clocks_change() {
    for (zone, from, to) in [
        (Tz::UTC, "2027-02-27", "2027-03-02"),
        (Tz::America__New_York, "2027-03-13", "2027-03-16"),
        (Tz::America__New_York, "2027-11-06", "2027-11-09"),
        (Tz::America__New_York, "2400-03-01", "2400-03-03"),
        (Tz::Europe__Berlin, "2027-03-27", "2027-03-30"),
        (Tz::Europe__Berlin, "2027-10-30", "2027-11-02"),
        (Tz::Asia__Beirut, "2025-10-24", "2025-10-27"),
        (Tz::America__Sao_Paulo, "2018-11-03", "2018-11-05"),
        (Tz::America__Sao_Paulo, "2019-02-16", "2019-02-18"),
        (Tz::Australia__Lord_Howe, "2027-04-03", "2027-04-05"),
        (Tz::Antarctica__Troll, "2027-03-27", "2027-03-29"),
        (Tz::Africa__Monrovia, "1972-01-06", "1972-01-08"),
        (Tz::Pacific__Apia, "2011-12-29", "2012-01-01"),
        (Tz::Pacific__Kwajalein, "1993-08-20", "1993-08-23"),
        (Tz::Asia__Manila, "1844-12-30", "1845-01-02"),
        (Tz::America__Juneau, "1867-10-17", "1867-10-20"),
    ] {
        for expression in EXPRESSIONS {
            let schedule = Cron::parse(expression, zone).expect("an expression");
            let checked = check(&schedule, begin_of(from), begin_of(to));
            assert_eq!(checked, Ok(()), "{expression} in {zone}, {from}");
        }
    }
}

#[test]
fn the_laws_of_a_schedule_hold_over_decades() {
    for expression in [
        "0 0 29 2 *",
        "0 0 29 2 +MON",
        "30 2 8-14 3 +SUN",
        "* 2 8-14 3 +SUN#2",
        "0 0 31W 12 *",
        "0 0 0 1 1 * 2020-2060/10",
        "* * 31 2 *",
    ] {
        let schedule = Cron::parse(expression, Tz::America__New_York).expect("an expression");
        let checked = check(&schedule, begin_of("1990-01-01"), begin_of("2150-01-01"));
        assert_eq!(checked, Ok(()), "{expression}");
    }
}
