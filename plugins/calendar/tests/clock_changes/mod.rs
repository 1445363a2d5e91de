//! Every change of every zone's clock from 1990 to 2037, and what is to fire around it.
//!
//! Nothing here asks the code under test how clocks change: changes are found by bisecting the offset from UTC, and times
//! on the wall clock are sums of seconds. Tests of another kind take it by its path:
//!
//! ```ignore
//! #[path = "../../calendar/tests/clock_changes/mod.rs"]
//! mod clock_changes;
//! ```

mod clock;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use stock_scheduler_sdk::{Next, Schedule};

use clock::Clock;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Instants in seconds, and the number of notes of each fire.
type Fires = BTreeMap<i64, usize>;

static CLOCKS: LazyLock<Vec<Clock>> =
    LazyLock::new(|| TZ_VARIANTS.iter().copied().map(Clock::of).collect());

/// Hands every change of every zone to `check`; of a zone that has none, a moment at which nothing changes.
pub(crate) fn for_every_change(check: impl Fn(&Change<'_>)) {
    let mut changes = 0;
    for clock in CLOCKS.iter() {
        for (at, before, after) in clock.changes() {
            let change = Change {
                clock,
                at,
                before,
                after,
            };
            check(&change);
            changes += 1;
        }
    }
    assert!(changes > 20_000, "{changes} changes");
}

/// A change of a zone's clock. Numbers are seconds.
pub(crate) struct Change<'a> {
    clock: &'a Clock,
    at: i64,
    before: i64,
    after: i64,
}

impl Change<'_> {
    pub(crate) fn zone(&self) -> Tz {
        self.clock.zone
    }

    /// What the clock shows before the change and after it, the lesser one first: the ends of what is left out or comes
    /// twice.
    fn ends(&self) -> (i64, i64) {
        let (from, to) = (self.at + self.before, self.at + self.after);
        (from.min(to), from.max(to))
    }

    /// Times of day inside of what is left out or comes twice, at its ends, and outside.
    pub(crate) fn times(&self) -> Vec<NaiveTime> {
        let (first, last) = self.ends();
        let around = [-MINUTE, 0, MINUTE].map(|step| [first + step, last + step]);
        let inside = first + (last - first) / 2 / MINUTE * MINUTE;
        let ordinary = [0, 9 * HOUR + 30 * MINUTE, 23 * HOUR + 59 * MINUTE];
        let all = around.into_iter().flatten().chain([inside]).chain(ordinary);
        let mut times: Vec<_> = all.map(|local| at(local).time()).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// The dates that the change touches: also one that it leaves out.
    pub(crate) fn dates(&self) -> Vec<NaiveDate> {
        let (first, last) = self.ends();
        let [first, last] = [first, last].map(|local| at(local).date_naive());
        let dates = first.iter_days();
        dates.take_while(|date| *date <= last).collect()
    }

    /// Checks that `schedule` fires for each of `times` on each date that matches exactly once: when the clock shows it,
    /// when it shows it first, or at the end of the gap that leaves it out.
    pub(crate) fn check_by_wall_clock(
        &self,
        schedule: &dyn Schedule,
        times: &[NaiveTime],
        matches: impl Fn(NaiveDate) -> bool,
    ) {
        let around = self.at - 2 * DAY..self.at + 2 * DAY;
        // No clock is a day from UTC.
        let (first, last) = (at(around.start - DAY), at(around.end + DAY));
        let dates = first.date_naive().iter_days();
        let dates = dates.take_while(|date| *date <= last.date_naive());
        let mut expected = Fires::new();
        for date in dates.filter(|date| matches(*date)) {
            for time in times {
                let (at, notes) = self.fire_for(date.and_time(*time).and_utc().timestamp());
                *expected.entry(at).or_default() += notes;
            }
        }
        expected.retain(|at, _| around.contains(at));
        self.check(schedule, around, &expected);
    }

    /// When `local` is to fire, and how many notes say that clocks change.
    fn fire_for(&self, local: i64) -> (i64, usize) {
        match self.clock.passes(local).as_slice() {
            [] => (self.clock.end_of_gap(local), 1),
            [only] => (*only, 0),
            [first, second] if first < second => (*first, 1),
            passes => panic!("{} comes at {passes:?} in {}", at(local), self.zone()),
        }
    }

    /// Checks that `schedule` fires exactly where a whole number of `minutes` has passed since 1970: so it fires at a time
    /// on the clock as often as the clock shows it, not at all in a gap and twice where it comes twice.
    pub(crate) fn check_by_elapsed_time(&self, schedule: &dyn Schedule, minutes: i64) {
        let reach = self.shift().abs() + HOUR;
        let around = self.at - reach..self.at + reach;
        let in_minutes = around.start.div_euclid(MINUTE)..=around.end.div_euclid(MINUTE);
        let due = in_minutes.filter(|minute| minute % minutes == 0);
        let due = due.map(|minute| minute * MINUTE);
        let expected: Fires = due
            .filter(|at| around.contains(at))
            .map(|at| (at, 0))
            .collect();
        self.check(schedule, around, &expected);

        let (first, last) = self.ends();
        let shown = expected.keys().map(|at| self.clock.shown(*at));
        let inside = shown.filter(|local| (first..last).contains(local));
        let passes = if self.shift() < 0 { 2 } else { 0 };
        let wanted = passes * self.shift().abs() / (minutes * MINUTE);
        assert_eq!(inside.count() as i64, wanted, "{}", self.what(schedule));
    }

    fn shift(&self) -> i64 {
        self.after - self.before
    }

    /// Checks that the fires in the time `around` the change are the expected ones, from whichever instant one asks.
    fn check(&self, schedule: &dyn Schedule, around: Range<i64>, expected: &Fires) {
        let fires = fires(schedule, &around);
        assert_eq!(shown(&fires), shown(expected), "{}", self.what(schedule));

        let (first, last) = (self.at - HOUR, self.at + self.shift().abs() + HOUR);
        let asked = (first..last).step_by(17 * MINUTE as usize);
        for instant in asked.chain([self.at - 1, self.at]) {
            if let Some((next, _)) = fires.range(instant + 1..).next() {
                let found = next_after(schedule, instant).map(|(at, _)| at);
                let what = || format!("{} after {}", self.what(schedule), at(instant));
                assert_eq!(found, Some(*next), "{}", what());
            }
        }
    }

    fn what(&self, schedule: &dyn Schedule) -> String {
        let (words, at) = (schedule.describe(), at(self.at));
        format!("{words}, where {} changes at {at}", self.zone())
    }
}

fn fires(schedule: &dyn Schedule, around: &Range<i64>) -> Fires {
    let first = next_after(schedule, around.start - 1);
    let fires = std::iter::successors(first, |(at, _)| next_after(schedule, *at));
    fires.take_while(|(at, _)| *at < around.end).collect()
}

fn next_after(schedule: &dyn Schedule, instant: i64) -> Option<(i64, usize)> {
    let Next::At(fire) = schedule.next_after(at(instant)) else {
        return None;
    };
    assert!(fire.at > at(instant), "{fire:?} after {}", at(instant));
    Some((fire.at.timestamp(), fire.notes.len()))
}

fn at(instant: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(instant, 0).expect("an instant")
}

fn shown(fires: &Fires) -> Vec<(DateTime<Utc>, usize)> {
    let shown = fires.iter().map(|(instant, notes)| (at(*instant), *notes));
    shown.collect()
}
