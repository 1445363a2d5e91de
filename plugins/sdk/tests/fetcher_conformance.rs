//! For each law of a fetcher there is one that breaks it, and the suite names that law.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;
use stock_scheduler_sdk::conformance::Broken;
use stock_scheduler_sdk::conformance::fetcher::{self, FetcherCases, check};
use stock_scheduler_sdk::{
    ActionKind, Bar, CorporateAction, FetchError, FetchErrorKind, FetchRequest, Fetcher, Finality,
    Interval, Series, async_trait,
};

type Answer = Result<Series, FetchError>;

/// Answers what is right after waiting once, bent by `bend`, which is told how often it was asked before.
struct Bent<F> {
    bend: F,
    asked: AtomicUsize,
}

fn bent<F: Fn(Series, usize) -> Answer>(bend: F) -> Bent<F> {
    Bent {
        bend,
        asked: AtomicUsize::new(0),
    }
}

#[async_trait]
impl<F: Fn(Series, usize) -> Answer + Send + Sync + 'static> Fetcher for Bent<F> {
    async fn fetch(&self, request: &FetchRequest) -> Answer {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        (self.bend)(honest(request)?, asked)
    }
}

fn honest(request: &FetchRequest) -> Answer {
    if request.symbol.as_str() == "NOPE" {
        return Err(FetchError::new(
            FetchErrorKind::UnknownSymbol,
            "there is no NOPE",
        ));
    }
    let zone = Tz::America__New_York;
    let mut series = Series::new(request.symbol.clone(), request.interval, zone);
    let dates = request
        .start
        .iter_days()
        .take_while(|date| *date < request.end);
    series.bars = dates.map(|date| bar(zone, date)).collect();
    Ok(series)
}

fn bar(zone: Tz, date: NaiveDate) -> Bar {
    let midnight = zone
        .from_local_datetime(&date.and_hms_opt(0, 0, 0).unwrap())
        .unwrap();
    Bar {
        time: midnight.to_utc(),
        close: Some(10.5),
        adj_close: Some(10.5),
        ..Bar::default()
    }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn request() -> FetchRequest {
    FetchRequest::daily(
        "AAPL".parse().unwrap(),
        date("2024-03-08"),
        date("2024-03-12"),
    )
}

async fn broken_law(fetcher: impl Fetcher) -> Option<&'static str> {
    let cases = FetcherCases::new(request()).with_unknown("NOPE".parse().unwrap());
    check(&fetcher, cases)
        .await
        .err()
        .map(|Broken { law, .. }| law)
}

