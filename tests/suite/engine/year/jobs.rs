use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Numbers by chance, the same for a seed (SplitMix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.cast_unsigned()).cast_signed()
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as i64) as usize]
    }
}

/// What is done about missed fires.
#[derive(Debug, Clone, Copy)]
pub(super) enum Policy {
    FireOnce,
    Skip,
    FireAll(usize),
}

/// When a job is due, as whoever ordered it would put it.
#[derive(Debug, Clone)]
pub(super) enum When {
    /// At these times on dates that match.
    Dates(Dates, Vec<NaiveTime>, Tz),
    /// At each half hour that passes while the clock shows these hours.
    HalfHours(std::ops::RangeInclusive<u32>, Tz),
    /// After each so many minutes since 1970.
    Minutes(i64),
    /// Before or after an exchange opens or closes.
    Session {
        exchange: &'static str,
        closes: bool,
        offset: TimeDelta,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Dates {
    All,
    Weekdays(Vec<Weekday>),
    Day(u32),
    DayFromEnd(u32),
    Nth(Weekday, i64),
}

impl Dates {
    pub(super) fn matches(&self, date: NaiveDate) -> bool {
        let left = date.num_days_in_month() as u32 - date.day();
        match self {
            Self::All => true,
            Self::Weekdays(days) => days.contains(&date.weekday()),
            Self::Day(day) => date.day() == *day,
            Self::DayFromEnd(day) => left + 1 == *day,
            Self::Nth(day, -1) => date.weekday() == *day && left < 7,
            Self::Nth(day, nth) => {
                date.weekday() == *day && i64::from((date.day() - 1) / 7) + 1 == *nth
            }
        }
    }
}

/// A job by chance.
pub(super) struct Order {
    pub(super) body: Value,
    pub(super) when: When,
    pub(super) on: Option<&'static str>,
    pub(super) policy: Policy,
    /// Its first and last instant, where it has such.
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
}

const ZONES: [Tz; 20] = [
    Tz::UTC,
    Tz::America__New_York,
    Tz::America__St_Johns,
    Tz::America__Santiago,
    Tz::America__Sao_Paulo,
    Tz::America__Havana,
    Tz::Atlantic__Azores,
    Tz::Europe__London,
    Tz::Europe__Berlin,
    Tz::Europe__Chisinau,
    Tz::Africa__Cairo,
    Tz::Africa__Casablanca,
    Tz::Asia__Beirut,
    Tz::Asia__Kathmandu,
    Tz::Asia__Tokyo,
    Tz::Australia__Lord_Howe,
    Tz::Australia__Sydney,
    Tz::Pacific__Chatham,
    Tz::Pacific__Auckland,
    Tz::Antarctica__Troll,
];
const EXCHANGES: [&str; 8] = [
    "XNYS", "XLON", "XTKS", "XHKG", "XETR", "XASX", "CMES", "24/7",
];
const DAYS: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

impl Order {
    pub(super) fn made_up(chance: &mut Chance, number: usize) -> Self {
        let zone = chance.one(&ZONES);
        let (when, mut schedule) = schedule(chance, number % 8, zone);
        // What falls on weekends alone, by the exchange's dates, would never run and is refused.
        let may_have_days = match &when {
            When::Dates(Dates::Weekdays(days), ..) => days.len() > 3,
            When::Dates(Dates::Nth(..), ..) => false,
            when => matches!(when, When::Dates(..) | When::HalfHours(..)),
        };
        let on = (may_have_days && chance.below(3) == 0).then(|| chance.one(&EXCHANGES));
        if let Some(on) = on {
            schedule["on"] = on.into();
        }
        let mut body = json!({"schedule": schedule, "duration_days": 1});
        let policy = match chance.below(3) {
            0 => Policy::FireOnce,
            1 => Policy::Skip,
            _ => Policy::FireAll(1 + chance.below(4) as usize),
        };
        body["misfire"] = match policy {
            Policy::FireOnce => "fire_once".into(),
            Policy::Skip => "skip".into(),
            Policy::FireAll(cap) => json!({"policy": "fire_all", "cap": cap}),
        };
        let (mut from, mut until) = (None, None);
        // What fires often does so for some days only.
        if is_often(&when) {
            let begin = NaiveDate::from_ymd_opt(2026, 1, 1)
                .unwrap()
                .and_time(NaiveTime::MIN)
                .and_utc();
            let start = begin + TimeDelta::minutes(chance.below(350 * 24 * 60));
            let end = start + TimeDelta::minutes(7 * 24 * 60 + chance.below(5 * 24 * 60));
            body["paused_until"] = start.to_rfc3339().into();
            body["active_until"] = end.to_rfc3339().into();
            (from, until) = (Some(start), Some(end));
        }
        Self {
            body,
            when,
            on,
            policy,
            from,
            until,
        }
    }
}

fn is_often(when: &When) -> bool {
    match when {
        When::Dates(Dates::All, ..) | When::HalfHours(..) | When::Session { .. } => true,
        When::Dates(Dates::Weekdays(days), ..) => days.len() > 1,
        When::Dates(..) => false,
        When::Minutes(minutes) => *minutes < 3 * 24 * 60,
    }
}

fn schedule(chance: &mut Chance, kind: usize, zone: Tz) -> (When, Value) {
    let times = times(chance);
    let text: Vec<_> = times
        .iter()
        .map(|time| time.format("%H:%M").to_string())
        .collect();
    let (day, nth) = (chance.one(&DAYS), chance.one(&[1, 2, 3, 4, 5, -1]));
    let word = |day: Weekday| day.to_string().to_lowercase();
    let at = |dates| When::Dates(dates, times.clone(), zone);
    match kind {
        0 => (
            at(Dates::All),
            json!({"kind": "daily", "times": text, "timezone": zone.name()}),
        ),
        1 => {
            let days: Vec<_> = DAYS
                .into_iter()
                .filter(|_| chance.below(4) == 0)
                .chain([day])
                .collect();
            let mut words: Vec<_> = days.iter().copied().map(word).collect();
            words.sort();
            words.dedup();
            let schedule =
                json!({"kind": "weekly", "days": words, "times": text, "timezone": zone.name()});
            (at(Dates::Weekdays(days)), schedule)
        }
        2 => {
            let number = 1 + chance.below(31) as u32;
            let (dates, day) = match chance.below(2) {
                0 => (Dates::Day(number), i64::from(number)),
                _ => (Dates::DayFromEnd(number), -i64::from(number)),
            };
            (
                at(dates),
                json!({"kind": "monthly", "day": day, "times": text, "timezone": zone.name()}),
            )
        }
        3 => {
            let schedule = json!({"kind": "monthly", "weekday": word(day), "nth": nth, "times": text, "timezone": zone.name()});
            (at(Dates::Nth(day, nth)), schedule)
        }
        4 => {
            let time = times[0];
            let expression = format!("{} * * {}", time.format("%-M %-H"), day);
            let when = When::Dates(Dates::Weekdays(vec![day]), vec![time], zone);
            (
                when,
                json!({"kind": "cron", "expression": expression, "timezone": zone.name()}),
            )
        }
        5 => {
            let first = chance.below(22) as u32;
            let last = first + 1;
            let expression = format!("*/30 {first}-{last} * * *");
            (
                When::HalfHours(first..=last, zone),
                json!({"kind": "cron", "expression": expression, "timezone": zone.name()}),
            )
        }
        6 => {
            let minutes = 15 * (8 + chance.below(2_000));
            (
                When::Minutes(minutes),
                json!({"kind": "interval", "every": format!("{minutes}m")}),
            )
        }
        _ => {
            let (exchange, closes) = (chance.one(&EXCHANGES), chance.below(2) == 0);
            let minutes = 15 * (chance.below(24) - 12);
            let at = if closes { "close" } else { "open" };
            let offset = TimeDelta::minutes(minutes);
            let schedule = json!({"kind": "session", "exchange": exchange, "at": at, "offset": format!("{}{}m", if minutes < 0 { '-' } else { '+' }, minutes.abs())});
            (
                When::Session {
                    exchange,
                    closes,
                    offset,
                },
                schedule,
            )
        }
    }
}

/// One or two times of day, at quarters of an hour.
fn times(chance: &mut Chance) -> Vec<NaiveTime> {
    let count = 1 + chance.below(2);
    let quarter = |quarter: i64| NaiveTime::MIN + TimeDelta::minutes(15 * quarter);
    let mut times: Vec<_> = (0..count).map(|_| quarter(chance.below(96))).collect();
    times.sort();
    times.dedup();
    times
}
