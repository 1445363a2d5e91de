//! Reads a job document that somebody else wrote, as leniently as can be: whatever it says, there is a job afterwards.
//!
//! What cannot be kept as it is makes the job paused, with a sentence that names it.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use stock_scheduler_sdk::{Job, JobId, RunStatus, Symbol};

/// A job, and what its document tells besides.
pub(crate) struct Adopted {
    pub(crate) job: Job,
    pub(crate) last_run: Option<DateTime<Utc>>,
    pub(crate) last_status: Option<RunStatus>,
}

/// Reads `text`, the document of job `id`. Stamps without an offset are meant in `zone`.
///
/// A document in our own form is taken as it is. The Python module's form has a daily `schedule_time` and no schedule.
pub(crate) fn read(id: &JobId, text: &str, zone: Tz) -> Adopted {
    if let Ok(job) = serde_json::from_str::<Job>(text)
        && job.id == *id
    {
        return Adopted {
            job,
            last_run: None,
            last_status: None,
        };
    }
    let (fields, problem) = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => (fields, None),
        _ => (
            Map::new(),
            Some("its document is not a JSON object".to_owned()),
        ),
    };
    let mut reader = Reader {
        fields,
        zone,
        problems: problem.into_iter().collect(),
    };
    reader.read(id)
}

struct Reader {
    fields: Map<String, Value>,
    zone: Tz,
    problems: Vec<String>,
}

impl Reader {
    fn read(&mut self, id: &JobId) -> Adopted {
        let name = self.name();
        let symbols = self.symbols();
        let (time, schedule_time) = self.time();
        let last_run = self.stamp("last_run");
        let created_at = self.stamp("created_at").or(last_run).unwrap_or_default();
        let schedule = json!({"kind": "daily", "time": time});
        let mut job = Job::new(id.clone(), name, symbols, schedule, created_at);
        job.schedule_time = schedule_time;
        job.start_date = self.date("start_date");
        job.end_date = self.date("end_date");
        if job
            .start_date
            .zip(job.end_date)
            .is_some_and(|(start, end)| start > end)
        {
            self.problems.push("start_date is after end_date".into());
        }
        job.duration_days = self.days();
        job.prefix = self.prefix();
        job.active = self.is_active() && self.problems.is_empty();
        job.problem = self.problem();
        let last_status = match self.fields.get("status").and_then(Value::as_str) {
            Some("completed") => Some(RunStatus::Success),
            Some("failed") => Some(RunStatus::Failed),
            _ => None,
        };
        Adopted {
            job,
            last_run,
            last_status,
        }
    }

