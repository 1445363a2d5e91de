//! What a client wants of a job, read from JSON and turned into a definition. The rules for jobs live here, so that the
//! HTTP face, the command line and whatever comes later share them.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use stock_scheduler_sdk::schedule::zones::canonical;
use stock_scheduler_sdk::{FetcherRef, Interval, Job, JobId, Misfire, Overlap, Prefix, Symbol};

use super::Plugins;
use super::after;
use super::fields::{self, FieldError, Fields, Given, ReadError};
use super::policies;
use super::timetable::LONGEST_JITTER;

/// The most symbols one job may have.
pub const MOST_SYMBOLS: usize = 5_000;

/// How a draft's missing and null fields are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A new job: missing and null fields get their defaults.
    Create,
    /// PUT: missing and null fields stay as they are; an empty date is cleared.
    Merge,
    /// PATCH (RFC 7396): missing fields stay, null fields are cleared.
    Patch,
}

/// A client's wish, every field checked by itself.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    name: Given<String>,
    symbols: Given<Vec<Symbol>>,
    schedule_time: Given<String>,
    schedule: Given<Value>,
    timezone: Given<Tz>,
    start_date: Given<Option<NaiveDate>>,
    end_date: Given<Option<NaiveDate>>,
    duration_days: Given<u32>,
    prefix: Given<Prefix>,
    fetcher: Given<FetcherRef>,
    interval: Given<Interval>,
    misfire: Given<Misfire>,
    overlap: Given<Overlap>,
    jitter: Given<TimeDelta>,
    paused_until: Given<DateTime<Utc>>,
    active_until: Given<DateTime<Utc>>,
    max_fires: Given<u32>,
    tags: Given<Vec<String>>,
    keep: Given<u32>,
    active: Given<bool>,
}

/// What a GET shows and nobody can set: accepted, so that it may be sent back, and ignored.
const READ_ONLY: [&str; 8] = [
    "job_id",
    "created_at",
    "status",
    "last_run",
    "next_run",
    "revision",
    "last_execution",
    "problem",
];

