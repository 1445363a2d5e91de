//! A job's own schedule: what its kind says, bent by the job's policies. Pure, as every schedule.

use std::sync::Arc;

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{Calendar, Job, Next, Occurrence, Schedule, write_duration};

/// The longest jitter; looking for what it delays walks the fires of that time.
pub(crate) const LONGEST_JITTER: TimeDelta = TimeDelta::hours(1);
/// Later years have no date that everybody can read. It is not the very last, so that no zone's date is beyond it.
const LAST_YEAR: i32 = 9_998;
/// Fires keep this distance from the next, however long the jitter.
const APART: TimeDelta = TimeDelta::milliseconds(1);
const BETWEEN: TimeDelta = TimeDelta::nanoseconds(999);
const INSTANT: TimeDelta = TimeDelta::microseconds(1);

/// A schedule under a job's `paused_until`, `jitter` and `active_until`.
pub(crate) struct Timetable {
    schedule: Box<dyn Schedule>,
    paused_until: Option<DateTime<Utc>>,
    active_until: Option<DateTime<Utc>>,
    jitter: Option<TimeDelta>,
    /// What makes this job's delays its own.
    seed: u64,
    /// The job's last fire: what was due by then has been decided, whatever its delay was.
    decided: Option<DateTime<Utc>>,
}

impl Timetable {
    /// `schedule` as the policies of `job` bend it.
    pub(crate) fn new(job: &Job, schedule: Box<dyn Schedule>) -> Self {
        Self {
            schedule,
            paused_until: job.paused_until,
            active_until: job.active_until,
            jitter: job.jitter.filter(|jitter| *jitter > TimeDelta::zero()),
            seed: hash(0, job.id.as_str().as_bytes()),
            decided: None,
        }
    }

    /// The same without the fires that were due, by the kind, up to the job's last fire: changing the delay is not to bring
    /// them back.
    pub(crate) fn after(mut self, last_fire: Option<DateTime<Utc>>) -> Self {
        self.decided = last_fire;
        self
    }

    /// The next fire as the kind says it, none of them before the pause ends.
    fn nominal(&self, instant: DateTime<Utc>) -> Next {
        let end = self
            .paused_until
            .and_then(|end| end.checked_sub_signed(INSTANT));
        let from = [end, self.decided]
            .into_iter()
            .flatten()
            .fold(instant, DateTime::max);
        // Stores keep microseconds: a fire between two of them is taken for the first.
        let next = self
            .schedule
            .next_after(from.checked_add_signed(BETWEEN).unwrap_or(from));
        match next {
            Next::At(mut fire) => {
                fire.at = fire.at.trunc_subsecs(6);
                Next::At(fire)
            }
            next => next,
        }
    }

    /// How much later than its time a fire comes: always the same for it, and never as late as the next.
    fn delay(&self, fire: &Occurrence, jitter: TimeDelta) -> TimeDelta {
        let most = match self.nominal(fire.at) {
            Next::At(next) => jitter.min(next.at - fire.at - APART),
            _ => jitter,
        };
        let draw = hash(self.seed, &fire.at.timestamp_micros().to_le_bytes());
        let milliseconds = jitter.num_milliseconds().max(1).cast_unsigned();
        TimeDelta::milliseconds((draw % milliseconds).cast_signed())
            .min(most)
            .max(TimeDelta::zero())
    }

    /// The first fire whose delayed time is after `instant`.
    fn jittered(&self, instant: DateTime<Utc>, jitter: TimeDelta) -> Next {
        let mut from = self.before(instant, jitter);
        loop {
            let Next::At(mut fire) = self.nominal(from) else {
                return self.nominal(from);
            };
            if fire.at <= from {
                // A plugin that does not get on is the caller's to notice.
                return Next::At(fire);
            }
            let delay = self.delay(&fire, jitter);
            let nominal = fire.at;
            if let Some(at) = nominal.checked_add_signed(delay).filter(|at| *at > instant) {
                fire.at = at;
                if delay > TimeDelta::zero() {
                    fire.notes.push(format!("{} s of jitter", seconds(delay)));
                }
                return Next::At(fire);
            }
            from = nominal;
        }
    }

    /// An instant from which on only the last fires before `instant` lie: only the very last can be delayed beyond it.
    fn before(&self, instant: DateTime<Utc>, jitter: TimeDelta) -> DateTime<Utc> {
        let mut back = TimeDelta::seconds(1);
        loop {
            let from = instant
                .checked_sub_signed(back.min(jitter))
                .unwrap_or(instant);
            let has_fire = matches!(self.nominal(from), Next::At(fire) if fire.at <= instant);
            if has_fire || back >= jitter {
                return from;
            }
            back = back * 2;
        }
    }
}

impl Schedule for Timetable {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let next = match self.jitter {
            Some(jitter) => self.jittered(instant, jitter),
            None => self.nominal(instant),
        };
        match next {
            Next::At(fire) if fire.at.year() > LAST_YEAR => Next::Never,
            Next::At(fire) if self.active_until.is_some_and(|end| fire.at > end) => Next::Never,
            Next::Unknown { from, .. } if self.active_until.is_some_and(|end| from > end) => {
                Next::Never
            }
            next => next,
        }
    }

    fn describe(&self) -> String {
        let mut words = self.schedule.describe();
        if let Some(jitter) = self.jitter {
            words += &format!(", up to {} later", write_duration(jitter));
        }
        let shown = |at: DateTime<Utc>| {
            let zone = self.schedule.zone().unwrap_or(Tz::UTC);
            at.with_timezone(&zone)
                .format("%Y-%m-%d %H:%M %Z")
                .to_string()
        };
        if let Some(end) = self.paused_until {
            words += &format!(", from {}", shown(end));
        }
        if let Some(end) = self.active_until {
            words += &format!(", until {}", shown(end));
        }
        words
    }

    fn zone(&self) -> Option<Tz> {
        self.schedule.zone()
    }

    fn time_of_day(&self) -> Option<String> {
        self.schedule.time_of_day()
    }

    fn exchange(&self) -> Option<Arc<dyn Calendar>> {
        self.schedule.exchange()
    }

    fn ask_again_after(&self) -> Option<TimeDelta> {
        self.schedule.ask_again_after()
    }
}

fn seconds(delay: TimeDelta) -> f64 {
    (delay.num_milliseconds() as f64) / 1_000.0
}

/// FNV-1a over `bytes`, its bits mixed well (the end of MurmurHash3): the same for ever, on every machine.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}