    fn is(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn doubt(&mut self, name: &str, wanted: &str) {
        let value = self.fields.get(name).cloned().unwrap_or_default();
        self.problems
            .push(format!("{name} {value} is not {wanted}"));
    }

    fn name(&mut self) -> String {
        let name = self
            .is("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            self.doubt("name", "1 to 200 characters without control characters");
        }
        name
    }

    fn symbols(&mut self) -> Vec<Symbol> {
        let Some(Value::Array(given)) = self.is("stock_ids").cloned() else {
            self.doubt("stock_ids", "a list of symbols");
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut symbols = Vec::new();
        for value in &given {
            match value.as_str().unwrap_or_default().trim().parse::<Symbol>() {
                Ok(symbol) if seen.insert(symbol.to_upper()) => symbols.push(symbol),
                Ok(_) => {}
                Err(_) => self.problems.push(format!("stock id {value} is no symbol")),
            }
        }
        if given.is_empty() {
            self.problems.push("stock_ids is empty".into());
        }
        symbols
    }

    /// The schedule's time, and what readers of `schedule_time` see.
    fn time(&mut self) -> (String, Option<String>) {
        let given = self.is("schedule_time").cloned().unwrap_or_default();
        let text = given
            .as_str()
            .map_or_else(|| given.to_string(), str::to_owned);
        if let Some(time) = time_of_day(&text) {
            return (time.clone(), Some(time));
        }
        self.doubt("schedule_time", "a time of day HH:MM");
        (text.clone(), given.is_string().then_some(text))
    }

    fn stamp(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.is(name)?.as_str().unwrap_or_default().to_owned();
        let stamp = instant(&text, self.zone);
        if stamp.is_none() {
            self.doubt(name, "a date and time");
        }
        stamp
    }

    fn date(&mut self, name: &str) -> Option<NaiveDate> {
        let text = self.is(name)?.as_str().unwrap_or("no date").to_owned();
        if text.is_empty() {
            return None;
        }
        let date = text.parse().ok();
        if date.is_none() {
            self.doubt(name, "a date YYYY-MM-DD");
        }
        date
    }

    fn days(&mut self) -> Option<u32> {
        let days = self
            .is("duration_days")?
            .as_u64()
            .filter(|days| (1..=36_525).contains(days));
        if days.is_none() {
            self.doubt("duration_days", "1 to 36525");
        }
        days.and_then(|days| days.try_into().ok())
    }

    fn prefix(&mut self) -> stock_scheduler_sdk::Prefix {
        let Some(given) = self.is("prefix") else {
            return Default::default();
        };
        let prefix = given.as_str().and_then(|text| text.parse().ok());
        if prefix.is_none() {
            self.doubt(
                "prefix",
                "1 to 100 characters without '{', '}', ':' and control characters",
            );
        }
        prefix.unwrap_or_default()
    }

    fn is_active(&mut self) -> bool {
        match self.is("is_active") {
            None => true,
            Some(Value::Bool(is_active)) => *is_active,
            Some(_) => {
                self.doubt("is_active", "true or false");
                false
            }
        }
    }

    fn problem(&self) -> Option<String> {
        let found = self.problems.join("; ");
        let sentence = format!("paused when it was taken over: {found}; edit the job and start it");
        (!found.is_empty()).then_some(sentence)
    }
}

/// `HH:MM`, also from `H:MM`.
fn time_of_day(text: &str) -> Option<String> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str, most: u8| {
        let is_digits = part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u8>()
            .ok()
            .filter(|number| is_digits && *number <= most)
    };
    let (hour, minute) = (
        number(hour, 23)?,
        (minute.len() == 2).then(|| number(minute, 59))??,
    );
    Some(format!("{hour:02}:{minute:02}"))
}

/// Reads what Python's `isoformat` writes, with or without an offset.
fn instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(stamp) = DateTime::parse_from_rfc3339(text) {
        return Some(stamp.to_utc());
    }
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let local = read("%Y-%m-%dT%H:%M:%S%.f").or_else(|| read("%Y-%m-%d %H:%M:%S%.f"))?;
    // A stamp within a clock change's gap never was; the first that was is an hour later at most.
    let later = local + chrono::TimeDelta::hours(1);
    let known = zone.from_local_datetime(&local).earliest();
    Some(
        known
            .or_else(|| zone.from_local_datetime(&later).earliest())?
            .to_utc(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopted(document: Value) -> Adopted {
        let id: JobId = "0001-a".parse().unwrap();
        read(&id, &document.to_string(), Tz::America__New_York)
    }

    fn document() -> Value {
        json!({
            "job_id": "0001-a", "name": "Old", "stock_ids": [" msft", "MSFT", "AAPL "], "schedule_time": "9:05",
            "is_active": true, "created_at": "2025-07-01T12:00:00", "last_run": "2025-07-02T09:05:01.5",
            "next_run": "2025-07-03T09:05:00", "status": "completed", "start_date": "", "end_date": null,
            "duration_days": 60, "prefix": "mine",
        })
    }

    #[test]
    fn a_good_document_is_taken_whole() {
        let Adopted {
            job,
            last_run,
            last_status,
        } = adopted(document());

        let symbols: Vec<_> = job.symbols.iter().map(Symbol::as_str).collect();
        assert_eq!(symbols, ["msft", "AAPL"]);
        assert_eq!(job.schedule, json!({"kind": "daily", "time": "09:05"}));
        assert_eq!((job.active, &job.problem), (true, &None));
        assert_eq!(job.created_at.to_rfc3339(), "2025-07-01T16:00:00+00:00");
        assert_eq!(
            last_run.unwrap().to_rfc3339(),
            "2025-07-02T13:05:01.500+00:00"
        );
        assert_eq!(last_status, Some(RunStatus::Success));
        assert_eq!((job.prefix.as_str(), job.duration_days), ("mine", Some(60)));
    }

    #[test]
    fn what_cannot_be_kept_pauses_the_job_and_is_named() {
        for (field, value, named) in [
            ("schedule_time", json!("17:00:30"), "17:00:30"),
            ("schedule_time", json!("5 pm"), "5 pm"),
            ("schedule_time", json!(17), "schedule_time 17"),
            ("stock_ids", json!([]), "stock_ids is empty"),
            ("stock_ids", json!(["A:B"]), "A:B"),
            ("stock_ids", json!("AAPL"), "list of symbols"),
            ("duration_days", json!(-3), "duration_days -3"),
            ("prefix", json!("a:b"), "a:b"),
            ("start_date", json!("1 Jan"), "1 Jan"),
            ("created_at", json!("yesterday"), "yesterday"),
            ("is_active", json!("false"), "is_active"),
        ] {
            let mut odd = document();
            odd[field] = value;

            let job = adopted(odd).job;

            assert!(!job.active, "{field}");
            assert!(
                job.problem
                    .as_ref()
                    .is_some_and(|problem| problem.contains(named)),
                "{:?}",
                job.problem
            );
        }
    }

    #[test]
    fn a_document_that_is_no_document_is_still_a_job() {
        let id: JobId = "x".parse().unwrap();

        for text in ["", "not json", "[]", "17", "{}"] {
            let job = read(&id, text, Tz::UTC).job;
            assert_eq!((&job.id, job.active), (&id, false), "{text}");
            assert!(job.problem.is_some());
        }
    }
}
