//! Hosts and their runs: leases, what is due, taking over, and the history.
//!
//! Claims are `claims`' business, what comes of a run's symbols is `record`'s.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;
use stock_scheduler_sdk::{
    Agenda, Claim, Claimed, Due, Fire, FireQuery, FireState, Grant, HostId, NewRun, Orphan,
    Overlap, Poll, Run, RunId, RunPage, RunPlan, RunQuery, RunStatus, RunStore, StoreError,
    SymbolResult, TakeOver,
};

use crate::store::{corrupt, instant};
use crate::{RedisStore, event, run, scripts, wire};

#[async_trait]
impl RunStore for RedisStore {
    async fn poll(&self, poll: &Poll) -> Result<Agenda, StoreError> {
        let mut call = scripts::POLL.call();
        call.arg(poll.host.to_string()).arg(span(poll.lease));
        call.arg(span(poll.ahead)).arg(poll.limit);
        let (now, is_dirty, due, later, orphans): (
            String,
            String,
            Vec<String>,
            String,
            Vec<String>,
        ) = self.link.run(&call).await?;
        if !is_dirty.is_empty() {
            self.rewrite_index().await;
        }
        Ok(Agenda {
            now: instant(&now)?,
            due: due
                .chunks_exact(4)
                .map(read_due)
                .collect::<Result<_, _>>()?,
            later: wire::instant(&later),
            orphans: orphans
                .chunks_exact(2)
                .map(read_held)
                .collect::<Result<_, _>>()?,
        })
    }

    async fn claim(&self, host: HostId, claims: Vec<Claim>) -> Result<Vec<Claimed>, StoreError> {
        self.claim_all(host, &claims).await
    }

    async fn take_over(
        &self,
        host: HostId,
        run: RunId,
        seen: u64,
        why: TakeOver,
    ) -> Result<Option<(Grant, Run)>, StoreError> {
        let Some(known) = self.run(run).await?.filter(|known| known.token == seen) else {
            return Ok(None);
        };
        let new = NewRun {
            id: run,
            fire_time: known.fire_time,
            triggered_by: known.triggered_by,
            plan: known.plan,
            overlap: Overlap::Allow,
        };
        // The attempt cannot change without the token, which the script compares.
        let started = match why {
            TakeOver::Orphaned => event::started(&new, known.attempt + 1),
            TakeOver::Cancelled => String::new(),
        };
        let mut call = scripts::TAKE_OVER.call();
        call.arg(run.to_string())
            .arg(known.job.as_str())
            .arg(seen)
            .arg(host.to_string());
        call.arg(wire::flag(why == TakeOver::Orphaned)).arg(started);
        let fields: Option<HashMap<String, String>> = self.link.run(&call).await?;
        let taken = fields.map(|fields| run::read(run, &fields)).transpose()?;
        Ok(taken.map(|run| (run.grant(), run)))
    }

    async fn record(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        self.record_results(grant, plan, results, end).await
    }

    async fn retire(&self, host: HostId) -> Result<(), StoreError> {
        let mut command = cmd("ZADD");
        command
            .arg("{scheduler}:leases")
            .arg(0)
            .arg(host.to_string());
        self.link.ask("end a host's lease", &command).await
    }

    async fn held(&self, host: HostId) -> Result<Vec<Orphan>, StoreError> {
        let mut command = cmd("HGETALL");
        command.arg(format!("{{scheduler}}:held:{host}"));
        let held: Vec<String> = self.link.ask("read a host's runs", &command).await?;
        held.chunks_exact(2).map(read_held).collect()
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let mut command = cmd("HGETALL");
        command.arg(format!("{{scheduler}}:run:{id}"));
        let fields: HashMap<String, String> = self.link.ask("read a run", &command).await?;
        match fields.is_empty() {
            true => Ok(None),
            false => run::read(id, &fields).map(Some),
        }
    }

    async fn runs(&self, query: &RunQuery) -> Result<RunPage, StoreError> {
        let before = query
            .after
            .as_deref()
            .filter(|token| token.parse::<u64>().is_ok());
        let mut call = scripts::RUNS.call();
        call.arg(query.job.as_str())
            .arg(before.unwrap_or("+inf"))
            .arg(query.limit.max(1));
        call.arg(query.status.map(RunStatus::as_str).unwrap_or_default());
        let (next, found): (String, Vec<(String, HashMap<String, String>)>) =
            self.link.run(&call).await?;
        let read = |(id, fields): &(String, HashMap<String, String>)| {
            let id = id
                .parse()
                .map_err(|_| corrupt(format!("{id:?} is no id of a run")))?;
            run::read(id, fields)
        };
        Ok(RunPage {
            runs: found.iter().map(read).collect::<Result<_, _>>()?,
            next: Some(next).filter(|token| !token.is_empty()),
        })
    }

    async fn fires(&self, query: &FireQuery) -> Result<Vec<Fire>, StoreError> {
        let mut command = cmd("ZREVRANGEBYSCORE");
        command.arg(format!("{{scheduler}}:fires:{}", query.job));
        match query.until {
            Some(until) => command.arg(format!("({}", wire::micros(until))),
            None => command.arg("+inf"),
        };
        match query.since {
            Some(since) => command.arg(wire::micros(since)),
            None => command.arg("-inf"),
        };
        command.arg("LIMIT").arg(0).arg(query.limit);
        let records: Vec<String> = self.link.ask("read a job's fires", &command).await?;
        records.iter().map(|record| read_fire(record)).collect()
    }
}

fn read_fire(record: &str) -> Result<Fire, StoreError> {
    let broken = || corrupt(format!("{record:?} is no record of a fire"));
    let parts: Vec<&str> = record.splitn(5, ' ').collect();
    let [at, state, run, started, reason] = parts[..] else {
        return Err(broken());
    };
    let fire_time = instant(at)?;
    Ok(match state {
        "skipped" => Fire::passed(fire_time, FireState::Skipped, reason),
        "missed" => Fire::passed(fire_time, FireState::Missed, reason),
        "fired" => Fire::fired(
            fire_time,
            run.parse().map_err(|_| broken())?,
            instant(started)?,
        ),
        _ => return Err(broken()),
    })
}

fn read_due(parts: &[String]) -> Result<Due, StoreError> {
    let [job, revision, next, last_fire] = parts else {
        return Err(corrupt("a due job has four parts"));
    };
    Ok(Due {
        job: job.parse().map_err(|e| corrupt(format!("{e}")))?,
        revision: revision
            .parse()
            .map_err(|_| corrupt(format!("{revision:?} is no revision")))?,
        next: wire::read_next(next),
        last_fire: wire::instant(last_fire),
    })
}

/// Reads a held run: its id, then job and token.
fn read_held(parts: &[String]) -> Result<Orphan, StoreError> {
    let held = || {
        let [run, rest] = parts else { return None };
        let (job, token) = rest.split_once(' ')?;
        Some(Orphan {
            job: job.parse().ok()?,
            run: run.parse().ok()?,
            token: token.parse().ok()?,
        })
    };
    held().ok_or_else(|| corrupt(format!("{parts:?} is no held run")))
}

/// A span in microseconds.
fn span(span: Duration) -> u64 {
    // Beyond it, sums with the present are no longer exact.
    const CENTURY: u64 = 100 * 366 * 24 * 60 * 60 * 1_000_000;
    u64::try_from(span.as_micros())
        .unwrap_or(CENTURY)
        .min(CENTURY)
}
