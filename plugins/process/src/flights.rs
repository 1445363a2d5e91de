//! The requests that are under way: which are answered, which are late, and when a program must be taken to hang.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::call::Call;

/// So many requests in a row that somebody waits for, and the program is taken to hang.
pub(crate) const MOST_TIMEOUTS: usize = 3;

/// So many cancelled requests are remembered.
const MOST_CANCELLED: usize = 256;

/// The requests that one program was sent and has not answered.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: BTreeMap<u64, Flight>,
    /// Those that nobody waits for and that no longer count as under way; answers to them are still taken.
    given_up: BTreeSet<u64>,
    /// Those that were cancelled last. The program may have answered before it heard that, and then again.
    cancelled: BTreeSet<u64>,
    last_sent: Option<u64>,
    /// Requests that somebody waited for, in vain, since the last answer.
    in_vain: usize,
    /// The same for those that nobody waited for any more.
    abandoned_in_vain: usize,
}

struct Flight {
    /// `None`: nobody waits for it any more.
    call: Option<Call>,
    deadline: Instant,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// There was no such request.
    Never,
    /// The request has been answered.
    Again,
}

impl Flights {
    /// How many requests are under way.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Notes that `call` was sent.
    pub(crate) fn send(&mut self, call: Call, deadline: Instant) {
        self.last_sent = self.last_sent.max(Some(call.id));
        let id = call.id;
        let call = Some(call);
        self.under_way.insert(id, Flight { call, deadline });
    }

    /// Notes that nobody waits for request `id` any more; whether it was under way.
    pub(crate) fn abandon(&mut self, id: u64) -> bool {
        let flight = self.under_way.get_mut(&id);
        let is_new = flight.is_some_and(|flight| flight.call.take().is_some());
        if is_new {
            self.cancelled.insert(id);
        }
        if self.cancelled.len() > MOST_CANCELLED {
            self.cancelled.pop_first();
        }
        is_new
    }

    /// Takes the request that is answered; `None` where nobody waits for it.
    pub(crate) fn answered(&mut self, id: u64) -> Result<Option<Call>, Unasked> {
        let call = match self.under_way.remove(&id) {
            Some(flight) => flight.call,
            None if self.given_up.remove(&id) || self.cancelled.contains(&id) => None,
            None if Some(id) <= self.last_sent => return Err(Unasked::Again),
            None => return Err(Unasked::Never),
        };
        (self.in_vain, self.abandoned_in_vain) = (0, 0);
        Ok(call)
    }

    /// When the next request is late.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // Requests are sent in the order of their ids, but for a race of microseconds.
        self.under_way.values().next().map(|flight| flight.deadline)
    }

    /// Takes the requests that are late at `now` and that somebody waits for.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Call> {
        let mut late = Vec::new();
        while let Some(first) = self.under_way.first_entry()
            && first.get().deadline <= now
        {
            let (id, flight) = first.remove_entry();
            self.given_up.insert(id);
            match flight.call {
                Some(call) => late.push(call),
                None => self.abandoned_in_vain += 1,
            }
        }
        self.in_vain += late.len();
        late
    }

    /// How many requests were not answered, where they are so many that the program hangs. It may have `in_flight` requests
    /// at once.
    pub(crate) fn hang(&self, in_flight: usize) -> Option<usize> {
        // A program may leave requests unanswered that were cancelled, but not all that it gets.
        let most_abandoned = MOST_TIMEOUTS.max(2 * in_flight);
        if self.in_vain >= MOST_TIMEOUTS || self.abandoned_in_vain >= most_abandoned {
            return Some(self.in_vain + self.abandoned_in_vain);
        }
        let never_answered = self.given_up.len();
        (never_answered >= 64 + 4 * in_flight).then_some(never_answered)
    }

    /// Takes all requests that somebody waits for.
    pub(crate) fn take(&mut self) -> Vec<Call> {
        let flights = std::mem::take(&mut self.under_way).into_values();
        flights.filter_map(|flight| flight.call).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call(id: u64) -> Call {
        Call {
            id,
            line: Vec::new(),
            answered: Box::new(|_| ()),
        }
    }

    /// Requests 1 to `count`, each late a second after the one before.
    fn flights(count: u64) -> (Flights, Instant) {
        let (mut flights, start) = (Flights::default(), Instant::now());
        for id in 1..=count {
            flights.send(call(id), start + Duration::from_secs(id));
        }
        (flights, start)
    }

    fn answered(flights: &mut Flights, id: u64) -> Result<Option<u64>, Unasked> {
        flights.answered(id).map(|call| call.map(|call| call.id))
    }

    #[test]
    fn each_request_is_answered_once() {
        let (mut flights, _) = flights(2);

        assert_eq!(answered(&mut flights, 2), Ok(Some(2)));
        assert_eq!(answered(&mut flights, 2), Err(Unasked::Again));
        assert_eq!(answered(&mut flights, 3), Err(Unasked::Never));
        assert_eq!(flights.len(), 1);
    }

    #[test]
    fn a_late_answer_is_nobodys_and_no_harm() {
        let (mut flights, start) = flights(2);

        let late = flights.expire(start + Duration::from_secs(1));

        assert_eq!(late.len(), 1);
        assert_eq!(answered(&mut flights, 1), Ok(None));
        assert_eq!(answered(&mut flights, 1), Err(Unasked::Again));
        assert_eq!(flights.len(), 1);
    }

    #[test]
    fn an_abandoned_request_keeps_its_place_until_it_is_answered_or_late() {
        let (mut flights, start) = flights(2);

        assert!(flights.abandon(1) && flights.abandon(2));
        assert!(!flights.abandon(1), "it is told once");
        assert_eq!(flights.len(), 2);
        assert_eq!(answered(&mut flights, 1), Ok(None));
        assert!(flights.expire(start + Duration::from_secs(2)).is_empty());
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn a_cancelled_request_may_be_answered_again() {
        let (mut flights, _) = flights(2);

        flights.abandon(1);

        assert_eq!(answered(&mut flights, 1), Ok(None));
        assert_eq!(answered(&mut flights, 1), Ok(None));
        let most = MOST_CANCELLED as u64;
        for id in 10..10 + most {
            flights.send(call(id), Instant::now());
            flights.abandon(id);
            answered(&mut flights, id).unwrap();
        }
        assert_eq!(answered(&mut flights, 10), Ok(None));
        assert_eq!(answered(&mut flights, 1), Err(Unasked::Again));
    }

    #[test]
    fn three_timeouts_in_a_row_are_a_hang() {
        let (mut flights, start) = flights(6);

        flights.expire(start + Duration::from_secs(2));
        assert_eq!(flights.hang(8), None);
        answered(&mut flights, 3).unwrap();
        flights.expire(start + Duration::from_secs(5));
        assert_eq!(flights.hang(8), None);
        flights.expire(start + Duration::from_secs(6));
        assert_eq!(flights.hang(8), Some(3));
    }

    #[test]
    fn abandoned_requests_are_a_hang_only_where_there_are_many() {
        let (mut flights, start) = flights(16);

        for id in 1..=16 {
            flights.abandon(id);
        }
        flights.expire(start + Duration::from_secs(15));
        assert_eq!(flights.hang(8), None);
        flights.expire(start + Duration::from_secs(16));
        assert_eq!(flights.hang(8), Some(16));
    }
}
