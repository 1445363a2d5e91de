//! Why a job fires or does not, told by the same code that fires.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{
    Day, Fire, FireQuery, FireState, Job, JobId, JobState, Occurrence, Schedule,
};

use super::fields;
use super::forecast::{Ends, midnight, next, next_running};
use super::preview::note_unfinished;
use super::timetable::Timetable;
use super::{Host, HostError};
use crate::engine::plan;

/// The most fires of a day that are told one by one.
const MOST_OF_A_DAY: usize = 100;

/// Why a job fires or does not at some time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explanation {
    /// The job's schedule in words.
    pub description: String,
    /// The answer in a sentence.
    pub reason: String,
    /// The zone of its times.
    pub zone: Tz,
    /// The exchange that it follows and that exchange's day.
    pub exchange: Option<ExchangeDay>,
    /// The fires of the time asked about, each with its record where it has been decided.
    pub fires: Vec<(Occurrence, Option<Fire>)>,
    /// The next one to run after it.
    pub next: Option<Occurrence>,
}

/// A day of an exchange.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExchangeDay {
    /// The exchange's code.
    pub code: String,
    /// Its zone.
    pub zone: Tz,
    /// The date, there.
    pub date: NaiveDate,
    /// Whether it trades.
    pub day: Day,
}

/// The time that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedTime {
    /// A date, in the job's zone.
    Date(NaiveDate),
    /// An instant.
    Instant(DateTime<Utc>),
}

impl Host {
    /// Why a job fires or does not at `asked`.
    pub async fn explain(
        &self,
        id: &JobId,
        asked: Option<AskedTime>,
    ) -> Result<Explanation, HostError> {
        let stored = self.stored(id).await?;
        let job = &stored.job;
        let timetable = self
            .inner
            .plugins
            .timetable(job)
            .map_err(|error| HostError::Conflict(format!("the job cannot fire: {error}")))?;
        let zone = self.zone_of(job, &timetable);
        let today = || wall_clock::date(self.now(), zone).unwrap_or_default();
        let asked = asked.unwrap_or_else(|| AskedTime::Date(today()));
        let (since, until) = span(asked, zone);
        // Nothing was expected of the job before it was there.
        let existed = job.created_at + TimeDelta::microseconds(1);
        let since = if until > existed {
            since.max(existed)
        } else {
            since
        };
        let before = since - TimeDelta::microseconds(1);
        let (mut fires, ends) = between(&timetable, before, until);
        fires
            .iter_mut()
            .for_each(|fire| note_unfinished(fire, job, &timetable));
        let query = FireQuery {
            job: id.clone(),
            since: Some(since),
            // The store begins with the newest.
            until: Some(match fires.get(MOST_OF_A_DAY - 1) {
                Some(last) => last.at + TimeDelta::microseconds(1),
                None => until,
            }),
            limit: MOST_OF_A_DAY,
        };
        let records = self.in_time(self.inner.store.fires(&query)).await?;
        let exchange = exchange_day(&timetable, asked, fires.first());
        let later = next_running(&timetable, until - TimeDelta::microseconds(1));
        let has_more = job.active && !plan::has_had_all(job, stored.state.fires);
        let (next, later) = match later {
            Ok(fire) => (has_more.then_some(fire), None),
            Err(ends) => (None, Some(ends)),
        };
        let reason = match became(&records) {
            Some(reason) => reason,
            None => reason(
                job,
                &stored.state,
                &fires,
                exchange.as_ref(),
                later.or(ends),
            ),
        };
        Ok(Explanation {
            description: timetable.describe(),
            reason,
            zone,
            exchange,
            fires: with_records(fires, records),
            next,
        })
    }
}

