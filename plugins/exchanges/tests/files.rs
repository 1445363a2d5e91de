//! Files of users add calendars and correct known ones; what is wrong in them is named.

use chrono::{DateTime, NaiveDate, Utc};
use stock_scheduler_exchanges::{Exchanges, FileError};
use stock_scheduler_sdk::{Calendars, Day};

/// A calendar of its own, to which a test adds lines.
const OWN: &str = "\
code XABC
name A Bourse
zone Europe/Berlin
covers 2026-01-01 to 2026-12-31
weekdays mon tue wed thu fri
hours 09:00-17:30 break 12:00-13:00
";

fn with(files: &[(&str, &str)]) -> Result<Calendars, FileError> {
    Exchanges::with_files(files.iter().copied())
}

fn calendars(files: &[(&str, &str)]) -> Calendars {
    with(files).unwrap_or_else(|error| panic!("{error}"))
}

fn day(calendars: &Calendars, code: &str, date: &str) -> Day {
    let calendar = calendars.get(code).expect("it is known");
    calendar.day(date.parse().expect("a date"))
}

/// Open, close, number of breaks and notes.
type Known = (DateTime<Utc>, DateTime<Utc>, usize, Vec<String>);

fn session(calendars: &Calendars, code: &str, date: &str) -> Known {
    match day(calendars, code, date) {
        Day::Session(session) => (
            session.open,
            session.close,
            session.breaks.len(),
            session.notes,
        ),
        other => panic!("{code} on {date}: {other:?}"),
    }
}

fn known(open: &str, close: &str, breaks: usize, notes: &[&str]) -> Known {
    let at = |time: &str| time.parse().expect("an instant");
    let notes = notes.iter().map(|note| (*note).to_owned());
    (at(open), at(close), breaks, notes.collect())
}

#[test]
fn a_file_adds_a_calendar() {
    let own = format!(
        "\u{feff}# ours\r\n\n{OWN}hours from 2026-07-01 08:00-26:30 break 10:00-10:15 12:00-13:00
weekdays from 2026-07-01 mon tue
closed 2026 01-01 04-03   # Good Friday
closed 2026-12-28 2026-12-29
open 2026 01-03
no-break 2026-01-03
open-at 10:00 2026-02-02
break-at 12:30-12:45 2026-02-02
close-at 12:00 2026-02-03
"
    );

    let calendars = calendars(&[("own.cal", own.as_str())]);

    let own = calendars.get("XABC").expect("it is added");
    assert_eq!(
        (own.name(), own.zone().name()),
        ("A Bourse", "Europe/Berlin")
    );
    for (date, expected) in [
        (
            "2026-01-02",
            known("2026-01-02T08:00:00Z", "2026-01-02T16:30:00Z", 1, &[]),
        ),
        (
            "2026-01-03",
            known(
                "2026-01-03T08:00:00Z",
                "2026-01-03T16:30:00Z",
                0,
                &["special session", "no lunch break"],
            ),
        ),
        (
            "2026-02-02",
            known(
                "2026-02-02T09:00:00Z",
                "2026-02-02T16:30:00Z",
                1,
                &["late open 10:00", "break 12:30-12:45"],
            ),
        ),
        (
            "2026-02-03",
            known(
                "2026-02-03T08:00:00Z",
                "2026-02-03T11:00:00Z",
                0,
                &["early close 12:00", "no lunch break"],
            ),
        ),
        (
            "2026-07-07",
            known("2026-07-07T06:00:00Z", "2026-07-08T00:30:00Z", 2, &[]),
        ),
    ] {
        assert_eq!(session(&calendars, "XABC", date), expected, "{date}");
    }
    for (date, expected) in [
        ("2026-01-01", Day::Closed("holiday")),
        ("2026-12-29", Day::Closed("holiday")),
        ("2026-01-04", Day::Closed("weekend")),
        ("2026-07-08", Day::Closed("weekend")),
        ("2027-01-01", Day::Unknown),
    ] {
        assert_eq!(day(&calendars, "XABC", date), expected, "{date}");
    }
    assert_eq!(
        calendars.codes().count(),
        Exchanges::shipped().codes().count() + 1
    );
}