impl Draft {
    /// Reads a request's body; answers everything that is wrong with it.
    pub fn read(body: Value, mode: Mode) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::new(body).map_err(|error| vec![error])?;
        if mode == Mode::Create {
            fields.require("name");
            fields.require("stock_ids");
        }
        let draft = Self {
            name: fields.take("name", name),
            symbols: fields.take("stock_ids", symbols),
            schedule_time: fields.take("schedule_time", fields::text),
            schedule: schedule_or_after(&mut fields),
            timezone: fields.take("timezone", timezone),
            start_date: fields.take("start_date", fields::date),
            end_date: fields.take("end_date", fields::date),
            duration_days: fields.take("duration_days", |v| fields::whole(v, 1, 36_525)),
            prefix: fields.take("prefix", |v| parsed(fields::text(v)?)),
            fetcher: fields.take("fetcher", fetcher),
            interval: fields.take("interval", |v| parsed(fields::text(v)?)),
            misfire: fields.take("misfire", policies::misfire),
            overlap: fields.take("overlap", policies::overlap),
            jitter: fields.take("jitter", |v| fields::duration(v, LONGEST_JITTER)),
            paused_until: fields.take("paused_until", fields::instant),
            active_until: fields.take("active_until", fields::instant),
            max_fires: fields.take("max_fires", |v| fields::whole(v, 1, 1_000_000_000)),
            tags: fields.take("tags", tags),
            keep: fields.take("keep", |v| fields::whole(v, 1, 100_000)),
            active: fields.take("is_active", fields::flag),
        };
        READ_ONLY.into_iter().for_each(|name| fields.ignore(name));
        match fields.finish() {
            errors if errors.is_empty() => Ok(draft),
            errors => Err(errors),
        }
    }

    /// The new job that the draft describes.
    pub(crate) fn create(
        self,
        id: JobId,
        now: DateTime<Utc>,
        plugins: &Plugins,
    ) -> Result<Job, Vec<FieldError>> {
        if self.schedule_time.clone().value().is_none() && self.schedule.clone().value().is_none() {
            let message = "schedule_time (\"HH:MM\"), schedule or after is required".to_owned();
            return Err(vec![FieldError {
                pointer: "/schedule_time".into(),
                code: "required",
                message,
            }]);
        }
        let blank = Job::new(id, "", Vec::new(), Value::Null, now);
        self.apply(&blank, Mode::Create, plugins)
    }

    /// `job` as the draft changes it.
    pub(crate) fn apply(
        self,
        job: &Job,
        mode: Mode,
        plugins: &Plugins,
    ) -> Result<Job, Vec<FieldError>> {
        let mut errors = Vec::new();
        let clears = mode == Mode::Patch;
        let mut new = job.clone();
        let shown_zone = (mode != Mode::Create).then(|| plugins.examine(job).zone);
        required(&mut new.name, self.name, clears, "name", &mut errors);
        required(
            &mut new.symbols,
            self.symbols,
            clears,
            "stock_ids",
            &mut errors,
        );
        or_default(&mut new.prefix, self.prefix, clears);
        or_default(&mut new.fetcher, self.fetcher, clears);
        or_default(&mut new.interval, self.interval, clears);
        or_default(&mut new.misfire, self.misfire, clears);
        or_default(&mut new.overlap, self.overlap, clears);
        or_default(&mut new.tags, self.tags, clears);
        optional(&mut new.jitter, self.jitter, clears);
        optional(&mut new.paused_until, self.paused_until, clears);
        optional(&mut new.active_until, self.active_until, clears);
        optional(&mut new.max_fires, self.max_fires.map(u64::from), clears);
        optional(&mut new.keep, self.keep, clears);
        optional(&mut new.duration_days, self.duration_days, clears);
        optional_date(&mut new.start_date, self.start_date, clears);
        optional_date(&mut new.end_date, self.end_date, clears);
        // What a GET shows, sent back, changes nothing.
        if shown_zone.is_none_or(|shown| self.timezone != Given::Value(shown)) {
            optional(&mut new.timezone, self.timezone, clears);
        }
        if clears {
            keep_schedule(
                job,
                &self.schedule_time,
                &self.schedule,
                &self.active,
                &mut errors,
            );
        }
        let pointer = set_schedule(&mut new, self.schedule_time, self.schedule, &mut errors);
        if let Given::Value(active) = self.active {
            new.active = active;
        }
        new.problem = None;
        let is_as_before =
            mode != Mode::Create && (&new.schedule, new.timezone) == (&job.schedule, job.timezone);
        check(&mut new, pointer, is_as_before, plugins, &mut errors);
        if errors.is_empty() {
            Ok(new)
        } else {
            Err(errors)
        }
    }
}

/// Puts a changed schedule, or a changed time, into the job; answers which field a mistake in it belongs to.
fn set_schedule(
    job: &mut Job,
    time: Given<String>,
    schedule: Given<Value>,
    errors: &mut Vec<FieldError>,
) -> &'static str {
    if let Given::Value(schedule) = schedule
        && schedule != job.schedule
    {
        if let Given::Value(time) = time
            && job.schedule_time.as_ref() != Some(&time)
            && !is_time_of_day(&time)
        {
            // The schedule wins, and still no nonsense is passed over.
            let message = format!("schedule_time must be HH:MM from 00:00 to 23:59, not {time:?}");
            errors.push(FieldError::value("/schedule_time", message));
        }
        job.schedule = schedule;
        return "/schedule";
    }
    let Given::Value(time) = time else {
        return "/schedule";
    };
    if job.schedule_time.as_deref() == Some(&time) && job.schedule.is_object() {
        return "/schedule_time";
    }
    match job.schedule.as_object_mut() {
        Some(object) if object.contains_key("time") || object.contains_key("times") => {
            object.remove("times");
            object.insert("time".into(), time.into());
        }
        _ => job.schedule = json!({"kind": "daily", "time": time}),
    }
    "/schedule_time"
}

fn is_time_of_day(text: &str) -> bool {
    text.len() == 5 && NaiveTime::parse_from_str(text, "%H:%M").is_ok()
}

/// Refuses null for what a job cannot be without. The null that a GET shows for a schedule without one time changes
/// nothing.
fn keep_schedule(
    job: &Job,
    time: &Given<String>,
    schedule: &Given<Value>,
    active: &Given<bool>,
    errors: &mut Vec<FieldError>,
) {
    let mut refuse = |name: &str| {
        let message = format!("{name} cannot be cleared; stop the job instead");
        errors.push(FieldError::value(format!("/{name}"), message));
    };
    if *schedule == Given::Null && !matches!(time, Given::Value(_)) {
        refuse("schedule");
    }
    let cleared = *time == Given::Null && job.schedule_time.is_some();
    if cleared && *schedule == Given::Absent {
        refuse("schedule_time");
    }
    if *active == Given::Null {
        refuse("is_active");
    }
}

