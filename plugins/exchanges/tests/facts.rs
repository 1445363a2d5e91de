//! Every shipped calendar agrees with the recorded facts on every date.

#[path = "support/facts.rs"]
mod facts;

use chrono::Days;
use stock_scheduler_exchanges::Exchanges;
use stock_scheduler_sdk::Day;

#[test]
fn sessions_of_every_exchange_are_those_of_the_facts() {
    let calendars = Exchanges::shipped();

    for facts in facts::all() {
        let calendar = calendars.get(&facts.code).expect("it is shipped");
        // What is always open is known by its rule, further than the facts go.
        let by_rule = facts.code.starts_with("24/");
        let (first, last) = calendar.covered();
        assert!(first == facts.first && (last == facts.last || by_rule && last > facts.last));
        let sessions = facts.sessions();
        let margin = Days::new(if by_rule { 0 } else { 400 });
        let dates = (facts.first - margin).iter_days();
        for date in dates.take_while(|date| *date <= facts.last + margin) {
            let day = calendar.day(date);
            let is_covered = facts.first <= date && date <= facts.last;
            match (&day, sessions.get(&date)) {
                (Day::Session(session), Some((open, close, breaks))) => {
                    let expected = (date, open, close, breaks);
                    let found = (session.date, &session.open, &session.close, &session.breaks);
                    assert_eq!(found, expected, "{}", facts.code);
                }
                (Day::Closed(_), None) => assert!(is_covered, "{} on {date}", facts.code),
                (Day::Unknown, None) => assert!(!is_covered, "{} on {date}", facts.code),
                (day, expected) => panic!("{} on {date}: {day:?}, {expected:?}", facts.code),
            }
        }
    }
}

#[test]
fn as_many_calendars_are_shipped_as_there_are_facts() {
    let facts = facts::all();
    let mut codes: Vec<_> = facts.iter().map(|facts| facts.code.as_str()).collect();
    codes.sort_unstable();

    let shipped = Exchanges::shipped();

    if !codes.is_empty() {
        assert_eq!(shipped.codes().collect::<Vec<_>>(), codes);
    }
}
