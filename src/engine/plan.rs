//! Works out what to do about a due job: which fire runs, which fires go by, and when the next one is. Pure.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::schedule::wall_clock;
use stock_scheduler_sdk::{
    Advance, Claim, Due, Fire, FireState, Job, JobState, Misfire, MisfirePolicy, NewRun, Next,
    NextFire, Occurrence, Overlap, RunId, RunPlan, Schedule, TriggeredBy,
};

/// A claim that was worked out so long before its time is worked out anew; a fire that comes so late is a catch-up.
pub(super) const GRACE: TimeDelta = Misfire::GRACE;
/// How long until a schedule that cannot say when it is due is asked again.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// The same where a calendar has ended: when it is mended, its jobs are looked at anyway.
const LOOK_AGAIN_AT_CALENDAR: TimeDelta = TimeDelta::hours(1);
/// Why a fire is skipped whose fetcher or schedule is not registered.
const PLUGIN_MISSING: &str = "plugin_missing";
/// Why a fire is missed.
const DOWN: &str = "down";
/// Why a fire is missed that waited while its job was edited or stopped.
const EDITED: &str = "edited";
/// The kind of schedule by which a job follows another.
pub(crate) const AFTER: &str = "after";
/// The most fires that go by in one step; the rest follows in the next step.
const MOST_FIRES: usize = 500;

/// What is known about a due job besides its definition.
pub(crate) struct Situation<'a> {
    pub(crate) due: &'a Due,
    pub(crate) state: &'a JobState,
    pub(crate) schedule: &'a dyn Schedule,
    /// Whether the job's fetcher is registered.
    pub(crate) fetcher_known: bool,
    /// Whether runs of past fire times go beside.
    pub(crate) is_backfilled: bool,
    /// The zone of "today".
    pub(crate) zone: Tz,
    pub(crate) now: DateTime<Utc>,
}

/// The claim that decides every fire of `job` up to now, or the one ahead when none has come yet.
///
/// `None` where the fire has to wait for the run before it.
pub(crate) fn claim(job: &Job, situation: &Situation<'_>) -> Option<Claim> {
    let (schedule, now, due) = (situation.schedule, situation.now, situation.due);
    if has_had_all(job, situation.state.fires) {
        return Some(step(due, NextFire::Never, vec![]));
    }
    let Some(at) = undecided(due) else {
        // What came while nobody could say when it would is late now, and not passed over.
        let from = decided_until(job, due);
        return Some(step(due, next_fire(schedule, from, now), vec![]));
    };
    let Some(first) = fire_at(schedule, at) else {
        return Some(step(due, moved(job, situation, at), vec![]));
    };
    let made_up_for = made_up_for(job);
    let pending = Pending::until(schedule, first, now, MOST_FIRES + made_up_for);
    if !pending.is_all && made_up_for > 0 {
        // Of the last of them some may run, when those that follow are known.
        let (passed, _, next) = pending.decided_but_for(made_up_for);
        return Some(step(due, next, passed.into_iter().map(gone_by).collect()));
    }
    let chosen = choose(job, situation, &pending);
    let overlap = overlap(job, situation, chosen.map(|place| pending.fires[place].at));
    if chosen.is_some() && overlap == Overlap::Queue && situation.state.running > 0 {
        return None;
    }
    let (passed, fire, next) = pending.decided(chosen);
    let passed = passed.into_iter().map(gone_by).collect();
    Some(match fire {
        None => step(due, next, passed),
        Some(fire) if !situation.fetcher_known => {
            let skipped = Fire::passed(fire.at, FireState::Skipped, PLUGIN_MISSING);
            step(due, next, [passed, vec![skipped]].concat())
        }
        Some(fire) => {
            let is_last = has_had_all(job, situation.state.fires + 1);
            let next = if is_last { NextFire::Never } else { next };
            let run = NewRun {
                overlap,
                ..new_run(job, fire.at, situation.zone)
            };
            Claim {
                run: Some(run),
                ..step(due, next, passed)
            }
        }
    })
}

/// The claim for a job whose schedule's kind is not registered or cannot be built: its fire is skipped.
pub(crate) fn claim_without_schedule(due: &Due, now: DateTime<Utc>) -> Claim {
    let skipped = |fire_time| Fire::passed(fire_time, FireState::Skipped, PLUGIN_MISSING);
    let look_again = NextFire::Unknown {
        look_again: now + LOOK_AGAIN,
    };
    step(
        due,
        look_again,
        undecided(due).map(skipped).into_iter().collect(),
    )
}

