//! The jobs of a memory store, with the indexes that find them by place, status, tag and due time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::{Fire, JobId, JobQuery, JobStatus, RequestId, RunId, StoredJob};

/// A job and what belongs to it alone.
pub(super) struct Entry {
    pub(super) stored: StoredJob,
    /// The request that wrote the present revision, where it was an edit.
    pub(super) request: Option<RequestId>,
    /// The last fencing token given out.
    pub(super) token: u64,
    /// Its runs by the order in which they began.
    pub(super) runs: BTreeMap<u64, RunId>,
    pub(super) fires: BTreeMap<DateTime<Utc>, Fire>,
}

/// The jobs, by their place in the order of creation.
#[derive(Default)]
pub(super) struct Table {
    entries: BTreeMap<u64, Entry>,
    places: HashMap<JobId, u64>,
    created: u64,
    by_status: BTreeMap<JobStatus, BTreeSet<u64>>,
    by_tag: HashMap<String, BTreeSet<u64>>,
    active: BTreeSet<u64>,
    /// Active jobs by the instant at which to look at them.
    look_at: BTreeSet<(DateTime<Utc>, u64)>,
    /// Active jobs by their next fire, where it is known.
    next_fire: BTreeSet<(DateTime<Utc>, u64)>,
    /// The ids that can never be used again, with the request that deleted them.
    deleted: HashMap<JobId, RequestId>,
}

impl Table {
    pub(super) fn get(&self, id: &JobId) -> Option<&Entry> {
        self.entries.get(self.places.get(id)?)
    }

    pub(super) fn at(&self, place: u64) -> Option<&Entry> {
        self.entries.get(&place)
    }

    pub(super) fn deleted_by(&self, id: &JobId) -> Option<RequestId> {
        self.deleted.get(id).copied()
    }

    pub(super) fn add(&mut self, stored: StoredJob) {
        let place = self.created;
        self.created += 1;
        self.places.insert(stored.job.id.clone(), place);
        let entry = Entry {
            stored,
            request: None,
            token: 0,
            runs: BTreeMap::new(),
            fires: BTreeMap::new(),
        };
        self.index(place, &entry.stored);
        self.entries.insert(place, entry);
    }

    /// Changes a job and moves it in the indexes; `None` when there is no such job.
    pub(super) fn change<T>(
        &mut self,
        id: &JobId,
        work: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let place = *self.places.get(id)?;
        let mut entry = self.entries.remove(&place)?;
        self.unindex(place, &entry.stored);
        let answer = work(&mut entry);
        self.index(place, &entry.stored);
        self.entries.insert(place, entry);
        Some(answer)
    }

    pub(super) fn remove(&mut self, id: &JobId, request: RequestId) -> Option<Entry> {
        let place = self.places.remove(id)?;
        let entry = self.entries.remove(&place)?;
        self.unindex(place, &entry.stored);
        self.deleted.insert(id.clone(), request);
        Some(entry)
    }

    fn index(&mut self, place: u64, stored: &StoredJob) {
        self.by_status
            .entry(stored.status())
            .or_default()
            .insert(place);
        for tag in &stored.job.tags {
            self.by_tag.entry(tag.clone()).or_default().insert(place);
        }
        if !stored.job.active {
            return;
        }
        self.active.insert(place);
        self.look_at
            .extend(stored.state.next.look_at().map(|at| (at, place)));
        self.next_fire
            .extend(stored.state.next.at().map(|at| (at, place)));
    }

    fn unindex(&mut self, place: u64, stored: &StoredJob) {
        if let Some(places) = self.by_status.get_mut(&stored.status()) {
            places.remove(&place);
        }
        for tag in &stored.job.tags {
            if let Some(places) = self.by_tag.get_mut(tag) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_tag.remove(tag);
                }
            }
        }
        self.active.remove(&place);
        if let Some(at) = stored.state.next.look_at() {
            self.look_at.remove(&(at, place));
            self.next_fire.remove(&(at, place));
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn total_active(&self) -> u64 {
        self.active.len() as u64
    }

    pub(super) fn total_by_status(&self) -> BTreeMap<JobStatus, u64> {
        self.by_status
            .iter()
            .map(|(status, places)| (*status, places.len() as u64))
            .collect()
    }

    /// Active jobs by when to look at them, earliest first.
    pub(super) fn by_look_at(&self) -> impl Iterator<Item = (DateTime<Utc>, &Entry)> {
        self.look_at
            .iter()
            .filter_map(|(at, place)| Some((*at, self.at(*place)?)))
    }

    pub(super) fn first_fire(&self) -> Option<(JobId, DateTime<Utc>)> {
        let (at, place) = self.next_fire.first()?;
        Some((self.at(*place)?.stored.job.id.clone(), *at))
    }

    /// The smallest index that holds all jobs of `query`, and whether it holds no others.
    pub(super) fn narrowest(&self, query: &JobQuery) -> (Places<'_>, bool) {
        let none = || Places::Some(&NO_PLACES);
        let status = |status| self.by_status.get(&status).map_or_else(none, Places::Some);
        let conditions = [
            query.active.map(|active| match active {
                true => Places::Some(&self.active),
                false => status(JobStatus::Paused),
            }),
            query.status.map(status),
            query
                .tag
                .as_ref()
                .map(|tag| self.by_tag.get(tag).map_or_else(none, Places::Some)),
        ];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        let exact = conditions.len() < 2 && query.is_indexed();
        let narrowest = conditions.into_iter().min_by_key(Places::len);
        (narrowest.unwrap_or(Places::All(&self.entries)), exact)
    }
}

static NO_PLACES: BTreeSet<u64> = BTreeSet::new();

/// Places in the order of creation.
pub(super) enum Places<'a> {
    All(&'a BTreeMap<u64, Entry>),
    Some(&'a BTreeSet<u64>),
}

impl Places<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(entries) => entries.len(),
            Self::Some(places) => places.len(),
        }
    }

    /// The places from `first` on.
    pub(super) fn from(&self, first: u64) -> Box<dyn Iterator<Item = u64> + '_> {
        match self {
            Self::All(entries) => Box::new(entries.range(first..).map(|(place, _)| *place)),
            Self::Some(places) => Box::new(places.range(first..).copied()),
        }
    }
}
