//! The fires of whole years are those that the recorded facts give.

#[path = "../../exchanges/tests/support/facts.rs"]
mod facts;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use stock_scheduler_exchanges::Exchanges;
use stock_scheduler_sdk::{Next, Schedule};
use stock_scheduler_session::{Moment, SessionSchedule};

/// All fires after `from` and before `to`.
fn fires(schedule: &SessionSchedule, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let next = |instant| match schedule.next_after(instant) {
        Next::At(fire) => Some(fire.at),
        _ => None,
    };
    std::iter::successors(next(from), |at| next(*at))
        .take_while(|at| *at < to)
        .collect()
}

fn new_year(year: i32) -> DateTime<Utc> {
    let date = NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
    date.and_time(chrono::NaiveTime::MIN).and_utc()
}

#[test]
fn the_fires_of_every_exchange_are_those_of_the_facts() {
    let calendars = Exchanges::shipped();
    let offset = TimeDelta::minutes(-15);

    for facts in facts::all() {
        let calendar = calendars.get(&facts.code).expect("it is shipped");
        let from = new_year(2019.max(facts.first.year() + 1));
        let sessions = facts.sessions();
        for (moment, events) in [
            (
                Moment::Open,
                sessions
                    .values()
                    .map(|(open, ..)| *open)
                    .collect::<Vec<_>>(),
            ),
            (
                Moment::Close,
                sessions.values().map(|(_, close, _)| *close).collect(),
            ),
        ] {
            let schedule = SessionSchedule::new(calendar.clone(), moment).with_offset(offset);
            let expected = events
                .into_iter()
                .map(|event| event + offset)
                .filter(|at| *at > from);

            // What is always open goes on after the facts.
            let end = facts.last.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::days(1);
            let fires = fires(&schedule, from, end + TimeDelta::hours(12));
            let is_known = |at: &DateTime<Utc>| {
                !facts.code.starts_with("24/") || *at < end - TimeDelta::days(1)
            };
            let fires: Vec<_> = fires.into_iter().filter(is_known).collect();
            let expected = expected.filter(is_known);

            assert_eq!(
                fires,
                expected.collect::<Vec<_>>(),
                "{}",
                schedule.describe()
            );
        }
    }
}