/// Whether a job that had so many fires has no more.
pub(crate) fn has_had_all(job: &Job, fires: u64) -> bool {
    job.max_fires.is_some_and(|most| fires >= most)
}

/// The fire that is due; one at or before the last fire has been decided already.
fn undecided(due: &Due) -> Option<DateTime<Utc>> {
    let at = due.next.at()?;
    due.last_fire.is_none_or(|last| last < at).then_some(at)
}

/// Until when every fire has been decided. What the job was due at before it was edited or started does not come back.
fn decided_until(job: &Job, due: &Due) -> DateTime<Utc> {
    let armed = job.armed_at.unwrap_or(job.created_at);
    due.last_fire.map_or(armed, |last| last.max(armed))
}

/// When `schedule` is due after `instant`, as a store keeps it.
pub(crate) fn next_fire(
    schedule: &dyn Schedule,
    instant: DateTime<Utc>,
    now: DateTime<Utc>,
) -> NextFire {
    let look_again = match schedule.next_after(instant) {
        // A plugin that does not get on is asked again later, lest we go round in a circle.
        Next::At(fire) if fire.at > instant => return NextFire::At(fire.at),
        Next::Never => return NextFire::Never,
        _ if schedule.exchange().is_some() => LOOK_AGAIN_AT_CALENDAR,
        _ => LOOK_AGAIN,
    };
    NextFire::Unknown {
        look_again: now + schedule.ask_again_after().unwrap_or(look_again),
    }
}

/// A step of the schedule without a run.
fn step(due: &Due, to: NextFire, passed: Vec<Fire>) -> Claim {
    let advance = Advance {
        from: due.next.clone(),
        to,
        passed,
    };
    Claim {
        job: due.job.clone(),
        revision: due.revision,
        advance: Some(advance),
        run: None,
    }
}

/// The fire at exactly `due`; none, where the schedule has changed its mind since: a calendar was corrected, or clocks are
/// changed otherwise than was known.
fn fire_at(schedule: &dyn Schedule, due: DateTime<Utc>) -> Option<Occurrence> {
    match schedule.next_after(due - TimeDelta::microseconds(1)) {
        Next::At(fire) => (fire.at == due).then_some(fire),
        // A schedule that knows nothing of that time denies nothing.
        Next::Unknown { .. } => Some(Occurrence::new(due)),
        _ => None,
    }
}

/// Where the fire that was due at `due` has moved to. A calendar may have moved it into the past, on the same day of its
/// exchange: then it is late.
pub(crate) fn moved(job: &Job, situation: &Situation<'_>, due: DateTime<Utc>) -> NextFire {
    let (schedule, now) = (situation.schedule, situation.now);
    let begin = schedule.exchange().and_then(|calendar| {
        let date = wall_clock::date(due, calendar.zone())?;
        wall_clock::instant(date.and_time(NaiveTime::MIN), calendar.zone())
    });
    let before = begin.map_or(now, |begin| begin - TimeDelta::microseconds(1));
    let from = before.max(decided_until(job, situation.due)).min(now);
    next_fire(schedule, from, now)
}

/// The claim that records every fire which has come and waits as missed: its job is about to be due otherwise.
pub(crate) fn given_up(situation: &Situation<'_>) -> Option<Claim> {
    let (due, schedule, now) = (situation.due, situation.schedule, situation.now);
    let at = undecided(due).filter(|at| *at <= now)?;
    let pending = Pending::until(schedule, fire_at(schedule, at)?, now, MOST_FIRES);
    let missed = |fire: Occurrence| match gone_by(fire) {
        fire if fire.state == FireState::Missed => Fire::passed(fire.fire_time, fire.state, EDITED),
        skipped => skipped,
    };
    let passed = pending.fires.into_iter().map(missed).collect();
    Some(step(due, pending.next, passed))
}