/// Checks what only the whole job shows.
fn check(
    job: &mut Job,
    schedule_pointer: &str,
    is_as_before: bool,
    plugins: &Plugins,
    errors: &mut Vec<FieldError>,
) {
    if let (Some(start), Some(end)) = (job.start_date, job.end_date)
        && start > end
    {
        let message = format!("start_date {start} is after end_date {end}; it must not be later");
        errors.push(FieldError::value("/start_date", message));
    }
    // Another writer's job may have come without what we ask of our own.
    if job.symbols.is_empty() {
        let message = format!("stock_ids must have 1 to {MOST_SYMBOLS} symbols, not 0");
        errors.push(FieldError::value("/stock_ids", message));
    }
    if let Err(error) = name(Value::String(job.name.clone())) {
        errors.push(error.at("name"));
    }
    check_fetcher(job, plugins, errors);
    check_jitter(job, errors);
    check_jitter(job, errors);
    let checked = plugins.check_shape(&job.schedule);
    let built = checked
        .and_then(|()| plugins.schedule(&job.schedule, job.timezone.unwrap_or(plugins.zone)));
    match built {
        Ok(schedule) => {
            job.schedule_time = schedule.time_of_day();
            if let (Some(zone), Some(named)) = (schedule.zone(), job.schedule.get_mut("timezone")) {
                *named = zone.name().into();
            }
            if schedule.zone().is_none() && job.timezone.is_none() {
                // Fixed here, so that moving the service to another machine moves no fire.
                job.timezone = Some(plugins.zone);
            }
        }
        // Nobody asked for it: its plugin or exchange has gone since, which the job's `problem` says.
        Err(_) if is_as_before => {}
        Err(error) => {
            let below = if schedule_pointer == "/schedule" {
                error.pointer.as_str()
            } else {
                ""
            };
            let field = schedule_pointer.trim_start_matches('/');
            errors.push(FieldError::value(
                format!("{schedule_pointer}{below}"),
                format!("{field}: {}", error.message),
            ));
        }
    }
}

/// Refuses a delay where the schedule cannot know of it.
fn check_jitter(job: &Job, errors: &mut Vec<FieldError>) {
    let follows = job.schedule["kind"] == after::KIND;
    if follows && job.jitter.is_some_and(|jitter| jitter > TimeDelta::zero()) {
        let why = "jitter has no meaning for a job that follows another; leave it out";
        errors.push(FieldError::value("/jitter", why));
    }
}

fn check_fetcher(job: &Job, plugins: &Plugins, errors: &mut Vec<FieldError>) {
    let Some(entry) = plugins.fetcher(&job.fetcher.name) else {
        let message =
            super::plugins::unknown("fetcher", &job.fetcher.name, &plugins.fetchers.names());
        errors.push(FieldError::value("/fetcher", message));
        return;
    };
    if entry.unready().is_some() {
        // Whoever saves the job sees to it.
        return;
    }
    if !entry.info.intervals.contains(&job.interval) {
        let known: Vec<_> = entry
            .info
            .intervals
            .iter()
            .map(ToString::to_string)
            .collect();
        let message = format!(
            "interval {:?} is not offered by fetcher {:?}; it has {}",
            job.interval.to_string(),
            entry.name,
            known.join(", ")
        );
        errors.push(FieldError::value("/interval", message));
    }
    if let Some(Err(error)) = entry.check_options(&job.fetcher.options) {
        errors.push(FieldError::value(
            format!("/fetcher/options{}", error.pointer),
            error.message,
        ));
    }
}

fn required<T>(
    target: &mut T,
    given: Given<T>,
    clears: bool,
    name: &str,
    errors: &mut Vec<FieldError>,
) {
    match given {
        Given::Value(value) => *target = value,
        Given::Null if clears => {
            let message = format!("{name} cannot be cleared");
            errors.push(FieldError {
                pointer: format!("/{name}"),
                code: "required",
                message,
            });
        }
        _ => {}
    }
}

fn or_default<T: Default>(target: &mut T, given: Given<T>, clears: bool) {
    match given {
        Given::Value(value) => *target = value,
        Given::Null if clears => *target = T::default(),
        _ => {}
    }
}

