//! Works out what to do about a due job: which fire runs, which fires go by, and when the next one is. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use stock_scheduler_sdk::{
    Advance, Claim, Due, Fire, FireState, Job, Misfire, NewRun, Next, NextFire, Occurrence, RunId,
    RunPlan, Schedule, TriggeredBy,
};

/// With [`Misfire::Skip`], a fire later than this is missed.
pub(super) const GRACE: TimeDelta = TimeDelta::minutes(1);
/// How long until a schedule that cannot say when it is due is asked again.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// Why a fire is skipped whose fetcher or schedule is not registered.
const PLUGIN_MISSING: &str = "plugin_missing";
/// The most fires that one step decides; the rest follows in the next step.
const MOST_FIRES: usize = 10_000;

/// What is known about a due job besides its definition.
pub(crate) struct Situation<'a> {
    pub(crate) due: &'a Due,
    pub(crate) schedule: &'a dyn Schedule,
    /// Whether the job's fetcher is registered.
    pub(crate) fetcher_known: bool,
    /// The zone of "today".
    pub(crate) zone: Tz,
    pub(crate) now: DateTime<Utc>,
}

/// The claim that decides every fire of `job` up to now, or the one ahead when none has come yet.
pub(crate) fn claim(job: &Job, situation: &Situation<'_>) -> Claim {
    let (schedule, now) = (situation.schedule, situation.now);
    let Some(due) = undecided(situation.due) else {
        let last_fire = situation.due.last_fire;
        let from = last_fire.map_or(now, |last| last.max(now));
        return step(situation.due, next_fire(schedule, from, now), vec![]);
    };
    let (mut fires, mut next) = fires_until(schedule, due, now);
    let has_last = next.at().is_none_or(|next| next > now);
    // Fires to be skipped that follow the last one to run are the next step's.
    if let Some(last) = fires.iter().rposition(|fire| fire.skip.is_none())
        && let Some(skipped) = fires.get(last + 1)
    {
        next = NextFire::At(skipped.at);
        fires.truncate(last + 1);
    }
    let (run, passed) = decide(job, situation, fires, has_last);
    Claim {
        run: run.map(|fire_time| new_run(job, fire_time, situation.zone)),
        ..step(situation.due, next, passed)
    }
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

/// The fire that is due; one at or before the last fire has been decided already.
fn undecided(due: &Due) -> Option<DateTime<Utc>> {
    let at = due.next.at()?;
    due.last_fire.is_none_or(|last| last < at).then_some(at)
}

/// When `schedule` is due after `instant`, as a store keeps it.
pub(crate) fn next_fire(
    schedule: &dyn Schedule,
    instant: DateTime<Utc>,
    now: DateTime<Utc>,
) -> NextFire {
    match schedule.next_after(instant) {
        // A plugin that does not get on is asked again later, lest we go round in a circle.
        Next::At(fire) if fire.at > instant => NextFire::At(fire.at),
        Next::Never => NextFire::Never,
        _ => NextFire::Unknown {
            look_again: now + LOOK_AGAIN,
        },
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

/// The fires from `due` up to `now`, at least the one at `due`, and what comes after them.
fn fires_until(
    schedule: &dyn Schedule,
    due: DateTime<Utc>,
    now: DateTime<Utc>,
) -> (Vec<Occurrence>, NextFire) {
    let mut fires = vec![first_fire(schedule, due)];
    let mut last = due;
    while fires.len() < MOST_FIRES {
        match schedule.next_after(last) {
            Next::At(fire) if fire.at <= now && fire.at > last => {
                last = fire.at;
                fires.push(fire);
            }
            _ => break,
        }
    }
    (fires, next_fire(schedule, last, now))
}

/// The fire at `due` as the schedule describes it; plain, where the schedule has changed its mind since.
fn first_fire(schedule: &dyn Schedule, due: DateTime<Utc>) -> Occurrence {
    match schedule.next_after(due - TimeDelta::microseconds(1)) {
        Next::At(fire) if fire.at == due => fire,
        _ => Occurrence::new(due),
    }
}

/// Which of the fires runs, if any, and what is recorded of the others; only the last of all runs.
fn decide(
    job: &Job,
    situation: &Situation<'_>,
    fires: Vec<Occurrence>,
    has_last: bool,
) -> (Option<DateTime<Utc>>, Vec<Fire>) {
    let last = fires.len() - usize::from(has_last);
    let mut run = None;
    let mut passed = Vec::new();
    for (place, fire) in fires.into_iter().enumerate() {
        let late = situation.now - fire.at > GRACE;
        match fire.skip {
            Some(reason) => passed.push(Fire::passed(fire.at, FireState::Skipped, reason)),
            None if place < last || (late && job.misfire == Misfire::Skip) => {
                passed.push(Fire::passed(fire.at, FireState::Missed, "down"));
            }
            None if !situation.fetcher_known => {
                passed.push(Fire::passed(fire.at, FireState::Skipped, PLUGIN_MISSING));
            }
            None => run = Some(fire.at),
        }
    }
    (run, passed)
}

fn new_run(job: &Job, fire_time: DateTime<Utc>, zone: Tz) -> NewRun {
    let today = fire_time.with_timezone(&zone).date_naive();
    NewRun {
        id: RunId::random(),
        fire_time: Some(fire_time),
        triggered_by: TriggeredBy::SchedulerAuto,
        plan: RunPlan::of(job, job.window(today)),
        overlap: job.overlap,
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
    use chrono::TimeZone;
    use serde_json::json;
    use stock_scheduler_sdk::JobId;

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

    fn claim_at(now: DateTime<Utc>, misfire: Misfire, fetcher_known: bool) -> Claim {
        claim_of(&Hourly, now, misfire, fetcher_known)
    }

    fn claim_of(
        schedule: &dyn Schedule,
        now: DateTime<Utc>,
        misfire: Misfire,
        fetcher_known: bool,
    ) -> Claim {
        let mut job = Job::new(
            JobId::random(),
            "A",
            vec!["AAPL".parse().unwrap()],
            json!({}),
            at(0, 0),
        );
        job.misfire = misfire;
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
                schedule,
                fetcher_known,
                zone,
                now,
            },
        )
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
        let claim = claim_at(at(12, 0), Misfire::FireOnce, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(12, 0)));
        assert_eq!(claim.advance.as_ref().unwrap().to, NextFire::At(at(13, 0)));
        assert!(missed(&claim).is_empty());
    }

    #[test]
    fn after_downtime_the_last_fire_runs_once_and_the_others_are_missed() {
        let claim = claim_at(at(14, 30), Misfire::FireOnce, true);

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

        let claim = claim_of(&Siesta, at(14, 30), Misfire::FireOnce, true);

        assert_eq!(claim.run.as_ref().unwrap().fire_time, Some(at(12, 0)));
        assert!(missed(&claim).is_empty());
        assert_eq!(claim.advance.unwrap().to, NextFire::At(at(13, 0)));
    }

    #[test]
    fn with_skip_a_late_fire_is_missed() {
        let claim = claim_at(at(12, 2), Misfire::Skip, true);

        assert_eq!(claim.run, None);
        assert_eq!(missed(&claim), [(at(12, 0), FireState::Missed)]);
    }

    #[test]
    fn a_job_whose_fetcher_is_gone_skips_its_fires() {
        let claim = claim_at(at(12, 0), Misfire::FireOnce, false);

        assert_eq!(claim.run, None);
        assert_eq!(missed(&claim), [(at(12, 0), FireState::Skipped)]);
    }
}
