//! Claims in memory: which fire is decided, and who may run it.

use chrono::{DateTime, Utc};

use super::state::State;
use super::table::Entry;
use crate::{
    Advance, Claim, Claimed, EventKind, Fire, FireState, Grant, HostId, JobId, LastExecution,
    NewRun, Overlap, Refusal, Run, RunStatus, retention,
};

impl State {
    pub(super) fn claim(&mut self, host: HostId, claim: Claim, now: DateTime<Utc>) -> Claimed {
        let Some(entry) = self.jobs.get(&claim.job) else {
            return Claimed::Refused(Refusal::Gone);
        };
        if let Some(known) = claim.run.as_ref().and_then(|new| self.runs.get(&new.id)) {
            return repeated(known, &claim.job, host);
        }
        if let Some(refusal) = refusal(entry, &claim, now) {
            return Claimed::Refused(refusal);
        }
        let running = entry.stored.state.running > 0;
        let overlap = claim.run.as_ref().map(|new| new.overlap);
        let overlaps = running && overlap.is_some_and(|overlap| overlap != Overlap::Allow);
        let is_by_hand = claim.advance.is_none();
        if overlaps && (is_by_hand || overlap == Some(Overlap::Queue)) {
            return Claimed::Refused(Refusal::Running);
        }
        let mut moved = None;
        if let Some(advance) = claim.advance {
            let moves = advance.passed.is_empty() && advance.to.at() != advance.from.at();
            moved = moves.then(|| advance.to.at());
            self.advance(&claim.job, advance, now);
        }
        match claim.run {
            None => {
                if let Some(next_run) = moved {
                    let moved = EventKind::JobRescheduled { next_run };
                    self.tell(now, &claim.job, moved);
                }
                Claimed::Advanced
            }
            Some(new) if overlaps => {
                let fire_time = new.fire_time.unwrap_or(now);
                self.pass(
                    &claim.job,
                    Fire::passed(fire_time, FireState::Skipped, "overlap"),
                    now,
                );
                self.jobs
                    .change(&claim.job, |entry| entry.stored.state.fires += 1);
                Claimed::Overlapped
            }
            Some(new) => Claimed::Granted(self.grant(claim.job, host, new, is_by_hand, now)),
        }
    }

    fn advance(&mut self, job: &JobId, advance: Advance, now: DateTime<Utc>) {
        self.jobs
            .change(job, |entry| entry.stored.state.next = advance.to);
        for fire in advance.passed {
            self.pass(job, fire, now);
        }
    }

    /// Records a fire that goes by without a run.
    fn pass(&mut self, job: &JobId, fire: Fire, now: DateTime<Utc>) {
        let scheduled_for = fire.fire_time;
        let reason = fire.reason.clone().unwrap_or_default();
        let event = match fire.state {
            FireState::Missed => EventKind::FireMissed {
                scheduled_for,
                reason,
            },
            _ => EventKind::FireSkipped {
                scheduled_for,
                reason,
            },
        };
        self.jobs.change(job, |entry| entry.decide(fire));
        self.tell(now, job, event);
    }

    fn grant(
        &mut self,
        job: JobId,
        host: HostId,
        new: NewRun,
        is_by_hand: bool,
        now: DateTime<Utc>,
    ) -> Grant {
        let place = self.begun;
        self.begun += 1;
        let token = self.jobs.change(&job, |entry| {
            if let Some(fire_time) = new.fire_time.filter(|_| !is_by_hand) {
                entry.decide(Fire::fired(fire_time, new.id, now));
                entry.stored.state.fires += 1;
            }
            entry.begin(place, &new, now)
        });
        let grant = Grant {
            run: new.id,
            token: token.unwrap_or_default(),
            attempt: 1,
            started_at: now,
            job,
        };
        let run = Run::begun(new, host, &grant);
        self.hold(host, run.id);
        self.tell(now, &grant.job, started(&run));
        self.runs.insert(run.id, run);
        self.trim_runs(&grant.job);
        grant
    }

    fn trim_runs(&mut self, job: &JobId) {
        let Some(entry) = self.jobs.get(job) else {
            return;
        };
        let surplus = entry.runs.len().saturating_sub(retention::RUNS);
        let has_ended = |id| {
            self.runs
                .get(id)
                .is_none_or(|run| run.status != RunStatus::Running)
        };
        let old: Vec<_> = entry
            .runs
            .iter()
            .filter(|(_, id)| has_ended(id))
            .map(|(place, id)| (*place, *id))
            .take(surplus)
            .collect();
        for (place, id) in old {
            self.jobs.change(job, |entry| entry.runs.remove(&place));
            self.runs.remove(&id);
        }
    }
}

impl Entry {
    fn decide(&mut self, fire: Fire) {
        let state = &mut self.stored.state;
        state.last_fire = state.last_fire.max(Some(fire.fire_time));
        self.fires.insert(fire.fire_time, fire);
        while self.fires.len() > retention::FIRES {
            self.fires.pop_first();
        }
    }

    /// Notes that a run begins, and answers its token.
    fn begin(&mut self, place: u64, new: &NewRun, now: DateTime<Utc>) -> u64 {
        self.token += 1;
        self.runs.insert(place, new.id);
        let state = &mut self.stored.state;
        state.running += 1;
        state.last_run = Some(now);
        state.last_execution = Some(LastExecution {
            execution_id: new.id,
            status: RunStatus::Running,
            start_time: now,
            end_time: None,
        });
        self.token
    }
}

/// The answer to a claim for a run that was granted before.
fn repeated(known: &Run, job: &JobId, host: HostId) -> Claimed {
    match known.host == host && known.job == *job {
        true => Claimed::Granted(known.grant()),
        false => Claimed::Refused(Refusal::Changed),
    }
}

fn refusal(entry: &Entry, claim: &Claim, now: DateTime<Utc>) -> Option<Refusal> {
    let advance = claim.advance.as_ref()?;
    let (job, state) = (&entry.stored.job, &entry.stored.state);
    if !job.active {
        return Some(Refusal::Paused);
    }
    if job.revision != claim.revision || state.next != advance.from {
        return Some(Refusal::Changed);
    }
    if claim.run.is_some() && state.next.look_at().is_none_or(|at| at > now) {
        return Some(Refusal::NotDue);
    }
    let last = state.last_fire?;
    let passed = advance.passed.iter().map(|fire| fire.fire_time);
    let first = passed
        .chain(claim.run.as_ref().and_then(|new| new.fire_time))
        .min();
    first
        .filter(|first| *first <= last)
        .map(|_| Refusal::AlreadyFired(last))
}

pub(super) fn started(run: &Run) -> EventKind {
    EventKind::JobStarted {
        execution_id: run.id,
        job_name: run.plan.job_name.clone(),
        scheduled_for: run.fire_time,
        triggered_by: run.triggered_by,
        total_stocks: run.symbols.len(),
        attempt: run.attempt,
    }
}
