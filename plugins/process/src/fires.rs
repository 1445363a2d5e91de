//! The fires of a schedule as far as its plugin has told them.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use stock_scheduler_sdk::{Next, Occurrence, plain_line};

/// How many fires are asked for at first, and at most.
pub(crate) const FIRST_COUNT: usize = 64;
const MOST_COUNT: usize = 512;

/// Fires are not closer: a job that is always due keeps everything else from being told.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);

/// At most so many characters of what is said of a fire or of their end, and so many notes.
const LONGEST_WORDS: usize = 300;
const MOST_NOTES: usize = 5;

/// How many stretches are kept: those that were asked for last.
const MOST_PAGES: usize = 4;

/// After so long it is asked again whether a plugin knows more by now.
const UNKNOWN_LASTS: Duration = Duration::from_secs(60);

/// Stretches of fires, each without a gap.
#[derive(Default)]
pub(crate) struct Known {
    /// The one that was used last is the last.
    pages: Vec<Page>,
}

impl Known {
    /// The first fire after `instant`; `None` where it is not known.
    pub(crate) fn next_after(&mut self, instant: DateTime<Utc>) -> Option<Next> {
        let found = |page: &Page| page.next_after(instant);
        let (place, next) = (0..self.pages.len())
            .rev()
            .find_map(|place| Some((place, found(&self.pages[place])?)))?;
        let page = self.pages.remove(place);
        self.pages.push(page);
        Some(next)
    }

    /// From when on more should be asked for, where `instant` is in the second half of what is known.
    pub(crate) fn runs_out(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let page = self.pages.last()?;
        let used = page.fires.partition_point(|fire| fire.at <= instant);
        let last = page.fires.last().filter(|_| page.ends.is_none())?.at;
        let goes_on = self.pages.iter().any(|page| page.after == last);
        (2 * used > page.fires.len() && !goes_on).then_some(last)
    }

    /// How many fires to ask for after `after`: the more, the longer it goes on.
    pub(crate) fn count(&self, after: DateTime<Utc>) -> usize {
        let ends_there = |page: &&Page| page.fires.last().is_some_and(|last| last.at == after);
        let before = self.pages.iter().find(ends_there);
        let twice = before.map_or(0, |page| 2 * page.fires.len());
        twice.clamp(FIRST_COUNT, MOST_COUNT)
    }

    /// How much memory it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.iter().map(|page| page.bytes).sum()
    }

    pub(crate) fn insert(&mut self, page: Page) {
        self.pages.retain(|known| known.after != page.after);
        if self.pages.len() == MOST_PAGES {
            self.pages.remove(0);
        }
        self.pages.push(page);
    }
}

/// All fires after one instant, up to the last of them or to an end.
#[derive(Debug)]
pub(crate) struct Page {
    after: DateTime<Utc>,
    fires: Vec<Occurrence>,
    ends: Option<Ends>,
    told: Instant,
    /// How much memory it takes, about.
    bytes: usize,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = r#"ends is neither "never" nor {"unknown_from", "reason"}"#
)]
enum Ends {
    Never(Never),
    Unknown {
        unknown_from: DateTime<Utc>,
        reason: String,
    },
}

