//! The suite of schedule laws accepts a schedule that is right, and rejects each one that is wrong in one way by the law
//! that it breaks.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike, Days, TimeDelta, Timelike, Utc};
use stock_scheduler_sdk::conformance::schedule::{
    ANSWERED, DESCRIBED, MONOTONE, NEVER_IS_NEVER, NONE_PASSED_OVER, REPEATABLE, STRICTLY_AFTER,
    check,
};
use stock_scheduler_sdk::{Next, Occurrence, Schedule};

/// A schedule made of what it answers.
struct By<F>(F);

impl<F: Fn(DateTime<Utc>) -> Next + Send + Sync + 'static> Schedule for By<F> {
    fn next_after(&self, instant: DateTime<Utc>) -> Next {
        (self.0)(instant)
    }

    fn describe(&self) -> String {
        "every noon in UTC".into()
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// The first noon after `instant`, if there is one before the end of time.
fn noon_after(instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let noon = instant.date_naive().and_hms_opt(12, 0, 0)?.and_utc();
    match noon > instant {
        true => Some(noon),
        false => noon.checked_add_days(Days::new(1)),
    }
}

/// The law that a schedule with these answers breaks in early 2025.
fn broken(answers: impl Fn(DateTime<Utc>) -> Next + Send + Sync + 'static) -> Option<&'static str> {
    let (from, to) = (time("2025-01-01T00:00:00Z"), time("2025-04-01T00:00:00Z"));
    check(&By(answers), from, to).err().map(|broken| broken.law)
}

#[test]
fn a_schedule_that_is_right_is_accepted() {
    let spring = time("2025-03-01T00:00:00Z");
    let until_spring = move |t| Next::from(noon_after(t).filter(|noon| *noon < spring));
    let known_until_spring = move |t| match until_spring(t) {
        Next::Never => Next::Unknown {
            from: spring,
            reason: "the calendar ends".into(),
        },
        next => next,
    };

    assert_eq!(broken(|t| noon_after(t).into()), None);
    assert_eq!(broken(until_spring), None);
    assert_eq!(broken(known_until_spring), None);
    assert_eq!(broken(|_| Next::Never), None);
}

#[test]
fn a_fire_at_the_instant_asked_is_rejected() {
    let inclusive = |t: DateTime<Utc>| {
        let before = t.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(t);
        Next::from(noon_after(before))
    };

    assert_eq!(broken(inclusive), Some(STRICTLY_AFTER));
}

#[test]
fn a_memory_of_earlier_questions_is_rejected() {
    let asked = AtomicI64::new(0);
    let drifting = move |t| {
        let drift = TimeDelta::milliseconds(asked.fetch_add(1, Ordering::Relaxed) / 1_000);
        Next::from(noon_after(t).and_then(|noon| noon.checked_add_signed(drift)))
    };
    let notes = AtomicI64::new(0);
    let noting = move |t| match noon_after(t) {
        Some(noon) => {
            let count = notes.fetch_add(1, Ordering::Relaxed);
            Next::At(Occurrence::new(noon).with_note(format!("asked {count} times")))
        }
        None => Next::Never,
    };

    assert!(matches!(
        broken(drifting),
        Some(REPEATABLE | NONE_PASSED_OVER)
    ));
    assert_eq!(broken(noting), Some(REPEATABLE));
}

#[test]
fn an_earlier_fire_for_a_later_instant_is_rejected() {
    let hasty = |t: DateTime<Utc>| match t.hour() {
        11 => Next::from(t + TimeDelta::seconds(1)),
        _ => Next::from(noon_after(t)),
    };

    assert_eq!(broken(hasty), Some(MONOTONE));
}

#[test]
fn passing_over_a_fire_is_rejected() {
    let sleepy = |t: DateTime<Utc>| match t.hour() {
        11 => Next::from(noon_after(t + TimeDelta::hours(2))),
        _ => Next::from(noon_after(t)),
    };
    let silent_in_the_morning = |t: DateTime<Utc>| match t.hour() {
        11 => Next::Never,
        _ => Next::from(noon_after(t)),
    };

    assert_eq!(broken(sleepy), Some(NONE_PASSED_OVER));
    assert_eq!(broken(silent_in_the_morning), Some(NONE_PASSED_OVER));
}

#[test]
fn firing_again_after_the_end_is_rejected() {
    let not_in_february = |t: DateTime<Utc>| match noon_after(t) {
        Some(noon) if noon.month() == 2 => Next::Never,
        noon => noon.into(),
    };

    assert_eq!(broken(not_in_february), Some(NEVER_IS_NEVER));
}

#[test]
fn a_panic_at_the_end_of_time_is_rejected() {
    let careless = |t: DateTime<Utc>| Next::from(t + TimeDelta::days(1));

    assert_eq!(broken(careless), Some(ANSWERED));
}

#[test]
fn having_no_words_is_rejected() {
    struct Speechless;
    impl Schedule for Speechless {
        fn next_after(&self, _: DateTime<Utc>) -> Next {
            Next::Never
        }
        fn describe(&self) -> String {
            " ".into()
        }
    }

    let from = time("2025-01-01T00:00:00Z");
    let broken = check(&Speechless, from, from).expect_err("no words");

    assert_eq!(broken.law, DESCRIBED);
}