#[test]
fn a_file_corrects_known_calendars() {
    let mourning = "corrects XNYS XNAS\nclosed 2026-12-09  # day of mourning\n";
    let hours = "\
corrects XNYS
covers to 2028-12-31
hours from 2028-01-03 08:00-18:00
closed 2028 01-17
closed 2026-12-24
open 2026 11-26 11-27
close-at 14:00 2026-11-26
open-at 10:00 2026-12-23
";

    let calendars = calendars(&[("2.cal", hours), ("1.cal", mourning)]);

    for (code, date, expected) in [
        ("XNYS", "2026-12-09", Day::Closed("holiday")),
        ("XNAS", "2026-12-09", Day::Closed("holiday")),
        // Was an early close.
        ("XNYS", "2026-12-24", Day::Closed("holiday")),
        ("XNYS", "2028-01-17", Day::Closed("holiday")),
        ("XNYS", "2028-01-01", Day::Closed("weekend")),
        ("XNAS", "2028-01-03", Day::Unknown),
    ] {
        assert_eq!(day(&calendars, code, date), expected, "{code} on {date}");
    }
    for (date, expected) in [
        // Was a holiday, and an early close.
        (
            "2026-11-26",
            known(
                "2026-11-26T14:30:00Z",
                "2026-11-26T19:00:00Z",
                0,
                &["early close 14:00"],
            ),
        ),
        (
            "2026-11-27",
            known("2026-11-27T14:30:00Z", "2026-11-27T21:00:00Z", 0, &[]),
        ),
        (
            "2026-12-23",
            known(
                "2026-12-23T15:00:00Z",
                "2026-12-23T21:00:00Z",
                0,
                &["late open 10:00"],
            ),
        ),
        (
            "2028-01-03",
            known("2028-01-03T13:00:00Z", "2028-01-03T23:00:00Z", 0, &[]),
        ),
    ] {
        assert_eq!(session(&calendars, "XNYS", date), expected, "{date}");
    }
}

#[test]
fn a_correction_of_one_time_keeps_the_others() {
    let calendars = calendars(&[("1.cal", "corrects XKRX\nclose-at 17:00 2020-12-03\n")]);

    let expected = known(
        "2020-12-03T01:00:00Z",
        "2020-12-03T08:00:00Z",
        0,
        &["late open 10:00", "late close 17:00"],
    );
    assert_eq!(session(&calendars, "XKRX", "2020-12-03"), expected);
}

#[test]
fn a_half_day_is_none_where_a_correction_leaves_its_weekday_out() {
    let text = "corrects XNYS\nweekdays from 2026-07-01 mon tue wed thu\n";

    let calendars = calendars(&[("1.cal", text)]);

    assert_eq!(
        day(&calendars, "XNYS", "2026-11-27"),
        Day::Closed("weekend")
    );
}

#[test]
fn saying_what_is_known_is_no_error() {
    let text = "corrects XNYS\ncovers to 2026-12-31\nclosed 2026-12-25\nopen 2026-12-23\nclose-at 13:00 2026-12-24\n";

    let calendars = calendars(&[("1.cal", text)]);

    let shipped = Exchanges::shipped();
    let first: NaiveDate = "2026-01-01".parse().expect("a date");
    for date in first.iter_days().take(500) {
        let date = date.to_string();
        assert_eq!(
            day(&calendars, "XNYS", &date),
            day(&shipped, "XNYS", &date),
            "{date}"
        );
    }
}

#[test]
fn a_file_may_correct_what_another_adds() {
    let calendars = calendars(&[
        ("a.cal", "corrects XABC\nclosed 2026-12-24\n"),
        ("b.cal", OWN),
    ]);

    assert_eq!(
        day(&calendars, "XABC", "2026-12-24"),
        Day::Closed("holiday")
    );
}

