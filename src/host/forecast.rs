//! Looking ahead along a schedule.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Day, Next, Occurrence, Schedule};

/// So many skipped fires in a row are told; where there are more, the next that runs says so.
const TOLD: usize = 10;
/// So many skipped fires, or stretches of them, are passed over in search of one that runs.
const PASSED_OVER: usize = 2_000;
/// So many of them may be all that a calendar knows of.
const FEW: usize = 8;
/// No exchange is closed for so long.
const LONGEST_CLOSURE: u64 = 60;

/// That a schedule has no more fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Why, in a sentence.
    pub reason: String,
    /// From when on, where that is known.
    pub at: Option<DateTime<Utc>>,
}

/// The next fire, whether or not it is to be skipped.
pub(super) fn next(schedule: &dyn Schedule, instant: DateTime<Utc>) -> Result<Occurrence, Ends> {
    match schedule.next_after(instant) {
        Next::At(fire) if fire.at > instant => Ok(fire),
        Next::Unknown { from, reason } => Err(Ends {
            reason,
            at: Some(from),
        }),
        _ => Err(Ends {
            reason: "the schedule has no more fires".into(),
            at: None,
        }),
    }
}

/// The next fire that is not to be skipped.
pub(super) fn next_running(
    schedule: &dyn Schedule,
    instant: DateTime<Utc>,
) -> Result<Occurrence, Ends> {
    search(schedule, instant).map_err(|end| end.ends)
}

/// The fires after `from` until `count` of them are to run, and why there are not so many. Of many in a row that are to be
/// skipped the first are among them.
pub(super) fn walk(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    count: usize,
) -> (Vec<Occurrence>, Option<Ends>) {
    let (mut fires, mut instant, mut running, mut skipped) = (Vec::new(), from, 0, 0);
    while running < count {
        let found = match skipped {
            TOLD => next_running(schedule, instant).map(|fire| more_skipped(fire, instant)),
            _ => next(schedule, instant),
        };
        match found {
            Ok(fire) => {
                instant = fire.at;
                (running, skipped) = match fire.skip {
                    None => (running + 1, 0),
                    Some(_) => (running, skipped + 1),
                };
                fires.push(fire);
            }
            Err(ends) => return (fires, Some(ends)),
        }
    }
    (fires, None)
}

fn more_skipped(fire: Occurrence, last_told: DateTime<Utc>) -> Occurrence {
    let last = last_told.format("%Y-%m-%d %H:%M:%S");
    fire.with_note(format!(
        "fires after {last} UTC that are skipped are not shown"
    ))
}

/// Why a schedule that has fires after `from` runs at none of them, as far as anybody knows; a few skipped fires before a
/// calendar ends say nothing.
pub(super) fn never_runs(schedule: &dyn Schedule, from: DateTime<Utc>) -> Option<String> {
    let end = search(schedule, from).err()?;
    let why = end.skip?;
    let is_sure = end.passed_over > FEW || end.ends.at.is_none();
    is_sure.then(|| format!("all of its fires are skipped, the last that is known because {why}"))
}

/// What a search for a fire that runs came to.
struct End {
    ends: Ends,
    /// The last fire that was passed over says why.
    skip: Option<String>,
    passed_over: usize,
}

fn search(schedule: &dyn Schedule, from: DateTime<Utc>) -> Result<Occurrence, End> {
    let (mut instant, mut skip) = (from, None);
    for passed_over in 0..PASSED_OVER {
        match next(schedule, instant) {
            Ok(fire) if fire.skip.is_none() => return Ok(fire),
            Ok(fire) => {
                instant = after_skipped(schedule, &fire);
                skip = fire.skip;
            }
            Err(ends) => {
                return Err(End {
                    ends,
                    skip,
                    passed_over,
                });
            }
        }
    }
    let reason = format!("none of the fires up to {instant} runs");
    Err(End {
        ends: Ends {
            reason,
            at: Some(instant),
        },
        // Nothing is known of those that come later.
        skip: None,
        passed_over: PASSED_OVER,
    })
}

/// Where to look on after a skipped fire: where its exchange is closed on its day, no fire runs before the next session's.
fn after_skipped(schedule: &dyn Schedule, fire: &Occurrence) -> DateTime<Utc> {
    let Some(calendar) = schedule.exchange() else {
        return fire.at;
    };
    let Some(date) = wall_clock::date(fire.at, calendar.zone()) else {
        return fire.at;
    };
    let is_closed = |date: &NaiveDate| matches!(calendar.day(*date), Day::Closed(_));
    let last = date.checked_add_days(Days::new(LONGEST_CLOSURE));
    let mut dates = date.iter_days().take_while(|date| Some(*date) != last);
    let open = dates
        .find(|date| !is_closed(date))
        .filter(|open| *open > date);
    let before = open.map(|open| midnight(open, calendar.zone()) - TimeDelta::microseconds(1));
    before.map_or(fire.at, |before| before.max(fire.at))
}

/// The first instant of a date.
pub(super) fn midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    wall_clock::instant(date.and_time(NaiveTime::MIN), zone).unwrap_or_default()
}