/// The fires after `from` and before `until`, not too many of them.
fn between(
    schedule: &dyn Schedule,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> (Vec<Occurrence>, Option<Ends>) {
    let (mut fires, mut instant) = (Vec::new(), from);
    while fires.len() < MOST_OF_A_DAY {
        match next(schedule, instant) {
            Ok(fire) if fire.at < until => {
                instant = fire.at;
                fires.push(fire);
            }
            Ok(_) => return (fires, None),
            Err(ends) => return (fires, Some(ends)),
        }
    }
    (fires, None)
}

/// From the first instant to the one after the last.
fn span(asked: AskedTime, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    match asked {
        AskedTime::Instant(at) => (at, at + TimeDelta::microseconds(1)),
        AskedTime::Date(date) => (
            midnight(date, zone),
            midnight(date.succ_opt().unwrap_or(date), zone),
        ),
    }
}

/// The exchange's day of the first fire, else of the time asked about.
fn exchange_day(
    timetable: &Timetable,
    asked: AskedTime,
    fire: Option<&Occurrence>,
) -> Option<ExchangeDay> {
    let calendar = timetable.exchange()?;
    let date = match (fire, asked) {
        (Some(fire), _) => wall_clock::date(fire.at, calendar.zone())?,
        (None, AskedTime::Instant(at)) => wall_clock::date(at, calendar.zone())?,
        (None, AskedTime::Date(date)) => date,
    };
    Some(ExchangeDay {
        code: calendar.code().to_owned(),
        zone: calendar.zone(),
        date,
        day: calendar.day(date),
    })
}

/// The fires of a schedule with their records, and those of an earlier schedule, in order.
fn with_records(fires: Vec<Occurrence>, mut records: Vec<Fire>) -> Vec<(Occurrence, Option<Fire>)> {
    let mut all: Vec<_> = fires
        .into_iter()
        .map(|fire| {
            let place = records
                .iter()
                .position(|record| record.fire_time == fire.at);
            (fire, place.map(|place| records.remove(place)))
        })
        .collect();
    let others = records.into_iter();
    all.extend(others.map(|record| (Occurrence::new(record.fire_time), Some(record))));
    all.sort_by_key(|(fire, _)| fire.at);
    all
}

/// What became of the fires of a time, where they have been decided.
fn became(records: &[Fire]) -> Option<String> {
    let why = |fire: &Fire| fire.reason.clone().unwrap_or_default();
    match records {
        [] => None,
        [one] => Some(match one.state {
            FireState::Fired => "the job fired then".into(),
            FireState::Skipped => format!("the fire was skipped: {}", why(one)),
            FireState::Missed => format!("the fire was missed: {}", why(one)),
        }),
        several => {
            let count = |state| several.iter().filter(|fire| fire.state == state).count();
            let (fired, skipped) = (count(FireState::Fired), count(FireState::Skipped));
            let missed = count(FireState::Missed);
            let first = if several.len() == MOST_OF_A_DAY {
                "of the first "
            } else {
                "of "
            };
            let all = several.len();
            Some(format!(
                "{first}{all} fires {fired} ran, {skipped} were skipped and {missed} missed"
            ))
        }
    }
}

fn reason(
    job: &Job,
    state: &JobState,
    fires: &[Occurrence],
    exchange: Option<&ExchangeDay>,
    ends: Option<Ends>,
) -> String {
    if !job.active {
        return "the job is stopped: it does not fire".into();
    }
    if fires.last().is_some_and(|last| last.at < job.created_at) {
        return "the job did not exist then".into();
    }
    if plan::has_had_all(job, state.fires) {
        return format!("the job has had its {} fires", state.fires);
    }
    let running = fires.iter().filter(|fire| fire.skip.is_none()).count();
    match (running, fires.iter().find_map(|fire| fire.skip.as_ref())) {
        (1, _) => "the job fires then".into(),
        (0, Some(why)) => format!("the fire is skipped: {why}"),
        (0, None) => no_fire(exchange, ends),
        (MOST_OF_A_DAY, _) => format!("the job fires {MOST_OF_A_DAY} times then, or more"),
        (count, _) => format!("the job fires {count} times then"),
    }
}

fn no_fire(exchange: Option<&ExchangeDay>, ends: Option<Ends>) -> String {
    let day = exchange.map(|exchange| (&exchange.day, &exchange.code, exchange.date));
    match (day, ends) {
        (Some((Day::Closed(why), code, date)), _) => {
            format!("no fire then: {code} is closed on {date} ({why})")
        }
        (_, Some(ends)) => format!("no fire then: {}", ends.reason),
        _ => "the schedule has no fire then".into(),
    }
}

impl AskedTime {
    /// Reads a date or an instant.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(Some(date)) = fields::date(text.into()) {
            return Some(Self::Date(date));
        }
        // A `+` that came unencoded is a blank.
        let instant = fields::instant(text.replace(' ', "+").into()).ok();
        instant.map(Self::Instant)
    }
}