#[test]
fn what_is_wrong_in_a_calendar_is_named() {
    for (line, message) in [
        (
            "closd 2026-12-24",
            "unknown word `closd`, expected name, zone, covers, weekdays, hours, closed, open, open-at, close-at, no-break or break-at",
        ),
        ("code XNYS", "`code` belongs on the first line, once"),
        (
            "name",
            "the line ends too early, expected what people call the exchange",
        ),
        ("name Another", "`name` is there already"),
        (
            "zone Europe/Brelin",
            "unknown time zone `Europe/Brelin`, expected an IANA name such as America/New_York",
        ),
        ("zone Europe/Berlin CET", "`CET` is too much on this line"),
        ("zone Europe/Paris", "`zone` is there already"),
        (
            "covers 2026-12-31 to 2026-01-01",
            "2026-01-01 is before 2026-12-31",
        ),
        (
            "covers 2026-01-01 2026-12-31",
            "expected `covers` with two dates and `to` between them",
        ),
        (
            "covers to 2027-12-31",
            "expected `covers` with two dates, such as `covers 2000-01-01 to 2027-12-31`",
        ),
        (
            "covers 2026-01-01 to 2200-01-01",
            "`2200-01-01` is no date, expected YYYY-MM-DD from 1900 to 2199",
        ),
        ("weekdays mon tue", "`weekdays` is there already"),
        ("weekdays from 2026-07-01 mon mon", "`mon` is given twice"),
        (
            "weekdays from 2026-07-01 mo",
            "`mo` is no day of the week, expected mon, tue, wed, thu, fri, sat or sun",
        ),
        (
            "weekdays from 2026-07-01",
            "the line ends too early, expected days such as mon tue wed",
        ),
        (
            "weekdays from 2027-07-01 mon",
            "2027-07-01 is outside of what XABC covers, 2026-01-01 to 2026-12-31",
        ),
        (
            "hours from 2026-07-01 09:00",
            "`09:00` are no times, expected HH:MM-HH:MM",
        ),
        (
            "hours from 2026-07-01 09:60-17:00",
            "`09:60` is no time, expected HH:MM from 00:00 to 48:00",
        ),
        (
            "hours from 2026-07-01 9:00-17:00",
            "`9:00` is no time, expected HH:MM from 00:00 to 48:00",
        ),
        (
            "hours from 2026-07-01 24:00-25:00",
            "`24:00` is no time of opening, expected HH:MM from 00:00 to 23:59",
        ),
        (
            "hours from 2026-07-01 17:00-09:00",
            "the close at 09:00 is not after the open at 17:00",
        ),
        (
            "hours from 2026-07-01 09:00-17:00 break",
            "the line ends too early, expected times such as 09:30-16:00",
        ),
        (
            "hours from 2026-07-01 09:00-17:00 break 12:00-12:00",
            "the break 12:00-12:00 ends before it begins",
        ),
        (
            "hours from 2026-07-01 09:00-17:00 break 08:30-09:30",
            "the break 08:30-09:30 is not inside of 09:00-17:00",
        ),
        (
            "hours from 2026-07-01 09:00-17:00 break 12:00-13:00 12:30-13:30",
            "the break 12:30-13:30 is not inside of 13:00-17:00",
        ),
        (
            "hours from 2026-07-01 09:00-17:00 12:00-13:00",
            "`12:00-13:00` is too much on this line",
        ),
        (
            "hours from 2026-13-01 09:00-17:00",
            "`2026-13-01` is no date, expected YYYY-MM-DD from 1900 to 2199",
        ),
        ("hours 09:00-17:00", "`hours` is there already"),
        (
            "closed",
            "a date is missing, such as 2026-12-24, or 2026 11-27 12-24",
        ),
        (
            "closed 2026",
            "a date is missing, such as 2026-12-24, or 2026 11-27 12-24",
        ),
        (
            "closed 12-24",
            "`12-24` is no date, expected YYYY-MM-DD from 1900 to 2199",
        ),
        (
            "closed 2026-2-30",
            "`2026-2-30` is no date, expected YYYY-MM-DD from 1900 to 2199",
        ),
        (
            "closed 2026 02-30",
            "`02-30` is no date of 2026, expected MM-DD",
        ),
        (
            "closed 2026 +2-03",
            "`+2-03` is no date of 2026, expected MM-DD",
        ),
        (
            "closed 1812 01-01",
            "`1812` is no year, expected 1900 to 2199",
        ),
        (
            "closed 2026 12-24 12-23",
            "2026-12-23 comes after 2026-12-24: the dates of a line are in order, each once",
        ),
        (
            "closed 2026 12-24 12-24",
            "2026-12-24 comes after 2026-12-24: the dates of a line are in order, each once",
        ),
        (
            "closed 2026-12-26",
            "2026-12-26 is a Saturday, on which XABC is closed anyway; `open` makes it a session",
        ),
        (
            "closed 2027-12-24",
            "2027-12-24 is outside of what XABC covers, 2026-01-01 to 2026-12-31",
        ),
        (
            "closed 2026-12-25",
            "2026-12-25 is there already, in own.cal, line 7: only one of them can be right",
        ),
        (
            "open 2026-12-25",
            "2026-12-25 is there already, in own.cal, line 7: only one of them can be right",
        ),
        (
            "close-at 12:00 2026-12-25",
            "2026-12-25 is there already, in own.cal, line 7: only one of them can be right",
        ),
        (
            "close-at 12:00 2026-12-24",
            "2026-12-24 is there already, in own.cal, line 8: only one of them can be right",
        ),
        (
            "open 2026-12-23",
            "2026-12-23 is a Wednesday, on which XABC trades anyway",
        ),
        (
            "open-at 10:00 2026-12-26",
            "2026-12-26 is a Saturday, on which XABC is closed anyway; `open` makes it a session",
        ),
        (
            "open-at 24:00 2026-12-23",
            "`24:00` is no time of opening, expected HH:MM from 00:00 to 23:59",
        ),
        (
            "open-at 15:00 2026-12-24",
            "2026-12-24: the close at 14:00 is not after the open at 15:00",
        ),
        (
            "close-at 5pm 2026-12-23",
            "`5pm` is no time, expected HH:MM from 00:00 to 48:00",
        ),
        (
            "close-at 48:01 2026-12-23",
            "`48:01` is no time, expected HH:MM from 00:00 to 48:00",
        ),
        (
            "close-at 08:00 2026-12-23",
            "2026-12-23: the close at 08:00 is not after the open at 09:00",
        ),
        (
            "close-at 12:30 2026-12-23",
            "2026-12-23: the break 12:00-13:00 is not inside of 09:00-12:30",
        ),
        (
            "break-at 08:00-08:30 2026-12-23",
            "2026-12-23: the break 08:00-08:30 is not inside of 09:00-17:30",
        ),
        (
            "no-break 2026-12-27",
            "2026-12-27 is a Sunday, on which XABC is closed anyway; `open` makes it a session",
        ),
    ] {
        let text = format!("{OWN}closed 2026-12-25\nclose-at 14:00 2026-12-24\n\n{line}\n");

        let error = with(&[("own.cal", text.as_str())]).expect_err(line);

        assert_eq!(
            (error.message.as_str(), error.line),
            (message, 10),
            "{line}"
        );
        assert_eq!(error.to_string(), format!("own.cal, line 10: {message}"));
    }
}