fn optional<T>(target: &mut Option<T>, given: Given<T>, clears: bool) {
    match given {
        Given::Value(value) => *target = Some(value),
        Given::Null if clears => *target = None,
        _ => {}
    }
}

fn optional_date(target: &mut Option<NaiveDate>, given: Given<Option<NaiveDate>>, clears: bool) {
    match given {
        Given::Value(value) => *target = value,
        Given::Null if clears => *target = None,
        _ => {}
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: String) -> Result<T, ReadError> {
    text.parse()
        .map_err(|error: T::Err| ReadError::value(format!("is wrong: {error}")))
}

fn name(value: Value) -> Result<String, ReadError> {
    printable(value, 200)
}

fn printable(value: Value, most: usize) -> Result<String, ReadError> {
    let text = fields::text(value)?;
    let length = text.chars().count();
    if !(1..=most).contains(&length) || text.chars().any(char::is_control) {
        let message = format!(
            "must have 1 to {most} characters and no control characters, not {length}: {text:?}"
        );
        return Err(ReadError::value(message));
    }
    Ok(text)
}

/// The symbols, trimmed, each once whatever its case.
fn symbols(value: Value) -> Result<Vec<Symbol>, ReadError> {
    let items = fields::list(value)?;
    if !(1..=MOST_SYMBOLS).contains(&items.len()) {
        return Err(ReadError::value(format!(
            "must have 1 to {MOST_SYMBOLS} symbols, not {}",
            items.len()
        )));
    }
    let mut seen = std::collections::HashSet::new();
    let mut symbols = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let symbol =
            fields::text(item).and_then(|text| parsed::<Symbol>(text.trim_matches(' ').to_owned()));
        let symbol = symbol.map_err(|error| error.below(place))?;
        if seen.insert(symbol.to_upper()) {
            symbols.push(symbol);
        }
    }
    Ok(symbols)
}

fn schedule(value: Value) -> Result<Value, ReadError> {
    if value.is_object() {
        Ok(value)
    } else {
        Err(ReadError::wrong_type("an object with a kind", &value))
    }
}

/// The schedule; `after` is short for one of that kind.
fn schedule_or_after(fields: &mut Fields) -> Given<Value> {
    let schedule = fields.take("schedule", schedule);
    let after = fields.take("after", |value| match value {
        Value::Object(object) if object.contains_key("kind") => {
            Err(ReadError::value("has an unknown field \"kind\"; it has job and on").below("kind"))
        }
        Value::Object(mut object) => {
            object.insert("kind".into(), after::KIND.into());
            Ok(Value::Object(object))
        }
        other => Err(ReadError::wrong_type("an object with a job", &other)),
    });
    match (schedule, after) {
        (schedule, Given::Absent | Given::Null) => schedule,
        (Given::Absent | Given::Null, after) => after,
        (schedule, _) => {
            let error = ReadError::value("is given beside schedule; give one of them");
            fields.errors.push(error.at("after"));
            schedule
        }
    }
}

/// A zone of the IANA database, by its name.
pub(crate) fn timezone(value: Value) -> Result<Tz, ReadError> {
    let name = fields::text(value)?;
    name.parse().map(canonical).map_err(|_| {
        let near = fields::nearest(&name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        ReadError::value(format!(
            "must be an IANA zone such as \"America/New_York\", not {name:?}{hint}"
        ))
    })
}

fn fetcher(value: Value) -> Result<FetcherRef, ReadError> {
    if let Value::Object(object) = &value
        && let Some(extra) = object
            .keys()
            .find(|key| *key != "name" && *key != "options")
    {
        return Err(ReadError::value(format!(
            "has an unknown field {extra:?}; it has name and options"
        ))
        .below(extra));
    }
    if let Some(options) = value.get("options").filter(|options| !options.is_object()) {
        return Err(ReadError::wrong_type("given options as an object", options).below("options"));
    }
    let shape = "a name, or an object with a name and options";
    serde_json::from_value(value.clone()).map_err(|_| ReadError::wrong_type(shape, &value))
}

fn tags(value: Value) -> Result<Vec<String>, ReadError> {
    let items = fields::list(value)?;
    if items.len() > 32 {
        return Err(ReadError::value(format!(
            "must have at most 32 tags, not {}",
            items.len()
        )));
    }
    let mut tags = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let tag = printable(item, 64).map_err(|error| error.below(place))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}
