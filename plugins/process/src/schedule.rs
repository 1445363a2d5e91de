//! A plugin's schedules: asked when they are made, and for many fires at once, so that they answer from what they know.
//!
//! A schedule has to answer at once. What its plugin has not told yet is waited for, but not long; then nobody can say, and
//! the host asks again later.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use stock_scheduler_sdk::{ConfigError, Next, Schedule, plain_line, write_time};

use crate::ProcessPlugin;
use crate::call::Failure;
use crate::fires::{Known, Page};
use crate::message::{CheckSchedule, Fires, Question};
use crate::shared::Shared;
use crate::tables::Share;

/// How long a schedule keeps its thread waiting for fires.
const FIRES_WITHIN: Duration = Duration::from_millis(500);
/// After what time a schedule that could not say is asked again.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(10);
/// How long making a schedule waits for the plugin's opinion of it.
const CHECKED_WITHIN: Duration = Duration::from_secs(2);
/// How long a schedule that the plugin has answered wrongly about is not asked about again.
const WRONG_LASTS: Duration = Duration::from_secs(5);

/// The years in which a plugin is asked for fires.
const YEARS: std::ops::Range<i32> = 1900..9999;

/// A schedule whose fires a plugin tells.
pub(crate) struct ProcessSchedule {
    plugin: ProcessPlugin,
    kind: String,
    spec: Value,
    zone: Tz,
    table: Arc<Table>,
}

/// What a schedule knows. The plugin's owner adds to it.
pub(crate) struct Table {
    share: Share,
    words: OnceLock<Words>,
    state: Mutex<State>,
    /// A question has been answered, or has failed.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: Known,
    /// Whether there is a question under way; there is one at most.
    is_asking: bool,
    /// What was wrong with the last answer, and when that came.
    wrong: Option<(String, Instant)>,
}

/// What a plugin says of a schedule.
pub(crate) struct Words {
    pub(crate) description: String,
    pub(crate) zone: Option<Tz>,
}

impl ProcessSchedule {
    /// The schedule `spec`, of which as much is known as `table` says.
    pub(crate) fn new(
        plugin: ProcessPlugin,
        kind: String,
        spec: Value,
        zone: Tz,
        table: Arc<Table>,
    ) -> Self {
        Self {
            plugin,
            kind,
            spec,
            zone,
            table,
        }
    }

    /// Asks the plugin whether this is a schedule.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.plugin.shared().trouble().is_some() {
            return Ok(());
        }
        let question = CheckSchedule {
            kind: &self.kind,
            spec: &self.spec,
            zone: self.zone.name(),
        };
        let (checked, opinion) = mpsc::channel();
        let (shared, table) = (self.plugin.shared().clone(), Arc::downgrade(&self.table));
        self.plugin.ask(&question, move |result| {
            let _ = checked.send(take_words(&shared, &table, result));
        });
        opinion.recv_timeout(CHECKED_WITHIN).unwrap_or_else(|_| {
            let name = self.plugin.name();
            let method = CheckSchedule::METHOD;
            let late = Failure::Late(CHECKED_WITHIN).sentence(name, method);
            self.plugin.shared().set_trouble(late);
            Ok(())
        })
    }

    /// Asks for fires after `instant` and waits for them.
    fn wait_for(&self, instant: DateTime<Utc>) -> Next {
        let until = Instant::now() + FIRES_WITHIN;
        let unknown = |reason| Next::Unknown {
            from: instant,
            reason,
        };
        loop {
            let mut state = self.table.lock();
            if let Some(next) = state.known.next_after(instant) {
                return next;
            }
            if let Some(reason) = state.wrong().or_else(|| self.plugin.shared().trouble()) {
                return unknown(reason);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                let late = Failure::Late(FIRES_WITHIN).sentence(self.plugin.name(), Fires::METHOD);
                self.plugin.shared().set_trouble(late.clone());
                return unknown(late);
            }
            if !std::mem::replace(&mut state.is_asking, true) {
                let count = state.known.count(instant);
                drop(state);
                self.ask(instant, count);
                continue;
            }
            drop(self.table.changed.wait_timeout(state, left));
        }
    }

    /// Asks for `count` fires after `after`, and waits for nothing.
    fn ask(&self, after: DateTime<Utc>, count: usize) {
        // Written without what is shorter than a microsecond: some fires may come that are not after `after`.
        let written = write_time(after, Utc);
        let asked = written.parse().unwrap_or(after);
        let question = Fires {
            kind: &self.kind,
            spec: &self.spec,
            zone: self.zone.name(),
            after: written,
            count,
        };
        let (shared, table) = (self.plugin.shared().clone(), Arc::downgrade(&self.table));
        self.plugin.ask(&question, move |result| {
            if let Some(table) = table.upgrade() {
                table.take(&shared, result, asked, count);
            }
        });
    }
}

