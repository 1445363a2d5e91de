//! The schedule against an oracle that was written apart from it and searches without any cleverness: it reads fields into
//! plain lists, tries every date, and knows of a zone only its offset at an instant.
//!
//! `CRON_ORACLE_SEED` repeats a run, `CRON_ORACLE_CASES` makes it longer or shorter.

mod oracle;
mod random;
mod zone;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_cron::Cron;
use stock_scheduler_sdk::{Next, Schedule};

use oracle::{Fire, Oracle};
use random::Random;
use zone::Zone;

const SEED: u64 = 20_261_127;
const CASES: u64 = 100_000;
const DAY: i64 = 86_400;

/// So many fires are compared from each start on.
const FIRES: usize = 4;

fn number(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn the_oracle_finds_the_same_fires() {
    let seed = number("CRON_ORACLE_SEED", SEED);
    let cases = number("CRON_ORACLE_CASES", CASES);
    eprintln!("CRON_ORACLE_SEED={seed} CRON_ORACLE_CASES={cases}");
    let mut random = Random::new(seed);
    let mut zones = HashMap::new();
    for number in 0..cases {
        let name = random.zone();
        let zone = zones.entry(name).or_insert_with(|| Zone::new(name));
        let expression = random.expression();
        let center = match number % 3 {
            0 => random.of(&zone.changes),
            _ => random.instant(),
        };
        let case = Case::new(&expression, zone);
        for _ in 0..2 {
            let start = center + random.between(-3 * DAY, 3 * DAY);
            case.compare(start);
        }
    }
}

#[test]
fn the_oracle_finds_the_same_rare_dates() {
    let mut random = Random::new(number("CRON_ORACLE_SEED", SEED));
    for name in [Tz::UTC, Tz::America__New_York, Tz::Pacific__Apia] {
        let zone = Zone::new(name);
        for expression in [
            "0 12 29 2 *",
            "* 12 29 2 +MON",
            "30 2 29 2 +SUN#5",
            "0 0 31 */2 +5L",
            "0 0 LW 2 +FRI#5",
            "* * 31 2 *",
            "0 0 31 4,6,9,11 *",
            "0 0 29-31 * +MON#1",
            "0 0 0 29 2 * 2100",
            "0 0 0 29 2 * 2096-2110",
            "0 0 0 31W 12 * 2199",
        ] {
            let case = Case::new(expression, &zone);
            for _ in 0..3 {
                case.compare(random.instant());
            }
        }
    }
}

/// An expression in a zone, and what the oracle read in it.
struct Case<'a> {
    schedule: Cron,
    oracle: Oracle,
    zone: &'a Zone,
    expression: &'a str,
}

impl<'a> Case<'a> {
    fn new(expression: &'a str, zone: &'a Zone) -> Self {
        let schedule = Cron::parse(expression, zone.name);
        Self {
            schedule: schedule.unwrap_or_else(|error| panic!("{expression:?}: {error}")),
            oracle: Oracle::read(expression),
            zone,
            expression,
        }
    }

    fn compare(&self, start: i64) {
        let expected = self.oracle.fires(self.zone, start, FIRES);
        let start = DateTime::from_timestamp(start, 0).expect("an instant");
        // What comes after a second comes after every instant within it.
        let within = start + TimeDelta::milliseconds(250);
        let found = found(&self.schedule, within, expected.len());
        let (expression, zone) = (self.expression, self.zone.name);
        assert_eq!(found, expected, "{expression:?} in {zone} after {start}");
    }
}

/// The first fires after `start`, at least one if there is any.
fn found(schedule: &Cron, start: DateTime<Utc>, most: usize) -> Vec<Fire> {
    let mut fires: Vec<Fire> = Vec::new();
    let mut instant = start;
    while fires.len() < most.max(1)
        && let Next::At(fire) = schedule.next_after(instant)
    {
        instant = fire.at;
        let is_moved = fire
            .notes
            .iter()
            .any(|note| note.starts_with("there is no"));
        assert_eq!(fire.at.timestamp_subsec_nanos(), 0);
        fires.push(Fire {
            at: fire.at.timestamp(),
            is_moved,
        });
    }
    fires
}