#[test]
fn a_calendar_is_whole() {
    for missing in ["name", "zone", "covers", "weekdays", "hours"] {
        let lines = OWN.lines().filter(|line| !line.starts_with(missing));
        let text = lines.collect::<Vec<_>>().join("\n");

        let error = with(&[("own.cal", text.as_str())]).expect_err(missing);

        let start = format!("the line `{missing} ");
        assert!(error.message.starts_with(&start), "{error}");
        assert_eq!(error.line, 1);
    }
}

#[test]
fn a_file_begins_with_what_it_is() {
    let begin = "expected the file to begin with `code`, such as `code XNYS`, or `corrects`";
    for (text, line, message) in [
        ("", 1, begin),
        ("# nothing\n\n", 1, begin),
        ("\nclosed 2026-12-24\ncorrects XNYS", 2, begin),
        (
            "code",
            1,
            "the line ends too early, expected a code such as XNYS",
        ),
        ("code X NYS", 1, "`NYS` is too much on this line"),
        (
            "code X.NYS",
            1,
            "`X.NYS` is no code, expected 1 to 16 of A-Z, a-z, 0-9, /, - and _",
        ),
        (
            "code A1234567890123456",
            1,
            "`A1234567890123456` is no code, expected 1 to 16 of A-Z, a-z, 0-9, /, - and _",
        ),
        (
            "corrects",
            1,
            "the line ends too early, expected codes such as XNYS",
        ),
    ] {
        let error = with(&[("1.cal", text)]).expect_err(text);

        assert_eq!(
            (error.line, error.message.as_str()),
            (line, message),
            "{text}"
        );
    }
}

