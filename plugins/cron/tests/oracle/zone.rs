//! A zone as a list of offsets, found by asking for the offset at instants.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::DAY;

/// The years 1840 to 2110.
const KNOWN: (i64, i64) = (-4_102_444_800, 4_449_600_000);

pub(crate) struct Zone {
    pub(crate) name: Tz,
    /// When the offset changes.
    pub(crate) changes: Vec<i64>,
    /// The offset before the first change and after each.
    offsets: Vec<i64>,
}

/// A time without changes: from `start`, before `end`, the clock shows UTC and `offset`.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) offset: i64,
}

fn offset(zone: Tz, instant: i64) -> i64 {
    let utc = DateTime::from_timestamp(instant, 0)
        .expect("an instant")
        .naive_utc();
    i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

/// The first instant with an offset that has lasted for less than half a day at `end`.
fn first_with(zone: Tz, after: i64, end: i64) -> i64 {
    let (mut low, mut high) = (end - DAY / 2, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match offset(zone, middle) == after {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low
}

impl Zone {
    pub(crate) fn new(name: Tz) -> Self {
        let (first, last) = KNOWN;
        let (mut changes, mut offsets) = (Vec::new(), vec![offset(name, first)]);
        let mut before = offsets[0];
        for end in (first..last).step_by(DAY as usize / 2) {
            let after = offset(name, end);
            if after != before {
                changes.push(first_with(name, after, end));
                offsets.push(after);
                before = after;
            }
        }
        if changes.is_empty() {
            changes.push(0);
            offsets.push(offsets[0]);
        }
        Self {
            name,
            changes,
            offsets,
        }
    }

    /// The stretches from `start` to `end`, in order.
    pub(crate) fn stretches(&self, start: i64, end: i64) -> Vec<Stretch> {
        let place = self.changes.partition_point(|change| *change <= start);
        let mut stretches = Vec::new();
        let mut begin = start;
        for number in place..self.offsets.len() {
            let change = self
                .changes
                .get(number)
                .copied()
                .unwrap_or(i64::MAX)
                .min(end);
            stretches.push(Stretch {
                start: begin,
                end: change,
                offset: self.offsets[number],
            });
            begin = change;
            if change == end {
                break;
            }
        }
        stretches
    }

    pub(crate) fn offset(&self, instant: i64) -> i64 {
        self.offsets[self.changes.partition_point(|change| *change <= instant)]
    }
}