impl Ends {
    fn shortened(mut self) -> Self {
        if let Self::Unknown { reason, .. } = &mut self {
            *reason = plain_line(reason, LONGEST_WORDS);
        }
        self
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Never {
    Never,
}

#[derive(Deserialize)]
struct Told {
    fires: Vec<Fire>,
    #[serde(default)]
    ends: Option<Ends>,
}

#[derive(Deserialize)]
struct Fire {
    at: DateTime<Utc>,
    #[serde(default)]
    skip: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
}

impl Page {
    /// Reads what a plugin told when it was asked for `count` fires after `after`; the error says, about the plugin, what
    /// is wrong.
    pub(crate) fn read(text: &str, after: DateTime<Utc>, count: usize) -> Result<Self, String> {
        let told: Told =
            serde_json::from_str(text).map_err(|error| format!("told no fires: {error}"))?;
        let mut before = after;
        let pairs = told.fires.windows(2);
        if let Some([one, next]) = pairs
            .map(|pair| [pair[0].at, pair[1].at])
            .find(|[one, next]| {
                (TimeDelta::zero()..SHORTEST).contains(&(*next - *one)) && next > one
            })
        {
            return Err(format!(
                "told the fires {one} and {next}, expected a second between them at least"
            ));
        }
        for Fire { at, .. } in &told.fires {
            if *at <= before {
                return Err(format!(
                    "told the fire {at} after {before}, expected a later one"
                ));
            }
            before = *at;
        }
        let length = told.fires.len();
        if length > count {
            return Err(format!("told {length} fires, expected {count} at most"));
        }
        match &told.ends {
            None if length < count => {
                return Err(format!(
                    "told {length} fires of {count}, and not how that ends"
                ));
            }
            Some(Ends::Unknown { unknown_from, .. }) if *unknown_from < before => {
                return Err(format!(
                    "knows nothing from {unknown_from} on, but the fire {before}"
                ));
            }
            _ => {}
        }
        let fires: Vec<_> = told.fires.into_iter().map(Fire::occurrence).collect();
        Ok(Self {
            after,
            bytes: fires.iter().map(bytes).sum(),
            fires,
            ends: told.ends.map(Ends::shortened),
            told: Instant::now(),
        })
    }

    fn next_after(&self, instant: DateTime<Utc>) -> Option<Next> {
        if instant < self.after {
            return None;
        }
        let place = self.fires.partition_point(|fire| fire.at <= instant);
        if let Some(fire) = self.fires.get(place) {
            return Some(Next::At(fire.clone()));
        }
        match self.ends.as_ref()? {
            Ends::Never(Never::Never) => Some(Next::Never),
            Ends::Unknown { .. } if self.told.elapsed() > UNKNOWN_LASTS => None,
            Ends::Unknown {
                unknown_from,
                reason,
            } => Some(Next::Unknown {
                from: *unknown_from,
                reason: reason.clone(),
            }),
        }
    }
}

impl Fire {
    fn occurrence(self) -> Occurrence {
        let mut occurrence = Occurrence::new(self.at);
        occurrence.skip = self.skip.map(|why| plain_line(&why, LONGEST_WORDS));
        let notes = self.notes.into_iter().take(MOST_NOTES);
        occurrence.notes = notes.map(|note| plain_line(&note, LONGEST_WORDS)).collect();
        occurrence
    }
}

fn bytes(fire: &Occurrence) -> usize {
    let words = fire.skip.iter().chain(&fire.notes);
    size_of::<Occurrence>()
        + words
            .map(|text| size_of::<String>() + text.len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn fires(hours: impl IntoIterator<Item = i64>) -> Vec<Value> {
        hours
            .into_iter()
            .map(|hour| json!({"at": at(hour)}))
            .collect()
    }

    fn page(after: i64, hours: std::ops::Range<i64>) -> Page {
        let count = hours.clone().count();
        Page::read(
            &json!({"fires": fires(hours)}).to_string(),
            at(after),
            count,
        )
        .unwrap()
    }

    #[test]
    fn why_nothing_more_is_known_is_a_short_line() {
        let reason = format!("a\n\u{1b}[31mb{}", "x".repeat(3_000_000));
        let told = json!({"fires": [], "ends": {"unknown_from": at(9), "reason": reason}});

        let page = Page::read(&told.to_string(), at(0), 1).unwrap();

        let Some(Next::Unknown { reason, .. }) = page.next_after(at(1)) else {
            panic!("{page:?}")
        };
        assert!(reason.starts_with("a  [31mbxxx"), "{reason}");
        assert_eq!(reason.chars().count(), LONGEST_WORDS + 1);
    }

    #[test]
    fn what_was_told_is_known_and_nothing_else() {
        let mut known = Known::default();
        known.insert(page(0, 1..5));

        assert_eq!(known.next_after(at(-1)), None);
        assert_eq!(known.next_after(at(0)), Some(at(1).into()));
        assert_eq!(known.next_after(at(1)), Some(at(2).into()));
        assert_eq!(known.next_after(at(4)), None);
    }

    #[test]
    fn more_is_asked_for_before_what_is_known_is_used_up() {
        let mut known = Known::default();
        known.insert(page(0, 1..101));

        assert_eq!(known.runs_out(at(50)), None);
        assert_eq!(known.runs_out(at(51)), Some(at(100)));
        assert_eq!(known.count(at(100)), 200);
        assert_eq!(known.count(at(7)), FIRST_COUNT);

        known.insert(page(100, 101..103));
        assert_eq!(known.next_after(at(51)), Some(at(52).into()));
        assert_eq!(known.runs_out(at(51)), None, "it is known already");
    }

    #[test]
    fn the_pages_used_last_are_kept() {
        let mut known = Known::default();
        for start in 0..MOST_PAGES as i64 {
            known.insert(page(10 * start, 10 * start + 1..10 * start + 5));
        }
        assert!(known.next_after(at(0)).is_some());

        known.insert(page(100, 101..105));

        assert!(known.next_after(at(0)).is_some());
        assert!(known.next_after(at(10)).is_none());
    }

    #[test]
    fn an_end_is_an_answer() {
        let never = json!({"fires": fires([1]), "ends": "never"}).to_string();
        let page = Page::read(&never, at(0), 5).unwrap();
        assert_eq!(page.next_after(at(1)), Some(Next::Never));

        let unknown = json!({"fires": [], "ends": {"unknown_from": at(9), "reason": "no moon"}});
        let mut page = Page::read(&unknown.to_string(), at(0), 5).unwrap();
        let reason = "no moon".to_owned();
        assert_eq!(
            page.next_after(at(1)),
            Some(Next::Unknown {
                from: at(9),
                reason
            })
        );

        page.told -= UNKNOWN_LASTS + Duration::from_secs(1);
        assert_eq!(page.next_after(at(1)), None, "it may know more by now");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (told, message) in [
            (json!({}), "told no fires: missing field `fires`"),
            (
                json!({"fires": fires([2, 1])}),
                "told the fire 1970-01-01 01:00:00 UTC after 1970-01-01 02:00:00 UTC, expected a later one",
            ),
            (
                json!({"fires": fires([1, 1])}),
                "told the fire 1970-01-01 01:00:00 UTC after 1970-01-01 01:00:00 UTC",
            ),
            (
                json!({"fires": fires([0, 1])}),
                "told the fire 1970-01-01 00:00:00 UTC after",
            ),
            (
                json!({"fires": fires([1])}),
                "told 1 fires of 2, and not how that ends",
            ),
            (
                json!({"fires": fires([1, 2, 3])}),
                "told 3 fires, expected 2 at most",
            ),
            (
                json!({"fires": [], "ends": "soon"}),
                "told no fires: ends is neither \"never\" nor {\"unknown_from\", \"reason\"}",
            ),
            (
                json!({"fires": fires([5]), "ends": {"unknown_from": at(4), "reason": ""}}),
                "knows nothing from 1970-01-01 04:00:00 UTC on, but the fire 1970-01-01 05:00:00 UTC",
            ),
            (
                json!({"fires": [{"at": "2025-06-02T21:00:00"}]}),
                "told no fires: ",
            ),
        ] {
            let error = Page::read(&told.to_string(), at(0), 2).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