#[test]
fn what_is_wrong_in_a_correction_is_named() {
    for (line, message) in [
        (
            "name NYSE",
            "a correction changes neither `name` nor `zone`",
        ),
        ("zone UTC", "a correction changes neither `name` nor `zone`"),
        (
            "covers 2000-01-01 to 2028-12-31",
            "a correction moves the end alone, expected `covers to 2028-12-31`",
        ),
        (
            "hours 08:00-18:00",
            "a correction says from when on, expected `from` and a date",
        ),
        (
            "weekdays mon",
            "a correction says from when on, expected `from` and a date",
        ),
        (
            "hours from 2028-01-03 08:00-18:00",
            "2028-01-03 is outside of what XTKS covers, 2000-01-01 to 2027-12-31",
        ),
        (
            "hours from 2024-11-05 08:00-18:00",
            "2024-11-05 is not after 2024-11-05, from when on others apply",
        ),
        (
            "closed 2028-01-03",
            "2028-01-03 is outside of what XTKS covers, 2000-01-01 to 2027-12-31",
        ),
        (
            "closed 2026-12-05",
            "2026-12-05 is a Saturday, on which XTKS is closed anyway; `open` makes it a session",
        ),
        (
            "close-at 12:00 2026-12-31",
            "2026-12-31 is a holiday, on which XTKS is closed anyway; `open` makes it a session",
        ),
    ] {
        let text = format!("corrects XTKS\n{line}\n");

        let error = with(&[("1.cal", text.as_str())]).expect_err(line);

        assert_eq!((error.line, error.message.as_str()), (2, message), "{line}");
    }
}

#[test]
fn files_that_contradict_each_other_are_an_error() {
    for (one, other, error) in [
        (
            "corrects XNYS\nclosed 2026-12-09\n",
            "corrects XNAS XNYS\nclose-at 12:00 2026-12-09\n",
            "b.cal, line 2: 2026-12-09 is there already, in a.cal, line 2: only one of them can be right",
        ),
        (
            "corrects XNYS\ncovers to 2028-12-31\n",
            "corrects XNYS\ncovers to 2029-12-31\n",
            "b.cal, line 2: `covers` is there already, in a.cal, line 2",
        ),
        (
            OWN,
            OWN,
            "b.cal, line 1: XABC is known already, `corrects XABC` changes it",
        ),
    ] {
        for files in [
            [("a.cal", one), ("b.cal", other)],
            [("b.cal", other), ("a.cal", one)],
        ] {
            let found = with(&files).expect_err(error);
            assert_eq!(found.to_string(), error);
        }
    }
}

#[test]
fn a_correction_that_leaves_a_calendar_wrong_is_an_error() {
    for (text, error) in [
        (
            "corrects XNYS\nhours from 2026-07-01 14:00-22:00\n",
            "1.cal, line 2: 2026-11-27 of XNYS: the close at 13:00 is not after the open at 14:00",
        ),
        (
            "corrects 24/7\nclose-at 24:01 2026-07-01\n",
            "1.cal, line 2: 2026-07-02 of 24/7: the open at 2026-07-02 00:00 is before 2026-07-02 00:01, when the session before closes",
        ),
        (
            "corrects CMES\nopen-at 16:00 2026-07-02\n",
            "1.cal, line 2: 2026-07-02 of CMES: the open at 2026-07-01 16:00 is before 2026-07-01 17:00, when the session before closes",
        ),
    ] {
        assert_eq!(
            with(&[("1.cal", text)]).expect_err(error).to_string(),
            error
        );
    }
    let unknown = with(&[("1.cal", "# US\ncorrects XNYSE\n")]).expect_err("an unknown code");
    let start = "1.cal, line 2: unknown exchange `XNYSE`, known are 24/5, 24/7, BVMF";
    assert!(unknown.to_string().starts_with(start), "{unknown}");
}
