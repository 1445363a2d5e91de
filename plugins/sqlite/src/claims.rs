//! Claims: which fire is decided, who may run it, and who takes over when a host dies.

use chrono::{DateTime, Utc};
use rusqlite::params;
use stock_scheduler_sdk::{
    Advance, Claim, Claimed, EventKind, Fire, FireState, Grant, HostId, LastExecution, NewRun,
    Overlap, Refusal, Run, RunId, RunStatus, TakeOver,
};

use crate::fault::Outcome;
use crate::history;
use crate::job_row::{JobRow, readable};
use crate::step::Step;
use crate::text::{Instant, Json, Text, to_micros};

impl Step<'_> {
    /// Decides one claim. The order of the questions is the order in which their answers are worth knowing.
    pub(crate) fn claim(&mut self, host: HostId, claim: &Claim) -> Outcome<Claimed> {
        let Some(mut job) = JobRow::find(self, &claim.job)? else {
            return Ok(Claimed::Refused(Refusal::Gone));
        };
        if let Some(known) = self.known_run(claim)? {
            return Ok(repeated(known, host, claim));
        }
        if let Some(refusal) = refusal(&job, claim, self.now) {
            return Ok(Claimed::Refused(refusal));
        }
        let overlap = claim.run.as_ref().map(|new| new.overlap);
        let overlaps = job.state.running > 0 && overlap.is_some_and(|one| one != Overlap::Allow);
        if overlaps && (claim.advance.is_none() || overlap == Some(Overlap::Queue)) {
            return Ok(Claimed::Refused(Refusal::Running));
        }
        if let Some(advance) = &claim.advance {
            self.advance(&mut job, advance)?;
        }
        let claimed = match &claim.run {
            None => {
                let advance = claim.advance.as_ref();
                let moves = |advance: &Advance| {
                    advance.passed.is_empty() && advance.to.at() != advance.from.at()
                };
                if advance.is_some_and(moves) {
                    let next_run = job.state.next.at();
                    self.tell(&job.id, &EventKind::JobRescheduled { next_run })?;
                }
                Claimed::Advanced
            }
            Some(new) if overlaps => {
                let fire_time = new.fire_time.unwrap_or(self.now);
                self.pass(
                    &mut job,
                    &Fire::passed(fire_time, FireState::Skipped, "overlap"),
                )?;
                job.state.fires += 1;
                Claimed::Overlapped
            }
            Some(new) => Claimed::Granted(self.grant(&mut job, host, claim, new)?),
        };
        match claim.advance {
            Some(_) => job.save(self)?,
            None => job.save_runs(self)?,
        }
        Ok(claimed)
    }

    /// The run that this claim asks for, where it was granted before, with its host.
    fn known_run(&self, claim: &Claim) -> Outcome<Option<(Grant, HostId)>> {
        let Some(new) = &claim.run else {
            return Ok(None);
        };
        history::grant_of(self, new.id)
    }

    fn advance(&mut self, job: &mut JobRow, advance: &Advance) -> Outcome<()> {
        job.state.next = readable(advance.to.clone());
        for fire in &advance.passed {
            self.pass(job, fire)?;
        }
        Ok(())
    }

    /// Records a fire that goes by without a run.
    fn pass(&mut self, job: &mut JobRow, fire: &Fire) -> Outcome<()> {
        self.decide(job, fire)?;
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
        self.tell(&job.id, &event)
    }

    fn decide(&mut self, job: &mut JobRow, fire: &Fire) -> Outcome<()> {
        let fire_time = to_micros(fire.fire_time);
        job.state.last_fire = job.state.last_fire.max(Some(fire_time));
        job.fires += 1;
        self.execute(
            "INSERT OR REPLACE INTO fires (job, fire_time, state, reason, run, started_at) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                job.id.as_str(),
                Instant::new(fire_time),
                fire.state.as_str(),
                fire.reason,
                fire.run.map(Text),
                fire.started_at.map(Instant::new)
            ],
        )?;
        self.trim_fires(job)
    }

    fn grant(
        &mut self,
        job: &mut JobRow,
        host: HostId,
        claim: &Claim,
        new: &NewRun,
    ) -> Outcome<Grant> {
        let grant = Grant {
            job: job.id.clone(),
            run: new.id,
            token: job.next_token(self.now),
            attempt: 1,
            started_at: self.now,
        };
        if let Some(fire_time) = new.fire_time.filter(|_| claim.advance.is_some()) {
            self.decide(job, &Fire::fired(fire_time, new.id, self.now))?;
            job.state.fires += 1;
        }
        self.insert(
            "INSERT INTO runs (id, job, status, fire_time, triggered_by, started_at, attempt, token, host, plan) \
             VALUES (?, ?, 'running', ?, ?, ?, 1, ?, ?, ?)",
            params![
                Text(new.id),
                job.id.as_str(),
                new.fire_time.map(Instant::new),
                new.triggered_by.as_str(),
                Instant::new(self.now),
                grant.token.cast_signed(),
                Text(host),
                Json(&new.plan)
            ],
        )?;
        self.ledger.add_run(host);
        job.runs += 1;
        job.state.running += 1;
        job.state.last_run = Some(self.now);
        job.state.last_execution = Some(LastExecution {
            execution_id: new.id,
            status: RunStatus::Running,
            start_time: self.now,
            end_time: None,
        });
        let started = EventKind::JobStarted {
            execution_id: new.id,
            job_name: new.plan.job_name.clone(),
            scheduled_for: new.fire_time,
            triggered_by: new.triggered_by,
            total_stocks: new.plan.symbols.len(),
            attempt: 1,
        };
        self.tell(&job.id, &started)?;
        self.trim_runs(job)?;
        Ok(grant)
    }

    pub(crate) fn take_over(
        &mut self,
        host: HostId,
        id: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Outcome<Option<(Grant, Run)>> {
        let Some(mut run) = history::run(self, id)? else {
            return Ok(None);
        };
        let is_respected =
            why == TakeOver::Orphaned && run.host != host && self.shared.lives(run.host, self.now);
        if run.status != RunStatus::Running || run.token != seen || is_respected {
            return Ok(None);
        }
        let Some(mut job) = JobRow::find(self, &run.job)? else {
            return Ok(None);
        };
        self.ledger.remove_run(run.host);
        self.ledger.add_run(host);
        run.host = host;
        run.token = job.next_token(self.now);
        run.attempt += 1;
        self.execute(
            "UPDATE runs SET host = ?, token = ?, attempt = ? WHERE id = ?",
            params![Text(host), run.token.cast_signed(), run.attempt, Text(id)],
        )?;
        job.save_token(self)?;
        if why == TakeOver::Orphaned {
            self.tell(&run.job, &started_again(&run))?;
        }
        Ok(Some((run.grant(), run)))
    }
}

