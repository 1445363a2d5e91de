//! The registered plugins, found by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono_tz::Tz;
use serde_json::Value;
use stock_scheduler_sdk::{
    Calendars, ConfigError, Fetcher, FetcherFactory, FetcherInfo, Job, Schedule, ScheduleContext,
    ScheduleFactory,
};

use super::fields::nearest;
use super::timetable::Timetable;
use crate::engine::gate::Gate;
use crate::engine::threads::Threads;
use crate::metrics::Fetches;

/// A registered fetcher, where it runs, and its gate.
pub(crate) struct FetcherEntry {
    pub(crate) name: String,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) info: FetcherInfo,
    pub(crate) threads: Threads,
    pub(crate) gate: Gate,
    pub(crate) fetches: Fetches,
    /// What checks a job's options; an instance made in code takes any.
    pub(crate) factory: Option<Arc<dyn FetcherFactory>>,
}

impl FetcherEntry {
    pub(crate) fn new(
        name: String,
        fetcher: Arc<dyn Fetcher>,
        factory: Option<Arc<dyn FetcherFactory>>,
        own_threads: bool,
    ) -> io::Result<Self> {
        let info = fetcher.info();
        let threads = if own_threads {
            Threads::start(&info.limits)?
        } else {
            Threads::here()
        };
        let gate = Gate::new(&info.limits, threads.count());
        Ok(Self {
            fetches: Fetches::of(&name),
            name,
            fetcher,
            info,
            threads,
            gate,
            factory,
        })
    }
}

/// All registered plugins, and the zone of jobs that name none.
pub(crate) struct Plugins {
    pub(crate) fetchers: BTreeMap<String, Arc<FetcherEntry>>,
    pub(crate) schedules: BTreeMap<String, Arc<dyn ScheduleFactory>>,
    pub(crate) zone: Tz,
    /// The calendars of exchanges, which may be corrected at any time.
    pub(crate) calendars: RwLock<Calendars>,
    /// The codes of those that active jobs follow.
    pub(crate) followed: Mutex<BTreeSet<String>>,
}

impl Plugins {
    pub(crate) fn fetcher(&self, name: &str) -> Option<Arc<FetcherEntry>> {
        self.fetchers.get(name).cloned()
    }

    /// The schedule that `spec` describes, for a job whose own zone is `zone`.
    ///
    /// Pointers in the error are relative to `spec`.
    pub(crate) fn schedule(
        &self,
        spec: &Value,
        zone: Tz,
    ) -> Result<Box<dyn Schedule>, ConfigError> {
        let Some(object) = spec.as_object() else {
            return Err(ConfigError::at(
                "",
                format!("a schedule is an object with a kind, not {spec}"),
            ));
        };
        let Some(kind) = object.get("kind").and_then(Value::as_str) else {
            let names = listed(self.schedules.keys());
            return Err(ConfigError::at(
                "/kind",
                format!("a schedule needs a kind; registered are {names}"),
            ));
        };
        let Some(factory) = self.schedules.get(kind) else {
            return Err(ConfigError::at(
                "/kind",
                unknown("schedule", kind, self.schedules.keys()),
            ));
        };
        let mut rest = object.clone();
        rest.remove("kind");
        let context = ScheduleContext::new(zone).with_calendars(self.calendars());
        factory.build(&Value::Object(rest), &context)
    }

    /// The schedule by which a job fires.
    pub(crate) fn timetable(&self, job: &Job) -> Result<Timetable, ConfigError> {
        let own = job.timezone.unwrap_or(self.zone);
        let schedule = self.schedule(&job.schedule, own)?;
        Ok(Timetable::new(job, schedule))
    }

    /// The calendars of exchanges, as they are now.
    pub(crate) fn calendars(&self) -> Calendars {
        self.calendars
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn followed(&self) -> BTreeSet<String> {
        self.lock_followed().clone()
    }

    pub(crate) fn set_followed(&self, codes: BTreeSet<String>) {
        *self.lock_followed() = codes;
    }

    fn lock_followed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the plugins make of a stored job.
    pub(crate) fn examine(&self, job: &Job) -> Examined {
        let own = job.timezone.unwrap_or(self.zone);
        let built = self.timetable(job);
        let fetcher = &job.fetcher.name;
        let problem = match &built {
            _ if job.problem.is_some() => job.problem.clone(),
            _ if !self.fetchers.contains_key(fetcher) => {
                Some(unknown("fetcher", fetcher, self.fetchers.keys()))
            }
            built => built.as_ref().err().map(ToString::to_string),
        };
        let schedule = built.ok();
        if let Some(calendar) = schedule
            .as_ref()
            .and_then(Schedule::exchange)
            .filter(|_| job.active)
        {
            let mut followed = self.lock_followed();
            if !followed.contains(calendar.code()) {
                followed.insert(calendar.code().to_owned());
            }
        }
        let named = schedule.as_ref().and_then(|schedule| schedule.zone());
        Examined {
            zone: named.unwrap_or(own),
            problem,
            schedule,
        }
    }
}

/// What the plugins make of a stored job.
pub(crate) struct Examined {
    /// Its schedule, where it can be built.
    pub(crate) schedule: Option<Timetable>,
    /// The zone in which its dates and times are meant.
    pub(crate) zone: Tz,
    /// Why it cannot fire, if so.
    pub(crate) problem: Option<String>,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins")
            .field("fetchers", &self.fetchers.keys())
            .field("schedules", &self.schedules.keys())
            .finish_non_exhaustive()
    }
}

/// `no fetcher named "yfinanse"; did you mean "yfinance"? Registered are "stooq", "yfinance"`
pub(crate) fn unknown<'a>(
    role: &str,
    name: &str,
    known: impl Iterator<Item = &'a String> + Clone,
) -> String {
    let near = nearest(name, known.clone().map(String::as_str));
    let listed = listed(known);
    match near {
        Some(near) => {
            format!("no {role} named {name:?}; did you mean {near:?}? Registered are {listed}")
        }
        None => format!("no {role} named {name:?}; registered are {listed}"),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}
