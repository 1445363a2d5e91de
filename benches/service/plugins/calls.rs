//! What it costs that the host knows its plugins as traits: the same method, called on the type itself and as the host
//! calls it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use stock_scheduler::schedule::TimesOfDay;
use stock_scheduler::{
    Bar, FetchError, FetchRequest, Fetcher, Interval, Schedule, Series, async_trait,
};
use stock_scheduler_daily::Daily;

use crate::{figure, median, note};

/// A million calls of each kind, in pairs.
const PAIRS: u32 = 50;
const CALLS: u32 = 20_000;

const MOST: f64 = 1.1;

/// Answers at once with bars that are there.
struct Prepared(Series);

impl Prepared {
    fn new() -> Self {
        let mut series = Series::new("AAPL".parse().unwrap(), Interval::Day, chrono_tz::UTC);
        let price = Some(100.0);
        let (open, high, low, close, adj_close) = (price, price, price, price, price);
        series.bars = vec![
            Bar {
                open,
                high,
                low,
                close,
                adj_close,
                volume: 1,
                ..Bar::default()
            };
            5
        ];
        Self(series)
    }

    /// What it would be without a trait: no allocation for a future of unknown size.
    async fn answer(&self) -> Result<Series, FetchError> {
        Ok(black_box(&self.0).clone())
    }
}

#[async_trait]
impl Fetcher for Prepared {
    async fn fetch(&self, _: &FetchRequest) -> Result<Series, FetchError> {
        self.answer().await
    }
}

/// A fetcher and a schedule.
pub(crate) async fn through_a_pointer() {
    fetcher().await;
    schedule();
}

async fn fetcher() {
    let direct = Prepared::new();
    let known: Arc<dyn Fetcher> = black_box(Arc::new(Prepared::new()));
    let date = |text: &str| text.parse().unwrap();
    let symbol = "AAPL".parse().unwrap();
    let request = FetchRequest::daily(symbol, date("2025-06-02"), date("2025-06-07"));
    let (mut plain, mut took) = (Vec::new(), Took::default());
    for _ in 0..PAIRS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let _ = black_box(black_box(&direct).answer().await);
        }
        plain.push(each(begun));
        let begun = Instant::now();
        for _ in 0..CALLS {
            let _ = black_box(black_box(&direct).fetch(black_box(&request)).await);
        }
        let typed = each(begun);
        let begun = Instant::now();
        for _ in 0..CALLS {
            let _ = black_box(black_box(&known).fetch(black_box(&request)).await);
        }
        took.add(typed, each(begun));
    }
    note(
        "five bars without a trait, nothing boxed",
        median(plain),
        "ns",
    );
    took.print("fetch of five bars");
}

fn schedule() {
    let times = TimesOfDay::at(
        NaiveTime::from_hms_opt(17, 0, 0).unwrap(),
        chrono_tz::Tz::America__New_York,
    );
    let direct = Daily::at(times.clone());
    let known: Box<dyn Schedule> = black_box(Box::new(Daily::at(times)));
    let begin = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    // A multiplicative walk through the seconds of the year.
    let instant = |call: u32| begin + TimeDelta::seconds(i64::from(call) * 48_271 % (365 * 86_400));
    let mut took = Took::default();
    for _ in 0..PAIRS {
        let begun = Instant::now();
        for call in 0..CALLS {
            black_box(black_box(&direct).next_after(instant(call)));
        }
        let typed = each(begun);
        let begun = Instant::now();
        for call in 0..CALLS {
            black_box(black_box(&known).next_after(instant(call)));
        }
        took.add(typed, each(begun));
    }
    took.print("next_after, daily at 17:00");
}

/// Nanoseconds of each call.
fn each(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// Nanoseconds of calls on the type itself and, just after, of calls through the trait.
#[derive(Default)]
struct Took {
    typed: Vec<f64>,
    known: Vec<f64>,
}

impl Took {
    fn add(&mut self, typed: f64, known: f64) {
        self.typed.push(typed);
        self.known.push(known);
    }

    fn print(self, what: &str) {
        let pairs = self.known.iter().zip(&self.typed);
        let ratio = median(pairs.map(|(known, typed)| known / typed).collect());
        note(&format!("{what}: on its type"), median(self.typed), "ns");
        note(
            &format!("{what}: as the host calls it"),
            median(self.known),
            "ns",
        );
        figure(
            &format!("{what}: host / type"),
            ratio,
            "",
            &format!("<= {MOST}"),
            ratio <= MOST,
        );
    }
}