/// The claim that moves a job's next fire, where its schedule has it elsewhere now; what is due already is left alone, and
/// so is what is known, where the schedule can no longer say.
pub(crate) fn retimed(job: &Job, situation: &Situation<'_>) -> Option<Claim> {
    let (due, now) = (situation.due, situation.now);
    let at = match due.next {
        NextFire::Never => return None,
        NextFire::At(at) if at <= now => return None,
        NextFire::At(at) => Some(at),
        NextFire::Unknown { .. } => None,
    };
    let from = match at {
        Some(_) => due.last_fire.map_or(now, |last| last.max(now)),
        None => decided_until(job, due),
    };
    let to = next_fire(situation.schedule, from, now);
    if matches!(to, NextFire::Unknown { .. }) {
        return None;
    }
    let same = to.at() == at && (at.is_some() || to != NextFire::Never);
    let to = at.map_or(to, |at| moved(job, situation, at));
    (!same).then(|| step(due, to, vec![]))
}

/// The fires that are to be decided, oldest first, at least one.
struct Pending {
    fires: Vec<Occurrence>,
    /// What comes after them.
    next: NextFire,
    /// Whether the last of them is the last that has come.
    is_all: bool,
}

impl Pending {
    /// `first` and what else has come by `now`.
    fn until(schedule: &dyn Schedule, first: Occurrence, now: DateTime<Utc>, most: usize) -> Self {
        let mut last = first.at;
        let mut fires = vec![first];
        while fires.len() < most {
            match schedule.next_after(last) {
                Next::At(fire) if fire.at <= now && fire.at > last => {
                    last = fire.at;
                    fires.push(fire);
                }
                _ => break,
            }
        }
        let next = next_fire(schedule, last, now);
        let is_all = next.at().is_none_or(|next| next > now);
        Self {
            fires,
            next,
            is_all,
        }
    }

    /// All but the last `left` fires, which are left for the next step.
    fn decided_but_for(self, left: usize) -> (Vec<Occurrence>, Option<Occurrence>, NextFire) {
        let Self {
            mut fires, next, ..
        } = self;
        let left = fires.split_off(fires.len().saturating_sub(left));
        let next = left.first().map_or(next, |fire| NextFire::At(fire.at));
        (fires, None, next)
    }

    /// The fires before the chosen one, or all; the chosen one; and what is left for the next step.
    fn decided(self, chosen: Option<usize>) -> (Vec<Occurrence>, Option<Occurrence>, NextFire) {
        let Self {
            mut fires, next, ..
        } = self;
        let Some(place) = chosen else {
            return (fires, None, next);
        };
        let left = fires.split_off(place + 1);
        let next = left.first().map_or(next, |fire| NextFire::At(fire.at));
        let fire = fires.pop();
        (fires, fire, next)
    }
}

/// How many fires a job makes up for one by one.
fn made_up_for(job: &Job) -> usize {
    match job.misfire.policy {
        MisfirePolicy::FireAll => job.misfire.cap.unwrap_or(Misfire::CAP).max(1) as usize,
        _ => 0,
    }
}

/// Which of the pending fires runs now.
fn choose(job: &Job, situation: &Situation<'_>, pending: &Pending) -> Option<usize> {
    let runnable = (0..pending.fires.len()).filter(|place| pending.fires[*place].skip.is_none());
    let has_waited = has_waited(job, situation);
    // To have waited is no misfire, unless somebody says for how long.
    let grace = match has_waited {
        true => job.misfire.grace,
        false => job.misfire.grace(),
    };
    let late = |place: usize| situation.now - pending.fires[place].at;
    let mut in_time = runnable.filter(|place| grace.is_none_or(|grace| late(*place) <= grace));
    match job.misfire.policy {
        _ if has_waited => in_time.next(),
        MisfirePolicy::FireAll => {
            let in_time: Vec<_> = in_time.collect();
            in_time
                .get(in_time.len().saturating_sub(made_up_for(job)))
                .copied()
        }
        _ if !pending.is_all => None,
        _ => in_time.next_back(),
    }
}

/// Whether the due fire has waited for the end of the job's last run.
fn has_waited(job: &Job, situation: &Situation<'_>) -> bool {
    let (Some(last), Some(due)) = (&situation.state.last_execution, situation.due.next.at()) else {
        return false;
    };
    (job.overlap == Overlap::Queue || situation.is_backfilled)
        && due <= last.end_time.unwrap_or(situation.now)
}

