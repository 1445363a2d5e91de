//! All that a memory store remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::data::Data;
use super::log::Log;
use super::records::Documents;
use super::table::Table;
use crate::{EventKind, HostId, JobId, Run, RunId};

#[derive(Default)]
pub(super) struct State {
    pub(super) jobs: Table,
    pub(super) runs: HashMap<RunId, Run>,
    /// Counts the runs that ever began: their order.
    pub(super) begun: u64,
    /// The runs that have not ended, by the host that holds them.
    pub(super) going: BTreeMap<HostId, BTreeSet<RunId>>,
    /// Until when a host counts as living.
    pub(super) leases: HashMap<HostId, DateTime<Utc>>,
    pub(super) data: Data,
    pub(super) log: Log,
    pub(super) documents: Documents,
}

impl State {
    pub(super) fn lives(&self, host: HostId, now: DateTime<Utc>) -> bool {
        self.leases.get(&host).is_some_and(|until| *until > now)
    }

    /// Marks `run` as held by `host`, by nobody before.
    pub(super) fn hold(&mut self, host: HostId, run: RunId) {
        self.going.entry(host).or_default().insert(run);
    }

    pub(super) fn let_go(&mut self, host: HostId, run: RunId) {
        if let Some(held) = self.going.get_mut(&host) {
            held.remove(&run);
            if held.is_empty() {
                self.going.remove(&host);
            }
        }
    }

    pub(super) fn tell(&mut self, now: DateTime<Utc>, job: &JobId, kind: EventKind) {
        self.log.append(now, job.clone(), kind);
    }
}
