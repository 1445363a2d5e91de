//! What an expression means, spelled out.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Weekday};

use crate::DAY;
use crate::zone::{Stretch, Zone};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fire {
    pub(crate) at: i64,
    /// Whether a time is among its reasons that the clock does not show.
    pub(crate) is_moved: bool,
}

pub(crate) struct Oracle {
    seconds: Vec<i64>,
    minutes: Vec<i64>,
    hours: Vec<i64>,
    months: Vec<i64>,
    years: Option<Vec<i64>>,
    days: Vec<DayOfMonth>,
    weekdays: Vec<DayOfWeek>,
    needs_both: bool,
    is_elapsed: bool,
}

enum DayOfMonth {
    Numbers(Vec<i64>),
    Last,
    Nearest(i64),
    LastWeekday,
}

enum DayOfWeek {
    Numbers(Vec<i64>),
    Nth(i64, i64),
    Last(i64),
}

/// Fires are searched in windows of so many seconds.
const WINDOW: i64 = 6 * DAY;

/// The Gregorian calendar repeats itself after so many years.
const CYCLE: i32 = 400;

impl Oracle {
    pub(crate) fn read(expression: &str) -> Self {
        let expression = expression.to_uppercase();
        let expression = match expression.as_str() {
            "@YEARLY" | "@ANNUALLY" => "0 0 1 1 *",
            "@MONTHLY" => "0 0 1 * *",
            "@WEEKLY" => "0 0 * * 0",
            "@DAILY" | "@MIDNIGHT" => "0 0 * * *",
            "@HOURLY" => "0 * * * *",
            fields => fields,
        };
        let mut fields: Vec<_> = expression.split(' ').collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let year = fields.get(6).filter(|year| **year != "*");
        let weekdays = fields[5].trim_start_matches('+');
        let is_wild = |field: &str| matches!(field.split(',').next(), Some("*" | "?"));
        Self {
            seconds: numbers(fields[0], 0, 59),
            minutes: numbers(fields[1], 0, 59),
            hours: numbers(fields[2], 0, 23),
            months: numbers(&month_numbers(fields[4]), 1, 12),
            years: year.map(|year| numbers(year, 1970, 2199)),
            days: fields[3].split(',').map(day_of_month).collect(),
            weekdays: weekdays.split(',').map(day_of_week).collect(),
            needs_both: is_wild(fields[3]) || is_wild(weekdays) || fields[5].starts_with('+'),
            is_elapsed: fields[1].starts_with('*') || fields[2].starts_with('*'),
        }
    }

    /// Some fires after `start`, at most `most`, at least one if there is any.
    pub(crate) fn fires(&self, zone: &Zone, start: i64, most: usize) -> Vec<Fire> {
        let mut from = start;
        loop {
            let fires = match self.is_elapsed {
                true => self.elapsed(zone, from, most),
                false => self.fixed(zone, from, most),
            };
            if !fires.is_empty() {
                return fires;
            }
            from += WINDOW;
            let Some(date) = self.date_from((from + zone.offset(from)).div_euclid(DAY) - 2) else {
                return Vec::new();
            };
            from = from.max((date - 2) * DAY);
        }
    }

    /// The fires of a window, where each time counts whenever the clock shows it.
    fn elapsed(&self, zone: &Zone, from: i64, most: usize) -> Vec<Fire> {
        let mut fires = Vec::new();
        for Stretch { start, end, offset } in zone.stretches(from + 1, from + WINDOW + 1) {
            let shown = start + offset..end + offset;
            for day in shown.start.div_euclid(DAY)..=shown.end.div_euclid(DAY) {
                if !self.has_day(day) {
                    continue;
                }
                for minute in self
                    .minutes_of(day)
                    .filter(|minute| minute + 60 > shown.start)
                {
                    for local in self.seconds.iter().map(|second| minute + second) {
                        if shown.contains(&local) {
                            let at = local - offset;
                            fires.push(Fire {
                                at,
                                is_moved: false,
                            });
                        }
                        if fires.len() == most {
                            return fires;
                        }
                    }
                }
            }
        }
        fires
    }

    /// The fires of a window, where each time counts once: when the clock first shows it, or a later time instead.
    fn fixed(&self, zone: &Zone, from: i64, most: usize) -> Vec<Fire> {
        // Whatever the clock shows, two days before it has shown all that is more than four days back.
        let stretches = zone.stretches(from - 4 * DAY, from + WINDOW + 4 * DAY);
        let mut fires: Vec<Fire> = Vec::new();
        let first_day = (from + zone.offset(from)).div_euclid(DAY) - 2;
        for day in (first_day..first_day + 4 + WINDOW / DAY).filter(|day| self.has_day(*day)) {
            for minute in self.minutes_of(day) {
                if first_shown(minute + 59, &stretches).at <= from {
                    continue;
                }
                for second in &self.seconds {
                    let fire = first_shown(minute + second, &stretches);
                    let count = fires.len();
                    match fires.last_mut() {
                        _ if fire.at <= from => {}
                        Some(last) if last.at == fire.at => last.is_moved |= fire.is_moved,
                        _ if count == most => return fires,
                        _ => fires.push(fire),
                    }
                }
            }
        }
        fires
    }

    /// The begins of all minutes of a day that match, as the clock shows them.
    fn minutes_of(&self, day: i64) -> impl Iterator<Item = i64> {
        let hours = self.hours.iter().map(move |hour| day * DAY + hour * 3_600);
        hours.flat_map(|hour| self.minutes.iter().map(move |minute| hour + minute * 60))
    }

