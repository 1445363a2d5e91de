//! What plugins have told of schedules, kept while the host makes these anew, and never more of it than fits.
//!
//! What the plugin has accepted is kept apart from what it could not be asked about, so that nobody pushes out what is known
//! of the schedules of jobs with words that no plugin has looked at.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono_tz::Tz;

use crate::schedule::Table;

/// How many schedules are kept at most, and how many of those that no plugin has accepted.
const MOST: usize = 10_000;
const MOST_UNCHECKED: usize = 1_000;
/// What all of them may take, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// What one takes beside its words and fires, about.
const LEAST_BYTES: usize = 500;

/// What a job says of its schedule, as JSON, and the zone in which it is meant.
pub(crate) type Key = (Arc<str>, Tz);

/// The tables of one kind of schedule. Where there are too many, those that were wanted last stay.
#[derive(Default)]
pub(crate) struct Tables {
    checked: Shelf,
    unchecked: Shelf,
    /// What all tables take.
    taken: Arc<AtomicUsize>,
}

impl Tables {
    /// What is known of the schedule `key`; nothing, where it is not kept.
    pub(crate) fn find(&self, key: &Key) -> Arc<Table> {
        let kept = [&self.checked, &self.unchecked];
        let kept = kept.iter().find_map(|shelf| shelf.tables.get(key));
        kept.map_or_else(
            || {
                Arc::new(Table::new(Share::of(
                    &self.taken,
                    LEAST_BYTES + key.0.len(),
                )))
            },
            |(table, _)| table.clone(),
        )
    }

    /// Keeps what is known of the schedule `key`, as the one that was wanted last.
    pub(crate) fn keep(&mut self, key: Key, table: Arc<Table>) {
        self.forget(&key);
        match table.is_checked() {
            true => self.checked.put(key, table),
            false => self.unchecked.put(key, table),
        }
        self.make_room();
    }

    /// Forgets the schedule `key`.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.checked.remove(key);
        self.unchecked.remove(key);
    }

    fn make_room(&mut self) {
        // Somebody may still use what goes: that is not waited for.
        let taken = self.taken.load(Ordering::Relaxed);
        let mut too_much = taken.saturating_sub(MOST_BYTES);
        for (shelf, most) in [
            (&mut self.unchecked, MOST_UNCHECKED),
            (&mut self.checked, MOST),
        ] {
            while (too_much > 0 || shelf.tables.len() > most)
                && let Some(table) = shelf.take_oldest()
            {
                too_much = too_much.saturating_sub(table.bytes());
            }
        }
    }
}

/// Tables in the order in which they were wanted.
#[derive(Default)]
struct Shelf {
    tables: HashMap<Key, (Arc<Table>, u64)>,
    order: BTreeMap<u64, Key>,
    /// The place of the next one.
    next: u64,
}

impl Shelf {
    fn put(&mut self, key: Key, table: Arc<Table>) {
        self.order.insert(self.next, key.clone());
        self.tables.insert(key, (table, self.next));
        self.next += 1;
    }

    fn remove(&mut self, key: &Key) {
        if let Some((_, place)) = self.tables.remove(key) {
            self.order.remove(&place);
        }
    }

    fn take_oldest(&mut self) -> Option<Arc<Table>> {
        let (_, key) = self.order.pop_first()?;
        self.tables.remove(&key).map(|(table, _)| table)
    }
}

/// The bytes that one thing takes, as a part of what all its like take, until it is dropped.
pub(crate) struct Share {
    all: Arc<AtomicUsize>,
    least: usize,
    own: AtomicUsize,
}

impl Share {
    fn of(all: &Arc<AtomicUsize>, least: usize) -> Self {
        all.fetch_add(least, Ordering::Relaxed);
        Self {
            all: all.clone(),
            least,
            own: AtomicUsize::new(least),
        }
    }

    /// What it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }

    /// Notes that it takes so much more than it did at first.
    pub(crate) fn set(&self, more: usize) {
        let own = self.least + more;
        let before = self.own.swap(own, Ordering::Relaxed);
        // Both wrap, so that the sum is right in the end.
        let change = own.wrapping_sub(before);
        self.all.fetch_add(change, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Words;

    fn words() -> Words {
        Words {
            description: "a schedule".to_owned(),
            zone: None,
        }
    }

    fn key(text: &str) -> Key {
        (text.into(), Tz::UTC)
    }

    fn keep(tables: &mut Tables, text: &str, is_checked: bool) {
        let table = tables.find(&key(text));
        if is_checked {
            table.accept(words());
        }
        tables.keep(key(text), table);
    }

    fn has(tables: &Tables, text: &str) -> bool {
        let shelves = [&tables.checked, &tables.unchecked];
        shelves
            .iter()
            .any(|shelf| shelf.tables.contains_key(&key(text)))
    }

    #[test]
    fn the_schedule_that_nobody_wanted_for_longest_goes_alone() {
        let mut tables = Tables::default();
        for number in 0..MOST {
            keep(&mut tables, &number.to_string(), true);
        }
        keep(&mut tables, "0", true);

        keep(&mut tables, "one more", true);

        let gone: Vec<_> = (0..MOST)
            .map(|number| number.to_string())
            .filter(|text| !has(&tables, text))
            .collect();
        assert_eq!(gone, ["1"]);
    }

    #[test]
    fn what_no_plugin_has_accepted_pushes_out_nothing_that_one_has() {
        let mut tables = Tables::default();
        keep(&mut tables, "accepted", true);
        let long = "x".repeat(1 << 20);

        for number in 0..=MOST_UNCHECKED {
            let more = if number < 70 { &long } else { "" };
            keep(&mut tables, &format!("{number}{more}"), false);
        }

        assert!(has(&tables, "accepted"));
        assert!(tables.taken.load(Ordering::Relaxed) <= MOST_BYTES);
        assert!(tables.unchecked.tables.len() <= MOST_UNCHECKED);
    }

    #[test]
    fn all_schedules_together_take_no_more_than_they_may() {
        let mut tables = Tables::default();
        let long = "x".repeat(1 << 20);

        for number in 0..100 {
            keep(&mut tables, &format!("{number} {long}"), true);
        }

        assert!(tables.taken.load(Ordering::Relaxed) <= MOST_BYTES);
        assert_eq!(tables.checked.tables.len(), 63);
        assert!(has(&tables, &format!("99 {long}")) && !has(&tables, &format!("36 {long}")));
        assert_eq!(tables.checked.order.len(), 63);
    }

    #[test]
    fn a_schedule_counts_with_all_that_is_known_of_it() {
        let tables = Tables::default();
        let table = tables.find(&key("12345"));
        assert_eq!(table.bytes(), LEAST_BYTES + 5);

        table.accept(words());

        assert_eq!(table.bytes(), LEAST_BYTES + 5 + 10);
        assert_eq!(tables.taken.load(Ordering::Relaxed), table.bytes());
        drop(table);
        assert_eq!(tables.taken.load(Ordering::Relaxed), 0);
    }
}