/// The law that is broken when `bend` is done to each answer.
async fn law_broken_by(bend: impl Fn(&mut Series) + Send + Sync + 'static) -> Option<&'static str> {
    let fetcher = bent(move |mut series, _| {
        bend(&mut series);
        Ok(series)
    });
    broken_law(fetcher).await
}

#[tokio::test(start_paused = true)]
async fn an_honest_fetcher_breaks_no_law() {
    assert_eq!(law_broken_by(|_| ()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_series_for_something_else_is_rejected() {
    let law = law_broken_by(|series| series.symbol = "MSFT".parse().unwrap()).await;
    assert_eq!(law, Some(fetcher::AS_ASKED));

    let law = law_broken_by(|series| series.interval = Interval::Weeks(1)).await;
    assert_eq!(law, Some(fetcher::AS_ASKED));
}

#[tokio::test(start_paused = true)]
async fn an_empty_series_is_rejected() {
    assert_eq!(
        law_broken_by(|series| series.bars.clear()).await,
        Some(fetcher::NOT_EMPTY)
    );
}

#[tokio::test(start_paused = true)]
async fn newest_first_is_rejected() {
    assert_eq!(
        law_broken_by(|series| series.bars.reverse()).await,
        Some(fetcher::OLDEST_FIRST)
    );
}

#[tokio::test(start_paused = true)]
async fn two_bars_of_a_session_are_rejected() {
    let law = law_broken_by(|series| {
        let mut live = series.bars[0].clone();
        live.time += TimeDelta::hours(14);
        series.bars.insert(1, live);
    });
    assert_eq!(law.await, Some(fetcher::ONE_A_SESSION));
}

#[tokio::test(start_paused = true)]
async fn a_bar_outside_the_request_is_rejected() {
    let law = law_broken_by(|series| series.bars.push(bar(series.zone, date("2024-03-12"))));
    assert_eq!(law.await, Some(fetcher::WITHIN_REQUEST));

    let law = law_broken_by(|series| series.bars.insert(0, bar(series.zone, date("2024-03-07"))));
    assert_eq!(law.await, Some(fetcher::WITHIN_REQUEST));
}

#[tokio::test(start_paused = true)]
async fn a_bar_stamped_at_the_open_is_rejected() {
    let law = law_broken_by(|series| {
        series
            .bars
            .iter_mut()
            .for_each(|bar| bar.time += TimeDelta::minutes(9 * 60 + 30));
    });
    assert_eq!(law.await, Some(fetcher::BEGINS_WITH_DATE));
}

#[tokio::test(start_paused = true)]
async fn numbers_that_are_not_finite_are_rejected() {
    let law = law_broken_by(|series| series.bars[1].low = Some(f64::NAN)).await;
    assert_eq!(law, Some(fetcher::FINITE));

    let law = law_broken_by(|series| {
        let kind = ActionKind::Split {
            ratio: f64::INFINITY,
        };
        series.actions.push(CorporateAction {
            date: date("2024-03-08"),
            kind,
        });
    });
    assert_eq!(law.await, Some(fetcher::FINITE));
}

#[tokio::test(start_paused = true)]
async fn a_final_bar_that_changes_is_rejected_and_a_provisional_one_is_not() {
    let drifting = |finality| {
        bent(move |mut series: Series, asked| {
            let last = series.bars.last_mut().unwrap();
            last.close = Some(asked as f64);
            last.finality = finality;
            Ok(series)
        })
    };

    assert_eq!(
        broken_law(drifting(Finality::Final)).await,
        Some(fetcher::REPEATABLE)
    );
    assert_eq!(broken_law(drifting(Finality::Provisional)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_stays_busy_after_a_dropped_question_is_rejected() {
    #[derive(Default)]
    struct Busy(AtomicBool);

    #[async_trait]
    impl Fetcher for Busy {
        async fn fetch(&self, request: &FetchRequest) -> Answer {
            if self.0.swap(true, Ordering::SeqCst) {
                return Err(FetchError::new(FetchErrorKind::Unavailable, "busy"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.0.store(false, Ordering::SeqCst);
            honest(request)
        }
    }

    assert_eq!(broken_law(Busy::default()).await, Some(fetcher::DROPPABLE));
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_never_answers_is_rejected() {
    struct Mute;

    #[async_trait]
    impl Fetcher for Mute {
        async fn fetch(&self, _: &FetchRequest) -> Answer {
            std::future::pending().await
        }
    }

    assert_eq!(broken_law(Mute).await, Some(fetcher::ANSWERED));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_symbol_said_to_have_no_data_is_rejected() {
    struct Vague;

    #[async_trait]
    impl Fetcher for Vague {
        async fn fetch(&self, request: &FetchRequest) -> Answer {
            honest(request).map_err(|_| FetchError::new(FetchErrorKind::NoData, "nothing"))
        }
    }

    assert_eq!(broken_law(Vague).await, Some(fetcher::UNKNOWN_SYMBOL));
}

#[tokio::test(start_paused = true)]
async fn a_breach_says_what_was_asked_and_what_came() {
    let refusing = bent(|_, _| Err(FetchError::new(FetchErrorKind::Denied, "go away")));

    let breach = check(&refusing, FetcherCases::new(request()))
        .await
        .unwrap_err();

    assert_eq!(
        breach.to_string(),
        "a question that has an answer is answered: asked for AAPL 1d from 2024-03-08 until 2024-03-12: \
         the error denied came, go away"
    );
}