impl Schedule for ProcessSchedule {
    /// Pure as far as the plugin is. Before 1900 it never fires, and after the year 9998 neither.
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        let first = Utc.with_ymd_and_hms(YEARS.start, 1, 1, 0, 0, 0).single();
        let last = Utc.with_ymd_and_hms(YEARS.end, 1, 1, 0, 0, 0).single();
        let instant = first.map_or(instant, |first| instant.max(first));
        if last.is_some_and(|last| instant >= last) {
            return Next::Never;
        }
        let mut state = self.table.lock();
        let Some(next) = state.known.next_after(instant) else {
            drop(state);
            return self.wait_for(instant);
        };
        if let Some(after) = state.known.runs_out(instant)
            && state.wrong().is_none()
            && !std::mem::replace(&mut state.is_asking, true)
        {
            let count = state.known.count(after);
            drop(state);
            self.ask(after, count);
        }
        next
    }

    /// Soon: to ask a plugin that does not answer costs nothing for a while.
    fn ask_again_after(&self) -> Option<TimeDelta> {
        Some(ASK_AGAIN)
    }

    fn describe(&self) -> String {
        match self.table.words.get() {
            Some(words) => words.description.clone(),
            None => format!("{} (plugin {:?})", self.kind, self.plugin.name()),
        }
    }

    fn zone(&self) -> Option<Tz> {
        self.table.words.get()?.zone
    }
}

impl Table {
    /// Nothing is known of the schedule yet, which takes as much as `share` says.
    pub(crate) fn new(share: Share) -> Self {
        Self {
            share,
            words: OnceLock::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Whether the plugin has said that this is a schedule.
    pub(crate) fn is_checked(&self) -> bool {
        self.words.get().is_some()
    }

    /// How much memory it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.share.bytes()
    }

    /// Notes how much is known by now.
    fn weigh(&self, known: &Known) {
        let words = self.words.get().map_or(0, |words| words.description.len());
        self.share.set(words + known.bytes());
    }

    /// Takes what the plugin says of the schedule.
    pub(crate) fn accept(&self, words: Words) {
        let _ = self.words.set(words);
        self.weigh(&self.lock().known);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what came of the question for `count` fires after `after`.
    fn take(
        &self,
        plugin: &Shared,
        result: Result<Box<RawValue>, Failure>,
        after: DateTime<Utc>,
        count: usize,
    ) {
        let name = &plugin.name;
        let mut state = self.lock();
        state.is_asking = false;
        state.wrong = None;
        if result.is_ok() {
            plugin.counters.told.fetch_add(1, Ordering::Relaxed);
        }
        match result {
            Ok(text) => match Page::read(text.get(), after, count) {
                Ok(page) => {
                    state.known.insert(page);
                    self.weigh(&state.known);
                }
                Err(what) => {
                    state.is_wrong(format!("plugin {name:?} {}", plain_line(&what, 1_000)))
                }
            },
            Err(failure) => {
                let sentence = failure.sentence(name, Fires::METHOD);
                match failure {
                    Failure::Down(_) | Failure::Late(_) => plugin.set_trouble(sentence),
                    Failure::Refused(_) | Failure::Malformed(_) => state.is_wrong(sentence),
                }
            }
        }
        self.changed.notify_all();
    }
}

impl State {
    fn is_wrong(&mut self, what: String) {
        self.wrong = Some((what, Instant::now()));
    }

    /// What was wrong a moment ago.
    fn wrong(&self) -> Option<String> {
        let (what, since) = self.wrong.as_ref()?;
        (since.elapsed() < WRONG_LASTS).then(|| what.clone())
    }
}

/// Takes the plugin's opinion of a schedule; an error is for whoever wrote the schedule.
fn take_words(
    plugin: &Shared,
    table: &Weak<Table>,
    result: Result<Box<RawValue>, Failure>,
) -> Result<(), ConfigError> {
    let name = &plugin.name;
    match result {
        Ok(text) => {
            plugin.counters.told.fetch_add(1, Ordering::Relaxed);
            let words = words(text.get()).map_err(|what| {
                let message = format!("plugin {name:?} {}", plain_line(&what, 1_000));
                ConfigError::at("", message)
            })?;
            if let Some(table) = table.upgrade() {
                table.accept(words);
            }
            Ok(())
        }
        Err(Failure::Refused(refusal)) if refusal.kind == "invalid" => {
            Err(ConfigError::at(&refusal.pointer, refusal.sentence(name)))
        }
        Err(failure) => {
            plugin.set_trouble(failure.sentence(name, CheckSchedule::METHOD));
            Ok(())
        }
    }
}

fn words(text: &str) -> Result<Words, String> {
    #[derive(Deserialize)]
    struct Told {
        description: String,
        #[serde(default)]
        zone: Option<String>,
    }
    let told: Told = serde_json::from_str(text)
        .map_err(|error| format!("did not say what the schedule is: {error}"))?;
    let zone = told.zone.map(|zone| {
        let wrong = |_| format!("says that the schedule's zone is {zone:?}, expected an IANA name");
        zone.parse().map_err(wrong)
    });
    let description = plain_line(&told.description, 1_000);
    match description.is_empty() {
        true => Err("describes the schedule with no word".to_owned()),
        false => Ok(Words {
            description,
            zone: zone.transpose()?,
        }),
    }
}
