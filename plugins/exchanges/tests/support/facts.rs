//! The recorded facts about exchanges in the folder `shared` beside the checkout, read as plainly as can be: what the
//! calendars are compared with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

/// The facts about one exchange.
pub(crate) struct Facts {
    pub(crate) code: String,
    pub(crate) first: NaiveDate,
    pub(crate) last: NaiveDate,
    json: Value,
    zone: Tz,
}

/// A session: open, close and breaks.
pub(crate) type Session = (
    DateTime<Utc>,
    DateTime<Utc>,
    Vec<(DateTime<Utc>, DateTime<Utc>)>,
);

/// All exchanges, with the corrections; none, and a word about it, where they were not recorded.
pub(crate) fn all() -> Vec<Facts> {
    let shared = std::env::var_os("STOCK_SCHEDULER_SHARED").map(PathBuf::from);
    let shared = shared
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")));
    let folder = shared.join("data/calendars");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: there are no facts in {}", folder.display());
        return Vec::new();
    };
    let read = |path: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
    };
    let corrections = read(&folder.join("overlay/corrections.json"));
    let paths = files.map(|file| file.expect("a file").path());
    let facts = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    facts
        .map(|path| Facts::new(read(&path), &corrections))
        .collect()
}

impl Facts {
    fn new(mut json: Value, corrections: &Value) -> Self {
        let code = text(&json["mic"]);
        let correction = &corrections[&code];
        for (list, more) in [
            ("holidays", "add_holidays"),
            ("extra_sessions", "extra_sessions"),
        ] {
            let more = correction[more].as_array().cloned().unwrap_or_default();
            json[list].as_array_mut().expect("a list").extend(more);
        }
        let late = correction["late_opens"].as_object().cloned();
        let late_opens = json["late_opens"].as_object_mut().expect("an object");
        late_opens.extend(late.unwrap_or_default());
        Self {
            first: date(&json["coverage"]["first"]),
            last: date(&json["coverage"]["last"]),
            zone: text(&json["tz"]).parse().expect("a zone"),
            code,
            json,
        }
    }

    /// All sessions, by date.
    pub(crate) fn sessions(&self) -> BTreeMap<NaiveDate, Session> {
        let dates = self.first.iter_days().take_while(|date| *date <= self.last);
        dates
            .filter_map(|date| Some((date, self.session(date)?)))
            .collect()
    }

    fn session(&self, date: NaiveDate) -> Option<Session> {
        let json = &self.json;
        let key = date.to_string();
        let has = |list: &str| {
            json[list]
                .as_array()
                .expect("a list")
                .contains(&Value::from(&*key))
        };
        let day = Value::from(date.weekday().number_from_monday());
        let weekdays = latest(&json["weekmask"], &key)["days"]
            .as_array()
            .expect("days");
        let trades = (weekdays.contains(&day) && !has("holidays")) || has("extra_sessions");
        if !trades {
            return None;
        }
        let hours = latest(&json["hours"], &key);
        let shift = |name: &str| hours[name].as_i64().unwrap_or(0);
        let open = json["late_opens"].get(&key).unwrap_or(&hours["open"]);
        let close = json["early_closes"].get(&key).unwrap_or(&hours["close"]);
        let open = self.instant(date, shift("open_day_offset"), open);
        let close = self.instant(date, shift("close_day_offset"), close);
        let breaks = match json["break_changes"].get(&key) {
            Some(Value::Null) => Vec::new(),
            Some(changed) => vec![changed.clone()],
            None => hours["breaks"].as_array().cloned().unwrap_or_default(),
        };
        let at = |time| self.instant(date, 0, time);
        let breaks = breaks.iter().map(|pause| (at(&pause[0]), at(&pause[1])));
        // A break that is over before a late open is none.
        let breaks = breaks.filter(|(begin, end)| *begin < close && *end > open);
        Some((open, close, breaks.collect()))
    }

    fn instant(&self, date: NaiveDate, shift: i64, time: &Value) -> DateTime<Utc> {
        let date = match shift {
            -1 => date - Days::new(1),
            0 => date,
            1 => date + Days::new(1),
            _ => panic!("a shift of {shift} days"),
        };
        let time: NaiveTime = text(time).parse().expect("a time");
        let local = self.zone.from_local_datetime(&date.and_time(time));
        local.earliest().expect("no gap").to_utc()
    }
}

/// The last entry that applies on `date`.
fn latest<'a>(entries: &'a Value, date: &str) -> &'a Value {
    let mut entries = entries.as_array().expect("a list").iter();
    let applies = |entry: &&Value| entry["from"].as_str().is_none_or(|from| from <= date);
    entries.rfind(applies).expect("a first entry")
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn date(value: &Value) -> NaiveDate {
    text(value).parse().expect("a date")
}