fn started_again(run: &Run) -> EventKind {
    EventKind::JobStarted {
        execution_id: run.id,
        job_name: run.plan.job_name.clone(),
        scheduled_for: run.fire_time,
        triggered_by: run.triggered_by,
        total_stocks: run.symbols.len(),
        attempt: run.attempt,
    }
}

/// The answer to a claim for a run that was granted before.
fn repeated((grant, holder): (Grant, HostId), host: HostId, claim: &Claim) -> Claimed {
    match holder == host && grant.job == claim.job {
        true => Claimed::Granted(grant),
        false => Claimed::Refused(Refusal::Changed),
    }
}

fn refusal(job: &JobRow, claim: &Claim, now: DateTime<Utc>) -> Option<Refusal> {
    let advance = claim.advance.as_ref()?;
    if !job.active {
        return Some(Refusal::Paused);
    }
    if job.revision != claim.revision || job.state.next != readable(advance.from.clone()) {
        return Some(Refusal::Changed);
    }
    if claim.run.is_some() && job.state.next.look_at().is_none_or(|at| at > now) {
        return Some(Refusal::NotDue);
    }
    let last = job.state.last_fire?;
    let passed = advance.passed.iter().map(|fire| fire.fire_time);
    let asked = claim.run.as_ref().and_then(|new| new.fire_time);
    let first = passed.chain(asked).min()?;
    (to_micros(first) <= last).then_some(Refusal::AlreadyFired(last))
}
