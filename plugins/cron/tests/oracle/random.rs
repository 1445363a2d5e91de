//! Cases by chance, the same for the same seed.

use chrono_tz::Tz;

/// Zones of every sort: changes of half an hour, of two, at midnight, at a minute past it, of a whole day, none.
const ZONES: [Tz; 40] = [
    Tz::UTC,
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Los_Angeles,
    Tz::America__St_Johns,
    Tz::America__Goose_Bay,
    Tz::America__Havana,
    Tz::America__Sao_Paulo,
    Tz::America__Santiago,
    Tz::America__Asuncion,
    Tz::America__Caracas,
    Tz::America__Juneau,
    Tz::America__Scoresbysund,
    Tz::Europe__London,
    Tz::Europe__Dublin,
    Tz::Europe__Berlin,
    Tz::Europe__Warsaw,
    Tz::Europe__Moscow,
    Tz::Europe__Volgograd,
    Tz::Atlantic__Azores,
    Tz::Africa__Casablanca,
    Tz::Africa__Cairo,
    Tz::Africa__Monrovia,
    Tz::Antarctica__Troll,
    Tz::Asia__Beirut,
    Tz::Asia__Gaza,
    Tz::Asia__Tehran,
    Tz::Asia__Kolkata,
    Tz::Asia__Kathmandu,
    Tz::Asia__Tokyo,
    Tz::Asia__Hong_Kong,
    Tz::Asia__Pyongyang,
    Tz::Asia__Manila,
    Tz::Australia__Sydney,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::Pacific__Kwajalein,
    Tz::Pacific__Kiritimati,
    Tz::Pacific__Chatham,
    Tz::Pacific__Guam,
];

const MONTHS: [&str; 12] = [
    "Jan", "FEB", "mar", "APR", "MAY", "jun", "JUL", "AUG", "Sep", "OCT", "NOV", "DEC",
];

const WEEKDAYS: [&str; 7] = ["SUN", "Mon", "TUE", "wed", "THU", "FRI", "SAT"];

const NICKNAMES: [&str; 7] = [
    "@yearly",
    "@annually",
    "@Monthly",
    "@weekly",
    "@DAILY",
    "@midnight",
    "@hourly",
];

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `first` to `last`.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        first + (self.next() % (last - first + 1) as u64) as i64
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() as usize % all.len()]
    }

    /// True `percent` times out of a hundred.
    fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    pub(crate) fn zone(&mut self) -> Tz {
        self.of(&ZONES)
    }

    /// Mostly of these decades, now and then of the two centuries around.
    pub(crate) fn instant(&mut self) -> i64 {
        match self.chance(90) {
            true => self.between(0, 2_208_988_800),
            false => self.between(-4_000_000_000, 4_400_000_000),
        }
    }

    pub(crate) fn expression(&mut self) -> String {
        if self.chance(2) {
            return self.of(&NICKNAMES).to_owned();
        }
        let (minute, hour) = (self.minute(), self.hour());
        let (day, month, weekday) = (self.day_of_month(), self.month(), self.day_of_week());
        let five = format!("{minute} {hour} {day} {month} {weekday}");
        match self.between(1, 10) {
            1..=7 => five,
            8..=9 => format!("{} {five}", self.minute()),
            _ => format!("{} {five} {}", self.minute(), self.year()),
        }
    }

    fn minute(&mut self) -> String {
        match self.between(1, 10) {
            1..=3 => self.of(&["0", "30", "59", "1", "15"]).to_owned(),
            4 => "*".to_owned(),
            _ => self.list(0, 59, &[]),
        }
    }

    /// Clocks change mostly around these hours.
    fn hour(&mut self) -> String {
        match self.between(1, 10) {
            1..=4 => self
                .of(&["0", "1", "2", "3", "0-3", "1-3", "2,14", "23", "*/2"])
                .to_owned(),
            5..=6 => "*".to_owned(),
            _ => self.list(0, 23, &[]),
        }
    }

    fn day_of_month(&mut self) -> String {
        match self.between(1, 20) {
            1..=9 => "*".to_owned(),
            10 => "?".to_owned(),
            11..=12 => self.of(&["L", "1,L", "15,L", "LW", "29-31"]).to_owned(),
            13 => format!("{}W", self.between(1, 31)),
            _ => self.list(1, 31, &[]),
        }
    }

    fn month(&mut self) -> String {
        match self.chance(75) {
            true => "*".to_owned(),
            false => self.list(1, 12, &MONTHS),
        }
    }

    fn day_of_week(&mut self) -> String {
        let plus = if self.chance(15) { "+" } else { "" };
        let days = match self.between(1, 20) {
            1..=9 => "*".to_owned(),
            10 => "?".to_owned(),
            11 => self
                .of(&["FRI-SUN", "sat-sun", "5-7", "1-5", "MON-FRI"])
                .to_owned(),
            12 => format!("{}#{}", self.of(&WEEKDAYS), self.between(1, 5)),
            13 => format!("{}#L,{}", self.between(0, 7), self.of(&WEEKDAYS)),
            14 => format!("{}L", self.of(&WEEKDAYS)),
            _ => self.list(0, 7, &WEEKDAYS),
        };
        format!("{plus}{days}")
    }

    fn year(&mut self) -> String {
        match self.chance(40) {
            true => self
                .of(&["*", "*/2", "1970-2037", "1971-2199/2", "2000-2030"])
                .to_owned(),
            false => self.list(1970, 2040, &[]),
        }
    }

    fn list(&mut self, first: i64, last: i64, names: &[&str]) -> String {
        let entries = self.of(&[1, 1, 1, 2, 3]);
        let entries: Vec<_> = (0..entries)
            .map(|_| self.entry(first, last, names))
            .collect();
        entries.join(",")
    }

    fn entry(&mut self, first: i64, last: i64, names: &[&str]) -> String {
        let one = self.between(first, last);
        let other = self.between(first, last);
        let (from, to) = (one.min(other), one.max(other));
        match self.between(1, 8) {
            1..=3 => self.value(one, first, names),
            4 => format!("*/{}", self.between(1, last - first + 3)),
            5 => format!("{from}-{to}/{}", self.between(1, 20)),
            _ => {
                let from = self.value(from, first, names);
                format!("{from}-{to}")
            }
        }
    }

    /// A value by its number or its name.
    fn value(&mut self, value: i64, first: i64, names: &[&str]) -> String {
        let name = names.get((value - first) as usize);
        match name.filter(|_| self.chance(50)) {
            Some(name) => (*name).to_owned(),
            None => value.to_string(),
        }
    }
}
