//! What a schedule will do, told by the same code that fires.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Day, Interval, Job, JobId, Next, Occurrence, Schedule};

use super::fields;
use super::timetable::Timetable;
use super::{Draft, FieldError, Host, HostError, Mode};

/// How many fires are told where nobody says how many.
const USUAL: u32 = 5;
/// The most fires that are told.
const MOST_TOLD: u32 = 1_000;
/// So many fires in a row that are all to be skipped are told, and no more.
const MOST_SKIPPED: usize = 1_000;
/// So many fires are looked at for one that runs, within this time.
const MOST_LOOKED_AT: usize = 20_000;
const A_YEAR: TimeDelta = TimeDelta::days(400);
/// So many skipped fires may be all that a calendar knows of.
const FEW: usize = 8;

/// A question for the fires of a job that need not exist.
#[derive(Debug, Clone)]
pub struct PreviewWish {
    draft: Draft,
    id: JobId,
    count: u32,
    from: Option<DateTime<Utc>>,
}

/// What a schedule will do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Preview {
    /// The schedule in words.
    pub description: String,
    /// The zone of its times.
    pub zone: Tz,
    /// The exchange's zone, where it follows one.
    pub exchange_zone: Option<Tz>,
    /// Its fires in order, those that are to be skipped among them.
    pub fires: Vec<Occurrence>,
    /// Why there are no more, where that is so.
    pub ends: Option<Ends>,
}

/// That a schedule has no more fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// Why, in a sentence.
    pub reason: String,
    /// From when on, where that is known.
    pub at: Option<DateTime<Utc>>,
}

impl PreviewWish {
    /// Reads a job's body, in which name and symbols may be missing, with `n` and `from`.
    pub fn read(mut body: Value) -> Result<Self, Vec<FieldError>> {
        let Value::Object(object) = &mut body else {
            return Draft::read(body, Mode::Create).and(Err(Vec::new()));
        };
        let mut wrong = Vec::new();
        let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
        let (count, from, id) = (take("n"), take("from"), object.get("job_id").cloned());
        let count = count.map_or(Ok(USUAL), |value| fields::whole(value, 1, MOST_TOLD));
        let count = count.map_err(|error| wrong.push(error.at("n")));
        let from = from.map(fields::instant).transpose();
        let from = from.map_err(|error| wrong.push(error.at("from")));
        for (name, default) in [
            ("name", json!("Preview")),
            ("stock_ids", json!(["PREVIEW"])),
        ] {
            let field = object.entry(name).or_insert(Value::Null);
            if field.is_null() {
                *field = default;
            }
        }
        let draft = Draft::read(body, Mode::Create).map_err(|errors| wrong.extend(errors));
        let (Ok(draft), Ok(count), Ok(from)) = (draft, count, from) else {
            return Err(wrong);
        };
        let id = id.as_ref().and_then(Value::as_str).map(str::parse);
        Ok(Self {
            draft,
            id: id.and_then(Result::ok).unwrap_or_else(JobId::random),
            count,
            from,
        })
    }
}

impl Host {
    /// The next fires of a job as `wish` describes it.
    pub fn preview(&self, wish: PreviewWish) -> Result<Preview, HostError> {
        let plugins = &self.inner.plugins;
        let now = self.now();
        let job = wish
            .draft
            .create(wish.id, now, plugins)
            .map_err(HostError::Invalid)?;
        let timetable = self.timetable(&job)?;
        let from = wish.from.unwrap_or(now);
        let limit = job.max_fires.map_or(wish.count, |most| {
            wish.count.min(u32::try_from(most).unwrap_or(u32::MAX))
        });
        let (mut fires, mut ends) = walk(&timetable, from, limit as usize);
        if ends.is_none() && job.max_fires.is_some_and(|most| most <= u64::from(limit)) {
            ends = Some(Ends {
                reason: format!("max_fires is {limit}"),
                at: fires.last().map(|fire| fire.at),
            });
        }
        fires
            .iter_mut()
            .for_each(|fire| note_unfinished(fire, &job, &timetable));
        Ok(Preview {
            description: timetable.describe(),
            zone: self.zone_of(&job, &timetable),
            exchange_zone: timetable.exchange().map(|calendar| calendar.zone()),
            fires,
            ends,
        })
    }

    pub(super) fn timetable(&self, job: &Job) -> Result<Timetable, HostError> {
        let timetable = self.inner.plugins.timetable(job);
        timetable.map_err(|error| {
            let pointer = format!("/schedule{}", error.pointer);
            HostError::Invalid(vec![FieldError::value(pointer, error.message)])
        })
    }

    pub(super) fn zone_of(&self, job: &Job, timetable: &Timetable) -> Tz {
        let own = job.timezone.unwrap_or(self.inner.plugins.zone);
        timetable.zone().unwrap_or(own)
    }
}

/// The fires after `from` until `count` of them are to run, and why there are not so many.
pub(super) fn walk(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    count: usize,
) -> (Vec<Occurrence>, Option<Ends>) {
    let (mut fires, mut instant, mut running, mut skipped) = (Vec::new(), from, 0, 0);
    while running < count {
        match next(schedule, instant) {
            Ok(fire) => {
                instant = fire.at;
                match fire.skip {
                    None => (running, skipped) = (running + 1, 0),
                    Some(_) => skipped += 1,
                }
                fires.push(fire);
            }
            Err(ends) => return (fires, Some(ends)),
        }
        if skipped == MOST_SKIPPED {
            let reason = format!("all of {MOST_SKIPPED} fires in a row are skipped");
            return (fires, Some(Ends { reason, at: None }));
        }
    }
    (fires, None)
}

/// Why a schedule that has fires after `from` runs at none of them, as far as anybody knows.
///
/// Skipped fires of more than a year say that, or those up to an end; a few before a calendar ends say nothing.
pub(super) fn never_runs(schedule: &dyn Schedule, from: DateTime<Utc>) -> Option<String> {
    let (mut instant, mut last) = (from, None);
    for skipped in 0..MOST_LOOKED_AT {
        match next(schedule, instant) {
            Ok(fire) => {
                instant = fire.at;
                last = Some(fire.skip?);
                if instant - from > A_YEAR {
                    break;
                }
            }
            Err(ends) if ends.at.is_some() && skipped <= FEW => return None,
            Err(_) => break,
        }
        if skipped + 1 == MOST_LOOKED_AT {
            return None;
        }
    }
    last.map(|why| format!("all of its fires are skipped, the last that is known because {why}"))
}

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

/// Notes that a fire fetches a daily bar before its session has ended.
pub(super) fn note_unfinished(fire: &mut Occurrence, job: &Job, timetable: &Timetable) {
    let Some(calendar) = timetable.exchange() else {
        return;
    };
    let is_whole = job.interval != Interval::Day || job.end_date.is_some() || fire.skip.is_some();
    let Some(date) = wall_clock::date(fire.at, calendar.zone()).filter(|_| !is_whole) else {
        return;
    };
    if let Day::Session(session) = calendar.day(date)
        && fire.at < session.close
    {
        let close = session
            .close
            .with_timezone(&calendar.zone())
            .format("%H:%M");
        fire.notes.push(format!(
            "the daily bar of {date} is not final yet at this time: {} closes at {close}",
            calendar.code()
        ));
    }
}

/// The first instant of a date.
pub(super) fn midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    wall_clock::instant(date.and_time(NaiveTime::MIN), zone).unwrap_or_default()
}