/// How the run of a fire gets on with one that still goes. Fires that are made up for wait for each other: none of them
/// came while the one before it went.
fn overlap(job: &Job, situation: &Situation<'_>, fire: Option<DateTime<Utc>>) -> Overlap {
    let last = situation.state.last_execution.as_ref();
    let came_before = fire.is_some_and(|at| {
        situation.now - at > GRACE || last.is_some_and(|last| at <= last.start_time)
    });
    match job.overlap {
        Overlap::Skip if situation.is_backfilled => Overlap::Queue,
        Overlap::Skip if job.misfire.policy == MisfirePolicy::FireAll && came_before => {
            Overlap::Queue
        }
        overlap => overlap,
    }
}

/// The record of a fire that goes by.
fn gone_by(fire: Occurrence) -> Fire {
    match fire.skip {
        Some(reason) => Fire::passed(fire.at, FireState::Skipped, reason),
        None => Fire::passed(fire.at, FireState::Missed, DOWN),
    }
}

fn new_run(job: &Job, fire_time: DateTime<Utc>, zone: Tz) -> NewRun {
    let today = fire_time.with_timezone(&zone).date_naive();
    NewRun {
        id: RunId::random(),
        fire_time: Some(fire_time),
        triggered_by: triggered_by(job),
        plan: RunPlan::of(job, job.window(today)),
        overlap: job.overlap,
    }
}

fn triggered_by(job: &Job) -> TriggeredBy {
    match job.schedule["kind"] == AFTER {
        true => TriggeredBy::Chain,
        false => TriggeredBy::SchedulerAuto,
    }
}

/// A run of `job` for a fire time of the past; whatever else of the job goes, it waits for.
pub(crate) fn past_run(job: &Job, zone: Tz, fire_time: DateTime<Utc>, id: RunId) -> NewRun {
    NewRun {
        id,
        triggered_by: TriggeredBy::Backfill,
        overlap: Overlap::Queue,
        ..new_run(job, fire_time, zone)
    }
}

