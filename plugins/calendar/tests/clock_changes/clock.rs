//! A zone's offset from UTC over the years, as spans of time in which it stays the same.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

use super::{DAY, HOUR, at};

/// Changes closer than this would be seen as one, or not at all where the second undoes the first.
const STEP: usize = 6 * HOUR as usize;

/// The offset of a zone. All numbers are seconds.
pub(crate) struct Clock {
    pub(crate) zone: Tz,
    /// From when on there is which offset, in order, with a month more at both ends than changes are looked at.
    spans: Vec<(i64, i64)>,
}

impl Clock {
    pub(crate) fn of(zone: Tz) -> Self {
        let (start, end) = (start_of(1990) - 31 * DAY, start_of(2038) + 31 * DAY);
        let mut spans = vec![(start, offset(zone, start))];
        let mut same = start;
        for instant in (start..end).step_by(STEP) {
            while let Some((_, known)) = spans.last().copied()
                && offset(zone, instant) != known
            {
                same = end_of_span(zone, same, instant);
                spans.push((same, offset(zone, same)));
            }
            same = instant;
        }
        Self { zone, spans }
    }

    /// Each change: when it is, the offset before and the one after. Without any, a moment with the same offset twice.
    pub(crate) fn changes(&self) -> Vec<(i64, i64, i64)> {
        let years = start_of(1990)..start_of(2038);
        let pairs = self
            .spans
            .windows(2)
            .map(|pair| (pair[1].0, pair[0].1, pair[1].1));
        let changes: Vec<_> = pairs.filter(|(at, ..)| years.contains(at)).collect();
        match changes.as_slice() {
            [] => vec![(start_of(2020), self.spans[0].1, self.spans[0].1)],
            _ => changes,
        }
    }

    /// Each instant at which the clock shows `local`.
    pub(crate) fn passes(&self, local: i64) -> Vec<i64> {
        let near = self.spans_near(local).iter().enumerate();
        near.filter_map(|(place, (from, offset))| {
            let instant = local - offset;
            let until = self
                .spans_near(local)
                .get(place + 1)
                .map_or(i64::MAX, |next| next.0);
            (*from <= instant && instant < until).then_some(instant)
        })
        .collect()
    }

    /// What the clock shows at `instant`.
    pub(crate) fn shown(&self, instant: i64) -> i64 {
        let span = self.spans.partition_point(|(from, _)| *from <= instant) - 1;
        instant + self.spans[span].1
    }

    /// When the clock is put forward over `local`, which it leaves out.
    pub(crate) fn end_of_gap(&self, local: i64) -> i64 {
        let mut pairs = self.spans_near(local).windows(2);
        let leaves_out = |pair: &&[(i64, i64)]| {
            let at = pair[1].0;
            at + pair[0].1 <= local && local < at + pair[1].1
        };
        pairs.find(leaves_out).expect("a gap")[1].0
    }

    /// The spans in which the clock can show `local`, as no clock is two days from UTC, and those next to them.
    fn spans_near(&self, local: i64) -> &[(i64, i64)] {
        let first = self
            .spans
            .partition_point(|(from, _)| *from <= local - 2 * DAY);
        let end = self
            .spans
            .partition_point(|(from, _)| *from <= local + 2 * DAY);
        &self.spans[first.saturating_sub(1)..end]
    }
}

/// The first instant after `same` with another offset than there, by halving: one is at `other`.
fn end_of_span(zone: Tz, mut same: i64, mut other: i64) -> i64 {
    let known = offset(zone, same);
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        match offset(zone, middle) == known {
            true => same = middle,
            false => other = middle,
        }
    }
    other
}

fn offset(zone: Tz, instant: i64) -> i64 {
    let offset = zone.offset_from_utc_datetime(&at(instant).naive_utc());
    offset.fix().local_minus_utc().into()
}

fn start_of(year: i32) -> i64 {
    let start = chrono::Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0);
    start.single().expect("a year").timestamp()
}