    /// The first day from `first` on that matches, as days since 1970.
    fn date_from(&self, first: i64) -> Option<i64> {
        let first = date_of(first);
        let years = (0..=CYCLE).map(|years| first.year() + years);
        let months = years.filter(|year| self.has_year(*year)).flat_map(|year| {
            let months = self.months.iter();
            months.map(move |month| (year, *month as u32))
        });
        let dates = months.flat_map(|(year, month)| {
            (1..=31).filter_map(move |day| NaiveDate::from_ymd_opt(year, month, day))
        });
        let mut dates = dates.filter(|date| *date >= first);
        let date = dates.find(|date| self.has_date(*date))?;
        Some(date.and_time(NaiveTime::MIN).and_utc().timestamp() / DAY)
    }

    /// Whether a date matches, given as days since 1970.
    fn has_day(&self, day: i64) -> bool {
        let date = date_of(day);
        let has_month = self.months.contains(&i64::from(date.month()));
        has_month && self.has_year(date.year()) && self.has_date(date)
    }

    fn has_year(&self, year: i32) -> bool {
        let years = self.years.as_ref();
        years.is_none_or(|years| years.contains(&i64::from(year)))
    }

    /// Whether a date of a month and a year that match does.
    fn has_date(&self, date: NaiveDate) -> bool {
        let by_month = || self.days.iter().any(|days| is_day_of_month(days, date));
        let by_week = || self.weekdays.iter().any(|days| is_day_of_week(days, date));
        match self.needs_both {
            true => by_week() && by_month(),
            false => by_week() || by_month(),
        }
    }
}

fn date_of(day: i64) -> NaiveDate {
    let midnight = DateTime::from_timestamp(day * DAY, 0);
    midnight.expect("a date").date_naive()
}

/// When the clock first shows `local` or a later time.
fn first_shown(local: i64, stretches: &[Stretch]) -> Fire {
    for stretch in stretches {
        let at = stretch.start.max(local - stretch.offset);
        if at < stretch.end {
            let is_moved = at + stretch.offset != local;
            return Fire { at, is_moved };
        }
    }
    panic!("the stretches are too short for {local}");
}

fn is_day_of_month(days: &DayOfMonth, date: NaiveDate) -> bool {
    match days {
        DayOfMonth::Numbers(days) => days.contains(&i64::from(date.day())),
        DayOfMonth::Last => !is_in_same_month(date, 1),
        DayOfMonth::Nearest(day) => {
            let distance = |other: &NaiveDate| (i64::from(other.day()) - day).abs();
            // A weekend is two days long.
            distance(&date) <= 2
                && date.with_day(*day as u32).is_some()
                && workdays(date).min_by_key(distance) == Some(date)
        }
        DayOfMonth::LastWeekday => date.day() > 25 && workdays(date).last() == Some(date),
    }
}

fn is_day_of_week(days: &DayOfWeek, date: NaiveDate) -> bool {
    let weekday = i64::from(date.weekday().num_days_from_sunday());
    match days {
        DayOfWeek::Numbers(days) => days.iter().any(|day| day % 7 == weekday),
        DayOfWeek::Nth(day, n) => {
            day % 7 == weekday
                && is_in_same_month(date, -7 * (n - 1))
                && !is_in_same_month(date, -7 * n)
        }
        DayOfWeek::Last(day) => day % 7 == weekday && !is_in_same_month(date, 7),
    }
}

fn is_in_same_month(date: NaiveDate, days: i64) -> bool {
    (date + TimeDelta::days(days)).month() == date.month()
}

/// The days from Monday to Friday of a date's month.
fn workdays(date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let days = (1..=31).filter_map(move |day| date.with_day(day));
    days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
}

fn day_of_month(item: &str) -> DayOfMonth {
    match item {
        "L" => DayOfMonth::Last,
        "LW" => DayOfMonth::LastWeekday,
        item => match item.strip_suffix('W') {
            Some(day) => DayOfMonth::Nearest(day.parse().expect("a day")),
            None => DayOfMonth::Numbers(numbers(item, 1, 31)),
        },
    }
}

fn day_of_week(item: &str) -> DayOfWeek {
    // As an end, Sunday is the last day of a week and not the first.
    let item = match item.split_once("-SUN") {
        Some((from, step)) if !["SUN", "0"].contains(&from) => format!("{from}-7{step}"),
        _ => item.to_owned(),
    };
    let mut item = item;
    for (number, name) in (0..).zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]) {
        item = item.replace(name, &format!("{number}"));
    }
    let number = |text: &str| text.parse::<i64>().expect("a number");
    if let Some(day) = item.strip_suffix("#L").or(item.strip_suffix('L')) {
        return DayOfWeek::Last(number(day));
    }
    match item.split_once('#') {
        Some((day, n)) => DayOfWeek::Nth(number(day), number(n)),
        None => DayOfWeek::Numbers(numbers(&item, 0, 7)),
    }
}

fn month_numbers(field: &str) -> String {
    let names = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(' ');
    let mut field = field.to_owned();
    for (number, name) in (1..).zip(names) {
        field = field.replace(name, &format!("{number}"));
    }
    field
}

/// The values of a list, in order, each once.
fn numbers(field: &str, first: i64, last: i64) -> Vec<i64> {
    let is_listed = |value: &i64| {
        field
            .split(',')
            .any(|item| is_of(item, *value, first, last))
    };
    (first..=last).filter(is_listed).collect()
}

fn is_of(item: &str, value: i64, first: i64, last: i64) -> bool {
    let (range, step) = item.split_once('/').unwrap_or((item, "1"));
    let number = |text: &str| text.parse::<i64>().expect("a number");
    let (from, to) = match range {
        "*" | "?" => (first, last),
        range => match range.split_once('-') {
            Some((from, to)) => (number(from), number(to)),
            None => (number(range), number(range)),
        },
    };
    (from..=to).contains(&value) && (value - from) % number(step) == 0
}