/// A run of `job` that somebody asks for at `now`.
pub(crate) fn manual_run(job: &Job, zone: Tz, now: DateTime<Utc>) -> NewRun {
    let run = new_run(job, now, zone);
    NewRun {
        fire_time: None,
        triggered_by: TriggeredBy::ManualTrigger,
        ..run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MisfirePolicy::{FireAll, FireOnce, Skip};
    use chrono::TimeZone;
    use serde_json::json;
    use stock_scheduler_sdk::{JobId, LastExecution, RunStatus};

    /// Fires on every full hour.
    struct Hourly;

    impl Schedule for Hourly {
        fn next_after(&self, instant: DateTime<Utc>) -> Next {
            let hour = instant.timestamp().div_euclid(3600) + 1;
            DateTime::from_timestamp(hour * 3600, 0).into()
        }

        fn describe(&self) -> String {
            "every hour".into()
        }
    }

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2025, 6, 2, hour, minute, 0).unwrap()
    }

    fn claim_at(now: DateTime<Utc>, policy: MisfirePolicy, fetcher_known: bool) -> Claim {
        claim_of(&Hourly, now, policy, fetcher_known)
    }

    fn claim_of(
        schedule: &dyn Schedule,
        now: DateTime<Utc>,
        policy: MisfirePolicy,
        fetcher_known: bool,
    ) -> Claim {
        let mut job = Job::new(
            JobId::random(),
            "A",
            vec!["AAPL".parse().unwrap()],
            json!({}),
            at(0, 0),
        );
        job.misfire = Misfire::new(policy);
        let due = Due {
            job: job.id.clone(),
            revision: 1,
            next: NextFire::At(at(12, 0)),
            last_fire: None,
        };
        let zone = chrono_tz::UTC;
        claim(
            &job,
            &Situation {
                due: &due,
                state: &JobState::default(),
                schedule,
                fetcher_known,
                is_backfilled: false,
                zone,
                now,
            },
        )
        .expect("a claim")
    }

    fn missed(claim: &Claim) -> Vec<(DateTime<Utc>, FireState)> {
        claim
            .advance
            .as_ref()
            .unwrap()
            .passed
            .iter()
            .map(|f| (f.fire_time, f.state))
            .collect()
    }

    #[test]
    fn a_fire_on_time_runs_and_the_schedule_moves_on() {
        let claim = claim_at(at(12, 0), FireOnce, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(12, 0)));
        assert_eq!(claim.advance.as_ref().unwrap().to, NextFire::At(at(13, 0)));
        assert!(missed(&claim).is_empty());
    }

    #[test]
    fn after_downtime_the_last_fire_runs_once_and_the_others_are_missed() {
        let claim = claim_at(at(14, 30), FireOnce, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(14, 0)));
        assert_eq!(
            missed(&claim),
            [
                (at(12, 0), FireState::Missed),
                (at(13, 0), FireState::Missed)
            ]
        );
        assert_eq!(claim.advance.unwrap().to, NextFire::At(at(15, 0)));
    }

    #[test]
    fn a_holiday_after_the_last_missed_fire_does_not_keep_it_from_running() {
        /// Hourly, but nothing at 13:00 and 14:00.
        struct Siesta;
        impl Schedule for Siesta {
            fn next_after(&self, instant: DateTime<Utc>) -> Next {
                match Hourly.next_after(instant) {
                    Next::At(fire) if [at(13, 0), at(14, 0)].contains(&fire.at) => {
                        Next::At(fire.skipped("siesta"))
                    }
                    next => next,
                }
            }

            fn describe(&self) -> String {
                "hourly but for the siesta".into()
            }
        }

        let claim = claim_of(&Siesta, at(14, 30), FireOnce, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(12, 0)));
        assert!(missed(&claim).is_empty());
        assert_eq!(claim.advance.unwrap().to, NextFire::At(at(13, 0)));
    }

    #[test]
    fn with_skip_a_late_fire_is_missed() {
        let claim = claim_at(at(12, 2), Skip, true);

        assert_eq!(claim.run, None);
        assert_eq!(missed(&claim), [(at(12, 0), FireState::Missed)]);
    }

    #[test]
    fn a_job_whose_fetcher_is_gone_skips_its_fires() {
        let claim = claim_at(at(12, 0), FireOnce, false);

        assert_eq!(claim.run, None);
        assert_eq!(missed(&claim), [(at(12, 0), FireState::Skipped)]);
    }

    #[test]
    fn fire_all_makes_up_for_one_after_the_other() {
        let claim = claim_at(at(14, 30), FireAll, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(12, 0)));
        assert_eq!(claim.run.as_ref().unwrap().overlap, Overlap::Queue);
        assert!(missed(&claim).is_empty());
        assert_eq!(claim.advance.unwrap().to, NextFire::At(at(13, 0)));
    }

    #[test]
    fn a_schedule_that_no_longer_has_the_due_time_moves_on_without_a_fire() {
        /// Hourly, at half past.
        struct HalfPast;
        impl Schedule for HalfPast {
            fn next_after(&self, instant: DateTime<Utc>) -> Next {
                match Hourly.next_after(instant - TimeDelta::minutes(30)) {
                    Next::At(fire) => (fire.at + TimeDelta::minutes(30)).into(),
                    next => next,
                }
            }

            fn describe(&self) -> String {
                "half past".into()
            }
        }

        let claim = claim_of(&HalfPast, at(12, 0), FireOnce, true);

        assert_eq!(claim.run, None);
        assert!(missed(&claim).is_empty());
        assert_eq!(claim.advance.unwrap().to, NextFire::At(at(12, 30)));
    }

    #[test]
    fn a_grace_ends_the_wait_of_queued_fires_too() {
        let mut job = Job::new(
            JobId::random(),
            "A",
            vec!["AAPL".parse().unwrap()],
            json!({}),
            at(0, 0),
        );
        job.overlap = Overlap::Queue;
        job.misfire.grace = Some(TimeDelta::minutes(40));
        let mut state = JobState::default();
        state.last_execution = Some(LastExecution {
            execution_id: RunId::random(),
            status: RunStatus::Success,
            start_time: at(11, 0),
            end_time: Some(at(14, 30)),
        });
        let due = Due {
            job: job.id.clone(),
            revision: 1,
            next: NextFire::At(at(12, 0)),
            last_fire: Some(at(11, 0)),
        };
        let situation = Situation {
            due: &due,
            state: &state,
            schedule: &Hourly,
            fetcher_known: true,
            is_backfilled: false,
            zone: chrono_tz::UTC,
            now: at(14, 30),
        };

        let graced = claim(&job, &situation).unwrap();
        job.misfire.grace = None;
        let patient = claim(&job, &situation).unwrap();

        assert_eq!(graced.run.unwrap().fire_time, Some(at(14, 0)));
        assert_eq!(patient.run.unwrap().fire_time, Some(at(12, 0)));
    }
}
