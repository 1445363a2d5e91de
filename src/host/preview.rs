//! What a schedule will do, told by the same code that fires.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{Day, Interval, Job, JobId, Occurrence, Schedule, write_duration};

use super::after::After;
use super::fields;
use super::forecast::{Ends, walk};
use super::timetable::Timetable;
use super::{Draft, FieldError, Host, HostError, Mode};

/// How many fires are told where nobody says how many.
const USUAL: u32 = 5;
/// The most fires that are told.
const MOST_TOLD: u32 = 1_000;

/// A question for the fires of a job that need not exist.
#[derive(Debug, Clone)]
pub struct PreviewWish {
    draft: Draft,
    /// Of the job that exists already.
    id: Option<JobId>,
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
            id: id.and_then(Result::ok),
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
        let is_new = wish.id.is_none();
        let id = wish.id.unwrap_or_else(JobId::random);
        let mut job = wish
            .draft
            .create(id, now, plugins)
            .map_err(HostError::Invalid)?;
        let description = self.timetable(&job)?.describe();
        // By how much exactly depends on the job's id, which nobody knows before it is created.
        let jitter = job.jitter.take_if(|_| is_new).map(write_duration);
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
        if After::of(&job).is_some() {
            // When that is, depends on another job.
            ends.iter_mut().for_each(|ends| ends.at = None);
        }
        for fire in &mut fires {
            note_unfinished(fire, &job, &timetable);
            let later = jitter
                .iter()
                .map(|most| format!("up to {most} later, by jitter"));
            fire.notes.extend(later);
        }
        Ok(Preview {
            description,
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
