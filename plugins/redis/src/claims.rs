//! Claims: which fires are decided and who may run them, many in one script call.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use stock_scheduler_sdk::{
    Claim, Claimed, EventKind, Fire, FireState, Grant, HostId, Overlap, Refusal, StoreError,
};

use crate::scripts::Call;
use crate::store::{corrupt, instant};
use crate::{RedisStore, event, run, scripts, wire};

/// Claims in one call: few enough that other calls do not wait long behind them.
const CLAIMS_A_CALL: usize = 64;
/// Calls with claims on their way at a time.
const CALLS_AT_ONCE: usize = 4;

impl RedisStore {
    pub(crate) async fn claim_all(
        &self,
        host: HostId,
        claims: &[Claim],
    ) -> Result<Vec<Claimed>, StoreError> {
        let calls: Vec<_> = claims
            .chunks(CLAIMS_A_CALL)
            .map(|claims| self.claim_some(host, claims))
            .collect();
        let answers: Vec<Vec<Claimed>> = stream::iter(calls)
            .buffered(CALLS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn claim_some(&self, host: HostId, claims: &[Claim]) -> Result<Vec<Claimed>, StoreError> {
        let mut call = scripts::CLAIM.call();
        call.arg(host.to_string()).arg(claims.len());
        for claim in claims {
            push_claim(&mut call, claim)?;
        }
        let answers: Vec<String> = self.link.run(&call).await?;
        claims
            .iter()
            .zip(&answers)
            .map(|(claim, answer)| read_claimed(claim, answer))
            .collect()
    }
}

fn push_claim(call: &mut Call, claim: &Claim) -> Result<(), StoreError> {
    call.arg(claim.job.as_str()).arg(claim.revision);
    match &claim.advance {
        None => {
            call.arg("").arg("").arg(0);
        }
        Some(advance) => {
            call.arg(wire::next(&advance.from))
                .arg(wire::next(&advance.to));
            call.arg(advance.passed.len());
            for fire in &advance.passed {
                call.arg(wire::micros(fire.fire_time))
                    .arg(fire_record(fire));
                call.arg(event::json(&passed(fire))?);
            }
        }
    }
    let Some(new) = &claim.run else {
        call.arg("").arg(moved(claim)?);
        return Ok(());
    };
    call.arg(new.id.to_string());
    call.arg(
        new.fire_time
            .map(|at| wire::micros(at).to_string())
            .unwrap_or_default(),
    );
    call.arg(overlap(new.overlap)).arg(run::head(new)?);
    call.arg(event::started(new, 1));
    Ok(())
}

/// The event of a claim that only moves the schedule.
fn moved(claim: &Claim) -> Result<String, StoreError> {
    match &claim.advance {
        Some(advance) if advance.passed.is_empty() && advance.to.at() != advance.from.at() => {
            event::json(&EventKind::JobRescheduled {
                next_run: advance.to.at(),
            })
        }
        _ => Ok(String::new()),
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Queue => "queue",
        _ => "skip",
    }
}

fn read_claimed(claim: &Claim, answer: &str) -> Result<Claimed, StoreError> {
    let broken = || {
        corrupt(format!(
            "claim for job {} was answered {answer:?}",
            claim.job
        ))
    };
    let words: Vec<&str> = answer.split(' ').collect();
    Ok(match words[..] {
        ["granted", token, attempt, started] => Claimed::Granted(Grant {
            job: claim.job.clone(),
            run: claim.run.as_ref().ok_or_else(broken)?.id,
            token: token.parse().map_err(|_| broken())?,
            attempt: attempt.parse().map_err(|_| broken())?,
            started_at: instant(started)?,
        }),
        ["overlapped"] => Claimed::Overlapped,
        ["advanced"] => Claimed::Advanced,
        ["gone"] => Claimed::Refused(Refusal::Gone),
        ["paused"] => Claimed::Refused(Refusal::Paused),
        ["changed"] => Claimed::Refused(Refusal::Changed),
        ["not_due"] => Claimed::Refused(Refusal::NotDue),
        ["fired", last] => Claimed::Refused(Refusal::AlreadyFired(instant(last)?)),
        ["running"] => Claimed::Refused(Refusal::Running),
        _ => return Err(broken()),
    })
}

fn passed(fire: &Fire) -> EventKind {
    let scheduled_for = fire.fire_time;
    let reason = fire.reason.clone().unwrap_or_default();
    match fire.state {
        FireState::Missed => EventKind::FireMissed {
            scheduled_for,
            reason,
        },
        _ => EventKind::FireSkipped {
            scheduled_for,
            reason,
        },
    }
}

/// A decided fire as `TIME STATE RUN STARTED REASON`; `-` is none.
fn fire_record(fire: &Fire) -> String {
    let run = fire
        .run
        .map_or_else(|| "-".to_owned(), |run| run.to_string());
    let started = fire
        .started_at
        .map_or_else(|| "-".to_owned(), |at| wire::micros(at).to_string());
    let reason = fire.reason.as_deref().unwrap_or_default();
    format!(
        "{} {} {run} {started} {reason}",
        wire::micros(fire.fire_time),
        fire.state.as_str()
    )
}
